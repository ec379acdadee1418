"""The whole story of a number, or of a record, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from config.errors import HygieneError
from worker.context import Context
from worker.queries.number import LIMIT, number_details
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
    """A record as our index has it, and what was written to it; raises `NoSuchRecordError`."""
    c, held, w, f = contacts.c, contact_numbers.c, writes.c, failures.c
    with ctx.store.read() as connection:
        row = connection.execute(
            sa.select(contacts).where(
                c.connector == connector, c.object == object_name, c.record_id == record_id
            )
        ).one_or_none()
        made = connection.execute(
            sa.select(writes)
            .where(
                w.connector == connector, w.object == object_name, w.record_id == record_id,
                w.state.in_(("done", "failed", "pending")),
            )
            .order_by(w.id.desc())
            .limit(LIMIT)
        ).all()  # fmt: skip
        numbers = connection.execute(
            sa.select(held.field, held.number, held.extension)
            .where(
                held.connector == connector, held.object == object_name,
                held.record_id == record_id,
            )
            .order_by(held.field, held.place)
        ).all()  # fmt: skip
        failed = connection.execute(
            sa.select(failures).where(
                f.connector == connector, f.object == object_name, f.record_id == record_id
            )
        ).one_or_none()
    if row is None and not made and failed is None:
        raise NoSuchRecordError(f"no record {record_id} of {object_name} in {connector} is known")
    entries = [
        {"run": one.run_id, "connector": connector, "object": object_name, "id": record_id,
         "state": one.state, "before": one.before, "after": one.after, "message": one.message,
         "at": one.at.isoformat()}
        for one in made
    ]  # fmt: skip
    return {
        "connector": connector,
        "object": object_name,
        "id": record_id,
        "there": row is not None,
        "statuses": row.statuses if row is not None else {},
        "flags": {k: v for k, v in row.last_seen_flags.items() if v} if row is not None else {},
        "reason": row.reason if row is not None else None,
        "source": row.source if row is not None else "",
        "campaign": row.campaign if row is not None else "",
        "country": row.country if row is not None else "",
        "month": row.month if row is not None else "",
        "checked_at": row.checked_at.isoformat() if row is not None else None,
        "numbers": [
            {"field": one.field, "number": one.number, "extension": one.extension}
            for one in numbers
        ],
        "failure": {"kind": failed.kind, "message": failed.message, "attempts": failed.attempts,
                    "at": failed.at.isoformat()} if failed is not None else None,
        "timeline": _in_order(_written(entries)),
    }  # fmt: skip


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
