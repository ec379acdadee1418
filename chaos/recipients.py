"""People who are asked by text whether their number is still right, and what they do about it.

An ask campaign is started before the faults strike, and its texts go out while they do. Each person
has a record in both CRMs, with the same number and the same email address, and a role: some must
not be asked, some come to be so while the texts go out, and the others open their link, answer, or
do neither. None of the product's code is used.
"""

from __future__ import annotations

import random
import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import requests

from chaos.actors import COUNTRY, FIELDS, Actors, Key, StatementKind, TypedPhone, number_of
from chaos.environment import Environment
from sandbox.messages import SentMessage

Role = Literal[
    "yes", "no", "new", "changes_mind", "stops", "opens", "ignores",
    "never_agreed", "refused", "not_in_service", "under_review",
    "refuses_now", "is_wrong_now", "is_doubtful_now",
]  # fmt: skip
# Who is in the campaign, in the order in which they are asked: CRMs give ids in that order. Whoever
# speaks up while texts go out comes last, so that there is time for it.
_ROLES: tuple[Role, ...] = (
    "never_agreed", "refused", "not_in_service", "under_review",
    "yes", "no", "new", "changes_mind", "stops", "opens", "ignores",
    "yes", "no", "new", "opens", "ignores",
    "ignores", "opens", "refuses_now", "is_wrong_now", "is_doubtful_now", "refuses_now",
)  # fmt: skip
_NEVER: frozenset[Role] = frozenset({"never_agreed", "refused", "not_in_service", "under_review"})
_ASKED_AGAIN: frozenset[Role] = frozenset({"yes", "opens", "ignores"})  # once the wait is over
_DOUBTFUL = "is this the wrong number for support?"
_WRONG = "Wrong number, there is no Zebulon Quillfeather here"
# What each role says on its page: the button, and what it means.
_ANSWERS: dict[str, tuple[tuple[str, StatementKind], ...]] = {
    "yes": (("yes", "confirmed"),), "no": (("no", "wrong"),), "new": (("new", "wrong"),),
    "changes_mind": (("no", "wrong"), ("yes", "confirmed")),
}  # fmt: skip
_KINDS = {"yes": "confirmed", "no": "wrong_number", "new": "corrected"}
_LINK = re.compile(r"http://\S+(/confirm/\S+)")
_CAMPAIGN = "spring"
_PER_MINUTE = "240"
_LATE = 3.0  # seconds that a text may be on its way between its claim and the vendor
_FROZEN = 8.0  # the same, where workers were frozen in between
SETTINGS = '\n[asking]\nevery = "1s"\n'


class Recipients:
    """`links`: paths of the links that were sent. `injected`: the faults that struck."""

    def __init__(self, environment: Environment, actors: Actors, seed: int) -> None:
        self.links: set[str] = set()
        self.injected: list[str] = []
        self._environment = environment
        self._actors = actors
        self._messages = actors.sandbox.messages
        self._rng = random.Random(f"recipients {seed}")
        self._roles = {number_of("ask", place): role for place, role in enumerate(_ROLES)}
        self._keys: dict[str, list[Key]] = {}
        self._received: list[tuple[float, SentMessage]] = []
        self._spoke: dict[str, float] = {}  # since when a number must not be asked, by time.time()
        self._on_pages: list[tuple[str, str]] = []  # (number, kind) of answers on pages
        self._ended = threading.Event()
        actors.sandbox.call(self._move_in)

    def _move_in(self) -> None:
        portal, org = self._actors.sandbox.hubspot.portal, self._actors.sandbox.salesforce.org
        network = self._actors.sandbox.network
        for number, role in self._roles.items():
            network.set(
                number, kind="mobile", assigned=True, live="active",
                in_plan=role != "not_in_service", problem="INVALID_BUT_POSSIBLE",
            )  # fmt: skip
            email = f"asked.{number[-4:]}@example.com"
            name = self._rng.choice(("Contact", "Lead"))
            country = {"Contact": "MailingCountry", "Lead": "Country"}[name]
            fields = {"LastName": "Asked", "Email": email, country: COUNTRY, "MobilePhone": number}
            fields |= {"Company": "Halcyon Foods"} if name == "Lead" else {}
            of_portal = {"email": email, "country": COUNTRY, "mobilephone": number}
            self._keys[number] = [
                Key("hubspot", "contacts", portal.create(of_portal)),
                Key("salesforce", name, org.create(name, fields)),
            ]
            for key in self._keys[number]:
                first, second = FIELDS[key[:2]]
                typed = {first: TypedPhone(""), second: TypedPhone(number, number)}
                self._actors.truth.typed[key] = typed
                self._actors.emails[key] = email

    # -- before the faults ---------------------------------------------------------------

    def agree(self) -> None:
        """Have all but one agree to texts, and the CRMs read: then the campaign knows them."""
        rows = []
        for number, role in self._roles.items():
            if role != "never_agreed":
                rows.append(f"opt_in,{number},agreed {number[-4:]}")
                self._actors.truth.messages.add(f"api:agreed {number[-4:]}:{number}")
        file = self._environment.home / "agreed.csv"
        file.write_text("\n".join(["kind,number,key", *rows]) + "\n")
        self._command("feedback", "import", str(file), "--json", "--later")
        self._command("sync", "--json")

    def start(self) -> None:
        """Have some speak up, and start the campaign: its texts go out from now on."""
        for number, role in self._roles.items():
            if role == "refused":
                self._say(number, "STOP", "stop", "STOP")
            elif role == "under_review":
                self._say(number, _DOUBTFUL)
        self._command("ask", "start", _CAMPAIGN, "--budget", "10", "--per-minute", _PER_MINUTE)
        threading.Thread(target=self._read_texts, daemon=True).start()

    def _command(self, *argv: str) -> None:
        code, out = self._environment.command("worker", *argv)
        if code:
            raise RuntimeError(f"{' '.join(argv)}: exit {code}, {out[:300]!r}")

    # -- what they do --------------------------------------------------------------------

    def _read_texts(self) -> None:
        """Take each text as it comes, and have its recipient answer in their own time."""
        while not self._ended.wait(0.02):
            new = self._messages.sent[len(self._received) :]
            if new and not self._received:
                self._speak_up()
            for message in new:
                self._received.append((time.time(), message))
                if found := _LINK.search(message.body):
                    self.links.add(found[1])
                    self._answer(message.to, found[1])

    def _speak_up(self) -> None:
        for number, role in self._roles.items():
            if role == "refuses_now":
                self._later(number, "STOP", "stop", "STOP")
            elif role == "is_wrong_now":
                self._later(number, _WRONG, "wrong")
            elif role == "is_doubtful_now":
                self._later(number, _DOUBTFUL)

    def _answer(self, number: str, path: str) -> None:
        role = self._roles.get(number, "ignores")
        if role == "ignores":
            return
        if role == "stops":
            self._later(number, "STOP", "stop", "STOP")
            return
        url = f"{self._actors.web}{path}"

        def act() -> None:
            self._until(lambda: requests.get(url, timeout=4).ok)
            for button, means in _ANSWERS.get(role, ()):
                form = {"answer": button, "nonce": uuid.uuid4().hex[:12]}
                if button == "new":
                    form["number"] = number_of("ask", 60 + int(number[-2:]))
                self._until(lambda: requests.post(url, data=form, timeout=4).ok)  # noqa: B023
                self._actors.truth.record(number, means, time.time())
                self._on_pages.append((number, _KINDS[button]))
                self._actors._changed()

        self._actors._queue_for(number).put(act)

    def _later(
        self, number: str, body: str, kind: StatementKind | None = None, keyword: str = ""
    ) -> None:
        self._actors._queue_for(number).put(lambda: self._say(number, body, kind, keyword))

    def _say(
        self, number: str, body: str, kind: StatementKind | None = None, keyword: str = ""
    ) -> None:
        """Reply by text, until the reply is acknowledged."""
        key, send = self._actors.reply_of(number, body, keyword)
        self._until(send)
        if kind is not None:
            self._actors.truth.messages.add(key)
            self._actors.truth.record(number, kind, time.time())
        self._spoke.setdefault(number, time.time())
        self._actors._changed()

    def _until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                if done():
                    return
            except requests.RequestException:
                pass
            time.sleep(0.15)
        raise TimeoutError("a recipient got no answer within a minute")

    # -- what must be true ---------------------------------------------------------------

    def unfinished(self) -> list[str]:
        """Say what the campaign has still to do. One that has paused itself is resumed, as an
        operator does who reads why."""
        rows = self._rows("SELECT state, error FROM ask_campaigns WHERE name = %s", _CAMPAIGN)
        if [row[0] for row in rows] == ["paused"]:
            self._command("ask", "resume", _CAMPAIGN, "--json")
        if [row[0] for row in rows] != ["done"]:
            return [f"the ask campaign is {rows}"]
        return [] if len(self._received) == len(self._messages.sent) else ["texts are not read"]

    def broken(self) -> Iterator[str]:
        """Each is asked once, and nobody who must not be; and to open a link says nothing."""
        self._ended.set()
        asked = Counter(message.to for _at, message in self._received)
        for number, times in asked.items():
            if times > 1:
                yield f"promise 10: ..{number[-4:]} was sent {times} texts"
            role = self._roles.get(number)
            if role is None or role in _NEVER:
                yield f"promise 7: ..{number[-4:]} was sent a text: {role or 'not of a campaign'}"
        yield from self._asked_too_late()
        said = Counter(self._rows(
            "SELECT number, kind FROM feedback WHERE source LIKE 'recipient%%page'"
        ))  # fmt: skip
        for (number, kind), times in (said - Counter(self._on_pages)).items():
            yield f"promise 19: {times} times {kind} on the page of ..{number[-4:]}, by nobody"
        for (number, kind), times in (Counter(self._on_pages) - said).items():
            yield f"promise 18: {times} times {kind} on the page of ..{number[-4:]} was not kept"
        yield from self._asked_again()

    def _asked_too_late(self) -> Iterator[str]:
        frozen = "freeze_worker" in self.injected
        for at, message in self._received:
            late = at - self._spoke.get(message.to, at)
            if late > (_FROZEN if frozen else _LATE):
                yield (f"promise 7: ..{message.to[-4:]} ({self._roles[message.to]}) was sent a "
                       f"text {late:.1f} s after what they said was acknowledged")  # fmt: skip

    def _asked_again(self) -> Iterator[str]:
        """Nobody is asked a second time; but once the wait is over, who has said nothing is."""
        if again := self._start_another("again"):
            yield f"promise 10: asked again at once: {self._of(again)}"
        for table, column in (("ask_messages", "claimed_at"), ("feedback", "at")):
            self._rows(f"UPDATE {table} SET {column} = {column} - interval '31 days' RETURNING 1")
        again = self._start_another("later")
        due = {number for number, role in self._roles.items() if role in _ASKED_AGAIN}
        # Who has taken a "not me" back may be left alone: others with the number are not asked for.
        may = due | {number for number, role in self._roles.items() if role == "changes_mind"}
        # Nobody has said anything whom no text reached: one whose worker died is not sent again.
        reached = {message.to for _at, message in self._received}
        may |= {
            number for number, role in self._roles.items()
            if (role in _ANSWERS or role == "stops") and number not in reached
        }  # fmt: skip
        if again - may:
            yield f"promise 7: asked again after the wait: {self._of(again - may)}"
        if due - again:
            yield f"not asked again after the wait: {self._of(due - again)}"

    def _of(self, numbers: Iterable[str]) -> str:
        return ", ".join(f"..{number[-4:]} ({self._roles[number]})" for number in sorted(numbers))

    def _start_another(self, name: str) -> set[str]:
        """Start a campaign; return whom of ours it would ask."""
        code, out = self._environment.command(
            "worker", "ask", "start", name, "--budget", "10", "--json"
        )
        if code not in (0, 2):  # 2: nobody can be asked
            raise RuntimeError(f"ask start {name}: exit {code}, {out[:300]!r}")
        rows = self._rows(
            "SELECT m.number FROM ask_messages m JOIN ask_campaigns c ON c.id = m.campaign_id "
            "WHERE c.name = %s", name,
        )  # fmt: skip
        return {number for (number,) in rows} & self._roles.keys()

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._environment.postgres.connect(self._environment.database) as connection:
            return list(connection.execute(query, values))
