"""Check with real accounts what the lookup services' documents leave open: `doctor --probe`.

Each check asks a service one thing that its provider relies on, and says whether it is so. Those
that cost a lookup are made where the operator names a number to ask about, and are no part of any
budget. What is printed holds no number and no key, so that anybody can send it in. The facts stand
in docs/lookup-facts.md under the same names.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol, runtime_checkable

from connectors.records import ProbeResult
from connectors.records import Verdict as Settled
from worker.phones import facts
from worker.verification.errors import ProviderError
from worker.verification.http_client import Response
from worker.verification.protocol import Provider

_LONGEST = 60.0  # seconds until a file is given up
# Twilio's own examples, of its OpenAPI document: one number, and one with a digit too many.
_EXAMPLE, _TOO_LONG = "+14159929960", "+141599299600"
_NO_LIST = "0" * 24  # the name of a file that nobody has handed in
_SINCE = "20240101"  # a date in the database's time


@runtime_checkable
class Probed(Protocol):
    """A provider whose service the checks can call."""

    name: str

    def send(
        self, method: str, path: str, login: bool = True, paid: bool = False, **options: Any
    ) -> Response:
        """Make a call and return its answer, whatever its status. `login`: with our key. `paid`: it
        may cost a lookup. `options`: as for `requests.request`. Raises `ProviderError`."""


class NotReachableError(Exception):
    """This account does not allow the check. The text says why."""


Answer = tuple[bool, str]  # whether it is as the provider assumes, and what was seen


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact to check. `name`: as docs/lookup-facts.md has it, the provider's name before the dash.
    `price`: what the check costs, in words; "" = nothing."""

    name: str
    statement: str
    check: Callable[[Probe], Answer]
    price: str = ""

    @property
    def provider(self) -> str:
        return self.name.partition("-")[0]


class Probe:
    """A service, and the number that may be asked about for money."""

    def __init__(self, service: Probed, number: str = "") -> None:
        self.service = service
        self.number = number

    def send(self, method: str, path: str, **options: Any) -> Response:
        return self.service.send(method, path, **options)

    def found(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Return the JSON object of a successful answer. From any other answer nothing can be
        concluded."""
        reply = self.send(method, path, **options)
        if reply.status != 200 or not isinstance(reply.data, dict):
            raise NotReachableError(seen(reply))
        return reply.data

    def another_country(self) -> str:
        """Return a country that the number does not belong to."""
        return "de" if facts(self.number).region != "DE" else "us"


def run(providers: Iterable[Provider], number: str = "") -> Iterator[ProbeResult]:
    """Make every check of these providers' services, one after another. `number`: in E.164, to make
    those that cost something too."""
    for provider in providers:
        if not isinstance(provider, Probed):
            continue
        probe = Probe(provider, number)
        for fact in FACTS:
            if fact.provider == provider.name:
                yield _settle_outcome(fact, probe)


def _settle_outcome(fact: Fact, probe: Probe) -> ProbeResult:
    if fact.price and not probe.number:
        why = f"costs {fact.price}: asked with --paid NUMBER"
        return ProbeResult(fact.name, fact.statement, "not reachable", why)
    verdict: Settled
    try:
        holds, what = fact.check(probe)
        verdict = "confirmed" if holds else "refuted"
    except NotReachableError as error:
        verdict, what = "not reachable", str(error)
    except ProviderError as error:
        verdict, what = "not reachable", error.reason
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        verdict, what = "refuted", f"the answer has another form ({type(error).__name__})"
    return ProbeResult(fact.name, fact.statement, verdict, what)


def seen(reply: Response) -> str:
    """Describe an answer by status and error code, never by its text: that may quote
    what was sent."""
    return f"HTTP {reply.status} {_code(reply)}".strip()


def _code(reply: Response) -> str:
    data = reply.data if isinstance(reply.data, dict) else {}
    error = data.get("error")
    source = error if isinstance(error, dict) else data
    code = str(source.get("code", ""))
    return code if code.replace("_", "").isalnum() and len(code) < 60 else ""


# -- Twilio --------------------------------------------------------------------------------


def _twilio(probe: Probe, number: str, **params: str) -> dict[str, Any]:
    return probe.found(
        "GET", f"/v2/PhoneNumbers/{number}", params=params, paid="Fields" in params
    )  # fmt: skip


def _package(probe: Probe, package: str, **params: str) -> dict[str, Any]:
    answer: dict[str, Any] = _twilio(probe, probe.number, Fields=package, **params)[package]
    if str(answer.get("error_code")) == "60606":
        raise NotReachableError("the package is not enabled (60606): docs/verification.md")
    return answer


def _twilio_plain(probe: Probe) -> Answer:
    answer = _twilio(probe, _EXAMPLE)
    packages = sorted(key for key, value in answer.items() if isinstance(value, dict))
    return answer["valid"] is True and not packages, f"packages {', '.join(packages) or 'none'}"


def _twilio_invalid(probe: Probe) -> Answer:
    answer = _twilio(probe, _TOO_LONG)
    errors = answer["validation_errors"]
    return answer["valid"] is False and "TOO_LONG" in errors, ", ".join(errors)


def _twilio_login(probe: Probe) -> Answer:
    reply = probe.send("GET", f"/v2/PhoneNumbers/{_EXAMPLE}", login=False)
    return (reply.status, _code(reply)) == (401, "20003"), seen(reply)


def _twilio_batch(probe: Probe) -> Answer:
    entries = [
        {"correlation_id": str(place), "phone_number": number}
        for place, number in enumerate((_EXAMPLE, _TOO_LONG))
    ]
    reply = probe.send("POST", "/v2/batch/query", json={"phone_numbers": entries})
    if reply.status != 200:
        return False, f"{seen(reply)}: numbers are asked one by one"
    verdicts = {
        str(entry["correlation_id"]): entry["valid"] for entry in reply.data["phone_numbers"]
    }
    return verdicts == {"0": True, "1": False}, f"{len(verdicts)} answers"


def _twilio_line_type(probe: Probe) -> Answer:
    package = _package(probe, "line_type_intelligence")
    code = package["error_code"]
    return code is None or isinstance(code, int), f"type {package.get('type')}, code {code}"


def _twilio_live(probe: Probe) -> Answer:
    package = _package(probe, "line_status")
    status, code = package.get("status"), package["error_code"]
    known = ("active", "inactive", "reachable", "unreachable", "unknown")
    return code is not None or str(status).lower() in known, f"status {status}, code {code}"


def _twilio_reassigned(probe: Probe) -> Answer:
    package = _package(probe, "reassigned_number", LastVerifiedDate=_SINCE)
    reassigned, code = package.get("is_number_reassigned"), package["error_code"]
    if facts(probe.number).region != "US":
        return str(code) == "60607", f"code {code}"
    return code is not None or reassigned in (
        "yes",
        "no",
        "no_data_available",
    ), f"{reassigned}, code {code}"


def _twilio_no_date(probe: Probe) -> Answer:
    params = {"Fields": "reassigned_number"}
    path = f"/v2/PhoneNumbers/{probe.number}"
    reply = probe.send("GET", path, params=params, paid=True)
    if reply.status != 200:
        return _code(reply) == "60617", seen(reply)
    code = str(reply.data["reassigned_number"]["error_code"])
    return code == "60617", f"HTTP 200, code {code} in the package"


# -- NumVerify -----------------------------------------------------------------------------


def _numverify_key(probe: Probe) -> Answer:
    reply = probe.send("GET", "/validate", login=False)
    refused = reply.status == 401 or (reply.status == 200 and _code(reply) == "101")
    return refused, seen(reply)


def _numverify_no_number(probe: Probe) -> Answer:
    reply = probe.send("GET", "/validate")
    return (reply.status, _code(reply)) == (200, "210"), seen(reply)


def _numverify_https(probe: Probe) -> Answer:
    reply = probe.send("GET", "/validate")
    return _code(reply) not in ("105", "https_access_restricted"), seen(reply)


def _numverify_left(probe: Probe) -> Answer:
    reply = probe.send("GET", "/validate")
    names = [n.lower() for n in reply.headers if "ratelimit" in n.lower() or "quota" in n.lower()]
    if not names:
        raise NotReachableError("no header says so; only the gateway of api.apilayer.com may")
    known = {"x-ratelimit-remaining-month", "x-quota-remaining"}
    return bool(known & set(names)), ", ".join(sorted(names))


def _numverify_form(probe: Probe) -> Answer:
    params = {"number": probe.number.removeprefix("+")}
    answer = probe.found("GET", "/validate", params=params, paid=True)
    same = str(answer["number"]).lstrip("+") == params["number"]
    return same and isinstance(answer["valid"], bool), f"line_type {answer['line_type']}"


# -- ClearoutPhone -------------------------------------------------------------------------


def _credits(probe: Probe) -> int:
    credits: int = probe.found("GET", "/phonenumber/getcredits")["data"]["available_credits"]
    return credits


def _clearout_credits(probe: Probe) -> Answer:
    return isinstance(_credits(probe), int), ""


def _clearout_key(probe: Probe) -> Answer:
    reply = probe.send("GET", "/phonenumber/getcredits", login=False)
    return (reply.status, _code(reply)) == (401, "1000"), seen(reply)


def _clearout_no_number(probe: Probe) -> Answer:
    before = _credits(probe)
    reply = probe.send("POST", "/phonenumber/validate", json={"number": ""})
    taken = before - _credits(probe)
    return reply.status == 400 and taken == 0, f"{seen(reply)}, {taken} credits"


def _clearout_no_file(probe: Probe) -> Answer:
    form = {"country_code": (None, "us")}
    reply = probe.send("POST", "/phonenumber/bulk", files=form)
    return reply.status == 400, seen(reply)


def _clearout_no_list(probe: Probe) -> Answer:
    path = "/phonenumber/bulk/progress_status"
    reply = probe.send("GET", path, params={"list_id": _NO_LIST})
    return 400 <= reply.status < 500, seen(reply)


def _clearout_form(probe: Probe) -> Answer:
    body = {"number": probe.number}
    answer = probe.found("POST", "/phonenumber/validate", json=body, paid=True)["data"]
    billed, line_type = answer.get("billable_credits"), answer["line_type"]
    return answer["status"] in ("valid", "invalid", "unknown"), f"{line_type}, billed {billed}"


def _clearout_country(probe: Probe) -> Answer:
    """Check whether a number with its country code is read as such in a file of another country."""
    alone = probe.found(
        "POST", "/phonenumber/validate", json={"number": probe.number}, paid=True
    )["data"]["status"]  # fmt: skip
    file = ("numbers.csv", f"Phone\r\n{probe.number}\r\n".encode(), "text/csv")
    handed_in = probe.found(
        "POST", "/phonenumber/bulk", files={"file": file}, paid=True,
        data={"country_code": probe.another_country()},
    )  # fmt: skip
    job = {"list_id": handed_in["data"]["list_id"]}
    _wait_for(probe, job)
    address = probe.found("POST", "/download/result", json=job)["data"]["url"]
    if not str(address).startswith(("https://", "http://127.0.0.1")):
        raise NotReachableError("the result's address is not https")
    body = probe.send("GET", address, login=False).body.decode("utf-8-sig").lower()
    status = [word for word in ("invalid", "unknown", "valid") if f",{word}," in body]
    return status == [alone], f"alone {alone}, in a file {', '.join(status) or 'nothing'}"


def _wait_for(probe: Probe, job: dict[str, str]) -> None:
    until = time.monotonic() + _LONGEST
    while time.monotonic() < until:
        answer = probe.found("GET", "/phonenumber/bulk/progress_status", params=job)
        if str(answer["data"]["progress_status"]).lower() == "completed":
            return
        time.sleep(0.5)
    raise NotReachableError(f"a file was not done after {_LONGEST:.0f} s")


# -- the Reassigned Numbers Database -------------------------------------------------------


def _rnd_token(probe: Probe) -> Answer:
    """`send` has fetched a token, or raised."""
    reply = probe.send("GET", "/downloads", params={"fileName": "none.csv"})
    return reply.status != 401, seen(reply)


def _rnd_no_token(probe: Probe) -> Answer:
    reply = probe.send("POST", "/api/tn", login=False, json={"tnList": []})
    return reply.status in (401, 403), seen(reply)


def _rnd_empty(probe: Probe) -> Answer:
    reply = probe.send("POST", "/api/tn", json={"tnList": []})
    return reply.status == 400, seen(reply)


def _rnd_files(probe: Probe) -> Answer:
    answer = probe.found("GET", "/downloads", params={"fileName": "none.csv"})
    return answer["files"] == [], f"members {', '.join(sorted(answer))}"


def _rnd_date(probe: Probe) -> Answer:
    if facts(probe.number).region != "US":
        raise NotReachableError("holds US numbers only")
    day = f"{_SINCE[:4]}-{_SINCE[4:6]}-{_SINCE[6:]}"
    query = {"tnList": [{"tn": probe.number.removeprefix("+1"), "date": day}]}
    (reply,) = probe.found("POST", "/api/tn", json=query, paid=True)["replies"]
    known = reply["disconnected"] in ("yes", "no", "no_data")
    return known and reply.get("dateProvided") == day, f"members {', '.join(sorted(reply))}"


_LIVE, _LINE_TYPE, _REASSIGNED = Decimal("0.007"), Decimal("0.008"), Decimal("0.02")
FACTS = (
    Fact("twilio-plain", "a lookup without packages is answered without any", _twilio_plain),
    Fact("twilio-invalid", "a number that is not valid comes with HTTP 200 and the reason",
         _twilio_invalid),
    Fact("twilio-login", "a call without a login is told with HTTP 401 and code 20003",
         _twilio_login),
    Fact("twilio-batch", "the batch query answers by correlation ids", _twilio_batch),
    Fact("twilio-line-type", "the code of line_type_intelligence is a number or null",
         _twilio_line_type, f"about {_LINE_TYPE} USD"),
    Fact("twilio-live", "line_status answers in one of five words, or with a code",
         _twilio_live, f"about {_LIVE} USD"),
    Fact("twilio-reassigned", "reassigned_number answers of US numbers, else with code 60607",
         _twilio_reassigned, f"about {_REASSIGNED} USD"),
    Fact("twilio-no-date", "reassigned_number without a date is told with code 60617",
         _twilio_no_date, f"up to {_REASSIGNED} USD"),
    Fact("numverify-key", "a call without a key is told with code 101, or HTTP 401",
         _numverify_key),
    Fact("numverify-no-number", "a call without a number is told with HTTP 200 and code 210",
         _numverify_no_number),
    Fact("numverify-https", "our plan has https", _numverify_https),
    Fact("numverify-left", "a header that we know tells how many lookups are left",
         _numverify_left),
    Fact("numverify-form", "a number comes back as it was asked about", _numverify_form,
         "one lookup"),
    Fact("clearoutphone-credits", "the credits that are left are told", _clearout_credits),
    Fact("clearoutphone-key", "a call without a token is told with HTTP 401 and code 1000",
         _clearout_key),
    Fact("clearoutphone-no-number", "a call without a number is refused and takes no credit",
         _clearout_no_number),
    Fact("clearoutphone-no-file", "an upload without a file is refused", _clearout_no_file),
    Fact("clearoutphone-no-list", "a file that nobody handed in is told with HTTP 4xx",
         _clearout_no_list),
    Fact("clearoutphone-form", "a number is valid, invalid or unknown", _clearout_form,
         "one credit"),
    Fact("clearoutphone-country",
         "in a file of another country a number with its country code is read as such",
         _clearout_country, "two credits"),
    Fact("rnd-token", "the refresh token gives a token", _rnd_token),
    Fact("rnd-no-token", "a call without a token is told with HTTP 401 or 403", _rnd_no_token),
    Fact("rnd-empty", "a query of no numbers is told with HTTP 400", _rnd_empty),
    Fact("rnd-files", "files are listed as `files`", _rnd_files),
    Fact("rnd-date", "an answer names the date that was asked about as `dateProvided`",
         _rnd_date, "one query"),
)  # fmt: skip
