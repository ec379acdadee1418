"""Take over opt-outs that a CRM holds already, in checkboxes of its own such as `DoNotCall`.

Each ticked record becomes one opt-out for each of its numbers, about that person, with the checkbox
as its evidence. All of one call are one batch, which can be undone as one (`import_batches`). What
was taken over before counts once; where that was undone, it counts again. Our own fields are none
of this: a sync reads who ticked those (`worker.feedback.crm_flags`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.connectors import CsvSettings
from config.section import SettingsError
from connectors.errors import InvalidRequestError
from connectors.labels import crm_name
from connectors.protocol import Connector
from worker.context import Context
from worker.feedback import intake
from worker.feedback.consent_state import ACTION_KEY_PREFIX, LIFT_KEY_PREFIX, UNDO_MARK
from worker.feedback.models import Feedback, FeedbackKind, contact_key
from worker.store.array_param import any_of
from worker.store.tables import contact_numbers, contacts, feedback
from worker.suppression import import_batches, undo_action

_BATCH_SIZE = 200  # records
_CHANNELS = {"call": "call", "text": "text", "any": "call text"}


@dataclass
class FieldCount:
    """Records of an object in which a checkbox is ticked. `new`: not taken over before;
    `not_in_index`: of these, records whose numbers we do not know yet; `missing`: why the checkbox
    could not be read ("": it could)."""

    object: str
    field: str
    channels: str
    ticked: int = 0
    new: int = 0
    not_in_index: int = 0
    missing: str = ""


@dataclass
class OptOuts:
    """What was found, and stored (0 in a dry run). `batch`: its id, "" where nothing was stored."""

    connector: str
    fields: list[FieldCount] = field(default_factory=list)
    stored: int = 0
    batch: str = ""
    api_calls: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def fields_to_read(ctx: Context, connector: str, named: Mapping[str, str]) -> dict[str, str]:
    """Return the checkboxes to read and their channel (call, text, any): those of the settings and
    those that are `named`. Raises `SettingsError` for fields of ours, and where there are none."""
    settings = ctx.settings.section(connector)
    if isinstance(settings, CsvSettings):
        raise SettingsError(f"{connector}: a list on disk has no checkboxes; import it instead")
    ours = {name for name in settings.fields.model_dump().values() if name}
    chosen: dict[str, str] = {
        name: channel for name, channel in settings.opt_out_fields.items() if name not in ours
    }
    for name in named:
        if name in ours:
            raise SettingsError(f"{name} is a field of ours; a sync reads who ticked it")
    chosen |= named
    if not chosen:
        raise SettingsError(
            f"{connector}: no checkbox is named: set connectors.{connector}.opt_out_fields, or "
            "give --field NAME=call"
        )
    return chosen


def take_over(
    ctx: Context, name: str, fields: Mapping[str, str], by: str, apply: bool,
    progress: Callable[[int], None] = lambda _records: None,
) -> OptOuts:  # fmt: skip
    """Find ticked records, and store their opt-outs if `apply`. Raises `ConnectorError`."""
    before = sum(ctx.calls(name).values())
    connector = ctx.connector(name)
    result = OptOuts(name)
    mark = undo_action.new_mark()
    for object_name in connector.objects:
        for crm_field, channel in fields.items():
            found = FieldCount(object_name, crm_field, _CHANNELS[channel])
            result.fields.append(found)
            for ids in _ticked(connector, found):
                reports = _new_reports(ctx, name, found, ids)
                if apply and reports:
                    if not result.batch:
                        undo_action.begin(ctx, mark)
                        import_batches.begin(ctx, mark, "crm_opt_outs", crm_name(name), by)
                        result.batch = mark
                    intake.store_reports(ctx, [undo_action.key(mark, r) for r in reports])
                    result.stored += len(reports)
                    import_batches.count(ctx, mark, result.stored)
                progress(len(ids))
    result.api_calls = sum(ctx.calls(name).values()) - before
    if all(found.missing for found in result.fields):
        raise InvalidRequestError("; ".join(f"{f.object}.{f.field}: {f.missing}"
                                            for f in result.fields))  # fmt: skip
    return result


def _ticked(connector: Connector, found: FieldCount) -> Iterator[list[str]]:
    try:
        ids = iter(connector.ticked(found.object, found.field))
    except InvalidRequestError as error:
        found.missing = str(error)
        return
    while batch := list(islice(ids, _BATCH_SIZE)):
        found.ticked += len(batch)
        yield batch


def _new_reports(ctx: Context, name: str, found: FieldCount, ids: Sequence[str]) -> list[Feedback]:
    """Return the opt-outs of these records that were not taken over before."""
    by_id = {record_id: contact_key(name, found.object, record_id) for record_id in ids}
    n, c = contact_numbers.c, contacts.c
    with ctx.store.read() as connection:
        known = _known(connection, list(by_id.values()))
        of_object = (c.connector == name, c.object == found.object, any_of(c.record_id, ids))
        persons = {
            row.record_id: row.person
            for row in connection.execute(sa.select(c.record_id, c.person).where(*of_object))
        }
        held = sa.select(n.record_id, n.number).where(
            n.connector == name, n.object == found.object, any_of(n.record_id, ids)
        )
        numbers: dict[str, list[str]] = {}
        for record_id, number in connection.execute(held):
            numbers.setdefault(record_id, []).append(number)
    now, reports = ctx.now(), []
    for record_id, contact in by_id.items():
        mine = [
            Feedback(
                key=f"tick:{found.field}:{contact}:{number}",
                kind=FeedbackKind.OPT_OUT,
                number=number,
                source=f"{name} import"[:40],
                at=now,
                channels=found.channels,
                contact=contact,
                scope="person",
                person=persons.get(record_id, ""),
                evidence=f"{found.field} was ticked in {crm_name(name)} on first read",
                received_at=now,
            )
            for number in dict.fromkeys(numbers.get(record_id) or [""])
        ]
        new = [report for report in mine if undo_action.without_mark(report.key) not in known]
        found.new += bool(new)
        found.not_in_index += bool(new) and record_id not in persons
        reports += new
    return reports


def _known(connection: Connection, contact_keys: Sequence[str]) -> set[str]:
    """Return what was taken over of these contacts before, and not undone: keys without the mark of
    their batch."""
    f = feedback.c
    query = sa.select(f.id, f.key).where(
        any_of(f.contact, contact_keys),
        sa.or_(f.key.startswith(ACTION_KEY_PREFIX), f.key.startswith(LIFT_KEY_PREFIX)),
    )
    rows = connection.execute(query).all()
    undone = {row.key.split(":")[2] for row in rows if f":{UNDO_MARK}:" in row.key}
    taken_over = (row for row in rows if row.key.startswith(ACTION_KEY_PREFIX))
    return {
        undo_action.without_mark(row.key.split(":", 2)[2])
        for row in taken_over
        if str(row.id) not in undone
    }
