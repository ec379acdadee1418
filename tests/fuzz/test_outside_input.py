"""Whatever comes in from outside: a clear error or a sensible reading, and never a crash.

Few examples each run in the suite; `FUZZ=2000 make test ARGS=tests/fuzz` is a long run.
"""

from __future__ import annotations

import contextlib
import copy
import os
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from constants import NOW, NUMBER
from crms import Crm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lookups import connect_provider

from config.settings import Settings, SettingsError, load
from connectors.csv_list.errors import ListError
from connectors.errors import ConnectorError
from connectors.records import Update
from sandbox.run import Sandbox
from sandbox.service import Fault
from worker.context import Context
from worker.feedback import replies
from worker.feedback.sources import twilio
from worker.feedback.sources.vendor import MalformedWebhookError, NotAPhoneNumberError
from worker.lists.clean import clean
from worker.phones import parse_field
from worker.verification.errors import ProviderError
from worker.verification.models import Question

EXAMPLES = int(os.environ.get("FUZZ", "25"))


def fuzzed(examples: int) -> settings:
    return settings(
        max_examples=examples, deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )  # fmt: skip


fuzz = fuzzed(EXAMPLES)

anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4)
    ),
    max_leaves=12,
)  # fmt: skip
phones = st.text(max_size=300) | st.from_regex(r"[+0-9() ./xX-]{0,80}")


# -- what people type ----------------------------------------------------------------------


@fuzz
@given(phones, st.sampled_from([None, "US", "GB", "DE", "IT", "BR"]))
def test_phone_fields(text: str, region: str | None) -> None:
    parsed = parse_field(text, region)
    assert parsed.outcome
    assert all(number.e164.startswith("+") for number in parsed.numbers)


@pytest.mark.parametrize("text", [
    "+" * 100_000, "1" * 100_000, "(" * 50_000, "ext" * 30_000, "1-" * 50_000,
    "+1 415 555 2671 " * 5000,
    "\u0660" * 10_000, "/".join(["4155552671"] * 3000), "\x00" * 1000, "tel:" * 20_000,
], ids=lambda text: repr(text[:8]))  # fmt: skip
def test_huge_phone_fields_take_no_time(text: str) -> None:
    """Each within the time limit of a test; a reader that looked back would take hours."""
    parse_field(text, "US")


@fuzz
@given(st.text(max_size=400))
def test_replies(text: str) -> None:
    assert replies.read_reply(text) is not None


# -- webhooks ------------------------------------------------------------------------------

_NAMES = st.sampled_from(
    ["From", "To", "Body", "MessageSid", "SmsSid", "OptOutType", "MessageStatus", "SmsStatus",
     "ErrorCode", "RawDlrDoneDate"]
)  # fmt: skip
_VALUES = st.text(max_size=60) | st.sampled_from(
    [NUMBER, "SM" + "1" * 32, "STOP", "failed", "30005"]
)


@fuzz
@given(st.dictionaries(_NAMES, _VALUES))
def test_parameters_of_twilio(form: dict[str, str]) -> None:
    for read in (twilio.read_sms, twilio.read_status, twilio.read_keys):
        with contextlib.suppress(MalformedWebhookError, NotAPhoneNumberError):
            read(form)


_DIGITS = st.characters(categories=["Nd"])
_EVENT = st.fixed_dictionaries(
    {},
    optional={
        "subscriptionType": st.sampled_from(
            ["contact.propertyChange", "contact.creation", "contact.privacyDeletion", "object.x"]
        ) | anything,
        "objectId": st.integers() | st.text(_DIGITS, max_size=200) | anything,
        "objectTypeId": st.sampled_from(["0-1", "0-2"]) | anything,
        "propertyName": st.sampled_from(["phone", "hygiene_wrong_number"]) | anything,
    },
)  # fmt: skip


@fuzz
@given(st.lists(_EVENT, max_size=5))
def test_events_of_hubspot(either_context: Context, events: list[dict[str, Any]]) -> None:
    from worker.sync import hubspot_events

    hubspot_events.receive(either_context, events)


@pytest.fixture
def either_context(either_database_url: str, make_context: Callable[..., Context]) -> Context:
    return make_context(DATABASE_URL=either_database_url)


# -- files ---------------------------------------------------------------------------------


@fuzz
@given(st.binary(max_size=2000) | st.text(max_size=1500).map(lambda t: f"phone,country\n{t}".encode(
    "utf-8", "replace")))  # fmt: skip
def test_lists_on_disk(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.csv", Path(folder) / "out.csv"
        source.write_bytes(content)
        refused = False
        try:
            clean(source, target)
        except ListError:
            refused = True
        assert target.exists() != refused, "all of it, or nothing"


_TOML = st.recursive(
    st.booleans() | st.integers(-10, 10**9) | st.text(st.characters(codec="ascii"), max_size=15)
    | st.sampled_from(["15m", "1d", "none", "US", "twilio"]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)  # fmt: skip
_TABLES = ["sync", "policy", "verification", "verification.budget", "http", "feedback", "retention",
           "segments", "alerts", "access", "log", "connectors.hubspot", "connectors.salesforce",
           "connectors.hubspot.fields", "connectors.salesforce.objects.Contact", "connectors.csv",
           "verification.providers.twilio", "feedback.dispositions",
           "connectors.nobody"]  # fmt: skip
_KEYS = st.sampled_from(
    ["every", "full_every", "normalize", "steps", "ttl_jitter", "day", "month", "budget",
     "per_second", "batch", "phones", "country", "fields", "objects", "enabled", "api_reserve",
     "level", "by", "status",
     "email_to", "oidc_admins", "wrong_number", "read_timeout", "no_such_key"]
)  # fmt: skip


_FILE = st.dictionaries(
    st.sampled_from(_TABLES), st.dictionaries(_KEYS, _TOML, max_size=3), max_size=3
)


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return orjson.dumps(value).decode()


@fuzz
@given(_FILE | st.text(max_size=200))
def test_the_settings_file(tables: dict[str, dict[str, Any]] | str) -> None:
    if isinstance(tables, str):
        text = tables
    else:
        text = "\n".join(
            f"[{name}]\n" + "\n".join(f"{key} = {_toml(value)}" for key, value in table.items())
            for name, table in tables.items()
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hygiene.toml"
        path.write_text(text, encoding="utf-8", errors="replace")
        problems: tuple[str, ...] = ("none",)
        try:
            load({"HYGIENE_HOME": folder, "HYGIENE_CONFIG": str(path)})
        except SettingsError as error:
            problems = error.problems
        assert problems
        assert all(line and "\n" not in line.strip() for line in problems)


@fuzz
@given(st.dictionaries(st.sampled_from(
    ["PORT", "PUBLIC_URL", "DATABASE_URL", "REDIS_URL", "SALESFORCE_LOGIN_URL", "HUBSPOT_API_URL",
     "SMTP_URL", "ALERT_WEBHOOK_URL", "OIDC_ISSUER", "ADMIN_TOKEN_FILE"]),
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40)
    | st.sampled_from(["http://[", "https://a:b", "redis://x:y", "smtp://", "99999"])))  # fmt: skip
def test_the_environment(env: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(SettingsError):
        load({"HYGIENE_HOME": folder, **env})


# -- answers of CRMs and providers ---------------------------------------------------------


def spoil(body: Any, data: st.DataObject) -> Any:
    """An answer of the true form with one place of it deleted, or holding something else."""
    places = list(_places(body))
    if not places:
        return data.draw(anything)
    path = data.draw(st.sampled_from(places))
    spoiled = copy.deepcopy(body)
    if not path:
        return data.draw(anything)
    inner = spoiled
    for step in path[:-1]:
        inner = inner[step]
    if data.draw(st.booleans()) and isinstance(inner, dict):
        del inner[path[-1]]
    else:
        inner[path[-1]] = data.draw(anything)
    return spoiled


def _places(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(body, dict):
        for key, value in body.items():
            yield from _places(value, (*path, key))
    elif isinstance(body, list):
        for place, value in enumerate(body[:2]):
            yield from _places(value, (*path, place))


def _json(body: Any) -> Any:
    """What can be sent as JSON at all."""
    try:
        return orjson.loads(orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS))
    except (TypeError, orjson.JSONEncodeError, orjson.JSONDecodeError):
        return None


@pytest.fixture(scope="module")
def true_answers() -> dict[str, list[Any]]:
    """What the stand-ins answer to each kind of call."""
    sandbox = Sandbox.start(contacts=12, leads=3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.toml"
        path.write_text("[http]\nbackoff_initial = 0.01\nattempts = 1\n")
        ctx = Context.create(
            load({**sandbox.env(), "HYGIENE_HOME": folder, "HYGIENE_CONFIG": str(path)})
        )
        recorded: dict[str, list[Any]] = {}
        for crm in Crm.all(sandbox).values():
            crm.service.seen = []
            connector = ctx.open(crm.name)
            connector.apply_schema(connector.describe())
            for name in connector.objects:
                list(connector.read(name))
                list(connector.read(name, datetime(2020, 1, 1, tzinfo=UTC)))
            ids = crm.ids()[:3]
            connector.fetch(crm.object, ids)
            connector.write([Update(crm.object, record_id, {"reason": "x"}) for record_id in ids])
            recorded[crm.name] = [
                (call["method"], call["path"], call["response"]) for call in crm.service.seen
                if call["status"] < 300 and call["response"] is not None
            ]  # fmt: skip
        ctx.close()
    sandbox.stop()
    return recorded


@pytest.mark.parametrize("name", ["salesforce", "hubspot"])
def test_answers_of_a_crm(
    name: str, true_answers: dict[str, list[Any]], make_settings: Callable[..., Settings]
) -> None:
    served = Sandbox.start(contacts=12, leads=3)
    chosen = make_settings(
        "", **{**served.env(), "HYGIENE_CONFIG": ""}
    ).model_copy(update={"http": load_http()})  # fmt: skip
    crm = Crm.all(served)[name]
    ids = crm.ids()[:3]
    ctx = Context.create(chosen)
    connector = ctx.open(name)

    @fuzzed(max(4, EXAMPLES // 4))  # each is some dozens of calls
    @given(st.sampled_from(true_answers[name]), st.data())
    def attempt(answer: Any, data: st.DataObject) -> None:
        method, path, body = answer
        body = _json(spoil(body, data))
        served.call(crm.service.faults.clear)
        match = f"^{method} {path.split('01g')[0][:60]}".replace(".", r"\.").replace("?", r"\?")
        fault = Fault(match, "status", status=200, body=body if body is not None else [], times=3)
        served.call(lambda: crm.service.faults.append(fault))
        with contextlib.suppress(ConnectorError):
            connector.apply_schema(connector.describe())
            for object_name in connector.objects:
                list(connector.read(object_name))
                list(connector.read(object_name, datetime(2020, 1, 1, tzinfo=UTC)))
            connector.fetch(crm.object, ids)
            connector.write([Update(crm.object, record_id, {"reason": "y"}) for record_id in ids])

    try:
        attempt()
    finally:
        ctx.close()
        served.stop()


def load_http() -> Any:
    from config.settings import Http

    return Http(backoff_initial=0.01, attempts=1, read_timeout=5.0)


@pytest.mark.parametrize("name", ["twilio", "numverify", "clearoutphone", "rnd"])
def test_answers_of_a_provider(name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    provider = connect_provider(sandbox, name, tmp_path)
    service = getattr(sandbox, name)
    check_level = "reassigned" if name == "rnd" else "line_type"
    question = Question(NUMBER, NOW.date()) if name == "rnd" else Question(NUMBER)
    service.seen = []
    provider.ask([question], check_level)
    answers = [call["response"] for call in service.seen if call["response"] is not None]
    service.seen = None

    @fuzz
    @given(st.sampled_from(answers), st.data(), st.sampled_from([200, 200, 201, 400, 404, 418]))
    def attempt(body: Any, data: st.DataObject, status: int) -> None:
        spoiled = _json(spoil(body, data))
        sandbox.call(service.faults.clear)
        fault = Fault(".", "status", status=status, body=spoiled if spoiled is not None else [],
                      times=5)  # fmt: skip
        sandbox.call(lambda: service.faults.append(fault))
        with contextlib.suppress(ProviderError):
            for answer in provider.ask([question], check_level):
                assert answer.number == NUMBER

    attempt()
