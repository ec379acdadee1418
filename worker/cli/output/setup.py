"""Show what `hygiene crm setup` and `hygiene crm remove` did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from worker.cli.output.console import info, out

_REMOVAL_STYLES = {
    "removed": "green", "would be removed": "cyan", "left": "yellow", "failed": "red",
    "not checked": "yellow",
}  # fmt: skip


def show_steps(steps: Sequence[Any]) -> None:
    """Show what `crm setup` did: what is new or failed line by line, the rest as a number."""
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
        out.print(f"{there} of {len(steps)} steps were already done")


def show_dropped(former: Any, dropped: Any, standing: int, dry_run: bool) -> None:
    """Show what `crm drop-records` did or would do. `standing`: suppressions in force."""
    if not any(dropped.as_json().values()):
        out.print(f"our index holds nothing of {former}")
        return
    would = "would be dropped" if dry_run else "dropped"
    waiting = f"; reports that wait for it no more: {dropped.waiting:,}" if dropped.waiting else ""
    out.print(
        f"{former}: {dropped.contacts:,} records with {dropped.numbers:,} numbers {would}{waiting}"
    )
    if dropped.isolations:
        out.print(
            f"isolated segments of it that {'would be' if dry_run else 'were'} released: "
            f"{dropped.isolations:,}"
        )
    out.print(f"suppressions in force, which stay: {standing:,}")
    if dry_run:
        info(f"nothing was changed; then: {former.command} --yes")


def show_account_change(change: Any, counts: Any, standing: int, dry_run: bool) -> None:
    """Show what `crm change-account` did or would do. `standing`: suppressions in force."""
    name, dropped = change.connector, counts.dropped
    unknown = "an account that its CRM does not tell"
    would, were = ("would be ", "would be ") if dry_run else ("", "were ")
    former, done = change.former or unknown, "" if dry_run else ", done"
    if change.stays:
        out.print(f"{name} stays with {former}: the change that was stopped is taken back{done}")
    else:
        begun = ", as begun before" if change.resumes else ""
        out.print(f"{name}: from {former} to {change.account or unknown}{begun}{done}")
    waiting = f"; reports that wait for it no more: {dropped.waiting:,}" if dropped.waiting else ""
    out.print(
        f"{dropped.contacts:,} records with {dropped.numbers:,} numbers {would}dropped from our "
        f"index{waiting}"
    )
    if dropped.isolations:
        out.print(f"isolated segments of it that {were}released: {dropped.isolations:,}")
    under = "" if change.stays else f", under the name {change.former_name}"
    out.print(f"reports about its records, which stay{under}: {counts.reports:,}")
    out.print(f"suppressions in force, which stay: {standing:,}")
    if change.returns:
        out.print("what is left of the new account from before is its own again")
    if dry_run:
        info(f"nothing was changed; then: hygiene crm change-account {name} --yes")
    elif change.stays:
        info(f"next: hygiene sync {name}, which reads all of its records again")
    else:
        info(f"next: hygiene crm setup {name}; hygiene sync {name} --dry-run")


def show_removal(
    connector: str, steps: Sequence[Any], flagged: Mapping[str, int], standing: int, dry_run: bool
) -> None:
    """Show what `crm remove` did or would do, and what that means for people who said no.

    `flagged`: contacts of this CRM by flag, before it. `standing`: suppressions in force.
    """
    for step in steps:
        note_ = f"  {step.note}" if step.note else ""
        style = _REMOVAL_STYLES.get(step.done, "")
        out.print(Text.assemble((step.done, style), f"  {step.what}{note_}"))
    if not steps:
        out.print(f"{connector}: there is nothing of ours that this connector could remove")
        return
    lose = "would lose" if dry_run else "lost"
    counts = ", ".join(
        f"{flag.replace('_', ' ')}: {count:,}" for flag, count in flagged.items() if count
    )
    if counts and any(step.own for step in steps):
        out.print(f"contacts that {lose} their flag in {connector}: {counts}")
    out.print(f"suppressions in force, which stay in our database: {standing:,}")
    if dry_run:
        info(
            "nothing was changed. To keep what your dialers must leave out: hygiene suppressions "
            f"export; then: hygiene crm remove {connector} --yes"
        )
    elif any(step.done == "failed" for step in steps):
        info(
            "what was removed is gone; the next sync writes to what is left, unless "
            f"connectors.{connector}.enabled = false"
        )
