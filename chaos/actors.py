"""What people do while faults strike, and what reached the CRMs.

People edit, create and delete contacts, reply to messages, tick and clear flags. Each kind of
action keeps to the numbers of its own pool, so that its outcome is clear (`chaos.model`). Every
write that reaches a CRM is recorded, with the values before it; undos are checked against that.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import queue
import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal, NamedTuple

import requests

from sandbox.run import Sandbox

CONTACTS = 84  # in each CRM
TWILIO_TOKEN = "sandbox-twilio-auth-token"
HUBSPOT_SECRET = "chaos-client-secret"
ADMIN_TOKEN = "chaos-admin-token"
FORM = "https://shop.example.com"  # a page with a form that shows our capture key
FORM_BUDGET = "0.05"  # what the key's lookups may cost: six or seven of them
COUNTRY = "United States"

POOLS = {
    "reopen": 1000, "plain": 2000, "stop": 3000, "wrong": 4000, "tick": 5000, "report": 6000,
    "clear": 7000,
    "final_checks": 8000,  # those of the checks at the end
    "capture": 9000,  # typed into a form, and nowhere else
    "ask": 0,  # of people who are asked whether it is theirs
}  # fmt: skip
SIZES = {
    "plain": 70, "stop": 12, "wrong": 12, "tick": 8, "report": 10, "clear": 6, "capture": 24,
    "reopen": 4,
}  # fmt: skip
FIELDS = {
    ("salesforce", "Contact"): ("Phone", "MobilePhone"),
    ("salesforce", "Lead"): ("Phone", "MobilePhone"),
    ("hubspot", "contacts"): ("phone", "mobilephone"),
}


class Key(NamedTuple):
    """A record of a CRM."""

    crm: str
    object: str
    id: str


@dataclass(frozen=True)
class TypedPhone:
    """What a person typed into a phone field, and which number is meant; None: no number at all."""

    text: str
    number: str | None = None


EMPTY = TypedPhone("")
# "stop" and "start" are texts; "refuse" and "agree" were said in another way.
StatementKind = Literal["stop", "start", "refuse", "agree", "wrong", "confirmed"]


@dataclass(frozen=True)
class Statement:
    """What somebody said about a number. The latest by `at` counts. `of`: the one record whose
    person is meant; None: whoever has the number."""

    kind: StatementKind
    at: float
    of: Key | None = None


@dataclass(frozen=True)
class CrmWrite:
    """An update that reached a CRM, by us or by a person."""

    key: Key
    values: Mapping[str, Any]
    before: Mapping[str, Any]
    ours: bool
    at: float = field(default_factory=time.time)

    def __str__(self) -> str:
        moment = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds")
        who = "ours" if self.ours else "a person"
        return f"{moment} {' '.join(self.key)} by {who}: {self.values}, before {self.before}"


@dataclass
class GroundTruth:
    """What people did: all that the model knows."""

    typed: dict[Key, dict[str, TypedPhone]] = field(default_factory=dict)
    held: dict[str, set[Key]] = field(default_factory=dict)  # number -> who has ever had it
    deleted: set[Key] = field(default_factory=set)
    statements: dict[str, list[Statement]] = field(default_factory=dict)
    messages: set[str] = field(default_factory=set)  # that were acknowledged
    forged: int = 0
    forged_accepted: int = 0
    last_change: float = 0.0  # by time.time()

    def type_in(self, key: Key, phones: Mapping[str, TypedPhone]) -> None:
        """Set fields of a record to what somebody typed into them; the others stay."""
        self.typed[key] = {**self.typed.get(key, {}), **phones}
        for phone in phones.values():
            if phone.number:
                self.held.setdefault(phone.number, set()).add(key)

    def record(self, number: str, kind: StatementKind, at: float, of: Key | None = None) -> None:
        self.statements.setdefault(number, []).append(Statement(kind, at, of))


def number_of(pool: str, place: int) -> str:
    return f"+1415555{POOLS[pool] + place:04d}"


_STYLES: tuple[Callable[[str], str], ...] = (
    lambda n: n,
    lambda n: f"({n[2:5]}) {n[5:8]}-{n[8:]}",
    lambda n: f"{n[2:5]}.{n[5:8]}.{n[8:]}",
    lambda n: f"+1 {n[2:5]}-{n[5:8]}-{n[8:]}",
    lambda n: f"tel:{n}",
    lambda n: f"{n[2:5]}-{n[5:8]}-{n[8:]} ext. 12",
)
_JUNK = ("415555", "n/a", "123", "ask reception")


class Actors:
    def __init__(self, sandbox: Sandbox, rng: random.Random, web: str) -> None:
        self.sandbox = sandbox
        self.rng = rng
        self.web = web
        self.truth = GroundTruth()
        self.writes: list[CrmWrite] = []
        self.emails: dict[Key, str] = {}
        self.parties: dict[Key, str] = {}  # record -> its Individual, in Salesforce
        self.verified: list[tuple[str, str]] = []  # what a portal was told of a number
        self.flagged: set[tuple[str, str]] = set()  # (record, what that says) by a person's hand
        self.concurrent_edit_rate = 0.02  # how likely somebody edits a record while we write to it
        self._capture_key = ""
        self._person = False
        self._queues: list[queue.Queue[Callable[[], None] | None]] = [
            queue.Queue() for _ in range(3)
        ]
        self._forms: list[queue.Queue[Callable[[], None] | None]] = [
            queue.Queue() for _ in range(2)
        ]
        self._threads = [
            threading.Thread(target=self._send, args=(jobs,), daemon=True)
            for jobs in (*self._queues, *self._forms)
        ]
        self._sent: list[Callable[[], bool]] = []  # to be replayed
        self._unacknowledged: list[str] = []  # numbers of replies that are not acknowledged yet
        self._lock = threading.Lock()
        sandbox.call(self._seed_records)
        for thread in self._threads:
            thread.start()

    # -- the CRMs --------------------------------------------------------------------------

    def _seed_records(self) -> None:
        """Give the stand-ins' contacts our phones, and record what is written to them."""
        org, portal = self.sandbox.salesforce.org, self.sandbox.hubspot.portal
        for place in range(SIZES["plain"]):
            if place % 10 == 3:  # the plan has such numbers, the network does not
                self.sandbox.network.set(number_of("plain", place), in_plan=False,
                                         problem="INVALID_BUT_POSSIBLE")  # fmt: skip
        keys = [Key("hubspot", "contacts", r["id"]) for r in portal.table.after_id(None)]
        self._populate(keys)
        keys = [
            Key("salesforce", name, r["Id"])
            for name in ("Contact", "Lead")
            for r in org.tables[name].after_id(None)
        ]
        self._populate(keys)
        org.enable_data_protection()
        for key in keys:  # each is a person of the consent records
            party = org.create("Individual", {"LastName": "Somebody"})
            org.update(key.object, key.id, {"IndividualId": party})
            self.parties[key] = party
        self._watch(portal, org)

    def _populate(self, keys: list[Key]) -> None:
        for place, key in enumerate(keys):
            first, second = FIELDS[key[:2]]
            if place < SIZES["tick"]:
                typed = {first: self._typed("tick", place), second: EMPTY}
            elif place < SIZES["tick"] + SIZES["clear"]:
                typed = {first: self._typed("clear", place - SIZES["tick"]), second: EMPTY}
            elif (above := place - SIZES["tick"] - SIZES["clear"]) < SIZES["reopen"]:
                typed = {first: self._typed("reopen", above), second: EMPTY}
            else:
                typed = {first: self._random_phone(), second: EMPTY}
                if self.rng.random() < 0.35:
                    typed[second] = self._random_phone()
            record = self._record(key)
            values = self._values(key, typed)
            values_of_record = record["properties"] if key.crm == "hubspot" else record
            values_of_record.update(
                {"HomePhone": None, "OtherPhone": None} if key.crm == "salesforce" else {}
            )
            values_of_record.update({name: value or None for name, value in values.items()})
            self.emails[key] = values_of_record.get("email") or values_of_record.get("Email") or ""
            self.truth.type_in(key, typed)

    def _typed(self, pool: str, place: int) -> TypedPhone:
        number = number_of(pool, place)
        return TypedPhone(self.rng.choice(_STYLES)(number), number)

    def _random_phone(self) -> TypedPhone:
        drawn = self.rng.random()
        if drawn < 0.08:
            return TypedPhone(self.rng.choice(_JUNK))
        pool = self.rng.choices(("plain", "stop", "wrong", "report"), (56, 16, 16, 12))[0]
        return self._typed(pool, self.rng.randrange(SIZES[pool]))

    def _values(self, key: Key, typed: Mapping[str, TypedPhone]) -> dict[str, Any]:
        where = {"hubspot": "country", "salesforce": "MailingCountry"}[key.crm]
        country = "Country" if key.object == "Lead" else where
        return {country: COUNTRY, **{name: phone.text for name, phone in typed.items()}}

    def _record(self, key: Key) -> dict[str, Any]:
        if key.crm == "hubspot":
            record = self.sandbox.hubspot.portal.table.get(key.id)
        else:
            record = self.sandbox.salesforce.org.tables[key.object].get(key.id)
        assert record is not None
        return record

    def delivered_twice(self, key: Key, flag: str) -> bool:
        """Return whether the same write of ours reached the CRM before and after a person cleared a
        flag, because a call was late. No CRM offers a write on condition that nothing has changed,
        so what the person did is overwritten, and nobody can tell."""
        sent: list[Mapping[str, Any]] = []
        cleared = False
        for write in self.writes:
            if write.key != key or flag not in write.values:
                continue
            if not write.ours:
                cleared = not _true(write.values[flag])
            elif cleared and write.values in sent:
                return True
            else:
                sent.append(write.values)
        return False

    def stop_came_late(self, key: Key) -> bool:
        """Return whether a stop stands because a write of ours that sets it reached the CRM once
        more after a later write of ours had cleared it: a call was late. In doubt the stop stays
        (docs/feedback.md)."""
        flag, sent, cleared, is_late = _STOP[key.crm], [], False, False
        for write in self.writes:
            if write.key != key or flag not in write.values:
                continue
            if not _true(write.values[flag]):
                cleared, is_late = write.ours, False
            elif write.ours:
                is_late = is_late or (cleared and write.values in sent)
                sent.append(write.values)
        return is_late

    def current_values(self, key: Key) -> dict[str, Any]:
        """Return the values of a record in its CRM. Call it within `sandbox.call`."""
        record = self._record(key)
        values: dict[str, Any] = record["properties"] if key.crm == "hubspot" else record
        return values

    def _watch(self, portal: Any, org: Any) -> None:
        to_portal, to_org = portal.update, org.update

        def record_write(
            key: Key, values: Mapping[str, Any], before: Mapping[str, Any], ours: bool
        ) -> None:
            previous = {name: before.get(name) for name in values}
            self.writes.append(CrmWrite(key, dict(values), previous, ours))

        def portal_update(record_id: str, values: dict[str, Any], *rest: Any) -> Any:
            key = Key("hubspot", "contacts", record_id)
            ours = not self._person
            record = portal.find(record_id)
            before = dict(record["properties"]) if record else {}
            if ours:
                self._concurrent_edit(key)
            result = to_portal(record_id, values, *rest)
            record_write(key, values, before, ours)
            return result

        def org_update(
            name: str, record_id: str, values: dict[str, Any], by: str = "", **kwargs: Any
        ) -> None:
            key = Key("salesforce", name, record_id)
            if key[:2] not in FIELDS:  # a task, or a consent record
                to_org(name, record_id, values, by, **kwargs)
                return
            before = dict(org.find(name, record_id) or {})
            ours = not self._person
            if ours:
                self._concurrent_edit(key)
            to_org(name, record_id, values, by, **kwargs)
            record_write(key, values, before, ours)

        portal.update, org.update = portal_update, org_update

    def _concurrent_edit(self, key: Key) -> None:
        """Let somebody change a phone at the moment in which our write to its record arrives."""
        if (
            key in self.truth.typed
            and self.rng.random() < self.concurrent_edit_rate
            and self._is_free(key)
        ):
            self._edit(key)

    def _is_free(self, key: Key) -> bool:
        """Return whether a record's phones may be edited. Those whose flags people tick keep their
        numbers, so that it is clear which number a tick means; and so do those who are asked."""
        pools = {phone.number[-4] for phone in self.truth.typed[key].values() if phone.number}
        return key not in self.truth.deleted and not pools & {"0", "1", "5", "7"}

    def _edit(self, key: Key) -> None:
        was = self._person
        self._person = True
        try:
            first, second = FIELDS[key[:2]]
            name = first if self.rng.random() < 0.7 else second
            typed = EMPTY if self.rng.random() < 0.1 else self._random_phone()
            self._act(key, {"set": {name: typed.text}})
            self.truth.type_in(key, {name: typed})
            self._changed()
        finally:
            self._person = was

    def _act(self, key: Key, action: dict[str, Any]) -> Any:
        service = self.sandbox.hubspot if key.crm == "hubspot" else self.sandbox.salesforce
        was = self._person
        self._person = True
        try:
            return service.act(key.object, key.id, action)
        finally:
            self._person = was

    def _changed(self) -> None:
        self.truth.last_change = time.time()

    def _pick_record(self) -> Key | None:
        free = [key for key in self.truth.typed if self._is_free(key)]
        return self.rng.choice(free) if free else None

    # -- actions ----------------------------------------------------------------------

    def do(self, kind: str, seed: int) -> None:
        getattr(self, f"do_{kind}")(random.Random(seed))

    def do_edit(self, _rng: random.Random) -> None:
        if key := self._pick_record():
            self.sandbox.call(lambda: self._edit(key))

    def edit_in(self, crm: str) -> str:
        """Edit a record of a CRM; return its object. Call it within `sandbox.call`."""
        keys = [key for key in self.truth.typed if key.crm == crm and self._is_free(key)]
        key = self.rng.choice(keys)
        self._edit(key)
        return key.object

    def do_late(self, rng: random.Random) -> None:
        """A change that is seen now, and stamped some seconds ago."""
        key = self._pick_record()
        if key is None:
            return
        name, typed = FIELDS[key[:2]][0], self._random_phone()

        def late() -> None:
            values = {name: typed.text or None}
            skew = self.sandbox.hubspot.clock.skew.total_seconds()
            self._act(key, {"late": rng.uniform(0.5, 2.5) - skew, "values": values})
            self.truth.type_in(key, {name: typed})
            self._changed()

        self.sandbox.call(late)

    def do_create(self, rng: random.Random) -> None:
        self.sandbox.call(lambda: self._create(rng))

    def _create(
        self, rng: random.Random, pool: str = "", where: tuple[str, str] | None = None
    ) -> Key:
        crm, name = where or rng.choice(list(FIELDS))
        first, second = FIELDS[crm, name]
        typed = {first: self._typed(pool, 0) if pool else self._random_phone(), second: EMPTY}
        email = f"newcomer.{uuid.UUID(int=rng.getrandbits(128)).hex[:10]}@example.com"
        values = self._values(Key(crm, name, ""), typed)
        if crm == "hubspot":
            record_id = self.sandbox.hubspot.portal.create({"email": email, **values})
        else:
            fields = {"LastName": "Newcomer", "Email": email}
            fields |= {"Company": "Halcyon Foods"} if name == "Lead" else {}
            record_id = self.sandbox.salesforce.org.create(name, {**fields, **values})
        key = Key(crm, name, record_id)
        self.truth.type_in(key, typed)
        self.emails[key] = email
        self._changed()
        return key

    def do_delete(self, _rng: random.Random) -> None:
        if key := self._pick_record():
            self.sandbox.call(lambda: self._delete(key))

    def _delete(self, key: Key) -> None:
        self._act(key, {"delete": True})
        self.truth.deleted.add(key)

    def do_stop(self, rng: random.Random) -> None:
        self._reply(number_of("stop", rng.randrange(SIZES["stop"])), "STOP", "stop", "STOP")

    def do_start(self, rng: random.Random) -> None:
        self._reply(number_of("stop", rng.randrange(SIZES["stop"])), "START", "start", "START")

    def do_wrong(self, rng: random.Random) -> None:
        pool = rng.choice(("wrong", "wrong", "clear"))
        number = number_of(pool, rng.randrange(SIZES[pool]))
        if any(
            statement.kind == "confirmed" for statement in self.truth.statements.get(number, ())
        ):
            return  # whom a reply means that comes after that, nobody can tell
        self._reply(number, "Wrong number, there is no Zebulon Quillfeather here", "wrong")

    def do_tick(self, rng: random.Random) -> None:
        """A CRM user ticks "wrong number" on a contact with that one number."""
        number = number_of("tick", rng.randrange(SIZES["tick"]))
        if number in self.truth.statements:
            return
        holders = [k for k, typed in self.truth.typed.items() if self._has_number(typed, number)]
        key = rng.choice(sorted(holders))

        def tick() -> None:
            self._act(key, {"set": {WRONG_NUMBER[key.crm]: _bool(key.crm, True)}})
            self.truth.record(number, "wrong", time.time())
            self.flagged.add(("/".join(key), "wrong_number"))
            self._changed()

        self.sandbox.call(tick)

    def do_clear(self, _rng: random.Random) -> None:
        """A CRM user clears the flag that we set because of a reply."""

        def clear() -> None:
            for key, typed in self.truth.typed.items():
                number = next((t.number for t in typed.values() if t.number), None)
                if number is None or number[-4] != "7" or number in self._unacknowledged:
                    continue  # of a reply that is on its way nobody can tell which word is last
                kinds = [statement.kind for statement in self.truth.statements.get(number, ())]
                # A second reply that has not reached this CRM yet counts as later than the clearing
                # (docs/feedback.md), and from outside nobody can tell whether it has.
                if kinds == ["wrong"] and _true(
                    self.current_values(key).get(WRONG_NUMBER[key.crm])
                ):
                    self._act(key, {"set": {WRONG_NUMBER[key.crm]: _bool(key.crm, False)}})
                    self.truth.record(number, "confirmed", time.time())
                    self.flagged.add(("/".join(key), "confirmed"))
                    self._changed()
                    return

        self.sandbox.call(clear)

    def do_reopen(self, rng: random.Random) -> None:
        """Somebody replies STOP; when our flags are there, a CRM user clears them for that person;
        after that, STOP comes again."""
        number = number_of("reopen", rng.randrange(SIZES["reopen"]))
        kinds = [statement.kind for statement in self.truth.statements.get(number, ())]
        if number in self._unacknowledged:
            return  # of a reply that is on its way nobody can tell which word is last
        if kinds in ([], ["stop", "agree"]):
            self._reply(number, "STOP", "stop", "STOP")
        elif kinds == ["stop"]:
            self.sandbox.call(lambda: self._reopen(number, rng))

    def _reopen(self, number: str, rng: random.Random) -> None:
        holders = [k for k, typed in self.truth.typed.items() if self._has_number(typed, number)]
        key = rng.choice(sorted(holders))
        flags = STOPS[key.crm]
        if all(_true(self.current_values(key).get(flag)) for flag in flags):
            self._act(key, {"set": dict.fromkeys(flags, _bool(key.crm, False))})
            self.truth.record(number, "agree", time.time(), key)
            self.flagged.add(("/".join(key), "opt_in"))
            self._changed()

    def do_report(self, rng: random.Random) -> None:
        """Another tool reports through the API what was said at two moments, in any order."""
        number = number_of("report", rng.randrange(SIZES["report"]))
        if number in self.truth.statements:
            return
        now = time.time()
        pairs: tuple[tuple[StatementKind, StatementKind], ...] = (
            ("refuse", "agree"), ("agree", "refuse"), ("wrong", "confirmed"),
        )  # fmt: skip
        first, second = rng.choice(pairs)
        statements = [(first, now - 3600), (second, now - 1800)]
        rng.shuffle(statements)
        for kind, at in statements:
            self.truth.record(number, kind, at)
            self._report(number, kind, at)

    def do_suppress(self, rng: random.Random) -> None:
        """A second tool of ours reports a complaint."""
        number = number_of("stop", rng.randrange(SIZES["stop"]))
        self._queue_for(number).put(lambda: self._complain(number))

    def _complain(self, number: str) -> None:
        key = uuid.uuid4().hex
        body = {"kind": "complaint", "number": number, "key": key}
        self._send_until_accepted(lambda: self._api("/api/feedback", body), f"api:{key}:{number}")
        self.truth.record(number, "refuse", time.time())
        self._changed()

    def do_replay(self, rng: random.Random) -> None:
        """A message that was acknowledged is delivered again, as senders do."""
        with self._lock:
            again = rng.choice(self._sent) if self._sent else None
        if again is not None:
            self._queues[rng.randrange(3)].put(lambda: (again(), None)[1])

    def do_forge(self, rng: random.Random) -> None:
        number = number_of("plain", rng.randrange(SIZES["plain"]))

        def forge() -> None:
            form = {"From": number, "MessageSid": f"SM{uuid.uuid4().hex}", "Body": "STOP",
                    "OptOutType": "STOP"}  # fmt: skip
            url = f"{self.web}/webhooks/twilio/sms"
            try:
                code = requests.post(
                    url, data=form, headers={"X-Twilio-Signature": "bm90IHR3aWxpbw=="}, timeout=3
                ).status_code
            except requests.RequestException:
                return
            self.truth.forged += 1
            self.truth.forged_accepted += code < 300

        self._queues[rng.randrange(3)].put(forge)

    def do_verify(self, rng: random.Random) -> None:
        """A portal asks of a number that somebody is typing."""
        number = number_of("plain", rng.randrange(SIZES["plain"]))

        def verify() -> None:
            headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
            answer = requests.post(
                f"{self.web}/api/numbers/verify",
                json={"number": number},
                headers=headers,
                timeout=4,
            )
            if answer.status_code == 200:
                self.verified.append((number, answer.json()["status"]))

        self._queues[rng.randrange(3)].put(verify)

    def add_form(self) -> None:
        """Add a capture key for a form, with a small budget of its own."""
        body = {"name": "shop", "origins": [FORM], "day_budget": FORM_BUDGET,
                "month_budget": FORM_BUDGET}  # fmt: skip
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        answer = requests.post(
            f"{self.web}/api/capture-keys", json=body, headers=headers, timeout=4
        )
        answer.raise_for_status()
        self._capture_key = answer.json()["key"]

    def do_capture(self, rng: random.Random) -> None:
        """Visitors of a form type numbers that no contact has, two of them the same one at once."""
        if not self._capture_key:
            return
        headers = {"Authorization": f"Bearer {self._capture_key}", "Origin": FORM}

        def ask(number: str) -> None:
            answer = requests.post(
                f"{self.web}/api/numbers/verify", json={"number": number}, headers=headers,
                timeout=4,
            )  # fmt: skip
            if answer.status_code == 200:
                self.verified.append((number, answer.json()["status"]))

        for place in rng.sample(range(SIZES["capture"]), 3):
            for jobs in self._forms:
                jobs.put(partial(ask, number_of("capture", place)))

    def do_dry(self, rng: random.Random) -> None:
        """An admin asks what a re-scan would do."""
        crm = rng.choice(("salesforce", "hubspot"))
        body = {"connector": crm, "dry_run": True}
        self._queues[0].put(lambda: (self._api("/api/rescans", body), None)[1])

    # -- sending ---------------------------------------------------------------------------

    def _queue_for(self, number: str) -> queue.Queue[Callable[[], None] | None]:
        """One queue a number, so that what is said about it arrives in order."""
        return self._queues[int(number[-4:]) % 3]

    def reply_of(
        self, number: str, body: str, opt_out_type: str = ""
    ) -> tuple[str, Callable[[], bool]]:
        """Return a new reply by text: the key of its report, and what delivers it to our webhook
        and says whether it was acknowledged."""
        sid = f"SM{uuid.uuid4().hex}"
        form = {"From": number, "MessageSid": sid, "Body": body}
        if opt_out_type:
            form["OptOutType"] = opt_out_type

        def send() -> bool:
            url = f"{self.web}/webhooks/twilio/sms"
            headers = {"X-Twilio-Signature": _twilio(url, form)}
            return requests.post(url, data=form, headers=headers, timeout=4).status_code < 300

        return f"twilio:sms:{sid}", send

    def _reply(self, number: str, body: str, kind: StatementKind, opt_out_type: str = "") -> None:
        key, send = self.reply_of(number, body, opt_out_type)

        def sending() -> None:
            self._send_until_accepted(send, key)
            self.truth.record(number, kind, time.time())
            self._unacknowledged.remove(number)
            self._changed()

        self._unacknowledged.append(number)
        self._queue_for(number).put(sending)

    def _report(self, number: str, kind: StatementKind, at: float) -> None:
        names = {"refuse": "opt_out", "agree": "opt_in", "wrong": "wrong_number"}
        key = uuid.uuid4().hex
        body = {"kind": names.get(kind, kind), "number": number, "key": key,
                "at": datetime.fromtimestamp(at, UTC).isoformat()}  # fmt: skip

        def sending() -> None:
            self._send_until_accepted(
                lambda: self._api("/api/feedback", body), f"api:{key}:{number}"
            )
            self._changed()

        self._queue_for(number).put(sending)

    def _api(self, path: str, body: dict[str, Any]) -> bool:
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        answer = requests.post(f"{self.web}{path}", json=body, headers=headers, timeout=4)
        return answer.status_code < 300

    def _send_until_accepted(self, send: Callable[[], bool], key: str) -> None:
        """Send until it is acknowledged, as senders do."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                if send():
                    with self._lock:
                        self.truth.messages.add(key)
                        self._sent.append(send)
                    return
            except requests.RequestException:
                pass
            time.sleep(0.15)
        raise TimeoutError("a message was not acknowledged within a minute")

    def _send(self, jobs: queue.Queue[Callable[[], None] | None]) -> None:
        while (job := jobs.get()) is not None:
            try:
                job()
            except (requests.RequestException, TimeoutError):
                pass
            finally:
                jobs.task_done()
        jobs.task_done()

    @property
    def busy(self) -> bool:
        return any(jobs.unfinished_tasks for jobs in (*self._queues, *self._forms))

    def stop(self) -> None:
        for jobs in (*self._queues, *self._forms):
            jobs.put(None)

    @staticmethod
    def _has_number(typed: Mapping[str, TypedPhone], number: str) -> bool:
        return any(phone.number == number for phone in typed.values())


WRONG_NUMBER = {"salesforce": "Wrong_Number__c", "hubspot": "hygiene_wrong_number"}
STOPS = {
    "salesforce": ("Phone_Do_Not_Contact__c", "Phone_Do_Not_Call__c", "Phone_Do_Not_Text__c"),
    "hubspot": ("hygiene_do_not_contact", "hygiene_do_not_call", "hygiene_do_not_text"),
}
_STOP = {crm: flags[0] for crm, flags in STOPS.items()}


def _bool(crm: str, value: bool) -> Any:
    return str(value).lower() if crm == "hubspot" else value


def _true(value: Any) -> bool:
    return value in (True, "true")


def _twilio(url: str, form: Mapping[str, str]) -> str:
    """Sign as Twilio does: HMAC-SHA1 of the address and the sorted parameters."""
    text = url + "".join(name + form[name] for name in sorted(form))
    digest = hmac.digest(TWILIO_TOKEN.encode(), text.encode(), hashlib.sha1)
    return base64.b64encode(digest).decode()
