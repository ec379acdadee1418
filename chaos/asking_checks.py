"""What must be true of people who are asked, by text or by email, from what reached them. Pure.

After a send whose outcome nobody knows, a message counts as sent: nobody is sent a second one
before they answered, or the wait is over; and if the first one arrived, its link can be answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

Said = tuple[str, str]  # a number, and the kind of report about it


@dataclass(frozen=True)
class Arrival:
    """A message that its vendor took. `at`: by time.time(). `language`: in which it is."""

    at: float
    number: str
    language: str = ""


@dataclass(frozen=True)
class People:
    """`roles`: of each number. `never`: numbers that must not be asked. `surely`: those that must
    be, since nothing comes to speak against it. `languages`: in which each is asked."""

    roles: Mapping[str, str]
    never: Set[str]
    surely: Set[str]
    languages: Mapping[str, str]

    def named(self, number: str) -> str:
        return f"..{number[-4:]} ({self.roles.get(number, 'not of a campaign')})"

    def all_named(self, numbers: Iterable[str]) -> str:
        return ", ".join(map(self.named, sorted(numbers)))


def asked_wrongly(people: People, arrivals: Collection[Arrival]) -> Iterator[str]:
    """Nobody is asked twice, or who must not be, or in a language that is not theirs."""
    for number, times in Counter(arrival.number for arrival in arrivals).items():
        if times > 1:
            yield f"promise 10: {people.named(number)} was sent {times} messages"
        if number not in people.roles or number in people.never:
            yield f"promise 7: {people.named(number)} was sent a message"
    for arrival in arrivals:
        wanted = people.languages.get(arrival.number, arrival.language)
        if arrival.language != wanted:
            yield f"{people.named(arrival.number)} was asked in {arrival.language}, not {wanted}"


def asked_too_late(
    people: People, arrivals: Iterable[Arrival], spoke: Mapping[str, float], seconds: float
) -> Iterator[str]:
    """Nobody is asked more than a moment after they said something against it."""
    for arrival in arrivals:
        late = arrival.at - spoke.get(arrival.number, arrival.at)
        if late > seconds:
            yield (f"promise 7: {people.named(arrival.number)} was sent a message {late:.1f} s "
                   "after what they said was acknowledged")  # fmt: skip


def recorded_wrongly(
    people: People, arrivals: Iterable[Arrival], states: Mapping[str, str], refused: Set[str]
) -> Iterator[str]:
    """What we recorded of each message is what its vendor did; and whoever may be asked was,
    unless nobody knows, or the vendor refused it for good. `refused`: whom it refused so."""
    arrived = {arrival.number for arrival in arrivals}
    for number, state in states.items():
        name = people.named(number)
        if number in arrived and state not in ("sent", "uncertain"):
            yield f"promise 10: {name} was sent a message, which is recorded as {state}"
        elif number not in arrived and state == "sent":
            yield f"promise 10: {name} was sent nothing, and is recorded as asked"
        if state == "refused" and number not in refused:
            yield f"promise 1: {name} is given up as refused, and nobody refused it"
        if number in people.surely and state == "withheld":
            yield f"promise 1: {name} was left out, and nothing spoke against it"
    if missing := people.surely - states.keys():
        yield f"promise 1: not in the campaign: {people.all_named(missing)}"


def misheard(on_pages: Iterable[Said], kept: Iterable[Said]) -> Iterator[str]:
    """Each answer on a page counts once; opening one, or looking at its links, says nothing."""
    said, known = Counter(on_pages), Counter(kept)
    for (number, kind), times in (known - said).items():
        yield f"promise 19: {times} times {kind} on the page of ..{number[-4:]}, by nobody"
    for (number, kind), times in (said - known).items():
        yield f"promise 18: {times} times {kind} on the page of ..{number[-4:]} was not kept"


def asked_again(
    people: People,
    at_once: Set[str],
    later: Set[str],
    due: Set[str],
    may: Set[str],
    refused: Set[str],
) -> Iterator[str]:
    """Nobody is asked a second time; but once the wait is over, who has said nothing is. `at_once`,
    `later`: whom another campaign would ask before and after that. Whom no message reached since it
    was `refused` may be asked at any time; `may`: who need not be, and can."""
    if at_once - refused:
        yield f"promise 10: asked again at once: {people.all_named(at_once - refused)}"
    if others := later - due - may - refused:
        yield f"promise 7: asked again after the wait: {people.all_named(others)}"
    if missing := due - later:
        yield f"not asked again after the wait: {people.all_named(missing)}"
