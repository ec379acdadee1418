"""`hygiene crm`: create our fields in a CRM, check and remove them, and probe what it does."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

import connectors
from config import stopping
from worker.cli.base import Group, json_option, stoppable
from worker.cli.common import connector_argument, open_context, read_settings, user_name
from worker.cli.opt_outs import crm_opt_outs
from worker.cli.output import console
from worker.cli.output.setup import show_steps
from worker.cli.reasons import crm_reasons

if TYPE_CHECKING:
    from config.settings import Settings
    from connectors.protocol import Connector
    from connectors.records import SchemaProblem, SetupResult, Visibility
    from worker.context import Context


@click.group(cls=Group, examples=["hygiene crm check hubspot"])
def crm() -> None:
    """Create, check and remove our fields in a CRM."""


crm.add_command(crm_reasons)
crm.add_command(crm_opt_outs)


@crm.command("setup", examples=["hygiene crm setup hubspot"])
@connector_argument()
@click.option("--adopt", multiple=True, metavar="OBJECT.FIELD",
              help="Use this field although we did not create it; repeatable.")  # fmt: skip
@json_option
def crm_setup(connector: str, adopt: tuple[str, ...], as_json: bool) -> None:
    """Create our fields, and give our user access to them.

    Safe to repeat.
    """
    from worker.ops import own_fields
    from worker.store import pause

    with open_context(connector) as ctx:
        pause.check(ctx.store)
        opened = ctx.open(connector)
        again = f"hygiene crm setup {connector} (what was already created stays)"
        steps = []
        try:
            with stoppable(lambda: f"stopped; to continue: {again}"), console.progress() as bar:
                task = bar.add_task(f"setting up {connector}", total=None)
                for step in opened.provision(adopt):
                    steps.append(step)
                    bar.advance(task)
                    stopping.check()
        finally:
            opened.close()
            own_fields.record(ctx, connector, steps)
    failed = [step for step in steps if step.done == "failed"]
    if as_json:
        console.print_json(
            [
                {"what": s.what, "done": s.done, "note": s.note}
                | ({"definition": s.definition} if s.definition else {})
                for s in steps
            ]
        )
    else:
        show_steps(steps)
    sys.exit(1 if failed else 0)


@crm.command("remove", examples=["hygiene crm remove hubspot --dry-run"])
@connector_argument()
@click.option("--dry-run", is_flag=True, help="Change nothing; list what would be removed.")
@click.option("--yes", is_flag=True, help="Remove our fields; what they hold goes with them.")
@json_option
def crm_remove(connector: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Take out of a CRM what `crm setup` made there.

    Removes our fields with what they hold, our permission set in Salesforce, our lists and the
    property group in HubSpot. What somebody else made stays. What we know stays too: our
    database keeps who said no. Run it with --dry-run first, and then with --yes.
    """
    from worker.cli.output.setup import show_removal
    from worker.ops import own_fields
    from worker.store import pause

    if not (dry_run or yes):
        raise click.UsageError(
            f"this deletes our fields in {connector} with what they hold: look at hygiene crm "
            f"remove {connector} --dry-run, and then give --yes"
        )
    steps = []
    with open_context(connector) as ctx:
        flagged, standing = own_fields.flagged(ctx.store, connector), own_fields.standing(ctx.store)
        if not dry_run:
            pause.check(ctx.store)
            own_fields.check_no_run(ctx, connector)
        again = f"hygiene crm remove {connector} --yes (what was removed is gone)"
        with (
            stoppable(lambda: f"stopped; to continue: {again}"),
            console.progress() as bar,
            closing(_removing(ctx, connector, dry_run)) as removing,
        ):
            task = bar.add_task(f"removing from {connector}", total=None)
            for step in removing:
                steps.append(step)
                bar.advance(task)
                stopping.check()
    if as_json:
        console.print_json(
            {
                "connector": connector, "dry_run": dry_run, "flagged_contacts": flagged,
                "standing_suppressions": standing,
                "steps": [{"what": s.what, "done": s.done, "note": s.note} for s in steps],
            }
        )  # fmt: skip
    else:
        show_removal(connector, steps, flagged, standing, dry_run)
    sys.exit(1 if any(step.done == "failed" for step in steps) else 0)


@crm.command("drop-records", examples=["hygiene crm drop-records hubspot-emea --dry-run"])
@click.argument("connection", metavar="CONNECTION")
@click.option("--object", "object_name", default="", metavar="OBJECT",
              help="Only the records of this object, which is no longer read.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would be dropped.")
@click.option("--yes", is_flag=True, help="Drop them.")
@json_option
def crm_drop_records(
    connection: str, object_name: str, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Drop the records of a removed connection from our index.

    Until then they count as holders of their numbers. The CRM is not called. What was said stays:
    suppressions, reports and evidence; if the connection comes back, its first sync reads all of
    it, and flags whoever must not be contacted. Run it with --dry-run first, then with --yes.
    """
    from worker.cli.output.setup import show_dropped
    from worker.ops import former_records, own_fields
    from worker.ops.former_records import Dropped, Former
    from worker.store import pause

    former = Former(connection, object_name)
    if not (dry_run or yes):
        raise click.UsageError(
            f"this drops what our index holds of {former}: look at {former.command} --dry-run, "
            "and then give --yes"
        )
    with open_context(read_only=dry_run) as ctx:
        former_records.check(ctx, former)
        found, dropped = former_records.count(ctx, former), Dropped()
        if not any(found.as_json().values()) and connection not in ctx.settings.declared_connectors:
            others = ", ".join(map(str, former_records.find(ctx)))
            but = f"; of what is no longer read it holds {others}" if others else ""
            raise click.UsageError(f"{connection}: our index holds nothing of it{but}")
        if not dry_run:
            pause.check(ctx.store)
            again = f"{former.command} --yes"
            with (
                stoppable(lambda: f"stopped; to continue: {again}"),
                console.progress() as bar,
                closing(former_records.drop(ctx, connection, object_name, user_name())) as steps,
            ):
                task = bar.add_task(f"dropping {former}", total=found.contacts)
                for dropped in steps:
                    bar.update(task, completed=dropped.contacts)
                    stopping.check()
        standing = own_fields.standing(ctx.store)
    done = found if dry_run else dropped
    if as_json:
        console.print_json(
            {
                "connection": connection, "object": object_name or None, "dry_run": dry_run,
                **done.as_json(), "standing_suppressions": standing,
            }
        )  # fmt: skip
    else:
        show_dropped(former, done, standing, dry_run)


@crm.command("change-account", examples=["hygiene crm change-account hubspot --dry-run"])
@connector_argument()
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would be done.")
@click.option("--yes", is_flag=True, help="Change it.")
@json_option
def crm_change_account(connector: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Let a connection take another org or portal.

    For instance production after a trial in a sandbox, under the same name. First set the new
    account's credentials and restart the processes; until this command they refuse to read it.
    What our index holds of the former account is dropped, since the same ids mean other people in
    the new one. What people said stays. Neither CRM is changed. Run it with --dry-run first, then
    with --yes.
    """
    from worker.cli.output.setup import show_account_change
    from worker.ops import account_change, own_fields
    from worker.ops.former_records import Dropped
    from worker.store import pause

    again = f"hygiene crm change-account {connector} --yes"
    if not (dry_run or yes):
        raise click.UsageError(
            f"this drops what our index holds of {connector}: look at hygiene crm change-account "
            f"{connector} --dry-run, and then give --yes"
        )
    with open_context(connector, read_only=dry_run) as ctx:
        change = account_change.plan(ctx, connector)
        found, dropped = account_change.count(ctx, change), Dropped()
        if not dry_run:
            pause.check(ctx.store)
            with (
                stoppable(lambda: f"stopped; to finish it: {again}"),
                console.progress() as bar,
                closing(account_change.execute(ctx, change, user_name())) as steps,
            ):
                task = bar.add_task(f"changing {connector}", total=found.dropped.contacts)
                for dropped in steps:
                    bar.update(task, completed=dropped.contacts)
                    stopping.check()
            found = account_change.Counts(dropped, found.reports)
        standing = own_fields.standing(ctx.store)
    if as_json:
        console.print_json(
            {
                "connection": connector, "dry_run": dry_run, "from": change.former or None,
                "to": change.account or None, "former_name": change.former_name,
                "returns": change.returns, "taken_back": change.stays, **found.as_json(),
                "standing_suppressions": standing,
            }
        )  # fmt: skip
    else:
        show_account_change(change, found, standing, dry_run)


def _removing(ctx: Context, connector: str, dry_run: bool) -> Generator[SetupResult]:
    from worker.ops import own_fields

    if not dry_run:
        yield from own_fields.remove(ctx, connector, user_name())
        return
    opened = ctx.open(connector)
    try:
        yield from opened.remove(dry_run=True)
    finally:
        opened.close()


@contextmanager
def _opened(name: str, settings: Settings) -> Iterator[Connector]:
    """Yield an open connector. No database is needed, except by OAuth, whose tokens are in it."""
    credentials = settings.hubspot_of(name)
    if credentials is not None and credentials.refresh_token:
        with open_context(name) as ctx:
            yield ctx.open(name)
        return
    opened = connectors.build(name, settings)
    try:
        yield opened
    finally:
        opened.close()


@crm.command("check", examples=["hygiene crm check salesforce"])
@connector_argument()
@json_option
def crm_check(connector: str, as_json: bool) -> None:
    """Show which fields are missing or unusable.

    Also shows which phone fields are not checked, and how many records our user sees.
    """
    from connectors.errors import ConnectorError

    settings = read_settings()
    connectors.check(connector, settings)
    seen: list[Visibility] = []
    unwatched: list[SchemaProblem] = []
    with _opened(connector, settings) as opened:
        findings = opened.apply_schema(opened.describe())
        try:
            seen = opened.visibility()
        except ConnectorError as error:
            console.info(f"could not check what our user sees: {error}")
        try:
            unwatched = list(opened.unwatched())
        except ConnectorError as error:
            console.info(f"could not check whether other fields hold phone numbers: {error}")
    if as_json:
        listed: list[dict[str, Any]] = [
            {"object": f.object, "field": f.field, "problem": f.problem, "blocks": f.blocks}
            for f in (*findings, *unwatched)
        ]
        listed += [
            {"object": view.object, "field": "", "problem": str(view), "blocks": False,
             "visible": view.visible, "total": view.total, "view_all": view.view_all}
            for view in seen
            if view.limited
        ]  # fmt: skip
        console.print_json(listed)
        sys.exit(1 if any(finding.blocks for finding in findings) else 0)
    if not findings:
        console.out.print(f"{connector}: all fields exist and can be written")
    else:
        table = console.table("field", "=problem")
        console.rows(table, [(f"{f.object}.{f.field}", f.problem) for f in findings])
        console.show_table(table)
        console.info(f"create missing fields with: hygiene crm setup {connector}")
    for finding in unwatched:
        console.out.print(Text(str(finding), style="yellow"))
    for visibility in seen:
        console.out.print(Text(str(visibility), style="yellow" if visibility.limited else ""))
    sys.exit(1 if any(finding.blocks for finding in findings) else 0)


@crm.command("scan", examples=["hygiene crm scan salesforce"])
@connector_argument()
@json_option
def crm_scan(connector: str, as_json: bool) -> None:
    """List the CRM's phone fields, and how full they are.

    Prints settings that you can paste. Reads no records. It stops where the day's calls are to be
    left to others.
    """
    from connectors.schema_scan import to_toml
    from worker.cli.output.scan import scan_json, show_scan

    settings = read_settings()
    connectors.check(connector, settings)
    opened = connectors.build(connector, settings)
    found = []
    try:
        again = f"hygiene crm scan {connector}"
        with stoppable(lambda: f"stopped; to begin again: {again}"), console.progress() as bar:
            task = bar.add_task(f"looking through {connector}", total=None)
            for scanned in opened.scan():
                found.append(scanned)
                bar.advance(task)
                stopping.check()
        calls = sum(opened.calls.values())
    finally:
        opened.close()
    toml = to_toml(connector, found)
    if as_json:
        console.print_json(scan_json(found, toml, calls))
    else:
        show_scan(connector, found, toml, calls)
    sys.exit(1 if any(scanned.problem for scanned in found) else 0)


@crm.command("probe", examples=["hygiene crm probe hubspot"])
@connector_argument()
@click.option("--write", "record", metavar="ID", default="",
              help="Also test writing, with this record's current values.")  # fmt: skip
@json_option
def crm_probe(connector: str, record: str, as_json: bool) -> None:
    """Test with your account what the CRM's documents leave open.

    Only reads, unless you name a record. The output holds no data of your records, so you can send
    it to us.
    """
    from worker.store import pause

    settings = read_settings()
    connectors.check(connector, settings)
    if record:
        with open_context(read_only=True) as ctx:
            pause.check(ctx.store)
    with _opened(connector, settings) as opened, console.progress() as bar:
        task = bar.add_task(f"asking {connector}", total=None)
        results = []
        for result in opened.probe(record):
            results.append(result)
            bar.advance(task)
    if as_json:
        console.print_json([asdict(result) for result in results])
    elif not results:
        console.out.print(f"{connector}: there is nothing to test")
    else:
        table = console.table("fact", "verdict", "=what the connector relies on", "=seen")
        console.rows(table, [(r.fact, r.verdict, r.statement, r.seen) for r in results])
        console.show_table(table)
    sys.exit(1 if any(result.verdict == "refuted" for result in results) else 0)
