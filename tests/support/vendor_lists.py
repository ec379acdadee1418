"""Stand-ins for systems with a list of their own. Each refuses what its vendor's documents say that
the vendor refuses; the addresses of those documents stand in `worker.events.systems`.

None of it is taken from the product: a body is read as the documents show it.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_E164 = re.compile(r"\+[1-9]\d{6,14}")


class Refusal(Exception):
    """An answer other than success."""

    def __init__(self, status: int, body: Any = None, **headers: str) -> None:
        super().__init__(str(status))
        self.status, self.body, self.headers = status, body, headers


class Request:
    def __init__(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        parts = urlsplit(target)
        self.method, self.path, self.query = method, parts.path, parse_qs(parts.query)
        self.headers, self.body = headers, body
        self.type = headers.get("Content-Type", "").partition(";")[0]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode(), strict_parsing=True)


class VendorList(ABC):
    """A vendor. `calls`: the paths of all calls; `writes`: of those that change the list.

    `answers`: what the next calls answer instead, but for `logins`: (status, body, headers) each.
    `seconds`: how long an answer takes. `wrong_key`: whether it refuses our key. `now`: its clock.
    """

    wrong_key = False
    logins: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.writes: list[str] = []
        self.answers: list[tuple[int, bytes, dict[str, str]]] = []
        self.seconds = 0.0
        self.now = lambda: datetime.now(UTC)
        self.lock = threading.Lock()
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(self.command, self.path, self.headers, body)  # type: ignore[arg-type]
                time.sleep(vendor.seconds)
                with vendor.lock:
                    status, answer, headers = vendor._answer(request)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def _answer(self, request: Request) -> tuple[int, bytes, dict[str, str]]:
        self.calls.append(f"{request.method} {request.path}")
        if self.answers and request.path not in self.logins:
            return self.answers.pop(0)
        try:
            status, body = self.handle(request)
        except Refusal as refusal:
            status, body = refusal.status, refusal.body
        except (KeyError, TypeError, ValueError) as error:
            status, body = 400, self.bad(repr(error))
        raw = b"" if body is None else json.dumps(body).encode()
        return status, raw, {"Content-Type": "application/json"}

    def fail(self, status: int, body: bytes = b"", times: int = 1, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers += [(status, body, named)] * times

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Let no server be at the address, nor that of another test, which would take the port."""
        self.close()
        with socket.socket() as port:
            port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            port.bind(("127.0.0.1", self.server.server_port))
            yield

    @property
    @abstractmethod
    def env(self) -> dict[str, str]:
        """The variables with which it is used."""

    key_variable = ""  # that is named where the key is refused

    @abstractmethod
    def handle(self, request: Request) -> tuple[int, Any]:
        """Answer as the documents say: status and body."""

    def bad(self, text: str) -> Any:
        return {"message": text}

    @abstractmethod
    def closed(self, number: str) -> set[str]:
        """The channels that are closed for a number (E.164)."""

    @abstractmethod
    def put(self, number: str) -> None:
        """Close a number in all channels, as somebody at the vendor does."""


class KlaviyoStandIn(VendorList):
    """Unsubscribed profiles: number -> the kinds of messages."""

    key_variable = "KLAVIYO_API_KEY"

    def __init__(self) -> None:
        super().__init__()
        self.unsubscribed: dict[str, set[str]] = {}

    @property
    def env(self) -> dict[str, str]:
        return {"KLAVIYO_API_KEY": "pk_0123456789abcdef", "KLAVIYO_URL": self.url}

    def bad(self, text: str) -> Any:
        return self._errors("invalid", text)

    def _errors(self, code: str, detail: str) -> Any:
        error = {"id": "1", "code": code, "title": "Invalid input.", "detail": detail}
        return {"errors": [{**error, "status": 400}]}

    def handle(self, request: Request) -> tuple[int, Any]:
        key = f"Klaviyo-API-Key {self.env['KLAVIYO_API_KEY']}"
        if self.wrong_key or request.headers.get("Authorization") != key:
            raise Refusal(401, self._errors("not_authenticated", "Missing or invalid private key."))
        if not re.fullmatch(r"20\d\d-\d\d-\d\d", request.headers.get("revision", "")):
            raise Refusal(400, self._errors("invalid", "Missing revision header."))
        if (request.method, request.path) == ("GET", "/api/accounts"):
            return 200, {"data": [{"type": "account", "id": "AbC123"}]}
        if (request.method, request.path) != (
            "POST", "/api/profile-subscription-bulk-delete-jobs",
        ):  # fmt: skip
            raise Refusal(404, self._errors("not_found", "Not found."))
        if request.type != "application/vnd.api+json":
            raise Refusal(415, self._errors("unsupported_media_type", request.type))
        data = request.json["data"]
        if data["type"] != "profile-subscription-bulk-delete-job":
            raise Refusal(400, self._errors("invalid", "type"))
        profiles = data["attributes"]["profiles"]["data"]
        if len(profiles) > 100:
            raise Refusal(400, self._errors("invalid", "At most 100 profiles."))
        for profile in profiles:
            number = profile["attributes"]["phone_number"]
            if profile["type"] != "profile" or not _E164.fullmatch(number):
                raise Refusal(400, self._errors("invalid", f"Invalid phone number {number}."))
            for kind, wanted in profile["attributes"]["subscriptions"]["sms"].items():
                if kind not in ("marketing", "transactional") or wanted != {
                    "consent": "UNSUBSCRIBED"
                }:
                    raise Refusal(400, self._errors("invalid", "consent"))
        self.writes.append(request.path)
        for profile in profiles:
            attributes = profile["attributes"]
            kinds = self.unsubscribed.setdefault(attributes["phone_number"], set())
            kinds |= set(attributes["subscriptions"]["sms"])
        return 202, None

    def closed(self, number: str) -> set[str]:
        both = {"marketing", "transactional"}
        return {"text"} if self.unsubscribed.get(number) == both else set()

    def put(self, number: str) -> None:
        self.unsubscribed[number] = {"marketing", "transactional"}


class TwilioStandIn(VendorList):
    """Consents: (number, sender) -> the latest one."""

    key_variable = "TWILIO_AUTH_TOKEN"
    senders = ("MG00000000000000000000000000000001", "+12025550188")

    def __init__(self) -> None:
        super().__init__()
        self.consents: dict[tuple[str, str], dict[str, str]] = {}
        self.broken: set[str] = set()  # numbers that meet an error of the server

    @property
    def env(self) -> dict[str, str]:
        return {
            "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
            "TWILIO_AUTH_TOKEN": "auth-token-of-twilio",
            "TWILIO_CONSENT_SENDER_ID": ", ".join(self.senders),
            "TWILIO_CONSENT_URL": self.url,
        }

    def handle(self, request: Request) -> tuple[int, Any]:
        login = f"{self.env['TWILIO_ACCOUNT_SID']}:{self.env['TWILIO_AUTH_TOKEN']}"
        known = f"Basic {base64.b64encode(login.encode()).decode()}"
        if self.wrong_key or request.headers.get("Authorization") != known:
            raise Refusal(401, {"code": 20003, "message": "Authenticate", "status": 401})
        if (request.method, request.path) == ("GET", "/v1/Credentials/PublicKeys"):
            return 200, {"credentials": [], "meta": {}}
        if (request.method, request.path) != ("POST", "/v1/Consents/Bulk"):
            raise Refusal(404, {"code": 20404, "message": "not found", "status": 404})
        if request.type != "application/x-www-form-urlencoded":
            raise Refusal(415, {"message": "unsupported media type"})
        items = [json.loads(text) for text in request.form["Items"]]
        ids = [item["correlation_id"] for item in items]
        if len(items) > 25 or len(set(ids)) != len(ids):
            raise Refusal(400, {"code": 20001, "message": "at most 25 items", "status": 400})
        self.writes.append(request.path)
        return 201, {"items": [self._store(item) for item in items]}

    def _store(self, item: dict[str, str]) -> dict[str, Any]:
        at = item.get("date_of_consent", "")
        checks = {
            "INVALID_CORRELATION_ID": bool(re.fullmatch(r"[0-9a-f]{32}", item["correlation_id"])),
            "INVALID_SENDER_ID": item["sender_id"] in self.senders,
            "INVALID_CONTACT_ID": bool(_E164.fullmatch(item["contact_id"])),
            "INVALID_STATUS": item["status"] in ("opt-in", "opt-out"),
            "INVALID_SOURCE": item["source"]
            in ("website", "offline", "opt-in-message", "opt-out-message", "others"),
            "INVALID_DATE_OF_CONSENT": not at or self._is_past(at),
            "INTERNAL_SERVER_ERROR": item["contact_id"] not in self.broken,
        }
        wrong = [reason for reason, good in checks.items() if not good]
        if not wrong:
            self.consents[item["contact_id"], item["sender_id"]] = item
        return {
            "correlation_id": item["correlation_id"], "error_code": 30646 if wrong else 0,
            "error_messages": wrong,
        }  # fmt: skip

    def _is_past(self, text: str) -> bool:
        return datetime.fromisoformat(text) <= self.now()

    def closed(self, number: str) -> set[str]:
        found = [self.consents.get((number, sender), {}).get("status") for sender in self.senders]
        return {"text"} if all(status == "opt-out" for status in found) else set()

    def put(self, number: str) -> None:
        for sender in self.senders:
            self.consents[number, sender] = {"status": "opt-out"}


class JustCallStandIn(VendorList):
    """Lists: name -> digits of numbers."""

    key_variable = "JUSTCALL_API_KEY"

    def __init__(self) -> None:
        super().__init__()
        self.lists: dict[str, set[str]] = {"dnd": set(), "dnm": set(), "blacklist": set()}
        self.again: set[str] = set()  # do not call again: of Sales Dialer

    @property
    def env(self) -> dict[str, str]:
        return {
            "JUSTCALL_API_KEY": "key-of-justcall", "JUSTCALL_API_SECRET": "secret-of-justcall",
            "JUSTCALL_URL": self.url,
        }  # fmt: skip

    def bad(self, text: str) -> Any:
        return {"status": "error", "message": text}

    def handle(self, request: Request) -> tuple[int, Any]:
        known = f"{self.env['JUSTCALL_API_KEY']}:{self.env['JUSTCALL_API_SECRET']}"
        if self.wrong_key or request.headers.get("Authorization") != known:
            raise Refusal(401, self.bad("Invalid API key or secret."))
        match (request.method, request.path):
            case ("GET", "/v2.1/contacts"):
                return 200, {"status": "success", "data": []}
            case ("POST", "/v2.1/contacts/bulk-add/blacklist"):
                skipped = self._add(request.json, [self.lists[n] for n in request.json["add_to"]])
                assert request.json["across_team"] is True
            case ("POST", "/v2.1/sales_dialer/contacts/bulk-add-dnca"):
                skipped = self._add(request.json, [self.again])
            case ("PUT", "/v2.1/contacts/status"):
                number = request.json["contact_number"]
                if not any(number in one for one in self.lists.values()):
                    raise Refusal(404, self.bad("Contact not found."))
                for name in request.json["remove_from"]:
                    self.lists[name].discard(number)
                skipped = []
            case _:
                raise Refusal(404, self.bad("Not found."))
        self.writes.append(request.path)
        return 200, {"status": "success", "data": {"added": [], "skipped": skipped}}

    def _add(self, body: dict[str, Any], lists: list[set[str]]) -> list[str]:
        numbers = body["contact_numbers"]
        if len(numbers) > 100:
            raise Refusal(400, self.bad("At most 100 contact numbers."))
        good = [number for number in numbers if re.fullmatch(r"\d{5,15}", number)]
        for one in lists:
            one.update(good)
        return [number for number in numbers if number not in good]

    def closed(self, number: str) -> set[str]:
        digits = number.removeprefix("+")
        closed = {"call"} if digits in self.lists["dnd"] & self.again else set()
        return closed | ({"text"} if digits in self.lists["dnm"] else set())

    def put(self, number: str) -> None:
        for one in (self.lists["dnd"], self.lists["dnm"], self.again):
            one.add(number.removeprefix("+"))


class RingCentralStandIn(VendorList):
    """The platform's login and the DNC list of RingCX: (tag, country, national number). What it
    answers about an entry that is there already is not documented; this one takes it again."""

    key_variable = "RINGCENTRAL_JWT"
    account, tag = "333333", 12345
    logins = ("/restapi/oauth/token", "/api/auth/login/rc/accesstoken")

    def __init__(self) -> None:
        super().__init__()
        self.entries: set[tuple[int, str, str]] = set()
        self.tokens: set[str] = set()

    @property
    def env(self) -> dict[str, str]:
        return {
            "RINGCENTRAL_CLIENT_ID": "client-id-of-app",
            "RINGCENTRAL_CLIENT_SECRET": "client-secret-of-app",
            "RINGCENTRAL_JWT": f"jwt.of.{self.server.server_port}",
            "RINGCENTRAL_ACCOUNT_ID": self.account,
            "RINGCENTRAL_DNC_TAG_ID": str(self.tag),
            "RINGCENTRAL_URL": self.url,
            "RINGCENTRAL_CX_URL": self.url,
        }

    def bad(self, text: str) -> Any:
        return {"errorCode": "bad.request", "generalMessage": text, "timestamp": 1611847650696}

    def handle(self, request: Request) -> tuple[int, Any]:
        if request.path == "/restapi/oauth/token":
            return self._first_token(request)
        if request.path == "/api/auth/login/rc/accesstoken":
            form = request.form
            if form["rcAccessToken"] != ["token-of-platform"] or form["rcTokenType"] != ["Bearer"]:
                raise Refusal(401, self.bad("no"))
            token = f"token-of-ringcx-{self.server.server_port}-{len(self.calls)}"
            self.tokens.add(token)
            return 200, {"accessToken": token, "tokenType": "Bearer", "mainAccountId": "333333"}
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.wrong_key or token not in self.tokens:
            raise Refusal(401, self.bad("Jwt is expired"))
        base = f"/voice/api/v1/admin/accounts/{self.account}"
        if (request.method, request.path) == ("GET", f"{base}/dncTags"):
            return 200, [{"accountId": self.account, "dncTagId": self.tag}]
        if (request.method, request.path) == ("POST", f"{base}/dncLists"):
            entry = request.json
            if not re.fullmatch(r"[2-9]\d{9}", entry["phone"]) or entry["countryId"] != "USA":
                raise Refusal(400, self.bad(f"invalid phone {entry['phone']}"))
            self.writes.append(request.path)
            self.entries.add((int(entry["dncTagId"]), entry["countryId"], entry["phone"]))
            return 200, {
                "phone": entry["phone"], "countryCode": {"id": "USA", "description": None},
                "dncTagId": entry["dncTagId"],
            }  # fmt: skip
        where = re.fullmatch(rf"{base}/dncLists/tags/(\d+)/phones/(\d+)/countries/(\w+)",
                             request.path)  # fmt: skip
        if request.method != "DELETE" or where is None:
            raise Refusal(404, self.bad("not found"))
        key = (int(where[1]), where[3], where[2])
        if key not in self.entries:
            raise Refusal(404, self.bad("not found"))
        self.writes.append(request.path)
        self.entries.discard(key)
        return 200, None

    def _first_token(self, request: Request) -> tuple[int, Any]:
        login = f"{self.env['RINGCENTRAL_CLIENT_ID']}:{self.env['RINGCENTRAL_CLIENT_SECRET']}"
        known = f"Basic {base64.b64encode(login.encode()).decode()}"
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        if request.headers.get("Authorization") != known or request.form["grant_type"] != [grant]:
            raise Refusal(401, {"error": "invalid_client", "error_description": "Invalid client"})
        if self.wrong_key or request.form["assertion"] != [self.env["RINGCENTRAL_JWT"]]:
            raise Refusal(400, {"error": "invalid_grant", "error_description": "Invalid JWT"})
        return 200, {"access_token": "token-of-platform", "expires_in": 3600}

    def closed(self, number: str) -> set[str]:
        return {"call"} if any(f"+1{phone}" == number for _, _, phone in self.entries) else set()

    def put(self, number: str) -> None:
        self.entries.add((self.tag, "USA", number.removeprefix("+1")))


STAND_INS: dict[str, type[VendorList]] = {
    "twilio": TwilioStandIn, "klaviyo": KlaviyoStandIn, "ringcentral": RingCentralStandIn,
    "justcall": JustCallStandIn,
}  # fmt: skip


@contextmanager
def vendor(kind: str) -> Iterator[VendorList]:
    standing_in = STAND_INS[kind]()
    try:
        yield standing_in
    finally:
        standing_in.close()
