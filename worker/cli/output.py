"""What the `hygiene` command shows in a terminal: progress, tables, plain error lines."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from worker.queries.failure_help import REMEDIES


def _console(stderr: bool = False) -> Console:
    """Lines are never cut or broken for a pipe or a file; a terminal wraps them by itself."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else 160
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=width)


out, err = _console(), _console(stderr=True)

MOST_FAILURES = 20  # lines of a kind before "... and n more"

STYLES = {
    "valid": "green",
    "invalid": "red",
    "unreachable": "yellow",
    "wrong_number": "red",
    "do_not_contact": "magenta",
    "unverified": "yellow",
    "done": "green",
    "done_with_failures": "yellow",
    "all_failed": "red",
    "stopped": "yellow",
    "failed": "red",
    "running": "cyan",
    "cancelled": "yellow",
    "parked": "red",
}

_WORDS = {"done_with_failures": "done with failures", "all_failed": "all records failed"}


def print_json(document: Any) -> None:
    """One JSON document on stdout, and nothing else there."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n")


def complain(*lines: str) -> None:
    for line in lines:
        err.print(Text("error: ", style="bold red") + Text(line))


def note(line: str) -> None:
    err.print(Text(line, style="dim"))


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        if not task.speed:
            return Text("")
        return Text(f"{task.speed:,.0f}/s", style="cyan")


@contextmanager
def progress() -> Iterator[Progress]:
    """A bar with rate and time left, on stderr; quiet where stderr is not a terminal."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
        disable=not err.is_terminal,
        transient=True,
    )
    with bar:
        yield bar


def move(bar: Progress, task: TaskID, done: float, total: float | None = None) -> None:
    bar.update(task, completed=done, total=total)


def styled(status: str | None) -> Text:
    text = _WORDS.get(status or "", status)
    return Text(text or "–", style=STYLES.get(status or "", "dim"))


def table(*columns: str, title: str | None = None) -> Table:
    made = Table(title=title, title_justify="left", title_style="bold", pad_edge=False, box=None)
    for column in columns:
        right = column.startswith(">")
        made.add_column(
            column.removeprefix(">"),
            justify="right" if right else "left",
            header_style="bold",
            overflow="fold",
        )
    return made


def show_table(made: Table) -> None:
    out.print(made, soft_wrap=False)


def _count(number: int) -> str:
    return f"{number:,}"


def show_result(result: Mapping[str, Any]) -> None:
    """A run's outcome in a few lines."""
    counts = result["contacts"]
    dry = " (dry run: nothing was written)" if result["dry_run"] else ""
    line = Text.assemble(
        (result["connector"], "bold"),
        f"  run {result['run']}  ",
        styled(result["outcome"]),
        f"  in {result['seconds']:.1f} s{dry}",
    )
    out.print(line)
    would = "would change" if result["dry_run"] else "changed"
    parts = [f"{_count(counts['read'])} contacts read", f"{_count(counts['changed'])} {would}"]
    if not result["dry_run"]:
        parts.append(f"{_count(counts['written'])} written")
    if counts["failed"]:
        parts.append(f"[red]{_count(counts['failed'])} failed[/red]")
    if counts["gone"]:
        parts.append(f"{_count(counts['gone'])} gone meanwhile")
    if hidden := result["not_visible"]:
        parts.append(f"[yellow]{_count(hidden)} not visible to our user[/yellow]")
    out.print("  " + ", ".join(parts))
    if lost := result["hidden_fields"]:
        names = ", ".join(".".join(filter(None, (o["object"], o["field"]))) for o in lost)
        out.print(Text(f"  no longer visible to our user: {names}", style="red"))
    would_write = result.get("would_write")
    if would_write and would_write["loud"] != would_write["quiet"]:
        out.print(
            f"  with policy.quiet_first_sync {_count(would_write['quiet'])} records would be "
            f"written, without it {_count(would_write['loud'])}"
        )
    for one in result["removals"]:
        if one["state"] == "would_remove":
            out.print(
                f"  {one['object']}: {_count(one['records'])} would be removed from the index"
            )
    if result["fields"]:
        statuses = sorted(result["fields"].items(), key=lambda entry: -entry[1])
        listed = Text("  phone fields: ")
        for place, (status, number) in enumerate(statuses):
            listed.append(", " if place else "")
            listed.append(f"{_count(number)} ").append_text(styled(status))
        out.print(listed)
    calls = result["api_calls"]
    out.print(f"  API calls: {calls['read']} read, {calls['write']} write, {calls['other']} other")
    for name, lookup in result["lookups"].items():
        if lookup["asked"] or lookup["reused"] or lookup["failed"]:
            cost = f", cost {lookup['cost']:,.2f}" if lookup["cost"] else ""
            failed = f", {lookup['failed']} without an answer" if lookup["failed"] else ""
            out.print(
                f"  {name}: {_count(lookup['asked'])} asked, "
                f"{_count(lookup['reused'])} known already{failed}{cost}"
            )
    forecast = result.get("forecast")
    if forecast and forecast["lookups"]:
        out.print(
            f"  lookups would cost {forecast['cost']:,.2f} {forecast['currency']} "
            f"({_count(forecast['lookups'])})"
        )
        for line_ in forecast["short"]:
            out.print(Text(f"  {line_}; the other numbers would stay unverified", style="yellow"))
    for line_ in result["notes"]:
        out.print(Text(f"  note: {line_}", style="yellow"))
    if result["error"]:
        out.print(Text(f"  {result['error']}", style="red"))


def rows(made: Table, entries: Sequence[Sequence[Any]]) -> Table:
    for entry in entries:
        made.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in entry))
    return made


def show_account(found: Mapping[str, Any]) -> None:
    """A run with its failures and some of its writes (`runs show`)."""
    show_result(found)
    if found["failures"]:
        out.print(Text("\nnot written, by kind", style="bold"))
        for kind, number in sorted(found["failures_by_kind"].items(), key=lambda e: -e[1]):
            out.print(f"  {number:,} {kind}: {REMEDIES.get(kind, '')}")
        made = table("record", "kind", "what the CRM said")
        shown = found["failures"][:MOST_FAILURES]
        rows(made, [(f"{f['object']} {f['id']}", f["kind"], f["message"]) for f in shown])
        show_table(made)
        if len(found["failures"]) > len(shown):
            out.print(f"  ... and {len(found['failures']) - len(shown):,} more (--json has all)")
    for page in found["parked_pages"]:
        out.print(
            Text(
                f"  page {page['page']} ({page['contacts']} contacts of {page['object']}) was set "
                f"aside: {page['message']}",
                style="red",
            )
        )
    if found["writes"]:
        out.print(Text("\nwrites (before -> after)", style="bold"))
        for write in found["writes"]:
            out.print(Text(f"{write['object']} {write['id']}", style="bold"))
            for key, value in write["after"].items():
                out.print(_change(key, write["before"].get(key), value))


def _change(key: str, before: Any, after: Any) -> Text:
    def cell(value: Any) -> str:
        return "–" if value in (None, "") else str(value)

    return Text.assemble(f"  {key}: ", (cell(before), "dim"), " -> ", (cell(after), "cyan"))


def show_undone(done: Any, dry_run: bool) -> None:
    would = "would be put back" if dry_run else "put back"
    out.print(f"{done.restored:,} fields in {done.records:,} records {would}")
    for kept in done.kept[:MOST_FAILURES]:
        why = (
            f"changed since: we wrote {kept.wrote!r}, now {kept.holds!r}"
            if kept.why == "changed"
            else "a report in force demands it; to end that: hygiene suppressions lift"
        )
        line = f"  left: {kept.object} {kept.record_id} {kept.field} ({why})"
        out.print(Text(line, style="yellow"))
    if len(done.kept) > MOST_FAILURES:
        out.print(f"  ... and {len(done.kept) - MOST_FAILURES:,} more (--json has all)")
    if done.gone:
        out.print(f"  {len(done.gone):,} records are gone from the CRM")
    if done.not_visible:
        text = (
            f"  {len(done.not_visible):,} records are not visible to our user: nothing was put back"
        )
        out.print(Text(text, style="yellow"))
    for record_id, message in done.failed.items():
        out.print(Text(f"  failed: {record_id}: {message}", style="red"))


def show_steps(steps: Sequence[Any]) -> None:
    """What `crm setup` did: what is new or failed line by line, the rest as a number."""
    styles = {
        "created": "green", "changed": "green", "failed": "red", "offered": "cyan",
        "not checked": "yellow",
    }  # fmt: skip
    there = sum(step.done == "already there" for step in steps)
    for step in steps:
        if step.done != "already there":
            note_ = f"  {step.note}" if step.note else ""
            out.print(Text.assemble((step.done, styles[step.done]), f"  {step.what}{note_}"))
    if there:
        out.print(f"{there} of {len(steps)} steps were done already")


def show_summary(summary: Any, target: Any, to_stderr: bool = False) -> None:
    """What `clean` found; on stderr where the list itself goes to standard output."""
    to = err if to_stderr else out
    to.print(f"{summary.rows:,} rows -> {target}")
    columns = ", ".join(summary.phone_columns)
    country = f"; country from {summary.country_column}" if summary.country_column else ""
    to.print(Text(f"  phone columns: {columns}{country}", style="dim"))
    made = table("status", ">fields")
    rows(made, [(styled(s), f"{n:,}") for s, n in summary.fields.most_common()])
    if summary.fields:
        to.print(made, soft_wrap=False)
    if summary.broken:
        to.print(Text(f"{summary.broken:,} rows are broken and were copied as they are:", "red"))
        for entry in summary.broken_rows:
            to.print(Text(f"  line {entry['line']}: {entry['problem']}"))
        if summary.broken > len(summary.broken_rows):
            to.print(f"  ... and {summary.broken - len(summary.broken_rows):,} more")


def show_spend(found: Mapping[str, Any]) -> None:
    """Money and lookups by day and provider, the caps, and how the providers do."""
    currency, total = found["currency"], found["total"]
    if found["days"]:
        made = table("day", "provider", ">lookups", ">lost", f">{currency}", ">reserved")
        rows(
            made,
            [
                (row["day"], row["provider"], _count(row["lookups"]), _count(row["lost"]),
                 f"{row['cost']:,.2f}", f"{row['reserved']:,.2f}" if row["reserved"] else "")
                for row in found["days"]
            ],
        )  # fmt: skip
        made.add_row("all", "", _count(total["lookups"]), _count(total["lost"]),
                     f"{total['cost']:,.2f}", "", style="bold")  # fmt: skip
        show_table(made)
    else:
        out.print("nothing was spent on lookups yet")
    if found["caps"]:
        out.print(Text("\nbudget", style="bold"))
        made = table("", ">used", ">of")
        for cap in found["caps"]:
            if cap["cap"] is not None:
                made.add_row(cap["name"], f"{cap['used']:,.2f}", f"{cap['cap']:,.2f} {currency}")
            if cap["cap_lookups"] is not None:
                made.add_row(cap["name"], _count(cap["used_lookups"]),
                             f"{_count(cap['cap_lookups'])} lookups")  # fmt: skip
        show_table(made)
    if found["providers"]:
        out.print(Text("\nproviders", style="bold"))
        made = table("", "", "", ">credit")
        for one in found["providers"]:
            well = one["breaker"] == "closed"
            until = f" until {one['again_at'][11:16]} UTC" if one["again_at"] else ""
            made.add_row(
                one["name"],
                Text("asked", style="green") if well else Text("left alone", style="red"),
                "" if well else Text(f"{one['label']} {one['reason']}{until}"),
                "" if one["credits"] is None else _count(one["credits"]),
            )
        show_table(made)
    if found["waiting"]:
        out.print(f"\n{_count(found['waiting'])} questions got no answer; they are asked again")


def show_story(found: Mapping[str, Any]) -> None:
    """All that is known of a number."""
    plan = "in" if found["valid"] else "not in"
    out.print(
        Text.assemble(
            (found["number"], "bold"),
            f"  {found['region'] or 'no country'}, {found['kind']}, {plan} the numbering plan",
        )
    )
    if found["time_zones"]:
        out.print(Text(f"  {', '.join(found['time_zones'][:4])}", style="dim"))
    _section(
        "verifications",
        ("provider", "asked for", "verdict", "line type", "carrier", "what it said", "at",
         "counts until", f">{found['currency']}"),
        [
            (v["provider"], v["depth"].replace("_", " "), styled(v["verdict"]), v["line_type"],
             v["carrier"], _said(v), v["at"][:16],
             v["until"][:10] if v["counts"] else f"{v['until'][:10]} (over)",
             f"{v['cost']:.4f}".rstrip("0").rstrip(".") if v["cost"] else "")
            for v in found["verifications"]
        ],
    )  # fmt: skip
    if found["lookups"]:
        _section(
            "paid lookups",
            ("provider", "package", "state", "verdict", "run", "at", f">{found['currency']}"),
            [
                (one["provider"], one["package"], one["state"], styled(one["verdict"] or None),
                 one["run"], one["at"][:16], f"{one['cost']:.4f}".rstrip("0").rstrip("."))
                for one in found["lookups"]
            ],
        )  # fmt: skip
    if found["waiting"]:
        _section(
            "without an answer",
            ("provider", "package", "why", "asked again from"),
            [
                (one["provider"], one["package"], one["reason"], one["again_at"][:16])
                for one in found["waiting"]
            ],
        )
    _section(
        "reports",
        ("kind", "from", "evidence", "at"),
        [(f["kind"], f["source"], f["evidence"], f["at"][:16]) for f in found["feedback"]],
    )
    _section(
        "held by",
        ("contact", "field", "status", "reason"),
        [
            (f"{c['connector']} {c['object']} {c['id']}", c["field"], styled(c["status"]),
             c["reason"] or "")
            for c in found["contacts"]
        ],
    )  # fmt: skip
    _section(
        "written",
        ("run", "contact", "what", "at"),
        [
            (w["run"], f"{w['connector']} {w['id']}",
             ", ".join(f"{k}={v}" for k, v in w["after"].items() if k not in ("run", "checked_at")),
             w["at"][:16])
            for w in found["writes"][:10]
        ],
    )  # fmt: skip


def _said(verification: Mapping[str, Any]) -> str:
    """An answer's own words beside its verdict."""
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
    """What was reported of a number, and when each CRM had it."""
    out.print(Text(found["number"], style="bold"))
    for one in found["reports"]:
        who = f" by {one['source']}" if one["source"] else ""
        out.print(
            Text(f"\n{one['kind'].replace('_', ' ')}", style="bold")
            + Text(f"{who}, {one['at'][:16]}: {one['evidence'] or 'no words kept'}")
        )
        out.print(Text(f"  reached us {one['received_at'][:19]}, applied "
                       f"{(one['applied_at'] or 'not yet')[:19]}", style="dim"))  # fmt: skip
        _show_deliveries(one["delivered"])
    for one in found["lists"]:
        named = Text(f" {one['source']}, {one['since'][:16]}")
        out.print(Text("\non a list", style="bold") + named)
        _show_deliveries(one["delivered"])
    if not found["reports"] and not found["lists"]:
        note("nothing was reported of it")
    standing = [
        f"{one['reason'].replace('_', ' ')} ({' and '.join(one['channels'])}), "
        f"since {one['since'][:10]}"
        for one in found["suppressions"]
        if one["active"]
    ]
    out.print(
        Text(f"\nstands: {'; '.join(standing)}" if standing else "\nnothing stands against it")
    )


def _show_deliveries(delivered: Sequence[Mapping[str, Any]]) -> None:
    for one in delivered:
        if one["state"] == "done" and not one["records"]:
            line = "no record there holds it"
        elif one["state"] == "done":
            line = f"confirmed {one['confirmed_at'][:19]} after {one['seconds']:,.1f} s, "
            line += f"{one['records']} record{'' if one['records'] == 1 else 's'}"
        else:
            line = f"waits: {one['error'] or 'not told yet'}"
        late = "" if one["in_time"] else " (later than ten business days)"
        good = one["state"] == "done" and not late
        out.print(Text(f"  {one['connector']}: {line}{late}",
                       style="green" if good else "yellow"))  # fmt: skip
