"""`hygiene sync` and `hygiene rescan`: read contacts, verify their numbers, write back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

import connectors
from worker.cli.base import Command, json_option
from worker.cli.choices import Segment
from worker.cli.common import connector_argument, number_argument, open_context, user_name
from worker.cli.output import console
from worker.cli.run_execution import execute_runs

if TYPE_CHECKING:
    from worker.context import Context
    from worker.sync.runs.scope import Scope

_RESCAN_KEYS = ("source", "campaign", "list", "country")


@click.command(cls=Command, examples=["hygiene sync", "hygiene sync salesforce --full --dry-run"])
@connector_argument(nargs=-1, metavar="[CONNECTOR]...")
@click.option("--full", is_flag=True, help="Read all contacts, not only changed ones.")
@click.option("--accept-removals", is_flag=True,
              help="Read all contacts and remove from our index those that the CRM no longer has, "
              "even if a full read held the removals because there were too many.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Write and pay nothing; say what would change.")
@click.option("--queue", is_flag=True, help="Let the workers do it, and follow their progress.")
@json_option
def sync(
    connector: tuple[str, ...], full: bool, accept_removals: bool, dry_run: bool, queue: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Check the numbers of changed contacts.

    Reads the contacts, verifies their numbers, and writes the results back to the CRM.

    Without CONNECTOR, sync every connected CRM, three at a time. What people ticked in one is then
    carried to the others. A sync that was interrupted continues where it stopped. A full read that
    would remove many contacts from our index removes none and says why; --accept-removals accepts
    the removals that it reported, and no more.
    """
    from config.settings import SettingsError
    from worker.sync.pages import reword_recovery
    from worker.sync.runs import lifecycle as runs
    from worker.sync.runs.model import RunOptions
    from worker.sync.runs.scope import Scope

    full = full or accept_removals
    with open_context() as ctx:
        names = connector or ctx.settings.active_connectors
        if not names:
            raise SettingsError(
                "no CRM is connected: set HUBSPOT_ACCESS_TOKEN or SALESFORCE_LOGIN_URL, "
                "SALESFORCE_CLIENT_ID and SALESFORCE_CLIENT_SECRET (see the README), "
                "or try: hygiene demo"
            )
        for name in names:
            connectors.check(name, ctx.settings)

        def opened(own: Context, name: str) -> str:
            reword_recovery.recover(own, name)
            # Of connectors that were not named only where something waits for it.
            accepts = accept_removals and (name in connector or _has_held_removals(own, name))
            standing = None if dry_run else runs.find_resumable(own, name, full, accepts)
            if standing is not None:
                console.info(f"{name}: continuing run {standing.id}")
                return runs.resume(own, standing.id).id
            if accepts:
                return _open_accepting(own, name, dry_run)
            return runs.open_run(
                own, name, Scope("everything" if full else "changed"), RunOptions(dry_run=dry_run)
            )

        execute_runs(ctx, list(names), opened, queue, as_json, many=True)


def _has_held_removals(ctx: Context, name: str) -> bool:
    from worker.sync.runs import removal_holds

    with ctx.store.read() as connection:
        return bool(removal_holds.load(connection, name))


def _open_accepting(ctx: Context, name: str, dry_run: bool) -> str:
    """Open a full read whose removals are carried out. One that was begun without that is not
    resumed instead: where it has failed, this one takes its place, else it has to end first."""
    from worker.access import audit
    from worker.sync.runs import lifecycle as runs
    from worker.sync.runs.model import RunActiveError, RunOptions
    from worker.sync.runs.scope import Scope

    try:
        run_id = runs.open_run(
            ctx,
            name,
            Scope("everything"),
            RunOptions(
                dry_run=dry_run,
                opened_by=user_name(),
                purpose="removals accepted",
                accept_removals=True,
            ),
        )
    except RunActiveError as error:
        console.info(
            f"{name}: run {error.run_id} does not accept removals; finish it first (hygiene runs "
            f"resume {error.run_id}) or cancel it"
        )
        raise
    if not dry_run:
        audit.note(ctx.store, ctx.now(), user_name(), "removals.accept", f"{run_id} {name}")
    return run_id


@click.command(
    cls=Command,
    examples=[
        "hygiene rescan hubspot --number +14155550123",
        "hygiene rescan salesforce --segment source=Web --dry-run",
    ],
)
@connector_argument()
@click.option("--id", "ids", multiple=True, metavar="ID", help="A record id; repeatable.")
@click.option(
    "--number",
    "numbers",
    multiple=True,
    metavar="E164",
    help="Contacts with this number; repeatable.",
)
@click.option(
    "--segment",
    metavar="KEY=VALUE",
    type=Segment(_RESCAN_KEYS),
    help="source=..., campaign=..., list=... or country=...",
)
@click.option(
    "--older-than", metavar="AGE", help="Contacts not checked for this long, such as 90d."
)
@click.option("--force", is_flag=True, help="Verify again, even if an answer is still valid.")
@click.option("--dry-run", is_flag=True, help="Write and pay nothing; say what would change.")
@click.option("--queue", is_flag=True, help="Let the workers do it, and follow their progress.")
@json_option
def rescan(  # a parameter for each of its options
    connector: str, ids: tuple[str, ...], numbers: tuple[str, ...], segment: str | None,
    older_than: str | None, force: bool, dry_run: bool, queue: bool, as_json: bool,
) -> None:  # fmt: skip
    """Check contacts again: by id, number, segment or age. All contacts by default."""
    from worker.sync.runs import lifecycle as runs
    from worker.sync.runs.model import RunOptions

    given = [bool(ids), bool(numbers), segment is not None, older_than is not None]
    if sum(given) > 1:
        raise click.UsageError("give one of --id, --number, --segment and --older-than")
    scope = _scope(ids, numbers, segment, older_than)
    with open_context(connector) as ctx:
        _note_unknown_segment(ctx, connector, scope)
        execute_runs(
            ctx,
            [connector],
            lambda own, name: runs.open_run(
                own, name, scope, RunOptions(dry_run=dry_run, force=force)
            ),
            queue,
            as_json,
        )


def _note_unknown_segment(ctx: Context, connector: str, scope: Scope) -> None:
    """Say so if no contact that we know is in the segment: the name may be misspelt. The run goes
    on all the same, because contacts may have come in since the last sync."""
    from worker.queries.search import near_segments
    from worker.segments import counters
    from worker.sync.runs import forecast

    if scope.kind != "segment":
        return
    if forecast.upper_bound(ctx, connector, scope, False)["records"] != 0:
        return  # some are known, or only the CRM knows
    counters.count_if_needed(ctx)
    near = [segment.value for segment in near_segments(ctx, scope.values[0], connector, scope.key)]
    meant = f" Did you mean {', '.join(near)}?" if near else ""
    console.info(f"no contact that we know has {scope.key} {scope.values[0]}.{meant}")


def _scope(
    ids: tuple[str, ...], numbers: tuple[str, ...], segment: str | None, older_than: str | None
) -> Scope:
    from config.settings import parse_duration
    from worker.sync.runs.scope import Scope

    if ids:
        return Scope("ids", tuple(dict.fromkeys(ids)))
    if numbers:
        return Scope("numbers", tuple(number_argument(text, "--number") for text in numbers))
    if segment is not None:
        key, _, value = segment.partition("=")
        return Scope("segment", (value,), key=key)
    if older_than is not None:
        try:
            age: Any = parse_duration(older_than)
        except ValueError as error:
            raise click.UsageError(f"--older-than: {error}") from None
        return Scope("older_than", age_seconds=int(age.total_seconds()))
    return Scope("everything")
