"""Show what is known of a number, and the evidence for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from worker.cli.output.console import info, out, rows, show_table, styled, table
from worker.cli.output.times import local_day, local_minute, local_second


def show_number(details: Mapping[str, Any], head: Mapping[str, Any]) -> None:
    """Show everything known about a number. `head`: what holds for it now (`number_head`)."""
    plan = "in" if details["valid"] else "not in"
    answers = (v["line_type"] for v in details["verifications"] if v["counts"])
    known = next((kind for kind in answers if kind != "unknown"), details["kind"])
    kind = known.replace("_", " ") if known != "unknown" else "line type unknown"
    out.print(
        Text.assemble(
            (details["number"], "bold"),
            f"  {details['region'] or 'no country'}, {kind}, {plan} the numbering plan",
        )
    )
    if details["time_zones"]:
        out.print(Text(f"  {', '.join(details['time_zones'][:4])}", style="dim"))
    closed = " or ".join(f"{channel}s" for channel in head["channels"])
    out.print(
        Text.assemble("  ", styled(head["status"]), f"  {head['reason']}"
                      + (f" No {closed}." if closed else ""))
    )  # fmt: skip
    no_calls = "call" in head["channels"] or head["status"] == "wrong_number"
    hours = "must not be called" if no_calls else details["window"]["text"]
    out.print(Text(f"  {hours}", style="dim"))
    _show_answers(details)
    _section(
        "reports",
        ("kind", "from", "~evidence", "at"),
        [
            (f["kind"], f["source"], f["evidence"], local_minute(f["at"]))
            for f in details["feedback"]
        ],
    )
    for hold in details["holds"]:
        _show_hold(hold)
    _section(
        "held by",
        ("contact", "field", "status", "~reason"),
        [
            (f"{c['connector']} {c['object']} {c['id']}", c["field"], styled(c["status"]),
             c["reason"] or "")
            for c in details["contacts"]
        ],
    )  # fmt: skip
    _section(
        "written",
        ("!run", "contact", "~what", "at"),
        [
            (w["run"], f"{w['connector']} {w['id']}",
             ", ".join(f"{k}={v}" for k, v in w["after"].items() if k not in ("run", "checked_at")),
             local_minute(w["at"]))
            for w in details["writes"][:10]
        ],
    )  # fmt: skip


def _show_answers(details: Mapping[str, Any]) -> None:
    """Show what providers answered, what was paid for, and which lookups got no answer."""
    _section(
        "verifications",
        ("provider", "asked for", "verdict", "line type", "~carrier", "~answer", "?at",
         "valid until", f">cost, {details['currency']}"),
        [
            (v["provider"], v["depth"].replace("_", " "), styled(v["verdict"]), v["line_type"],
             v["carrier"], _answer_details(v), local_minute(v["at"]),
             local_day(v["until"]) + ("" if v["counts"] else " (expired)"),
             f"{v['cost']:.4f}".rstrip("0").rstrip(".") if v["cost"] else "")
            for v in details["verifications"]
        ],
    )  # fmt: skip
    if details["lookups"]:
        _section(
            "paid lookups",
            ("provider", "package", "state", "verdict", "?run", "at",
             f">cost, {details['currency']}"),
            [
                (row["provider"], row["package"], row["state"], styled(row["verdict"] or None),
                 row["run"], local_minute(row["at"]), f"{row['cost']:.4f}".rstrip("0").rstrip("."))
                for row in details["lookups"]
            ],
        )  # fmt: skip
    if details["waiting"]:
        _section(
            "unanswered lookups",
            ("provider", "package", "~why", "next attempt"),
            [
                (row["provider"], row["package"], row["reason"], local_minute(row["again_at"]))
                for row in details["waiting"]
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


def show_evidence(details: Mapping[str, Any]) -> None:
    """Show what was reported about a number, and when each CRM had it."""
    out.print(Text(details["number"], style="bold"))
    for report in details["reports"]:
        who = f" by {report['source']}" if report["source"] else ""
        out.print(
            Text(f"\n{report['kind'].replace('_', ' ')}", style="bold")
            + Text(f"{who}, {local_minute(report['at'])}: {report['evidence'] or 'no text kept'}")
        )
        out.print(Text(f"  received {local_second(report['received_at'])}, applied "
                       f"{local_second(report['applied_at'], 'not yet')}",
                       style="dim"))  # fmt: skip
        _show_deliveries(report["delivered"])
    for entry in details["lists"]:
        named = Text(f" {entry['source']}, {local_minute(entry['since'])}")
        out.print(Text("\non an imported list", style="bold") + named)
        _show_deliveries(entry["delivered"])
    for hold in details["holds"]:
        _show_hold(hold)
        _show_deliveries(hold["delivered"])
    if not details["reports"] and not details["lists"]:
        info("no reports about this number")
    standing = [
        f"{row['reason'].replace('_', ' ')} ({' and '.join(row['channels'])}), "
        f"since {local_day(row['since'])}"
        for row in details["suppressions"]
        if row["active"]
    ]
    otherwise = "not suppressed, but not texted for now" if details["holds"] else "not suppressed"
    out.print(Text(f"\n{'active: ' if standing else ''}{'; '.join(standing) or otherwise}"))


def _show_hold(hold: Mapping[str, Any]) -> None:
    """Say that a number is not texted until a person has decided a reply."""
    reason = f": {hold['reason']}, since {local_minute(hold['since'])}"
    out.print(Text("\nno texts for now", style="bold") + Text(reason))
    where = f"  until reply {hold['review']} is decided: hygiene feedback reviews"
    out.print(Text(where, style="dim"))


def _show_deliveries(delivered: Sequence[Mapping[str, Any]]) -> None:
    for delivery in delivered:
        if delivery["state"] == "done" and not delivery["records"]:
            line = "no record has the number"
        elif delivery["state"] == "done":
            line = (
                f"confirmed {local_second(delivery['confirmed_at'])} "
                f"after {delivery['seconds']:,.1f} s, "
            )
            line += f"{delivery['records']} record{'' if delivery['records'] == 1 else 's'}"
        else:
            line = f"waiting: {delivery['error'] or 'not sent yet'}"
        late = "" if delivery["in_time"] else " (later than ten business days)"
        good = delivery["state"] == "done" and not late
        out.print(Text(f"  {delivery['connector']}: {line}{late}",
                       style="green" if good else "yellow"))  # fmt: skip
