"""The whole story of a number, or of a record, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from config.errors import HygieneError
from worker.context import Context
from worker.queries.number import LIMIT, number_details
from worker.store.states import WriteState
from worker.store.tables import contact_numbers, contacts, failures, writes
from worker.suppression import evidence


class NoSuchRecordError(HygieneError):
    exit_code = 2
    http_status = 404


def number_timeline(ctx: Context, number: str) -> dict[str, Any]:
    """All that is known of a number, with `timeline`: the newest first."""
    found = number_details(ctx, number)
    told = evidence.number_evidence(ctx, number)
    events = [*_verified(found), *_paid(found), *_reported(told), *_written(found["writes"])]
    for one in told["suppressions"]:
        if one["lifted_at"]:
            events.append(
                _event(one["lifted_at"], "lifted", f"{_humanize(one['reason'])} lifted",
                       f"{one['lifted_why']} (by {one['lifted_by']})")
            )  # fmt: skip
    found["suppressions"] = told["suppressions"]
    found["reports"] = told["reports"]
    found["lists"] = told["lists"]
    found["timeline"] = _in_order(events)
    return found


def record_timeline(
    ctx: Context, connector: str, object_name: str, record_id: str
) -> dict[str, Any]:
    """Return a record as our index has it, and what was written to it.

    Raises `NoSuchRecordError`.
    """
    stored = _load_record(ctx, connector, object_name, record_id)
    if stored is None:
        raise NoSuchRecordError(f"no record {record_id} of {object_name} in {connector} is known")
    entries = [
        {
            "run": write.run_id,
            "connector": connector,
            "object": object_name,
            "id": record_id,
            "state": write.state,
            "before": write.before,
            "after": write.after,
            "message": write.message,
            "at": write.at.isoformat(),
        }
        for write in stored.writes
    ]
    failure = stored.failure
    return {
        "connector": connector,
        "object": object_name,
        "id": record_id,
        **_index_entry(stored.contact),
        "numbers": [
            {"field": row.field, "number": row.number, "extension": row.extension}
            for row in stored.numbers
        ],
        "failure": None
        if failure is None
        else {
            "kind": failure.kind,
            "message": failure.message,
            "attempts": failure.attempts,
            "at": failure.at.isoformat(),
        },
        "timeline": _in_order(_written(entries)),
    }


@dataclass(frozen=True, slots=True)
class _StoredRecord:
    """Rows about one record. `contact`: None where our index does not have it (any more)."""

    contact: Any
    numbers: Sequence[Any]
    writes: Sequence[Any]  # the newest first
    failure: Any


def _load_record(
    ctx: Context, connector: str, object_name: str, record_id: str
) -> _StoredRecord | None:
    """Return what our tables hold of a record; None where they hold nothing."""

    def is_record(table: sa.Table) -> sa.ColumnElement[bool]:
        c = table.c
        return sa.and_(c.connector == connector, c.object == object_name, c.record_id == record_id)

    n, w = contact_numbers.c, writes.c
    with ctx.store.read() as connection:
        contact = connection.execute(sa.select(contacts).where(is_record(contacts))).one_or_none()
        written = connection.execute(
            sa.select(writes)
            .where(
                is_record(writes),
                w.state.in_((WriteState.DONE, WriteState.FAILED, WriteState.PENDING)),
            )
            .order_by(w.id.desc())
            .limit(LIMIT)
        ).all()
        numbers = connection.execute(
            sa.select(n.field, n.number, n.extension)
            .where(is_record(contact_numbers))
            .order_by(n.field, n.place)
        ).all()
        failure = connection.execute(sa.select(failures).where(is_record(failures))).one_or_none()
    if contact is None and not written and failure is None:
        return None
    return _StoredRecord(contact, numbers, written, failure)


def _index_entry(contact: Any) -> dict[str, Any]:
    """Return a row of our index as the answer shows it; `there` False where there is none."""
    if contact is None:
        return {
            "there": False,
            "statuses": {},
            "flags": {},
            "reason": None,
            **dict.fromkeys(("source", "campaign", "country", "month"), ""),
            "checked_at": None,
        }
    return {
        "there": True,
        "statuses": contact.statuses,
        "flags": {flag: value for flag, value in contact.last_seen_flags.items() if value},
        "reason": contact.reason,
        "source": contact.source,
        "campaign": contact.campaign,
        "country": contact.country,
        "month": contact.month,
        "checked_at": contact.checked_at.isoformat(),
    }


def _event(at: str, kind: str, title: str, text: str = "", **more: Any) -> dict[str, Any]:
    return {"at": at, "kind": kind, "title": title, "text": text, **more}


def _humanize(text: str) -> str:
    return text.replace("_", " ")


def _verified(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    events = []
    for said in found["verifications"]:
        parts = [said["line_type"] if said["line_type"] != "unknown" else "", said["carrier"],
                 said["detail"]]  # fmt: skip
        text = ", ".join(filter(None, parts))
        until = f"expires {said['until'][:10]}" if said["counts"] else "expired"
        title = f"{said['label']}: {said['verdict']}"
        events.append(
            _event(said["at"], said["verdict"], title, f"{text} ({until})" if text else until)
        )
    return events


def _paid(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        _event(one["at"], "lookup", f"{one['provider']} was asked ({_humanize(one['package'])})",
               f"{one['cost']:.4f} {found['currency']}, {_humanize(one['state'])}", run=one["run"])
        for one in found["lookups"]
    ]  # fmt: skip


def _reported(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    events = []
    for one in told["reports"]:
        channels = " and ".join(one["channels"]) if one["channels"] else ""
        title = (
            f"{_humanize(one['kind'])}{f' ({channels})' if channels else ''}, from {one['source']}"
        )
        events.append(_event(one["at"], one["kind"], title, one["evidence"]))
        for done in one["delivered"]:
            if done["state"] == "done" and done["records"]:
                count = done["records"]
                text = f"{count} record{'' if count == 1 else 's'}, {done['seconds']:,.1f} s later"
                events.append(
                    _event(done["confirmed_at"], "done", f"{done['connector']} has it", text)
                )
    events += [_event(one["since"], "do_not_contact", f"on a list: {one['source']}")
               for one in told["lists"]]  # fmt: skip
    return events


def _written(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    events = []
    for one in entries:
        failed = one["state"] == "failed"
        title = f"{one['connector']} {one['object']} {'was not written' if failed else 'written'}"
        text = one["message"] if failed else (one["after"] or {}).get("reason") or ""
        events.append(
            _event(one["at"], "failed" if failed else "write", title, text or "", run=one["run"],
                   record=(one["connector"], one["object"], one["id"]),
                   before=one["before"] or {}, after=one["after"] or {})
        )  # fmt: skip
    return events


def _in_order(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted((one for one in events if one["at"]), key=lambda one: one["at"], reverse=True)
