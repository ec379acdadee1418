"""What is tried once all is quiet: short stories, each about contacts and numbers of its own.

A story does what people and tools would do, and then waits for a barrier: until its reports are
stored, or until a full sync has run. All stories wait together, so that a sync is paid for once and
not once a story. None looks at what another one does.
"""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from chaos.crm_fields import PHONE_FIELDS
from chaos.ground_truth import Key, TypedPhone
from chaos.numbers import number_of

if TYPE_CHECKING:
    from chaos.check import Checker

# What a story waits for.
Barrier = Literal["stored", "synced"]
Story = Generator[Barrier, None, None]
# What changes within a second of our own write waits until the overlap is over, by design.
_APART = 1.6  # seconds
# What happens to a flag of ours: we set it on the evidence of a report, a person clears it in the
# CRM, a second report reaches us, and we read the record. Nobody clears what is not set yet.
_EVENTS = ("set", "cleared", "again", "read")
ORDERS = tuple(
    order for order in itertools.permutations(_EVENTS)
    if order.index("set") < order.index("cleared")
)  # fmt: skip


class _Flag(NamedTuple):
    """`cleared`: what a person clears of what a report of the `kind` sets."""

    kind: str
    cleared: tuple[str, ...]


_FLAGS = (
    _Flag("opt_out", ("do_not_contact",)),
    _Flag("opt_out", ("do_not_contact", "do_not_call", "do_not_text")),
    _Flag("wrong_number", ("wrong_number",)),
)


def is_set_in_the_end(order: Sequence[str]) -> bool:
    """Whether the flag stands after these events: whoever cleared it may have known of every report
    that had reached the CRM by then, and of no other."""
    unknown = False
    for event in reversed(order[: order.index("cleared")]):
        if event in ("set", "read"):  # each brings all that waits to the CRM
            break
        unknown = unknown or event == "again"
    return unknown or order.index("again") > order.index("cleared")


class Stories:
    def __init__(self, checker: Checker) -> None:
        self._checker = checker
        self._rng = random.Random(f"stories {checker.schedule.seed}")
        self._reports: list[str] = []  # rows of a file, to be imported at the next barrier
        self._breaches: list[str] = []

    def play(self) -> list[str]:
        """Go through all stories; return a line for each broken promise."""
        stories = [
            self.erasure(), self.cleared_flag(), self.changed_reading(), self.replaced_number(),
            self.words_beside_a_number(),
        ]  # fmt: skip
        if self._checker.schedule.flavour != "deploy":
            stories.append(self.owner_tasks())
        stories += self._orders()
        at_barrier = {story: next(story) for story in stories}
        while at_barrier:
            while waiting := [story for story in at_barrier if at_barrier[story] == "stored"]:
                self._import("--later")
                self._go_on(waiting, at_barrier)
            self._import()
            self._checker.run_command("sync", "--full", "--json")
            time.sleep(_APART)
            self._go_on(list(at_barrier), at_barrier)
        return self._breaches

    @staticmethod
    def _go_on(stories: Sequence[Story], at_barrier: dict[Story, Barrier]) -> None:
        for story in stories:
            try:
                at_barrier[story] = next(story)
            except StopIteration:
                del at_barrier[story]

    # -- the stories -----------------------------------------------------------------------

    def _orders(self) -> Iterator[Story]:
        """Promise 9, of each order of what may happen to a flag of ours."""
        objects = itertools.cycle(PHONE_FIELDS)
        next(itertools.islice(objects, self._rng.randrange(3), None))
        for place, (order, where) in enumerate(zip(ORDERS, objects, strict=False)):
            number = number_of("final_checks", 20 + place)
            yield self._order(order, self._rng.choice(_FLAGS), number, where)

    def _order(
        self, order: Sequence[str], flag: _Flag, number: str, where: tuple[str, str]
    ) -> Story:
        key = self._create_contact(number, where)
        yield "synced"
        for place, event in enumerate(order):
            if event == "cleared":
                if place and order[place - 1] == "again":
                    yield "stored"  # and not brought to the CRM
                self._act(key, dict.fromkeys(flag.cleared, False))
            elif event == "again":
                self._report(flag.kind, number, "second")
            elif event == "set":
                self._report(flag.kind, number, "first")
                yield "synced"
                if not self._is_flagged(key, flag.cleared[0]):
                    self._breach(7, f"{flag.kind} of {key} was not flagged")
            else:
                yield "synced"
        yield "synced"
        self._check_order(order, flag, key, "")
        for report in ("first", "second"):  # their senders try again
            self._report(flag.kind, number, report)
        yield "synced"
        self._check_order(order, flag, key, ", after senders have tried again")

    def _check_order(self, order: Sequence[str], flag: _Flag, key: Key, when: str) -> None:
        wanted = is_set_in_the_end(order)
        for name in flag.cleared:
            if self._is_flagged(key, name) != wanted:
                said = "set though a person cleared it" if wanted is False else "not set"
                self._breach(
                    9, f"{name} of {key.crm} {key.id} is {said} ({', '.join(order)}){when}"
                )
        if flag.kind == "opt_out" and len(flag.cleared) == 1:
            for name in ("do_not_call", "do_not_text"):
                if not self._is_flagged(key, name):
                    self._breach(9, f"{name} of {key.id} went with do_not_contact{when}")

    def erasure(self) -> Story:
        """Promise 7: what was said before an erasure is not heard again by a sender's retry, and
        what is said after it counts in the list as in the CRM."""
        number = number_of("final_checks", 0)
        key = self._create_contact(number)
        yield "synced"
        self._report("opt_in", number, "said before")
        yield "synced"
        self._checker.run_command("forget", "--number", number, "--yes", "--json")
        self._report("opt_in", number, "said before")
        yield "synced"
        if not self._is_flagged(key, "do_not_contact") or not self._is_listed(number):
            self._breach(7, "after an erasure, a retry of what was said before it was heard")
        self._report("opt_in", number, "said after")
        yield "synced"
        if self._is_flagged(key, "do_not_contact") != self._is_listed(number):
            self._breach(7, "after an opt-in to an erased number the list and the CRM disagree")

    def cleared_flag(self) -> Story:
        """Promise 9: who clears *do not contact* has said nothing of the other two flags, nor of a
        stop that reaches us later, whenever it was said."""
        number = number_of("final_checks", 1)
        key = self._create_contact(number)
        yield "synced"
        self._report("opt_out", number, "stop")
        yield "synced"
        said_before = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
        self._act(key, {"do_not_contact": False})
        for _ in range(2):
            yield "synced"
            if self._is_flagged(key, "do_not_contact"):
                self._breach(9, "a flag that a person cleared was set again")
            if not (self._is_flagged(key, "do_not_call") and self._is_flagged(key, "do_not_text")):
                self._breach(9, "a person cleared one flag, and the others went with it")
        self._report("opt_out", number, "late stop", said_before)
        yield "synced"
        if not self._is_flagged(key, "do_not_contact"):
            self._breach(7, "a flag that was cleared before lifted a stop that reached us late")

    def changed_reading(self) -> Story:
        """Promise 7: a release reads a field as another number; who said no is not callable there,
        whether they said so before or after, themselves or by a list."""
        stopped, listed = number_of("final_checks", 2), number_of("final_checks", 3)
        keys = {stopped: self._create_contact(stopped), listed: self._create_contact(listed)}
        yield "synced"
        self._report("opt_out", stopped, "stop")
        yield "synced"
        now = {stopped: number_of("final_checks", 4), listed: number_of("final_checks", 5)}
        self._checker.environment.readings = now  # of all commands from here on
        yield "synced"
        registry = self._checker.environment.home / "registry.csv"
        registry.write_text(f"phone\n{listed}\n")
        self._checker.run_command("suppressions", "import", str(registry), "--json")
        yield "synced"
        for number, key in keys.items():
            if not self._is_flagged(key, "do_not_call") or not self._is_listed(now[number]):
                self._breach(
                    7, f"{key.crm} {key.id} may be called on the number that its field is read as"
                )

    def replaced_number(self) -> Story:
        """Promise 8: a wrong-number flag goes with its number, and comes back with it."""
        wrong, other = number_of("final_checks", 8), number_of("final_checks", 9)
        key = self._create_contact(wrong)
        yield "synced"
        self._report("wrong_number", wrong, "wrong")
        yield "synced"
        for number in (other, wrong):
            self._set(key, {PHONE_FIELDS[key[:2]][0]: number})
            yield "synced"
            if self._is_flagged(key, "wrong_number") != (number == wrong):
                said = "has no flag" if number == wrong else "keeps its former number's flag"
                self._breach(8, f"{key.crm} {key.id} {said}")

    def words_beside_a_number(self) -> Story:
        """Promises 7 and 9: what people write beside a number counts as a tick does. Whoever takes
        the words away lifts nothing; whoever clears the flag is not overruled by them."""
        stopped, wrong = number_of("final_checks", 10), number_of("final_checks", 11)
        key, holder, other = (self._create_contact(n) for n in (stopped, wrong, wrong))
        yield "synced"
        field = PHONE_FIELDS[key[:2]][0]
        self._set(key, {field: f"{stopped} DO NOT CALL"})
        self._set(holder, {PHONE_FIELDS[holder[:2]][0]: f"{wrong} (wrong number)"})
        yield "synced"
        self._set(key, {field: stopped})
        yield "synced"
        if not self._is_flagged(key, "do_not_call"):
            self._breach(7, f"{key.crm} {key.id} may be called, though its field said no")
        for each in (holder, other):
            if not self._is_flagged(each, "wrong_number"):
                self._breach(7, f"{each.crm} {each.id} has a number that a field says is wrong")
        self._set(key, {field: f"{stopped} DO NOT CALL"})
        yield "synced"
        self._act(key, {"do_not_call": False})
        for _ in range(2):
            yield "synced"
            if self._is_flagged(key, "do_not_call"):
                self._breach(9, f"words in a field of {key.id} overruled who cleared the flag")

    def owner_tasks(self) -> Story:
        """Promise 2: an owner has one open task for a record and a reason at most, though its
        number goes bad again and again."""
        key = self._create_contact(number_of("final_checks", 6), ("salesforce", "Contact"))
        yield "synced"
        for text in ("123", number_of("final_checks", 7), "123"):
            self._set(key, {PHONE_FIELDS[key[:2]][0]: text})
            yield "synced"
        sandbox = self._checker.sandbox
        table = sandbox.salesforce.org.tables["Task"]
        tasks = sandbox.call(lambda: list(table.after_id(None)))
        open_tasks = Counter(
            (task["WhoId"], task["Subject"])
            for task in tasks
            if not task["IsDeleted"] and not task["IsClosed"]
        )
        if not any(who == key.id for who, _subject in open_tasks):
            self._breaches.append(f"no task was made for {key.id}, whose number went bad")
        for (who, subject), count in open_tasks.items():
            if count > 1:
                self._breach(2, f"the owner of {who} has {count} tasks of one kind: {subject}")

    # -- what they are made of -------------------------------------------------------------

    def _breach(self, promise: int, text: str) -> None:
        self._breaches.append(f"promise {promise}: {text}")

    def _create_contact(self, number: str, where: tuple[str, str] | None = None) -> Key:
        """A new contact with a number of its own, of an object of a CRM."""
        actors = self._checker.actors

        def create() -> Key:
            key = actors.records.create(actors.rng, "final_checks", where)
            first = PHONE_FIELDS[key[:2]][0]
            actors.records.act(key, {"set": {first: number}})
            actors.truth.type_in(key, {first: TypedPhone(number, number)})
            return key

        return self._checker.sandbox.call(create)

    def _set(self, key: Key, values: dict[str, Any]) -> None:
        """Somebody edits a record."""
        actors = self._checker.actors
        act: Callable[[], Any] = partial(actors.records.act, key, {"set": values})
        self._checker.sandbox.call(act)

    def _act(self, key: Key, flags: dict[str, bool]) -> None:
        """Somebody ticks or clears flags."""
        self._set(
            key,
            {
                _field(key.crm, name): str(on).lower() if key.crm == "hubspot" else on
                for name, on in flags.items()
            },
        )

    def _report(self, kind: str, number: str, report_key: str, said_at: str = "") -> None:
        self._reports.append(f"{kind},{number},{report_key} {number[-4:]},{said_at}")

    def _import(self, *how: str) -> None:
        if self._reports:
            file = self._checker.environment.home / "reports.csv"
            file.write_text("\n".join(["kind,number,key,at", *self._reports]) + "\n")
            self._checker.run_command("feedback", "import", str(file), "--json", *how)
            self._reports.clear()

    def _is_flagged(self, key: Key, flag: str) -> bool:
        return self._checker.current_values({key})[key].get(_field(key.crm, flag)) in (True, "true")

    def _is_listed(self, number: str) -> bool:
        listed = self._checker.run_command("suppressions", "list", "--number", number, "--json")
        return bool(listed[1])


def _field(crm: str, flag: str) -> str:
    """Return what a CRM calls a flag of ours."""
    if crm == "hubspot":
        return f"hygiene_{flag}"
    return f"{'' if flag == 'wrong_number' else 'Phone_'}{flag.title()}__c"
