"""People who are asked whether their number is still right: what those asked by text and those
asked by email have in common.

Each has a record in both CRMs, with the same number and the same email address, and a role: some
must not be asked, some come to be so while the messages go out, and the others open their link,
answer, or do neither. None of the product's code is used.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

import requests

from chaos import asking_checks
from chaos.actors import Actors
from chaos.asking_checks import Arrival, People, Said
from chaos.crm_fields import PHONE_FIELDS
from chaos.environment import Environment
from chaos.ground_truth import Key, StatementKind, TypedPhone
from chaos.numbers import COUNTRY, number_of

DOUBTFUL = "is this the wrong number for support?"
_WRONG = "Wrong number, there is no Zebulon Quillfeather here"
# What each role says on its page: the button, what it means, and what is kept of it.
ANSWERS: dict[str, tuple[tuple[str, StatementKind, str], ...]] = {
    "yes": (("yes", "confirmed", "confirmed"),),
    "unanswered": (("yes", "confirmed", "confirmed"),),
    "no": (("no", "wrong", "wrong_number"),),
    "new": (("new", "wrong", "corrected"),),
    "changes_mind": (("no", "wrong", "wrong_number"), ("yes", "confirmed", "confirmed")),
    "stops_on_page": (("stop", "refuse", "opt_out"),),
}
# Who has opted out of email in a CRM, before the campaign or meanwhile: our tables do not tell.
OPTED_OUT = frozenset({"opted_out_salesforce", "opted_out_hubspot", "opted_out_of_type"})
OPTS_OUT_NOW = frozenset({"opts_out_salesforce_now", "opts_out_hubspot_now"})
_NEVER = OPTED_OUT | frozenset(
    {"never_agreed", "refused", "not_in_service", "under_review", "elsewhere", "no_address"}
)
_MEANWHILE = OPTS_OUT_NOW | frozenset({"refuses_now", "is_wrong_now", "is_doubtful_now"})
# Once the wait is over.
_ASKED_AGAIN = frozenset({"yes", "opens", "ignores", "greylisted", "unanswered"})
_LATE = 3.0  # seconds that a message may be on its way between its claim and the vendor
_FROZEN = 5.0  # more, where workers were frozen in between


class AskedPeople(ABC):
    """A campaign, and whom it asks. `links`: paths of the links that were sent. `injected`: the
    faults that struck. `on_pages`: what they said on their pages."""

    campaign: ClassVar[str]
    roles: ClassVar[Sequence[str]]  # in the order in which they are asked: ids of CRMs grow
    first_place: ClassVar[int]  # of their numbers
    start_with: ClassVar[tuple[str, ...]]  # arguments of `ask start`
    slow_faults: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, environment: Environment, actors: Actors, seed: int) -> None:
        self.links: set[str] = set()
        self.injected: list[str] = []
        self.on_pages: list[Said] = []
        self.environment = environment
        self.actors = actors
        self.rng = random.Random(f"{self.campaign} {seed}")
        self.role_of = {
            number_of("ask", self.first_place + place): role
            for place, role in enumerate(self.roles)
        }
        self.countries = dict.fromkeys(self.role_of, COUNTRY)
        self.arrivals: list[Arrival] = []
        self._spoke: dict[str, float] = {}  # since when a number must not be asked
        self.records: dict[str, tuple[Key, Key]] = {}  # of each number: HubSpot's, Salesforce's
        self._at_once: set[str] = set()
        self._ended = threading.Event()

    # -- what a channel is ---------------------------------------------------------------

    @abstractmethod
    def has_agreed(self, number: str) -> bool:
        """Return whether a person's consent to texts is on record."""

    @abstractmethod
    def vendor_count(self) -> int:
        """Return how many messages the vendor has taken."""

    @abstractmethod
    def receive(self) -> None:
        """Take what the vendor has taken since: note arrivals, and have people answer."""

    @abstractmethod
    def refused_for_good(self) -> set[str]:
        """Return the numbers of people whom the vendor refused, and not for the moment."""

    @abstractmethod
    def languages(self) -> dict[str, str]:
        """Return in which language each is asked; those that are left out may be asked in any."""

    def record_fields(self, _number: str) -> dict[str, Any]:
        """Return further properties of a person's record in HubSpot."""
        return {}

    def email_of(self, number: str) -> str:
        return f"asked.{number[-4:]}@example.com"

    # -- before the faults ---------------------------------------------------------------

    def move_in(self) -> None:
        portal, org = self.actors.sandbox.hubspot.portal, self.actors.sandbox.salesforce.org
        for number, role in self.role_of.items():
            self.actors.sandbox.network.set(
                number, kind="mobile", assigned=True, live="active",
                in_plan=role != "not_in_service", problem="INVALID_BUT_POSSIBLE",
            )  # fmt: skip
            email, country = self.email_of(number), self.countries[number]
            name = self.rng.choice(("Contact", "Lead"))
            field = {"Contact": "MailingCountry", "Lead": "Country"}[name]
            fields = {"LastName": "Asked", field: country, "MobilePhone": number}
            fields |= {"Email": email} if email else {}
            fields |= {"Company": "Halcyon Foods"} if name == "Lead" else {}
            of_portal = {"country": country, "mobilephone": number, **self.record_fields(number)}
            of_portal |= {"email": email} if email else {}
            self.records[number] = (
                Key("hubspot", "contacts", portal.create(of_portal)),
                Key("salesforce", name, org.create(name, fields)),
            )
            for key in self.records[number]:
                first, second = PHONE_FIELDS[key[:2]]
                typed = {first: TypedPhone(""), second: TypedPhone(number, number)}
                self.actors.truth.type_in(key, typed)
                self.actors.records.emails[key] = email

    def start(self) -> None:
        """Have some speak up, and start the campaign: its messages go out from now on."""
        for number, role in self.role_of.items():
            if role == "refused":
                self._say(number, "STOP", "stop", "STOP")
            elif role == "under_review":
                self._say(number, DOUBTFUL)
        self.command("ask", "start", self.campaign, *self.start_with, "--per-minute", "240")
        threading.Thread(target=self._watch, daemon=True).start()

    def command(self, *argv: str) -> None:
        code, out = self.environment.command("worker", *argv)
        if code:
            raise RuntimeError(f"{' '.join(argv)}: exit {code}, {out[:300]!r}")

    # -- what they do --------------------------------------------------------------------

    def _watch(self) -> None:
        """Take each message as it comes, and have its recipient answer in their own time."""
        while not self._ended.wait(0.02):
            if self.vendor_count() > len(self.arrivals):
                if not self.arrivals:
                    self._speak_up()
                self.receive()

    def _speak_up(self) -> None:
        for number, role in self.role_of.items():
            if role == "refuses_now":
                self.later(number, partial(self._say, number, "STOP", "stop", "STOP"))
            elif role == "is_wrong_now":
                self.later(number, partial(self._say, number, _WRONG, "wrong"))
            elif role == "is_doubtful_now":
                self.later(number, partial(self._say, number, DOUBTFUL))
        self.speak_up_in_crms()

    def speak_up_in_crms(self) -> None:  # noqa: B027 - of texts, a CRM says nothing
        """Have those who do speak up by a CRM, once the first message has gone out."""

    def later(self, number: str, act: Callable[[], None]) -> None:
        self.actors.senders.put(number, act)

    def answer(self, number: str, path: str) -> None:
        """Open a link, and give the answers of a role on its page."""
        url = f"{self.actors.web}{path}"
        self.until(lambda: requests.get(url, timeout=4).ok)
        for button, means, kind in ANSWERS.get(self.role_of.get(number, ""), ()):
            form = {"answer": button, "nonce": uuid.uuid4().hex[:12]}
            if button == "new":
                form["number"] = number_of("ask", self.first_place + 60 + int(number[-2:]) % 40)
            self.until(lambda: requests.post(url, data=form, timeout=4).ok)  # noqa: B023
            self.heard(number, means, kind)

    def heard(self, number: str, means: StatementKind, kind: str) -> None:
        """Note what somebody has said on their page."""
        self.actors.truth.record(number, means, time.time())
        self.on_pages.append((number, kind))
        self.actors.truth.note_change()

    def text_stop(self, number: str) -> None:
        self._say(number, "STOP", "stop", "STOP")

    def _say(
        self, number: str, body: str, kind: StatementKind | None = None, keyword: str = ""
    ) -> None:
        """Reply by text, until the reply is acknowledged."""
        key, send = self.actors.senders.text_of(number, body, keyword)
        self.until(send)
        if kind is not None:
            self.actors.truth.messages.add(key)
            self.actors.truth.record(number, kind, time.time())
        self._spoke.setdefault(number, time.time())
        self.actors.truth.note_change()

    def until(self, done: Callable[[], bool]) -> None:
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
        rows = self.rows("SELECT state, error FROM ask_campaigns WHERE name = %s", self.campaign)
        if [row[0] for row in rows] == ["paused"]:
            self.command("ask", "resume", self.campaign, "--json")
        if [row[0] for row in rows] != ["done"]:
            return [f"the ask campaign {self.campaign} is {rows}"]
        return [] if len(self.arrivals) == self.vendor_count() else ["messages are not read"]

    @property
    def people(self) -> People:
        roles = self.role_of
        return People(
            roles,
            {number for number, role in roles.items() if role in _NEVER},
            {number for number, role in roles.items() if role not in _NEVER | _MEANWHILE},
            self.languages(),
        )

    def broken(self) -> Iterator[str]:
        self._ended.set()
        states = dict(self._messages("number, m.state", self.campaign))
        people, refused = self.people, self.refused_for_good()
        yield from asking_checks.asked_wrongly(people, self.arrivals)
        tolerated = _LATE + _FROZEN * ("freeze_worker" in self.injected)
        tolerated += 4.0 * bool(self.slow_faults & set(self.injected))
        tolerated += 4.0 * any(fault.startswith("crm_") for fault in self.injected)
        yield from asking_checks.asked_too_late(people, self.arrivals, self._spoke, tolerated)
        yield from asking_checks.recorded_wrongly(people, self.arrivals, states, refused)

    def ask_at_once(self) -> None:
        self._at_once = self._start_another(f"{self.campaign}-again")

    def asked_again(self) -> Iterator[str]:
        """Call it once the wait is over for all that was asked and said."""
        later = self._start_another(f"{self.campaign}-later")
        reached = {arrival.number for arrival in self.arrivals}
        roles = self.role_of
        due = {number for number, role in roles.items() if role in _ASKED_AGAIN}
        # Who has taken a "not me" back may be left alone: others with the number are not asked for.
        # And nobody has said anything whom no message reached: one that is lost is not sent again.
        may = {
            number for number, role in roles.items()
            if role == "changes_mind"
            or (number not in reached and role not in _NEVER | _MEANWHILE)
        }  # fmt: skip
        # Our index holds no address, and no opt-out from email: both are seen when somebody is to
        # be asked.
        unseen = {"no_address"} | OPTED_OUT | OPTS_OUT_NOW
        never_sent = self.refused_for_good() | {n for n in roles if roles[n] in unseen}
        yield from asking_checks.asked_again(
            self.people, self._at_once, later, due, may, never_sent
        )

    def _start_another(self, name: str) -> set[str]:
        """Start a campaign; return whom of ours it would ask."""
        code, out = self.environment.command(
            "worker", "ask", "start", name, *self.start_with, "--json"
        )
        if code not in (0, 2):  # 2: nobody can be asked
            raise RuntimeError(f"ask start {name}: exit {code}, {out[:300]!r}")
        return {number for (number,) in self._messages("number", name)} & self.role_of.keys()

    def _messages(self, columns: str, campaign: str) -> Collection[tuple[Any, ...]]:
        return self.rows(
            f"SELECT m.{columns} FROM ask_messages m JOIN ask_campaigns c ON c.id = m.campaign_id "
            "WHERE c.name = %s", campaign,
        )  # fmt: skip

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self.environment.postgres.connect(self.environment.database) as connection:
            return list(connection.execute(query, values))
