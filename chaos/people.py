"""What people do while all goes wrong, and what the CRMs saw of it.

People edit, create and delete contacts, reply to messages, tick and clear flags. Each keeps to the
numbers of its own pool, so that what must come of it is plain to see (`chaos.model`). Beside that
every write that reached a CRM is kept, with the values before: what an undo is held against.
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
from typing import Any, Literal, NamedTuple

import requests

from sandbox.run import Sandbox

CONTACTS = 84  # in each CRM
TWILIO_TOKEN = "sandbox-twilio-auth-token"
HUBSPOT_SECRET = "chaos-client-secret"
ADMIN_TOKEN = "chaos-admin-token"
COUNTRY = "United States"

POOLS = {
    "plain": 2000, "stop": 3000, "wrong": 4000, "tick": 5000, "tell": 6000, "clear": 7000,
    "last": 8000,  # those of the checks at the end
}  # fmt: skip
SIZES = {"plain": 70, "stop": 12, "wrong": 12, "tick": 8, "tell": 10, "clear": 6}
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
class Typed:
    """What a person typed into a phone field, and which number is meant; None: no number at all."""

    text: str
    number: str | None = None


EMPTY = Typed("")
# "stop" and "start" are texts; "refuse" and "agree" were said in another way.
Kind = Literal["stop", "start", "refuse", "agree", "wrong", "confirmed"]


@dataclass(frozen=True)
class Word:
    """Something said about a number; `at` orders what was said of it."""

    kind: Kind
    at: float


@dataclass(frozen=True)
class Write:
    """An update that a CRM carried out."""

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
class Known:
    """What the model goes by."""

    typed: dict[Key, dict[str, Typed]] = field(default_factory=dict)
    deleted: set[Key] = field(default_factory=set)
    words: dict[str, list[Word]] = field(default_factory=dict)
    messages: set[str] = field(default_factory=set)  # that were acknowledged
    forged: int = 0
    forged_taken: int = 0
    last_change: float = 0.0  # by time.time()

    def say(self, number: str, kind: Kind, at: float) -> None:
        self.words.setdefault(number, []).append(Word(kind, at))


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


class People:
    def __init__(self, sandbox: Sandbox, dice: random.Random, web: str) -> None:
        self.sandbox = sandbox
        self.dice = dice
        self.web = web
        self.known = Known()
        self.writes: list[Write] = []
        self.emails: dict[Key, str] = {}
        self.flagged: set[tuple[str, str]] = set()  # (record, what that says) by a person's hand
        self.meddling = 0.0  # how likely somebody edits a record while we write to it
        self.urls: list[str] = []
        self._person = False
        self._lines: list[queue.Queue[Callable[[], None] | None]] = [
            queue.Queue() for _ in range(3)
        ]
        self._threads = [
            threading.Thread(target=self._send, args=(line,), daemon=True) for line in self._lines
        ]
        self._sent: list[Callable[[], bool]] = []  # to be replayed
        self._on_the_way: list[str] = []  # numbers of replies that are not acknowledged yet
        self._lock = threading.Lock()
        sandbox.call(self._move_in)
        for thread in self._threads:
            thread.start()

    # -- the CRMs --------------------------------------------------------------------------

    def _move_in(self) -> None:
        """Make the stand-ins' contacts ours, and watch what is written to them."""
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
        self._watch(portal, org)

    def _populate(self, keys: list[Key]) -> None:
        for place, key in enumerate(keys):
            first, second = FIELDS[key[:2]]
            if place < SIZES["tick"]:
                typed = {first: self._typed("tick", place), second: EMPTY}
            elif place < SIZES["tick"] + SIZES["clear"]:
                typed = {first: self._typed("clear", place - SIZES["tick"]), second: EMPTY}
            else:
                typed = {first: self._any(), second: EMPTY}
                if self.dice.random() < 0.35:
                    typed[second] = self._any()
            record = self._record(key)
            values = self._values(key, typed)
            holder = record["properties"] if key.crm == "hubspot" else record
            holder.update(
                {"HomePhone": None, "OtherPhone": None} if key.crm == "salesforce" else {}
            )
            holder.update({name: value or None for name, value in values.items()})
            self.emails[key] = holder.get("email") or holder.get("Email") or ""
            self.known.typed[key] = typed

    def _typed(self, pool: str, place: int) -> Typed:
        number = number_of(pool, place)
        return Typed(self.dice.choice(_STYLES)(number), number)

    def _any(self) -> Typed:
        drawn = self.dice.random()
        if drawn < 0.08:
            return Typed(self.dice.choice(_JUNK))
        pool = self.dice.choices(("plain", "stop", "wrong", "tell"), (56, 16, 16, 12))[0]
        return self._typed(pool, self.dice.randrange(SIZES[pool]))

    def _values(self, key: Key, typed: Mapping[str, Typed]) -> dict[str, Any]:
        where = {"hubspot": "country", "salesforce": "MailingCountry"}[key.crm]
        country = "Country" if key.object == "Lead" else where
        return {country: COUNTRY, **{name: one.text for name, one in typed.items()}}

    def _record(self, key: Key) -> dict[str, Any]:
        if key.crm == "hubspot":
            found = self.sandbox.hubspot.portal.table.get(key.id)
        else:
            found = self.sandbox.salesforce.org.tables[key.object].get(key.id)
        assert found is not None
        return found

    def delivered_twice(self, key: Key) -> bool:
        """Whether one and the same write of ours reached the CRM before and after a person cleared
        a flag: a call that was late on its way. No CRM has a write on condition that nothing has
        changed; then the person's word is written over, and nobody can tell."""
        flag, sent, cleared = _FLAG[key.crm], [], False
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

    def held(self, key: Key) -> dict[str, Any]:
        """What a CRM holds of a record; to be asked within `sandbox.call`."""
        record = self._record(key)
        values: dict[str, Any] = record["properties"] if key.crm == "hubspot" else record
        return values

    def _watch(self, portal: Any, org: Any) -> None:
        to_portal, to_org = portal.update, org.update

        def note(
            key: Key, values: Mapping[str, Any], before: Mapping[str, Any], ours: bool
        ) -> None:
            held = {name: before.get(name) for name in values}
            self.writes.append(Write(key, dict(values), held, ours))

        def portal_update(record_id: str, values: dict[str, Any], *said: Any) -> Any:
            key = Key("hubspot", "contacts", record_id)
            ours = not self._person
            found = portal.find(record_id)
            before = dict(found["properties"]) if found else {}
            if ours:
                self._meddle(key)
            result = to_portal(record_id, values, *said)
            note(key, values, before, ours)
            return result

        def org_update(
            name: str, record_id: str, values: dict[str, Any], by: str = "", **more: Any
        ) -> None:
            key = Key("salesforce", name, record_id)
            before = dict(org.find(name, record_id) or {})
            ours = not self._person
            if ours:
                self._meddle(key)
            to_org(name, record_id, values, by, **more)
            note(key, values, before, ours)

        portal.update, org.update = portal_update, org_update

    def _meddle(self, key: Key) -> None:
        """Somebody changes a phone just as our write to its record arrives."""
        if key in self.known.typed and self.dice.random() < self.meddling and self._is_free(key):
            self._edit(key)

    def _is_free(self, key: Key) -> bool:
        """Records whose flags people tick keep their numbers: then it is plain what is meant."""
        pools = {one.number[-4] for one in self.known.typed[key].values() if one.number}
        return key not in self.known.deleted and not pools & {"5", "7"}

    def _edit(self, key: Key) -> None:
        was = self._person
        self._person = True
        try:
            first, second = FIELDS[key[:2]]
            name = first if self.dice.random() < 0.7 else second
            typed = EMPTY if self.dice.random() < 0.1 else self._any()
            self._act(key, {"set": {name: typed.text}})
            self.known.typed[key] = {**self.known.typed[key], name: typed}
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
        self.known.last_change = time.time()

    def _some(self) -> Key | None:
        free = [key for key in self.known.typed if self._is_free(key)]
        return self.dice.choice(free) if free else None

    # -- what they do ----------------------------------------------------------------------

    def do(self, kind: str, dice: random.Random) -> None:
        getattr(self, f"do_{kind}")(dice)

    def do_edit(self, _dice: random.Random) -> None:
        if key := self._some():
            self.sandbox.call(lambda: self._edit(key))

    def do_late(self, dice: random.Random) -> None:
        """A change that is seen now, and stamped some seconds ago."""
        key = self._some()
        if key is None:
            return
        name, typed = FIELDS[key[:2]][0], self._any()

        def late() -> None:
            values = {name: typed.text or None}
            skew = self.sandbox.hubspot.clock.skew.total_seconds()
            self._act(key, {"late": dice.uniform(0.5, 2.5) - skew, "values": values})
            self.known.typed[key] = {**self.known.typed[key], name: typed}
            self._changed()

        self.sandbox.call(late)

    def do_create(self, dice: random.Random) -> None:
        self.sandbox.call(lambda: self._create(dice))

    def _create(self, dice: random.Random, pool: str = "") -> Key:
        crm, name = dice.choice(list(FIELDS))
        first, second = FIELDS[crm, name]
        typed = {first: self._typed(pool, 0) if pool else self._any(), second: EMPTY}
        email = f"newcomer.{uuid.UUID(int=dice.getrandbits(128)).hex[:10]}@example.com"
        values = self._values(Key(crm, name, ""), typed)
        if crm == "hubspot":
            made = self.sandbox.hubspot.portal.create({"email": email, **values})
        else:
            more = {"LastName": "Newcomer", "Email": email}
            more |= {"Company": "Halcyon Foods"} if name == "Lead" else {}
            made = self.sandbox.salesforce.org.create(name, {**more, **values})
        key = Key(crm, name, made)
        self.known.typed[key] = typed
        self.emails[key] = email
        self._changed()
        return key

    def do_delete(self, _dice: random.Random) -> None:
        if key := self._some():
            self.sandbox.call(lambda: self._delete(key))

    def _delete(self, key: Key) -> None:
        self._act(key, {"delete": True})
        self.known.deleted.add(key)

    def do_stop(self, dice: random.Random) -> None:
        self._reply(number_of("stop", dice.randrange(SIZES["stop"])), "STOP", "stop", "STOP")

    def do_start(self, dice: random.Random) -> None:
        self._reply(number_of("stop", dice.randrange(SIZES["stop"])), "START", "start", "START")

    def do_wrong(self, dice: random.Random) -> None:
        pool = dice.choice(("wrong", "wrong", "clear"))
        number = number_of(pool, dice.randrange(SIZES[pool]))
        if any(word.kind == "confirmed" for word in self.known.words.get(number, ())):
            return  # whom a reply means that comes after that, nobody can tell
        self._reply(number, "Wrong number, there is no Zebulon Quillfeather here", "wrong")

    def do_tick(self, dice: random.Random) -> None:
        """A CRM user ticks "wrong number" on a contact with that one number."""
        number = number_of("tick", dice.randrange(SIZES["tick"]))
        if number in self.known.words:
            return
        holders = [k for k, typed in self.known.typed.items() if self._holds(typed, number)]
        key = dice.choice(sorted(holders))

        def tick() -> None:
            self._act(key, {"set": {_FLAG[key.crm]: _bool(key.crm, True)}})
            self.known.say(number, "wrong", time.time())
            self.flagged.add(("/".join(key), "wrong_number"))
            self._changed()

        self.sandbox.call(tick)

    def do_clear(self, _dice: random.Random) -> None:
        """A CRM user clears the flag that we set because of a reply."""

        def clear() -> None:
            for key, typed in self.known.typed.items():
                number = next((t.number for t in typed.values() if t.number), None)
                if number is None or number[-4] != "7" or number in self._on_the_way:
                    continue  # of a reply that is on its way nobody can tell which word is last
                said = [word.kind for word in self.known.words.get(number, ())]
                if said and "confirmed" not in said and _true(self.held(key).get(_FLAG[key.crm])):
                    self._act(key, {"set": {_FLAG[key.crm]: _bool(key.crm, False)}})
                    self.known.say(number, "confirmed", time.time())
                    self.flagged.add(("/".join(key), "confirmed"))
                    self._changed()
                    return

        self.sandbox.call(clear)

    def do_tell(self, dice: random.Random) -> None:
        """Another tool reports through the API what was said at two moments, in any order."""
        number = number_of("tell", dice.randrange(SIZES["tell"]))
        if number in self.known.words:
            return
        now = time.time()
        pairs: tuple[tuple[Kind, Kind], ...] = (
            ("refuse", "agree"), ("agree", "refuse"), ("wrong", "confirmed"),
        )  # fmt: skip
        first, second = dice.choice(pairs)
        words = [(first, now - 3600), (second, now - 1800)]
        dice.shuffle(words)
        for kind, at in words:
            self.known.say(number, kind, at)
            self._report(number, kind, at)

    def do_suppress(self, dice: random.Random) -> None:
        """A second tool of ours reports a complaint."""
        number = number_of("stop", dice.randrange(SIZES["stop"]))
        self._line(number).put(lambda: self._complain(number))

    def _complain(self, number: str) -> None:
        key = uuid.uuid4().hex
        body = {"kind": "complaint", "number": number, "key": key}
        self._until_taken(lambda: self._api("/api/feedback", body), f"api:{key}:{number}")
        self.known.say(number, "refuse", time.time())
        self._changed()

    def do_replay(self, dice: random.Random) -> None:
        """A message that was acknowledged is delivered again, as senders do."""
        with self._lock:
            again = dice.choice(self._sent) if self._sent else None
        if again is not None:
            self._lines[dice.randrange(3)].put(lambda: (again(), None)[1])

    def do_forge(self, dice: random.Random) -> None:
        number = number_of("plain", dice.randrange(SIZES["plain"]))

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
            self.known.forged += 1
            self.known.forged_taken += code < 300

        self._lines[dice.randrange(3)].put(forge)

    def do_dry(self, dice: random.Random) -> None:
        """An admin asks what a re-scan would do."""
        crm = dice.choice(("salesforce", "hubspot"))
        body = {"connector": crm, "dry_run": True}
        self._lines[0].put(lambda: (self._api("/api/rescans", body), None)[1])

    # -- sending ---------------------------------------------------------------------------

    def _line(self, number: str) -> queue.Queue[Callable[[], None] | None]:
        """One line a number: what is said of it arrives in that order."""
        return self._lines[int(number[-4:]) % 3]

    def _reply(self, number: str, body: str, kind: Kind, opt_out_type: str = "") -> None:
        sid = f"SM{uuid.uuid4().hex}"
        form = {"From": number, "MessageSid": sid, "Body": body}
        if opt_out_type:
            form["OptOutType"] = opt_out_type

        def send() -> bool:
            url = f"{self.web}/webhooks/twilio/sms"
            headers = {"X-Twilio-Signature": _twilio(url, form)}
            return requests.post(url, data=form, headers=headers, timeout=4).status_code < 300

        def sending() -> None:
            self._until_taken(send, f"twilio:sms:{sid}")
            self.known.say(number, kind, time.time())
            self._on_the_way.remove(number)
            self._changed()

        self._on_the_way.append(number)
        self._line(number).put(sending)

    def _report(self, number: str, kind: Kind, at: float) -> None:
        names = {"refuse": "opt_out", "agree": "opt_in", "wrong": "wrong_number"}
        key = uuid.uuid4().hex
        body = {"kind": names.get(kind, kind), "number": number, "key": key,
                "at": datetime.fromtimestamp(at, UTC).isoformat()}  # fmt: skip

        def sending() -> None:
            self._until_taken(lambda: self._api("/api/feedback", body), f"api:{key}:{number}")
            self._changed()

        self._line(number).put(sending)

    def _api(self, path: str, body: dict[str, Any]) -> bool:
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        answer = requests.post(f"{self.web}{path}", json=body, headers=headers, timeout=4)
        return answer.status_code < 300

    def _until_taken(self, send: Callable[[], bool], key: str) -> None:
        """As a sender does: again and again until it is acknowledged."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                if send():
                    with self._lock:
                        self.known.messages.add(key)
                        self._sent.append(send)
                    return
            except requests.RequestException:
                pass
            time.sleep(0.15)
        raise TimeoutError("a message was not acknowledged within a minute")

    def _send(self, line: queue.Queue[Callable[[], None] | None]) -> None:
        while (job := line.get()) is not None:
            try:
                job()
            except (requests.RequestException, TimeoutError):
                pass
            finally:
                line.task_done()
        line.task_done()

    @property
    def busy(self) -> bool:
        return any(line.unfinished_tasks for line in self._lines)

    def go_home(self) -> None:
        for line in self._lines:
            line.put(None)

    @staticmethod
    def _holds(typed: Mapping[str, Typed], number: str) -> bool:
        return any(one.number == number for one in typed.values())


_FLAG = {"salesforce": "Wrong_Number__c", "hubspot": "hygiene_wrong_number"}


def _bool(crm: str, value: bool) -> Any:
    return str(value).lower() if crm == "hubspot" else value


def _true(value: Any) -> bool:
    return value in (True, "true")


def _twilio(url: str, form: Mapping[str, str]) -> str:
    """As Twilio signs: the address and the sorted parameters, by HMAC-SHA1."""
    text = url + "".join(name + form[name] for name in sorted(form))
    made = hmac.digest(TWILIO_TOKEN.encode(), text.encode(), hashlib.sha1)
    return base64.b64encode(made).decode()
