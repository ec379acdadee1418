"""`hygiene registries`: import suppression lists with an authority, list them, remove one."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from worker.cli.base import Group, json_option
from worker.cli.common import open_context, user_name
from worker.cli.lists import FILE
from worker.cli.output import console
from worker.cli.output.times import local_day
from worker.cli.propagation import later_option, propagate_now

if TYPE_CHECKING:
    from worker.registries.model import Registry


@click.group("registries", cls=Group, examples=["hygiene registries list"])
def registries() -> None:
    """Import and list registries.

    A registry is a suppression list with an authority. Each has a table [registries.NAME] in the
    settings (docs/every-system.md).
    """


@registries.command(
    "import",
    examples=[
        "hygiene registries import us-dnc 2026-11-28_415.zip --replace",
        "hygiene registries import us-dnc changes.txt --changes",
    ],
)
@click.argument("name", metavar="NAME")
@click.argument("files", type=FILE, metavar="FILE...", nargs=-1, required=True)
@click.option("--replace", "kind", flag_value="whole",
              help="The files are the whole list: what is not in them is off it.")  # fmt: skip
@click.option("--changes", "kind", flag_value="changes",
              help="The files say what was added and removed.")  # fmt: skip
@click.option("--as-of", default=None, type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="The day on which the authority made the files; today by default. The age of "
              "the list counts from it.")  # fmt: skip
@click.option("--accept-removals", is_flag=True,
              help="Take off as many numbers as the files say.")  # fmt: skip
@later_option
@json_option
def registries_import(  # a parameter for each of its options
    name: str, files: tuple[Path, ...], kind: str | None, as_of: datetime | None,
    accept_removals: bool, later: bool, as_json: bool,
) -> None:  # fmt: skip
    """Import files of a registry: the whole list, or what has changed.

    It takes effect as a whole and at once, or not at all. Files may be ZIP archives.
    """
    from worker.feedback.receivers import crms_to_notify
    from worker.registries import imports

    if kind is None:
        raise click.UsageError("say what the files are: --replace for a whole list, or --changes")
    with open_context() as ctx:
        # A day ends west of us hours later; the older age is the safe one.
        since = as_of.astimezone() if as_of else None
        request = imports.ImportRequest(
            name, files, "whole" if kind == "whole" else "changes", user_name(), since,
            accept_removals,
        )  # fmt: skip
        with console.progress() as bar:
            task = bar.add_task(f"importing {name}", total=None)
            done = imports.import_files(
                ctx, request, crms_to_notify(ctx), lambda lines: bar.advance(task, lines)
            )
        propagated = {} if later else propagate_now(ctx)
    _show_import(name, done, propagated, as_json)


@registries.command("remove", examples=["hygiene registries remove litigators"])
@click.argument("name", metavar="NAME")
@later_option
@json_option
def registries_remove(name: str, later: bool, as_json: bool) -> None:
    """Remove all numbers of a registry.

    For example off one that you no longer use.
    """
    from worker.feedback.receivers import crms_to_notify
    from worker.registries import imports

    with open_context() as ctx:
        done = imports.remove(ctx, name, user_name(), crms_to_notify(ctx))
        propagated = {} if later else propagate_now(ctx)
    _show_import(name, done, propagated, as_json)


@registries.command("list", examples=["hygiene registries list"])
@json_option
def registries_list(as_json: bool) -> None:
    """List registries: their numbers and their age.

    Also says whether one is stale; then the exit code is 1.
    """
    from worker.registries.model import load_all

    with open_context(read_only=True) as ctx, ctx.store.read() as connection:
        now, found = ctx.now(), load_all(connection, ctx.settings)
    stale = [registry for registry in found if registry.is_stale(now)]
    if as_json:
        console.print_json([registry.as_json(now) for registry in found])
    elif not found:
        console.info("there is no registry; add [registries.NAME] to your settings")
    else:
        table = console.table("name", "authority", "channels", ">numbers", "as of", "state")
        console.rows(table, [
            (registry.name, registry.authority, " ".join(registry.channels),
             f"{registry.numbers:,}", local_day(registry.as_of) if registry.as_of else "never",
             _state(registry, now))
            for registry in found
        ])  # fmt: skip
        console.show_table(table)
    sys.exit(1 if stale else 0)


def _state(registry: Registry, now: datetime) -> str:
    if registry.as_of is None:
        return "stale: no file has been imported yet"
    if registry.is_stale(now):
        return "stale: import a newer file"
    return "fresh" if registry.stale_at is None else f"fresh until {local_day(registry.stale_at)}"


@registries.command("show", examples=["hygiene registries show us-dnc"])
@click.argument("name", metavar="NAME")
@json_option
def registries_show(name: str, as_json: bool) -> None:
    """Show a registry and its imports, newest first."""
    from worker.registries.history import imports_of
    from worker.registries.model import load_one

    with open_context(read_only=True) as ctx, ctx.store.read() as connection:
        now, registry = ctx.now(), load_one(connection, ctx.settings, name)
        history = imports_of(connection, registry)
    if as_json:
        console.print_json({**registry.as_json(now), "imports": history})
        return
    console.out.print(
        f"{registry.name} {registry.authority}  {registry.numbers:,} numbers  "
        f"{_state(registry, now)}"
    )
    table = console.table(
        "import", "kind", "state", ">added", ">removed", ">numbers", "by", "~note"
    )
    console.rows(table, [
        (local_day(datetime.fromisoformat(row["at"])), row["kind"], row["state"],
         f"{row['added']:,}", f"{row['removed']:,}", f"{row['numbers']:,}", row["by"],
         row["error"] or row["files"])
        for row in history
    ])  # fmt: skip
    console.show_table(table)


def _show_import(name: str, done: Any, propagated: dict[str, Any], as_json: bool) -> None:
    if as_json:
        console.print_json(
            {
                "registry": name, "import": done.generation, "added": done.added,
                "removed": done.removed, "numbers": done.numbers, "refused": done.refused,
                "held": done.held, **propagated,
            }
        )  # fmt: skip
        return
    console.out.print(
        f"{name}: {done.added:,} added, {done.removed:,} removed, {done.numbers:,} numbers now; "
        f"{done.held:,} of the changed numbers belong to contacts"
    )
    if done.refused:
        console.info(f"{done.refused:,} lines could not be read")
