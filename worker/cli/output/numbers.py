"""Show what is known of a number, and the evidence for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from worker.cli.output.console import info, out, rows, show_table, styled, table
from worker.cli.output.times import local_day, local_minute, local_second


def show_number(found: Mapping[str, Any]) -> None:
    """Show everything known about a number."""
    plan = "in" if found["valid"] else "not in"
    answers = (v["line_type"] for v in found["verifications"] if v["counts"])
    known = next((kind for kind in answers if kind != "unknown"), found["kind"])
    kind = known.replace("_", " ") if known != "unknown" else "line type unknown"
    out.print(
        Text.assemble(
            (found["number"], "bold"),
            f"  {found['region'] or 'no country'}, {kind}, {plan} the numbering plan",
        )
    )
    if found["time_zones"]:
        out.print(Text(f"  {', '.join(found['time_zones'][:4])}", style="dim"))
    _show_answers(found)
    _section(
        "reports",
        ("kind", "from", "~evidence", "at"),
        [(f["kind"], f["source"], f["evidence"], local_minute(f["at"])) for f in found["feedback"]],
    )
    for one in found["holds"]:
        _show_hold(one)
    _section(
        "held by",
        ("contact", "field", "status", "~reason"),
        [
            (f"{c['connector']} {c['object']} {c['id']}", c["field"], styled(c["status"]),
             c["reason"] or "")
            for c in found["contacts"]
        ],
    )  # fmt: skip
    _section(
        "written",
        ("!run", "contact", "~what", "at"),
        [
            (w["run"], f"{w['connector']} {w['id']}",
             ", ".join(f"{k}={v}" for k, v in w["after"].items() if k not in ("run", "checked_at")),
             local_minute(w["at"]))
            for w in found["writes"][:10]
        ],
    )  # fmt: skip


def _show_answers(found: Mapping[str, Any]) -> None:
    """Show what providers answered, what was paid for, and which lookups got no answer."""
    _section(
        "verifications",
        ("provider", "asked for", "verdict", "line type", "~carrier", "~answer", "?at",
         "valid until", f">cost, {found['currency']}"),
        [
            (v["provider"], v["depth"].replace("_", " "), styled(v["verdict"]), v["line_type"],
             v["carrier"], _answer_details(v), local_minute(v["at"]),
             local_day(v["until"]) + ("" if v["counts"] else " (expired)"),
             f"{v['cost']:.4f}".rstrip("0").rstrip(".") if v["cost"] else "")
            for v in found["verifications"]
        ],
    )  # fmt: skip
    if found["lookups"]:
        _section(
            "paid lookups",
            ("provider", "package", "state", "verdict", "?run", "at",
             f">cost, {found['currency']}"),
            [
                (one["provider"], one["package"], one["state"], styled(one["verdict"] or None),
                 one["run"], local_minute(one["at"]), f"{one['cost']:.4f}".rstrip("0").rstrip("."))
                for one in found["lookups"]
            ],
        )  # fmt: skip
    if found["waiting"]:
        _section(
            "unanswered lookups",
            ("provider", "package", "~why", "next attempt"),
            [
                (one["provider"], one["package"], one["reason"], local_minute(one["again_at"]))
                for one in found["waiting"]
            ],
        )


def _answer_details(verification: Mapping[str, Any]) -> str:
    """Return an answer's own words, to show beside its verdict."""
    parts = [verification["detail"]]
    if verification["live"]:
        parts.append(f"line is {verification['live']}")
    if verification["reassigned"] is not None:
        given = "reassigned" if verification["reassigned"] else "not reassigned"
        parts.append(f"{given} since {verification['since']}")
    elif verification["since"]:
        parts.append(f"no data since {verification['since']}")
    return "; ".join(filter(None, parts))


def _section(title: str, columns: Sequence[str], entries: Sequence[Sequence[Any]]) -> None:
    out.print(Text(f"\n{title}", style="bold"))
    if entries:
        show_table(rows(table(*columns), entries))
    else:
        out.print(Text("  none", style="dim"))


def show_evidence(found: Mapping[str, Any]) -> None:
    """Show what was reported about a number, and when each CRM had it."""
    out.print(Text(found["number"], style="bold"))
    for one in found["reports"]:
        who = f" by {one['source']}" if one["source"] else ""
        out.print(
            Text(f"\n{one['kind'].replace('_', ' ')}", style="bold")
            + Text(f"{who}, {local_minute(one['at'])}: {one['evidence'] or 'no text kept'}")
        )
        out.print(Text(f"  received {local_second(one['received_at'])}, applied "
                       f"{local_second(one['applied_at'], 'not yet')}", style="dim"))  # fmt: skip
        _show_deliveries(one["delivered"])
    for one in found["lists"]:
        named = Text(f" {one['source']}, {local_minute(one['since'])}")
        out.print(Text("\non an imported list", style="bold") + named)
        _show_deliveries(one["delivered"])
    for one in found["holds"]:
        _show_hold(one)
        _show_deliveries(one["delivered"])
    if not found["reports"] and not found["lists"]:
        info("no reports about this number")
    standing = [
        f"{one['reason'].replace('_', ' ')} ({' and '.join(one['channels'])}), "
        f"since {local_day(one['since'])}"
        for one in found["suppressions"]
        if one["active"]
    ]
    otherwise = "not suppressed, but not texted for now" if found["holds"] else "not suppressed"
    out.print(Text(f"\n{'active: ' if standing else ''}{'; '.join(standing) or otherwise}"))


def _show_hold(hold: Mapping[str, Any]) -> None:
    """Say that a number is not texted until a person has decided a reply."""
    said = f": {hold['reason']}, since {local_minute(hold['since'])}"
    out.print(Text("\nno texts for now", style="bold") + Text(said))
    where = f"  until reply {hold['review']} is decided: hygiene feedback reviews"
    out.print(Text(where, style="dim"))


def _show_deliveries(delivered: Sequence[Mapping[str, Any]]) -> None:
    for one in delivered:
        if one["state"] == "done" and not one["records"]:
            line = "no record has the number"
        elif one["state"] == "done":
            line = f"confirmed {local_second(one['confirmed_at'])} after {one['seconds']:,.1f} s, "
            line += f"{one['records']} record{'' if one['records'] == 1 else 's'}"
        else:
            line = f"waiting: {one['error'] or 'not sent yet'}"
        late = "" if one["in_time"] else " (later than ten business days)"
        good = one["state"] == "done" and not late
        out.print(Text(f"  {one['connector']}: {line}{late}",
                       style="green" if good else "yellow"))  # fmt: skip
