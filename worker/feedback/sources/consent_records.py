"""Read opt-outs from the consent records that a CRM keeps beside its contacts, by setting.

Each opt-out becomes one report for each number of the record, about that person. What says that
somebody consents is no report: nothing that is read here lifts anything. Changes are read every few
minutes; once a day all that stands is read, since a record may be linked to a consent later.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.errors import ConnectorError
from connectors.labels import crm_name
from connectors.records import ConsentOptOut
from worker.context import Context
from worker.feedback import intake, report_log
from worker.feedback.models import Feedback, FeedbackKind
from worker.store import setbacks
from worker.store.array_param import any_of
from worker.store.bulk import upsert
from worker.store.tables import consent_writes, poll_cursors

log = logging.getLogger(__name__)

_OVERLAP = timedelta(hours=1)  # changes are read again for so long: some are committed late
_FULL_EVERY = timedelta(days=1)
_BATCH_SIZE = 200
_READ = "read consent records"  # what is refused, as an operator is told


def poll_all(ctx: Context) -> int:
    """Poll every CRM; return how many reports are new. One that is away does not hold up the
    others."""
    return sum(ctx.for_each(ctx.settings.active_connectors, _poll_one))


def _poll_one(ctx: Context, name: str) -> int:
    try:
        new = poll(ctx, name)
    except ConnectorError as error:
        log.warning("%s: consent records could not be read: %s", name, error)
        setbacks.note(ctx.store, name, _READ, error, ctx.now())
        return 0
    setbacks.clear(ctx.store, name, _READ)
    return new


def poll(ctx: Context, connector: str) -> int:
    """Read what changed since the last time, or once a day all; return how many reports are new.
    Raises `ConnectorError`; the place moves on only with what was stored."""
    opened = ctx.open_own(connector)
    now = ctx.now()
    position, full_at = (_load(ctx, name) for name in _cursors(connector))
    full = full_at is None or position is None or now - full_at >= _FULL_EVERY
    found = opened.consent_opt_outs(None if full or position is None else position - _OVERLAP)
    if found is None:
        return 0
    new = sum(_store(ctx, connector, batch) for batch in _batches(found))
    at = now + opened.clock_offset()
    rows = [{"name": name, "position": at if name.startswith("consent:") else now}
            for name in _cursors(connector)[: 2 if full else 1]]  # fmt: skip
    with ctx.store.write() as connection:
        ctx.require_account(connection, connector)
        upsert(connection, poll_cursors, rows)
    return new


def forget_place(connection: Connection, connector: str) -> None:
    """Forget how far consent records were read: the next look reads all that stands."""
    names = _cursors(connector)
    connection.execute(sa.delete(poll_cursors).where(poll_cursors.c.name.in_(names)))


def _cursors(connector: str) -> tuple[str, str]:
    return f"consent:{connector}", f"consent-all:{connector}"


def _load(ctx: Context, name: str) -> datetime | None:
    query = sa.select(poll_cursors.c.position).where(poll_cursors.c.name == name)
    with ctx.store.read() as connection:
        return connection.scalar(query)


def _batches(found: Iterator[ConsentOptOut]) -> Iterator[list[ConsentOptOut]]:
    batch: list[ConsentOptOut] = []
    for opt_out in found:
        batch.append(opt_out)
        if len(batch) >= _BATCH_SIZE:
            yield batch
            batch = []
    if batch:
        yield batch


def _store(ctx: Context, connector: str, found: Sequence[ConsentOptOut]) -> int:
    """Store the reports of opt-outs that are not known yet: one that was lifted here since is not
    said again until the consent record changes."""
    with ctx.store.read() as connection:
        ours = _written_by_us(connection, [opt_out.id for opt_out in found])
        keys = {_key(connector, opt_out): opt_out for opt_out in found if opt_out.id not in ours}
        known = report_log.find_known_keys(connection, list(keys), ctx.keys)
    reports: list[Feedback] = []
    for key, opt_out in keys.items():
        if key not in known:
            reports += _reports(ctx, connector, opt_out, key)
    if reports:  # the account may have been changed while the records were read
        ctx.open_own(connector)
    return intake.store_reports(ctx, reports)


def _written_by_us(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Return those of these consent records that say OptOut since we wrote that
    (`worker.sync.consent_writes`): it is no evidence, whatever else somebody changed in them."""
    c = consent_writes.c
    query = sa.select(c.consent_id).where(any_of(c.consent_id, list(ids)), c.written == "opt_out")
    return set(connection.scalars(query))


def _key(connector: str, opt_out: ConsentOptOut) -> str:
    record = f"{opt_out.object}/{opt_out.record_id}"
    return f"consent:{connector}:{opt_out.id}:{record}:{opt_out.changed_at.isoformat()}"


def _reports(ctx: Context, connector: str, opt_out: ConsentOptOut, key: str) -> Iterator[Feedback]:
    """Yield a report for each number of the record; for a record without any, one about it. The
    first one's key is that of all: numbers that the record gets later are covered by the person."""
    now = ctx.now()
    who = intake.find_identity(ctx, connector, opt_out.object, opt_out.record_id)
    numbers = intake.numbers_of_contact(ctx, connector, opt_out.object, opt_out.record_id)
    for place, number in enumerate(numbers or [""]):
        yield Feedback(
            key=f"{key}:{place}" if place else key,
            kind=FeedbackKind.OPT_OUT,
            number=number,
            source=f"{connector} consent"[:40],
            at=min(opt_out.changed_at, now),
            channels=opt_out.channels,
            contact=who.key,
            scope="person",
            person=who.person,
            evidence=f"{crm_name(connector)}: {opt_out.evidence}",
            received_at=now,
        )
