"""A stand-in of Pipedrive's API v2: it answers as the documents say, and refuses what they do.

Sources: OpenAPI document of API v2 (paths, parameters, bodies, `x-token-cost`); "Rate limiting",
"HTTP status codes", "Pagination" on pipedrive.readme.io; pipedrive/client-nodejs issue 651 for the
text of a refused body. Not documented, and so chosen here: that a list leaves deleted persons out
while a single read shows them for 30 days (both have `is_deleted`); that whoever may not see a
person gets 404; that a field which a person does not have is null (`omits_unset` for the other
way); whether a company without Campaigns is refused the marketing status, or does not get it.
"OAuth authorization", step 7, for `/oauth/token`; that a new access token ends the one before
is not documented, and the harder case.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "pipedrive-secret-token"
CLIENT_ID, CLIENT_SECRET = "app-id", "pipedrive-app-secret"
REFRESH_TOKEN = "pipedrive-refresh-token"
_BUILT_IN = {
    "name": "varchar", "phone": "phone", "email": "varchar", "add_time": "date",
    "update_time": "date", "org_id": "org", "owner_id": "user", "postal_address": "address",
}  # fmt: skip
_CREATABLE = {
    "varchar",
    "text",
    "double",
    "phone",
    "date",
    "set",
    "enum",
    "varchar_auto",
    "address",
}
_LIST = {
    "filter_id", "ids", "owner_id", "org_id", "deal_id", "updated_since", "updated_until",
    "sort_by", "sort_direction", "include_fields", "custom_fields", "include_option_labels",
    "include_labels", "limit", "cursor",
}  # fmt: skip
_PATCHABLE = {
    "name", "owner_id", "org_id", "emails", "phones", "visible_to", "label_ids", "custom_fields",
}  # fmt: skip
_WHOLE_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)")


class Refusal(Exception):
    def __init__(self, status: int, error: str, code: str = "") -> None:
        super().__init__(error)
        self.status, self.error, self.code = status, error, code


def invalid(name: str, problem: str) -> Refusal:
    text = f"Validation failed: {name}: {problem}"
    return Refusal(400, text, "ERR_SCHEMA_VALIDATION_FAILED")


def not_allowed(name: str, key: str) -> Refusal:
    return invalid(name, f"Parameter '{key}' is not allowed for this request")


@dataclass
class Fault:
    """Answer the next calls that match in this way instead."""

    match: str  # a regular expression over "GET /api/v2/persons?..."
    status: int = 500
    body: bytes = b'{"success": false, "error": "Internal error"}'
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    do: Callable[[], None] | None = None  # only do this, and answer as usual


class Pipedrive:
    """A company's account, over HTTP on this machine."""

    def __init__(self) -> None:
        self.fields: dict[str, dict[str, Any]] = {
            code: _entry(code, code.replace("_", " ").capitalize(), kind, own=False)
            for code, kind in _BUILT_IN.items()
        }
        self.persons: dict[int, dict[str, Any]] = {}
        self.hidden: set[int] = set()
        self.purged: set[int] = set()
        self.faults: list[Fault] = []
        self.calls: Counter[str] = Counter()  # "PATCH persons" -> how many
        self.patches: list[tuple[int, dict[str, Any]]] = []
        self.most_own_fields = 100
        self.kept_fields: set[str] = set()  # that cannot be deleted
        self.omits_unset = False
        self.uses_campaigns = True  # the company; else nobody has a marketing status
        self.refuses_marketing = True  # to be asked for it then; else it leaves it out
        self.access_tokens: list[str] = []  # by OAuth, as they were given; the last one is good
        self.refresh_token = REFRESH_TOKEN
        self.tells_day = True
        self.day_limit = 30_000
        self.day_left = 30_000
        self.window_limit = 10_000
        self._window: list[float] = []
        self._ahead = timedelta(0)
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("H", (_Handler,), {"crm": self}))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    # -- what people do ------------------------------------------------------------------

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)

    def stamp(self) -> str:
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def add_person(self, name: str, *phones: tuple[str, str], **values: Any) -> int:
        """`phones`: (number, label), the primary one first."""
        person_id = max(self.persons, default=0) + 1
        stamp = self.stamp()
        self.persons[person_id] = {
            "id": person_id, "name": name, "owner_id": 1, "org_id": None,
            "add_time": stamp, "update_time": stamp, "is_deleted": False,
            "phones": [
                {"value": number, "primary": place == 0, "label": label}
                for place, (number, label) in enumerate(phones)
            ],
            "emails": [{"value": f"p{person_id}@example.com", "primary": True, "label": "work"}],
            "custom_fields": {}, "marketing_status": "no_consent", **values,
        }  # fmt: skip
        return person_id

    def edit(self, person_id: int, **values: Any) -> None:
        """A person of the company edits a person; a key of a field goes into `custom_fields`."""
        self.advance(2)
        person = self.persons[person_id]
        for key, value in values.items():
            (person if key in person else person["custom_fields"])[key] = value
        person["update_time"] = self.stamp()

    def delete(self, person_id: int) -> None:
        self.edit(person_id, is_deleted=True)

    def merge(self, person_id: int, into: int) -> None:
        """Fields with several values are put together, empty ones filled from the other person."""
        gone, kept = self.persons[person_id], self.persons[into]
        filled = {k: v for k, v in kept["custom_fields"].items() if v is not None}
        values = {**gone["custom_fields"], **filled}
        extra = [{**phone, "primary": False} for phone in gone["phones"]]
        self.edit(into, phones=[*kept["phones"], *extra], custom_fields=values)
        self.delete(person_id)

    def key(self, name: str) -> str:
        (code,) = (code for code, entry in self.fields.items() if entry["field_name"] == name)
        return code

    def value(self, person_id: int, name: str) -> Any:
        """What a person of the company sees in a field of theirs."""
        entry = self.fields[self.key(name)]
        value = self.persons[person_id]["custom_fields"].get(entry["field_code"])
        labels = {option["id"]: option["label"] for option in entry["options"] or ()}
        return labels.get(value, value)

    def add_field(self, name: str, kind: str, *labels: str) -> str:
        code = hashlib.sha1(f"{name}{len(self.fields)}".encode()).hexdigest()
        entry = self.fields[code] = _entry(code, name, kind, own=True)
        entry["options"] = [] if kind in ("enum", "set") else None
        self.add_options(code, *labels)
        return code

    def add_options(self, code: str, *labels: str) -> list[dict[str, Any]]:
        taken = max((o["id"] for e in self.fields.values() for o in e["options"] or ()), default=0)
        new = [{"id": taken + n, "label": label} for n, label in enumerate(labels, 1)]
        if new:
            self.fields[code]["options"] += new
        return new

    # -- the API -------------------------------------------------------------------------

    def answer(
        self, method: str, target: str, token: str | None, raw: bytes
    ) -> tuple[int, bytes, dict[str, str]]:
        with self._lock:
            for fault in [f for f in self.faults if re.search(f.match, f"{method} {target}")]:
                fault.times -= 1
                if not fault.times:
                    self.faults.remove(fault)
                if fault.do is None:
                    return fault.status, fault.body, {**self._headers(), **fault.headers}
                fault.do()
            try:
                body = self._route(method, target, token, raw)
                status = 201 if method == "POST" else 200
            except Refusal as refusal:
                status = refusal.status
                body = {"success": False, "error": refusal.error, "code": refusal.code}
            return status, json.dumps(body).encode(), self._headers()

    def give_token(self, authorization: str, raw: bytes) -> tuple[int, bytes, dict[str, str]]:
        """Answer a request for an access token, which names the refresh token that stays."""
        app = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        form = {name: values[-1] for name, values in parse_qs(raw.decode()).items()}
        with self._lock:
            self.calls["POST token"] += 1
            if authorization != f"Basic {app}":
                status, body = 401, {"success": False, "error": "invalid_client"}
            elif form != {"grant_type": "refresh_token", "refresh_token": REFRESH_TOKEN}:
                status, body = 400, {"success": False, "error": "invalid_grant"}
            else:
                self.access_tokens.append(f"v1u:access-{len(self.access_tokens)}")
                status, body = 200, {
                    "access_token": self.access_tokens[-1], "token_type": "bearer",
                    "refresh_token": self.refresh_token, "scope": "contacts:full",
                    "expires_in": 3599, "api_domain": self.url,
                }  # fmt: skip
            return status, json.dumps(body).encode(), {"Content-Type": "application/json"}

    def _headers(self) -> dict[str, str]:
        headers = {
            "Date": format_datetime(self.now(), usegmt=True),
            "Content-Type": "application/json",
            "x-ratelimit-limit": str(self.window_limit),
            "x-ratelimit-remaining": str(max(0, self.window_limit - len(self._window))),
            "x-ratelimit-reset": "2",
        }
        if self.tells_day:
            headers["x-daily-ratelimit-token-limit"] = str(self.day_limit)
            headers["x-daily-ratelimit-token-remaining"] = str(self.day_left)
        return headers

    def _spend(self, tokens: int) -> None:
        now = time.monotonic()
        self._window = [at for at in self._window if now - at < 2.0]
        if len(self._window) >= self.window_limit or self.day_left < tokens:
            self.day_left = 0 if self.day_left < tokens else self.day_left
            raise Refusal(429, "request over limit")
        self._window.append(now)
        self.day_left -= tokens

    def _route(self, method: str, target: str, token: str | None, raw: bytes) -> dict[str, Any]:
        parts = urlsplit(target)
        path = parts.path.removeprefix("/api/v2/").split("/")
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        self.calls[f"{method} {path[0]}"] += 1
        if token != TOKEN and token not in self.access_tokens[-1:]:
            raise Refusal(401, "unauthorized access")
        if not parts.path.startswith("/api/v2/"):
            raise Refusal(404, "Unknown method.")
        body = json.loads(raw) if raw else None
        match method, path:
            case "GET", ["persons"]:
                self._spend(10)
                return self._list(query)
            case "GET", ["persons", person_id]:
                self._spend(1)
                return _success(self._shown(self._person(person_id), None))
            case "PATCH", ["persons", person_id]:
                self._spend(5)
                return self._patch(person_id, body)
            case "GET", ["personFields"]:
                self._spend(10)
                return self._page(list(self.fields.values()), query, "field_code")
            case "POST", ["personFields"]:
                self._spend(5)
                return self._create_field(body)
            case "DELETE", ["personFields", code]:
                self._spend(3)
                return self._delete_field(code)
            case "POST", ["personFields", code, "options"]:
                self._spend(5)
                if code not in self.fields or self.fields[code]["options"] is None:
                    raise Refusal(404, "Field not found")
                return _success(self.add_options(code, *(option["label"] for option in body)))
        raise Refusal(404, "Unknown method.")

    def _person(self, person_id: str) -> dict[str, Any]:
        if not person_id.isdecimal():
            raise invalid("id", "must be a number")
        person = self.persons.get(int(person_id))
        if person is None or person["id"] in self.hidden | self.purged:
            raise Refusal(404, "Person not found")
        return person

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        for name in query.keys() - _LIST:
            raise not_allowed(name, name)
        if query.get("sort_by", "id") not in ("id", "update_time", "add_time"):
            raise invalid("sort_by", "must be one of [id, update_time, add_time]")
        asked = query["ids"].split(",") if "ids" in query else None
        if asked is not None and len(asked) > 100:
            raise invalid("ids", "must contain less than or equal to 100 items")
        more = query["include_fields"].split(",") if "include_fields" in query else []
        if "marketing_status" in more and not self.uses_campaigns and self.refuses_marketing:
            raise not_allowed("include_fields", "marketing_status")
        keys = query["custom_fields"].split(",") if "custom_fields" in query else None
        if keys is not None and len(keys) > 15:
            raise invalid("custom_fields", "must contain less than or equal to 15 items")
        for key in keys or ():
            if key not in self.fields:
                raise not_allowed(f"custom_fields.{key}", key)
        since = query.get("updated_since", "")
        if since and not _WHOLE_SECONDS.fullmatch(since):
            raise invalid("updated_since", "not a valid datetime")
        chosen = [
            self._shown(person, keys, more)
            for person_id, person in sorted(self.persons.items())
            if person_id not in self.hidden | self.purged
            and not person["is_deleted"]
            and person["update_time"] >= since
            and (asked is None or str(person_id) in asked)
        ]
        return self._page(chosen, query, "id")

    def _page(
        self, entries: list[dict[str, Any]], query: dict[str, str], order: str
    ) -> dict[str, Any]:
        limit = int(query.get("limit", "100"))
        if not 1 <= limit <= 500:
            raise invalid("limit", "must be less than or equal to 500")
        keys = [entry[order] for entry in entries]
        start = 0
        if "cursor" in query:
            try:
                first = json.loads(base64.urlsafe_b64decode(query["cursor"]))["first"]
            except ValueError:
                raise invalid("cursor", "is invalid") from None
            start = next((n for n, key in enumerate(keys) if (order != "id" and key == first)
                          or (order == "id" and key >= first)), len(keys))  # fmt: skip
        page, rest = entries[start : start + limit], entries[start + limit :]
        cursor = {"first": rest[0][order]} if rest else None
        text = base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode() if cursor else None
        return {**_success(page), "additional_data": {"next_cursor": text}}

    def _shown(
        self, person: dict[str, Any], keys: list[str] | None, more: Collection[str] = ()
    ) -> dict[str, Any]:
        own = {code for code, entry in self.fields.items() if entry["is_custom_field"]}
        values = {
            code: person["custom_fields"].get(code)
            for code in sorted(own if keys is None else own & set(keys))
        }
        if self.omits_unset:
            values = {code: value for code, value in values.items() if value is not None}
        shown = {**person, "custom_fields": values}
        if "marketing_status" not in more or not self.uses_campaigns:
            shown.pop("marketing_status")
        return shown

    def _patch(self, person_id: str, body: Any) -> dict[str, Any]:
        person = self._person(person_id)
        if person["is_deleted"]:
            raise Refusal(404, "Person not found")
        for name in body.keys() - _PATCHABLE:
            raise not_allowed(name, name)
        for key, value in body.get("custom_fields", {}).items():
            self._check(key, value)
        self.patches.append((person["id"], body))
        values = {**person["custom_fields"], **body.get("custom_fields", {})}
        person |= {**body, "custom_fields": values, "update_time": self.stamp()}
        return _success(self._shown(person, None))

    def _check(self, key: str, value: Any) -> None:
        entry = self.fields.get(key)
        name = f"custom_fields.{key}"
        if entry is None or not entry["is_custom_field"]:
            raise not_allowed(name, key)
        if value is None:
            return
        if entry["field_type"] == "enum":
            if not isinstance(value, int) or isinstance(value, bool):
                raise invalid(name, "must be a number")
            if value not in [option["id"] for option in entry["options"]]:
                raise invalid(name, f"option {value} does not exist")
        elif not isinstance(value, str):
            raise invalid(name, "must be a string")
        elif entry["field_type"] != "text" and len(value) > 255:
            raise invalid(name, "length must be less than or equal to 255 characters long")

    def _delete_field(self, code: str) -> dict[str, Any]:
        if code not in self.fields:
            raise Refusal(404, "Field not found")
        if code in self.kept_fields:
            raise Refusal(403, "This field cannot be deleted")
        for person in self.persons.values():
            person["custom_fields"].pop(code, None)
        return _success(self.fields.pop(code))

    def _create_field(self, body: Any) -> dict[str, Any]:
        for name in body.keys() - {"field_name", "field_type", "options", "ui_visibility"}:
            raise not_allowed(name, name)
        kind = body["field_type"]
        if kind not in _CREATABLE:
            raise invalid("field_type", "must be one of the types that can be made")
        if (kind in ("enum", "set")) != bool(body.get("options")):
            raise invalid("options", "required for enum and set field types")
        if sum(entry["is_custom_field"] for entry in self.fields.values()) >= self.most_own_fields:
            raise Refusal(403, "Couldn't add the field. Custom fields limit reached.")
        labels = [option["label"] for option in body.get("options") or ()]
        return _success(self.fields[self.add_field(body["field_name"], kind, *labels)])


def _entry(code: str, name: str, kind: str, own: bool) -> dict[str, Any]:
    return {
        "field_name": name, "field_code": code, "field_type": kind, "options": None,
        "subfields": None, "is_custom_field": own, "is_optional_response_field": False,
    }  # fmt: skip


def _success(data: Any) -> dict[str, Any]:
    return {"success": True, "data": data, "additional_data": None}


class _Handler(BaseHTTPRequestHandler):
    crm: Pipedrive
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024  # an answer leaves in one piece

    def _serve(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        authorization = self.headers.get("Authorization", "")
        if self.path == "/oauth/token":
            status, body, headers = self.crm.give_token(authorization, raw)
        else:
            token = self.headers.get("x-api-token") or authorization.removeprefix("Bearer ")
            status, body, headers = self.crm.answer(self.command, self.path, token, raw)
        self.send_response_only(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve

    def log_message(self, *_args: Any) -> None:
        pass
