"""What a system is: how a suppression gets onto a vendor's own list.

VendorError
├── NotNowError                 passes by itself, or once somebody mends the set-up: tried again
├── CredentialsRefusedError     the same; the message names the variables
└── RefusedError                cannot succeed as it is: parked at once, for a person
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import ClassVar

from worker.events.model import EventType, StoredEvent
from worker.events.outgoing import Attempt
from worker.phones.plan_changes import equal_forms

log = logging.getLogger(__name__)

_MISREAD = (KeyError, IndexError, TypeError, AttributeError, ValueError, ArithmeticError)
_UNREADABLE = "gave an answer that cannot be read"


class VendorError(Exception):
    """A vendor did not do what it was asked. `reason` continues a sentence that begins with the
    vendor's name, and holds no phone number. `status`: of the answer; None if there was none."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.status = reason, status


class NotNowError(VendorError):
    """It may succeed later, as it is. `retry_after`: what the vendor asked for."""

    def __init__(
        self, reason: str, status: int | None = None, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(reason, status)
        self.retry_after = retry_after


class CredentialsRefusedError(VendorError):
    """The vendor does not accept our credentials, or they lack a right."""


class RefusedError(VendorError):
    """The vendor will never do this for this number."""


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable that a system is set up with.

    Its name begins with the system's (`KLAVIYO_`). One that ends in `_KEY`, `_SECRET`, `_TOKEN`,
    `_JWT` or `_PASSWORD` is a secret: redacted everywhere, and taken from `NAME_FILE` too. One that
    ends in `_URL` is a base address: https, or plain http on this machine. `default`: "" = it must
    be set, unless it is `optional`.
    """

    name: str
    about: str
    default: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class NumberState:
    """How a number stands when an event about it is sent.

    `closed`: the channels that must not be used. `opted_in`: those that the person opened in their
    own words, after the suppression that the event lifts. `closed_by_us`: those that this endpoint
    closed at the vendor, as far as our log goes back.
    """

    closed: frozenset[str] = frozenset()
    opted_in: frozenset[str] = frozenset()
    closed_by_us: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Entry:
    """A number to be closed or reopened. `number`: E.164. `since`: when the person said so."""

    number: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a vendor answered. `refused`: number -> why it will never take it; `failed`: number ->
    why it did not take it now. All others were taken."""

    status: int
    refused: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Step:
    """What has to be done for one event: to all forms of its number."""

    entries: tuple[Entry, ...]
    close: frozenset[str]
    reopen: frozenset[str]
    note: str


class System(ABC):
    """A vendor's list. Derive a class, set these attributes, and write `close`, `check_access`,
    `shut`, and `reopen` if the vendor lets a number off the list.

    | attribute | what it says |
    | --- | --- |
    | `name` | the `kind` in the settings: a-z, 0-9 and -; the variables begin with it |
    | `label` | as a person knows it: "Klaviyo" |
    | `channels` | what its list closes: "call", "text", or both |
    | `variables` | what it is set up with |
    | `batch` | how many numbers one `close` may take |
    | `reopens` | the channels that `reopen` can open; none by default |
    | `stays_closed` | why it reopens no others; continues "NAME keeps it closed: " |

    The rules stand here, in `send`, and hold for every system:

    1. It brings a number to the state in which it is now. So a late or repeated event harms nobody.
    2. It leaves channels alone that it does not have.
    3. It reopens only what this endpoint closed, and only if the person opted in again in their own
       words. In any other case the number stays closed there, and the delivery's note says so.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    channels: ClassVar[frozenset[str]]
    variables: ClassVar[tuple[Variable, ...]]
    batch: int = 1
    reopens: frozenset[str] = frozenset()
    stays_closed: str = "its API cannot take a number off the list"

    def __init__(
        self,
        values: Mapping[str, str],
        timeout: timedelta,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`values`: of the variables, by name, defaults filled in. `timeout`: for each call. Opens
        nothing yet."""
        self.values, self.timeout, self.now = values, timeout, now

    @classmethod
    def missing(cls, values: Mapping[str, str]) -> Sequence[str]:
        """Return the variables that must be set and are not."""
        return [
            variable.name
            for variable in cls.variables
            if not variable.optional and not values.get(variable.name)
        ]

    @classmethod
    def mistakes(cls, _values: Mapping[str, str]) -> Sequence[str]:
        """Return a line for each variable that is set to something wrong, beginning with its
        name. Takes the same as `missing`."""
        return []

    @abstractmethod
    def close(self, entries: Sequence[Entry], channels: frozenset[str]) -> Outcome:
        """Put numbers on the vendor's list, at most `batch`. Those that stand there stay there.

        Raises `VendorError` for the call as a whole. A `RefusedError` for several numbers is taken
        for one of them: each half is then tried alone.
        """

    def reopen(self, entry: Entry, channels: frozenset[str]) -> Outcome:
        """Take a number off the list. One that is not there is no error. Raises `VendorError`."""
        raise NotImplementedError

    @abstractmethod
    def check_access(self) -> int:
        """Make a call that changes nothing, to see whether the vendor accepts our credentials.
        Return its status. Raises `VendorError`."""

    @abstractmethod
    def shut(self) -> None:
        """Give connections back."""

    def send(self, items: Sequence[tuple[StoredEvent, NumberState]]) -> list[Attempt]:
        """Carry events to the vendor, at most one of a number. Whatever happens is told, nothing is
        raised."""
        attempts: dict[int, Attempt] = {}
        steps: dict[int, _Step] = {}
        for place, (event, state) in enumerate(items):
            planned = self._plan(event, state)
            if isinstance(planned, _Step):
                steps[place] = planned
            else:
                attempts[place] = planned
        for places in self._batches({key: step for key, step in steps.items() if step.close}):
            attempts |= self._close(places, steps)
        for place, step in steps.items():
            before = attempts.get(place)
            if step.reopen and (before is None or before.delivered):
                attempts[place] = self._reopen(step)
        return [attempts[place] for place in range(len(items))]

    def _plan(self, stored: StoredEvent, state: NumberState) -> _Step | Attempt:
        event = stored.event
        if event.type == EventType.TEST:
            return self._try(lambda: Outcome(self.check_access()), (), "")
        if not event.number.startswith("+"):
            return Attempt(None, note="no number is known; nothing was done")
        ours = frozenset(event.channels) & self.channels
        if not ours:
            other = " and ".join(event.channels) or "no channel"
            return Attempt(None, note=f"about {other}: nothing to do for {self.label}")
        close, opened = ours & state.closed, ours - state.closed
        if event.type != EventType.LIFTED:
            if not close:
                return Attempt(None, note="no longer suppressed; nothing was done")
            opened = frozenset()
        reopen = opened & self.reopens & state.opted_in & state.closed_by_us
        note = self._why_closed(opened - reopen, state)
        if not close and not reopen:
            return Attempt(None, note=note)
        since = _since(stored)
        entries = tuple(Entry(form, since) for form in equal_forms(event.number))
        return _Step(entries, close, reopen, note)

    def _why_closed(self, channels: frozenset[str], state: NumberState) -> str:
        if not channels:
            return ""
        if not channels <= self.reopens:
            why = self.stays_closed
        elif not channels <= state.closed_by_us:
            why = "we cannot tell that it was closed by us"
        else:
            why = "the person did not opt in again in their own words"
        return f"{self.label} keeps {' and '.join(sorted(channels))} closed: {why}"

    def _batches(self, steps: Mapping[int, _Step]) -> Iterator[list[int]]:
        """Group what closes the same channels, with at most `batch` numbers."""
        groups: dict[frozenset[str], list[int]] = {}
        for place, step in steps.items():
            group = groups.setdefault(step.close, [])
            if group and sum(len(steps[other].entries) for other in (*group, place)) > self.batch:
                yield group
                groups[step.close] = [place]
            else:
                group.append(place)
        yield from groups.values()

    def _close(self, places: Sequence[int], steps: Mapping[int, _Step]) -> dict[int, Attempt]:
        entries = {entry.number: entry for place in places for entry in steps[place].entries}
        channels = steps[places[0]].close
        numbers = list(entries.values())
        if len(places) > 1:
            try:
                outcome = self.close(numbers, channels)
            except RefusedError:
                return self._close_halves(places, steps)
            except VendorError as error:
                return dict.fromkeys(places, self._attempt_of(error))
            except _MISREAD as error:
                return dict.fromkeys(places, self._misread(error))
            return {
                place: self._attempt(outcome, steps[place].entries, steps[place].note)
                for place in places
            }
        [place] = places
        attempt = Attempt(None)
        for start in range(0, len(numbers), self.batch):
            part = numbers[start : start + self.batch]
            attempt = self._try(partial(self.close, part, channels), part, steps[place].note)
            if not attempt.delivered:
                break
        return {place: attempt}

    def _close_halves(
        self, places: Sequence[int], steps: Mapping[int, _Step]
    ) -> dict[int, Attempt]:
        """Find the number that a call was refused for. If the vendor goes away meanwhile, the rest
        waits as well."""
        middle = len(places) // 2
        attempts = self._close(places[:middle], steps)
        away = [each for each in attempts.values() if not each.delivered and not each.final]
        if away:
            return attempts | dict.fromkeys(places[middle:], away[-1])
        return attempts | self._close(places[middle:], steps)

    def _reopen(self, step: _Step) -> Attempt:
        attempt = Attempt(None, note=step.note)
        for entry in step.entries:
            attempt = self._try(partial(self.reopen, entry, step.reopen), (entry,), step.note)
            if not attempt.delivered:
                break
        return attempt

    def _try(self, call: Callable[[], Outcome], entries: Sequence[Entry], note: str) -> Attempt:
        try:
            return self._attempt(call(), entries, note)
        except VendorError as error:
            return self._attempt_of(error)
        except _MISREAD as error:
            return self._misread(error)

    def _attempt(self, outcome: Outcome, entries: Sequence[Entry], note: str) -> Attempt:
        for entry in entries:
            if why := outcome.failed.get(entry.number):
                return Attempt(outcome.status, f"{self.label} {why}")
        for entry in entries:
            if why := outcome.refused.get(entry.number):
                return Attempt(outcome.status, f"{self.label} {why}", final=True)
        return Attempt(outcome.status, note=note)

    def _attempt_of(self, error: VendorError) -> Attempt:
        if isinstance(error, CredentialsRefusedError):
            names = " and ".join(self.credentials())
            why = f"{self.label} does not accept {names} ({error.reason})"
            return Attempt(error.status, why)
        text = f"{self.label} {error.reason}"
        if isinstance(error, RefusedError):
            return Attempt(error.status, text, final=True)
        wait = error.retry_after if isinstance(error, NotNowError) else None
        return Attempt(error.status, text, wait)

    def _misread(self, error: Exception) -> Attempt:
        # Not its text, nor a traceback: they may quote a number.
        log.error("%s: an answer could not be read (%s)", self.name, type(error).__name__)
        return Attempt(None, f"{self.label} {_UNREADABLE}")

    def credentials(self) -> Sequence[str]:
        """Return the variables that hold the credentials, to name them where they are refused."""
        return [
            variable.name
            for variable in self.variables
            if not variable.name.endswith("_URL") and self.values.get(variable.name)
        ]


def _since(stored: StoredEvent) -> datetime:
    """Return when the person said so: a suppression's beginning, or the event itself."""
    text = stored.event.detail.get("since") if stored.event.type != EventType.LIFTED else None
    try:
        since = datetime.fromisoformat(str(text)) if text else stored.at
    except ValueError:
        since = stored.at
    return min(since if since.tzinfo else since.replace(tzinfo=UTC), stored.at)
