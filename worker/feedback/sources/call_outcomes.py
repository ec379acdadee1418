"""Keep the outcomes of calls that were seen in a CRM: names, how many calls, what they count as.

A call whose outcome has no name, or no meaning, makes no report yet. The call is not kept: the row
of its outcome says from when on such calls are read again, once the name or a meaning is known. So
there is a row for each outcome, whatever the number of calls, and no other call is held up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.feedback import Dispositions, OutcomeMeaning
from connectors.records import CallOutcome
from worker.context import Context
from worker.feedback.sources import outcome_meanings
from worker.store.bulk import upsert
from worker.store.fit_key import fit_key
from worker.store.tables import app_state, call_outcomes

# Outcomes of a CRM that are kept. In Salesforce an outcome is any text; who writes a new one into
# each call must not make the table grow for ever.
MAX_OUTCOMES = 1000
_NAMES = "names of call outcomes: "  # of `app_state`: why they are not known, by CRM


@dataclass(frozen=True, slots=True)
class SeenOutcome:
    """A row of the table."""

    connector: str
    outcome: str
    name: str
    calls: int
    first_at: datetime
    last_at: datetime
    counted_as: str

    @property
    def is_named(self) -> bool:
        return bool(self.name)

    def meanings(self, settings: Dispositions) -> tuple[OutcomeMeaning, ...]:
        return outcome_meanings.meanings_of(settings, self.name, self.outcome)

    def suggested(self, settings: Dispositions) -> OutcomeMeaning:
        """Return what it may mean, where it has no meaning yet."""
        return outcome_meanings.suggested_meaning(settings, self.name)

    def reports_as(self, settings: Dispositions) -> str:
        """Return the meaning that its calls are reported with, or ""."""
        return outcome_meanings.counts_as(settings, self.name, self.outcome)


class OutcomeTable:
    """The outcomes of a CRM's calls while they are read, in memory: a row for each outcome."""

    def __init__(self, connector: str, rows: Mapping[str, SeenOutcome]) -> None:
        self._connector = connector
        self._before = rows
        self.rows = dict(rows)
        self._last = ""
        self.uncounted = 0  # calls whose outcome found no room

    def count(self, call: CallOutcome, counts_as: str) -> None:
        """Count a call, once however many contacts it has and however often it is read again."""
        key = fit_key(call.key)
        name = call.outcome[:255] if call.is_named else ""
        if key not in self.rows and len(self.rows) >= MAX_OUTCOMES:
            self.uncounted += 1
            return
        row = self.rows.get(key)
        if row is None:
            at = call.modified
            row = SeenOutcome(self._connector, key, name, 0, at, at, counts_as)
        before = self._before.get(key)
        is_new = before is None or not before.calls or call.modified > before.last_at
        count = 1 if is_new and call.id != self._last else 0
        self._last = call.id
        self.rows[key] = replace(
            row,
            name=name or row.name,
            calls=row.calls + count,
            first_at=min(row.first_at, call.modified),
            last_at=max(row.last_at, call.modified),
        )

    def note(self, outcome: str, now: datetime) -> None:
        """Count a call that its vendor told us of (`incoming`). It cannot be read again, so it is
        counted each time it is told."""
        key = fit_key(outcome)
        row = self.rows.get(key)
        if row is None and len(self.rows) >= MAX_OUTCOMES:
            self.uncounted += 1
            return
        if row is None:
            row = SeenOutcome(self._connector, key, outcome[:255], 0, now, now, "")
        self.rows[key] = replace(row, calls=row.calls + 1, last_at=max(row.last_at, now))

    def rename(self, names: Mapping[str, str]) -> None:
        """Take over names that have become known, or have changed, without a new call."""
        names = {fit_key(key): name for key, name in names.items()}
        for key, row in self.rows.items():
            if (name := names.get(key, "")[:255]) and name != row.name:
                self.rows[key] = replace(row, name=name)

    def add_expected(
        self, names: Mapping[str, str], settings: Dispositions, since: datetime
    ) -> None:
        """Add outcomes that have a meaning and no call yet. An earlier release skipped calls whose
        outcome it had no name for: these are read once, from `since` on."""
        for key, name in ((fit_key(key), name) for key, name in names.items()):
            if key not in self.rows and len(self.rows) < MAX_OUTCOMES:
                row = SeenOutcome(self._connector, key, name[:255], 0, since, since, "")
                if row.reports_as(settings):
                    self.rows[key] = row

    def set_counted_as(self, key: str, counts_as: str) -> None:
        self.rows[key] = replace(self.rows[key], counted_as=counts_as)

    def save(self, connection: Connection) -> None:
        changed = [row for key, row in self.rows.items() if row != self._before.get(key)]
        fields = SeenOutcome.__slots__
        upsert(connection, call_outcomes, [
            {name: getattr(row, name) for name in fields} for row in changed
        ])  # fmt: skip
        self._before = dict(self.rows)


def load(connection: Connection, connector: str | None = None) -> list[SeenOutcome]:
    """Load the outcomes of a CRM, or of all, the one with most calls first."""
    c = call_outcomes.c
    query = sa.select(call_outcomes).order_by(c.calls.desc(), c.connector, c.outcome)
    if connector is not None:
        query = query.where(c.connector == connector)
    return [SeenOutcome(*row) for row in connection.execute(query)]


def without_meaning(
    rows: list[SeenOutcome], settings: Dispositions, named: bool
) -> list[SeenOutcome]:
    """Return outcomes that nobody has given a meaning to: those with a name, or those
    without one."""
    return [
        outcome
        for outcome in rows
        if outcome.calls and outcome.is_named == named and not outcome.meanings(settings)
    ]


def forget(connection: Connection, connector: str) -> None:
    """Forget the outcomes of a CRM: in another account, the same id means another one."""
    c = call_outcomes.c
    connection.execute(sa.delete(call_outcomes).where(c.connector == connector))
    record_problem(connection, connector, "")


def record_problem(connection: Connection, connector: str, problem: str) -> None:
    """Store why a CRM does not give us the names of outcomes; "" = it does."""
    key = f"{_NAMES}{connector}"
    if problem:
        upsert(connection, app_state, [{"name": key, "value": orjson.dumps(problem).decode()}])
    else:
        connection.execute(sa.delete(app_state).where(app_state.c.name == key))


def load_problem(connection: Connection, connector: str) -> str:
    """Return why the names of outcomes could not be read with the last calls; "" = they could."""
    query = sa.select(app_state.c.value).where(app_state.c.name == f"{_NAMES}{connector}")
    stored = connection.scalar(query)
    return str(orjson.loads(stored)) if stored else ""


@dataclass(frozen=True, slots=True)
class UnnamedOutcomes:
    """Outcomes of a CRM's calls whose names we cannot read, as an operator is told of them."""

    outcomes: tuple[str, ...]
    text: str


def find_unnamed(ctx: Context, connector: str) -> UnnamedOutcomes | None:
    """Return the outcomes whose names the CRM does not give us; None if there are none."""
    with ctx.store.read() as connection:
        rows = load(connection, connector)
        why = load_problem(connection, connector)
    unnamed = without_meaning(rows, ctx.settings.feedback.dispositions, named=False)
    if not unnamed:
        return None
    calls = sum(outcome.calls for outcome in unnamed)
    text = (
        f"{calls:,} {'call has an outcome' if calls == 1 else 'calls have outcomes'} whose name is "
        f"not known ({why or 'the CRM does not list it'}): one may be an opt-out. They wait, and "
        "are read once it is known. See: hygiene feedback outcomes"
    )
    return UnnamedOutcomes(tuple(outcome.outcome for outcome in unnamed), text)
