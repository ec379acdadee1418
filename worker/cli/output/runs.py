"""Show runs: results, failures, writes and undos."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from worker.cli.output.console import out, rows, show_table, styled, table
from worker.queries.failure_help import REMEDIES

MAX_LISTED = 20  # lines of a kind before "... and n more"


def show_result(result: Mapping[str, Any], currency: str) -> None:
    """Show a run's outcome in a few lines. `currency`: of what lookups cost."""
    dry = " (dry run: nothing was written)" if result["dry_run"] else ""
    out.print(
        Text.assemble(
            (result["connector"], "bold"),
            f"  run {result['run']}  ",
            styled(result["outcome"]),
            f"  in {result['seconds']:.1f} s{dry}",
        )
    )
    out.print("  " + ", ".join(_counts(result)))
    if lost := result["hidden_fields"]:
        names = ", ".join(".".join(filter(None, (o["object"], o["field"]))) for o in lost)
        out.print(Text(f"  no longer visible to our user: {names}", style="red"))
    _show_would_write(result)
    _show_tasks(result)
    _show_consents(result)
    _show_statuses(result["fields"])
    _show_readings(result)
    calls = result["api_calls"]
    out.print(f"  API calls: {calls['read']} read, {calls['write']} write, {calls['other']} other")
    _show_lookups(result, currency)
    for note in result["notes"]:
        out.print(Text(f"  note: {note}", style="yellow"))
    if result["error"]:
        out.print(Text(f"  {result['error']}", style="red"))


def _counts(result: Mapping[str, Any]) -> Iterator[str]:
    counts = result["contacts"]
    yield f"{counts['read']:,} contacts read"
    yield f"{counts['changed']:,} {'would change' if result['dry_run'] else 'changed'}"
    if not result["dry_run"]:
        yield f"{counts['written']:,} written"
    if counts["failed"]:
        yield f"[red]{counts['failed']:,} failed[/red]"
    if counts["gone"]:
        yield f"{counts['gone']:,} deleted during the run"
    if hidden := result["not_visible"]:
        yield f"[yellow]{hidden:,} not visible to our user[/yellow]"


def _show_would_write(result: Mapping[str, Any]) -> None:
    """Show what of a dry run's changes depends on settings or on the removals that it met."""
    would_write = result.get("would_write")
    if would_write and would_write["loud"] != would_write["quiet"]:
        out.print(
            f"  with policy.quiet_first_sync {would_write['quiet']:,} records would be "
            f"written; without it, {would_write['loud']:,}"
        )
    for removal in result["removals"]:
        if removal["state"] == "would_remove":
            out.print(
                f"  {removal['object']}: {removal['records']:,} would be removed from the index"
            )


def _show_tasks(result: Mapping[str, Any]) -> None:
    counts = {state: count for state, count in result["owner_tasks"].items() if count}
    if not counts:
        return
    if result["dry_run"]:
        out.print(f"  tasks for owners: {counts['asked']:,} would be asked for")
        return
    words = {
        "created": "created", "open": "open already", "no_owner": "without an owner",
        "refused": "refused", "waiting": "waiting", "deleted": "deleted by an undo",
        "kept": "changed since", "over_limit": "not created (connectors.NAME.owner_tasks.per_run)",
    }  # fmt: skip
    parts = [f"{counts[state]:,} {text}" for state, text in words.items() if state in counts]
    out.print(f"  tasks for owners: {', '.join(parts)}")


def _show_consents(result: Mapping[str, Any]) -> None:
    counts = {state: count for state, count in result["consent_writes"].items() if count}
    if not counts:
        return
    if result["dry_run"]:
        out.print(f"  consent records: {counts['asked']:,} would be written")
        return
    words = {
        "written": "written", "waiting": "waiting", "refused": "refused",
        "no_party": "without a person in the CRM (IndividualId)",
    }  # fmt: skip
    parts = [f"{counts[state]:,} {text}" for state, text in words.items() if state in counts]
    out.print(f"  consent records: {', '.join(parts)}")


def _show_statuses(fields: Mapping[str, int]) -> None:
    if not fields:
        return
    line = Text("  phone fields: ")
    for place, (status, count) in enumerate(sorted(fields.items(), key=lambda entry: -entry[1])):
        line.append(", " if place else "")
        line.append(f"{count:,} ").append_text(styled(status))
    out.print(line)


def _show_readings(result: Mapping[str, Any]) -> None:
    """Show how much is read differently than before though nobody changed it."""
    readings = result["readings"]
    if not readings["fields"] and not readings["waiting"]:
        return
    line = (
        f"  read differently than before: {readings['fields']:,} phone fields of "
        f"{readings['contacts']:,} contacts ({readings['numbers']:,} numbers)"
    )
    if readings["waiting"]:
        line += f"; {readings['waiting']:,} contacts are rewritten on a later day"
    out.print(line)


def _show_lookups(result: Mapping[str, Any], currency: str) -> None:
    """Show each provider's lookups, and what those of a dry run would cost."""
    for name, lookup in result["lookups"].items():
        if lookup["asked"] or lookup["reused"] or lookup["failed"]:
            cost = f", cost {lookup['cost']:,.2f} {currency}" if lookup["cost"] else ""
            failed = f", {lookup['failed']} without an answer" if lookup["failed"] else ""
            out.print(
                f"  {name}: {lookup['asked']:,} asked, "
                f"{lookup['reused']:,} already known{failed}{cost}"
            )
    forecast = result.get("forecast")
    if forecast and forecast["lookups"]:
        out.print(
            f"  lookups would cost {forecast['cost']:,.2f} {forecast['currency']} "
            f"({forecast['lookups']:,})"
        )
        for line in forecast["short"]:
            out.print(
                Text(f"  {line}; the remaining numbers would stay unverified", style="yellow")
            )


def show_run(report: Mapping[str, Any], currency: str) -> None:
    """Show a run with its failures and some of its writes (`runs show`)."""
    show_result(report, currency)
    if report["failures"]:
        out.print(Text("\nnot written, by kind", style="bold"))
        for kind, number in sorted(report["failures_by_kind"].items(), key=lambda e: -e[1]):
            out.print(f"  {number:,} {kind}: {REMEDIES.get(kind, '')}")
        failures = table("record", "kind", "=CRM error")
        shown = report["failures"][:MAX_LISTED]
        rows(failures, [(f"{f['object']} {f['id']}", f["kind"], f["message"]) for f in shown])
        show_table(failures)
        if len(report["failures"]) > len(shown):
            out.print(f"  ... and {len(report['failures']) - len(shown):,} more (--json has all)")
    for page in report["parked_pages"]:
        out.print(
            Text(
                f"  page {page['page']} ({page['contacts']} contacts of {page['object']}) was "
                f"parked: {page['message']}",
                style="red",
            )
        )
    if report["writes"]:
        out.print(Text("\nwrites (before -> after)", style="bold"))
        for write in report["writes"]:
            out.print(Text(f"{write['object']} {write['id']}", style="bold"))
            for key, value in write["after"].items():
                out.print(_change(key, write["before"].get(key), value))


def _change(key: str, before: Any, after: Any) -> Text:
    def cell(value: Any) -> str:
        return "–" if value in (None, "") else str(value)

    return Text.assemble(f"  {key}: ", (cell(before), "dim"), " -> ", (cell(after), "cyan"))


def show_undone(done: Any, dry_run: bool) -> None:
    would = "would be restored" if dry_run else "restored"
    out.print(f"{done.restored:,} fields in {done.records:,} records {would}")
    if done.tasks_deleted or done.tasks_kept:
        out.print(
            f"  {done.tasks_deleted:,} tasks for owners deleted, {done.tasks_kept:,} kept, since "
            "somebody has changed or closed them"
        )
    for kept in done.kept[:MAX_LISTED]:
        why = (
            f"changed since: we wrote {kept.wrote!r}, now {kept.holds!r}"
            if kept.why == "changed"
            else "an active report requires it; to end that: hygiene suppressions lift"
        )
        line = f"  kept: {kept.object} {kept.record_id} {kept.field} ({why})"
        out.print(Text(line, style="yellow"))
    if len(done.kept) > MAX_LISTED:
        out.print(f"  ... and {len(done.kept) - MAX_LISTED:,} more (--json has all)")
    if done.gone:
        out.print(f"  {len(done.gone):,} records no longer exist in the CRM")
    if done.not_visible:
        text = (
            f"  {len(done.not_visible):,} records are not visible to our user and were not restored"
        )
        out.print(Text(text, style="yellow"))
    for record_id, message in done.failed.items():
        out.print(Text(f"  failed: {record_id}: {message}", style="red"))
