"""The records that the steps of a page hand on, in the order of the steps.

`worker.sync.pages.process` reads the steps out; each takes one of these records and returns the
next one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from connectors.protocol import Connector
from connectors.records import Contact, Merge, Purpose, Update
from worker.context import Context
from worker.decisions import Decision
from worker.decisions.model import BAD_STATUSES
from worker.feedback.report_log import ReportSet
from worker.sync.contact_index import IndexedContact
from worker.sync.pages.changed_readings import ChangedReadings
from worker.sync.pages.fields import Prepared, Remembered
from worker.sync.pages.merges import TakenOver
from worker.sync.reading_state import ReadingState
from worker.sync.runs.model import Run
from worker.sync.write.crm_writes import Outcome, Written
from worker.verification.results import Verified


@dataclass(frozen=True, slots=True)
class Rewrites:
    """Updates that have to wait, since fields are read differently now and a day has a limit.

    `waiting`: record id -> the day of its update. `states`: record id -> what is recorded of how
    its fields are read, where that is not the signature alone.
    """

    waiting: Mapping[str, date] = field(default_factory=dict)
    states: Mapping[str, ReadingState] = field(default_factory=dict)


# How the updates of a page are written: by themselves, or with those of other pages.
Write = Callable[[Connector, Sequence[Update], Callable[[], None]], Written]


@dataclass(frozen=True, slots=True)
class LeasedPage:
    """A page whose lease this process holds."""

    id: int
    object: str
    attempts: int  # this one included
    stored_at: datetime
    ids: list[str]
    contacts: Sequence[Contact] | None  # as the reader found them; None: fetch them by their ids


@dataclass(frozen=True, slots=True)
class PageWork:
    """A page in progress, with what every step needs."""

    ctx: Context
    run: Run
    connector: Connector
    page: LeasedPage
    write: Write
    calls_before: Mapping[Purpose, int]  # API calls of the connector before the page, by purpose


@dataclass(frozen=True, slots=True)
class LoadedPage:
    """The page's contacts as the CRM has them. `as_of`: the time for which they are decided, from
    before they were loaded."""

    work: PageWork
    contacts: Sequence[Contact]
    as_of: datetime


@dataclass(frozen=True, slots=True)
class AttributedPage:
    """The contacts of which it is clear who changed their flags, with what our index knows of them.

    `deferred`: ids of the others, which a run of their own looks at a little later. `revived`: keys
    of records that were merged into others once and are there again.
    """

    work: PageWork
    contacts: Sequence[Contact]
    as_of: datetime
    known: Mapping[str, IndexedContact]
    deferred: Set[str]
    revived: Sequence[str]


@dataclass(frozen=True, slots=True)
class PreparedPage:
    """The contacts with their phone fields read, and all that was reported about them."""

    work: PageWork
    contacts: Sequence[Prepared]
    as_of: datetime
    deferred: Set[str]
    remembered: Remembered
    changed_readings: ChangedReadings
    taken_over: TakenOver
    reports: ReportSet


@dataclass(frozen=True, slots=True)
class MissingRecords:
    """Records of a page that the CRM did not return.

    `removed`: it reports them as deleted or merged. `not_visible`: it says nothing of them; our
    user may no longer be allowed to see them. `merged`: also of records that were found to be
    merged when they were written to.
    """

    removed: Set[str] = frozenset()
    not_visible: Set[str] = frozenset()
    merged: tuple[Merge, ...] = ()


@dataclass(frozen=True, slots=True)
class VerifiedPage:
    """The page with the answers that count for its numbers, and the records that are missing."""

    work: PageWork
    prepared: PreparedPage
    verified: Verified
    missing: MissingRecords = MissingRecords()

    def took_longer_than(self, limit: timedelta) -> bool:
        """Whether so much time has passed since the contacts were loaded."""
        return self.work.ctx.now() - self.prepared.as_of > limit


@dataclass
class PageCounts:
    """What the contacts of a page add to the counts of its run."""

    spared: int = 0  # contacts that a quiet first sync leaves alone
    # What is read differently: contacts, fields, numbers; contacts whose rewrite waits.
    readings: Counter[str] = field(default_factory=Counter)
    owner_tasks: int = 0  # for owners, that a real run would ask for; counted in a dry run
    consent_writes: int = 0  # consent records that a real run would write; likewise
    fields: Counter[str] = field(default_factory=Counter)  # by status
    sources: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, contact: Contact, decision: Decision) -> None:
        source = self.sources[contact.source]
        source["contacts"] += 1
        self.spared += decision.skipped
        numbers = bad = 0
        for decided in decision.fields:
            if decided.status is not None:
                self.fields[decided.status] += 1
                numbers += 1
                bad += decided.status in BAD_STATUSES
        source["numbers"] += numbers
        source["bad"] += bad

    def add_readings(self, changed: ChangedReadings, waiting: int) -> None:
        """Count what is read differently, and the contacts whose rewrite waits."""
        if changed.new_readings or waiting:
            self.readings.update(
                contacts=len({record_id for record_id, _ in changed.new_readings}),
                fields=len(changed.new_readings),
                numbers=sum(changed.new_readings.values()),
                waiting=waiting,
            )


@dataclass(frozen=True, slots=True)
class EvaluatedPage:
    """What was decided: a decision for each contact, and an update for each that must change.

    `updated`: the contact of each update, as it was read. `rewrites`: updates that wait.
    `deferred`: ids of records that are left alone now (`worker.sync.pages.pending_writes.record`).
    """

    work: PageWork
    prepared: PreparedPage
    verified: Verified
    missing: MissingRecords
    decisions: Sequence[Decision]
    updates: Sequence[Update]
    updated: Sequence[Contact]
    rewrites: Rewrites
    counts: PageCounts
    deferred: Set[str] = frozenset()

    def defer(self, ids: Set[str]) -> EvaluatedPage:
        """Return the page without the updates of these records."""
        if not ids:
            return self
        pairs = zip(self.updates, self.updated, strict=True)
        kept = [(update, contact) for update, contact in pairs if update.id not in ids]
        return replace(
            self,
            updates=[update for update, _ in kept],
            updated=[contact for _, contact in kept],
            deferred=self.deferred | ids,
        )


@dataclass(frozen=True, slots=True)
class WrittenPage:
    """What became of the updates. `written_at`: by the CRM's clock; None where it took none."""

    work: PageWork
    evaluated: EvaluatedPage
    outcomes: Mapping[str, Outcome]
    missing: MissingRecords
    written_at: datetime | None
