"""`hygiene` commands that sync, look at runs, and set up.

Each parses, calls one function, and shows what came of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.progress import TaskID
from rich.text import Text

import connectors
from config import stopping
from config.throttle import at_most_every
from worker.cli import output
from worker.cli.base import Command, Group, json_option, stops
from worker.cli.parts import (
    connector_argument,
    number_argument,
    opened_context,
    read_settings,
    show_probe,
    user_name,
)

if TYPE_CHECKING:
    from connectors.records import Finding, Visibility
    from worker.context import Context
    from worker.sync.runs.scope import Scope


_LOOK = 0.25  # seconds between two looks at how far a run has come
_SEGMENTS = "source=..., campaign=..., list=... or country=..."


# -- running -------------------------------------------------------------------------------


@click.command(cls=Command)
@connector_argument(nargs=-1)
@click.option("--full", is_flag=True, help="Read everything, not only what has changed.")
@click.option("--accept-removals", is_flag=True,
              help="Read everything, and remove from our index what the CRM no longer has, also "
              "where a full read held that back because it was too much.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Write and pay nothing; say what would change.")
@click.option("--queue", is_flag=True, help="Let the workers do it, and follow their progress.")
@json_option
def sync(
    connector: tuple[str, ...], full: bool, accept_removals: bool, dry_run: bool, queue: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Pull what has changed, verify it, and write the findings back.

    Without CONNECTOR: all that are connected. A sync that was cut short is taken up where it
    stopped. A full read that would remove many contacts from our index removes none and says why;
    --accept-removals accepts what it said, and no more.
    """
    from config.settings import SettingsError
    from worker.sync.runs import lifecycle as runs
    from worker.sync.runs.scope import Scope

    full = full or accept_removals
    with opened_context() as ctx:
        names = connector or ctx.settings.active_connectors
        if not names:
            raise SettingsError(
                "no CRM is connected: set HUBSPOT_ACCESS_TOKEN or SALESFORCE_LOGIN_URL, "
                "SALESFORCE_CLIENT_ID and SALESFORCE_CLIENT_SECRET (see the README), "
                "or try: hygiene demo"
            )
        for name in names:
            connectors.check(name, ctx.settings)

        def opened(name: str) -> str:
            # Of connectors that were not named only where something waits for it.
            accepts = accept_removals and (name in connector or _is_held(ctx, name))
            standing = None if dry_run else runs.to_take_up(ctx, name, full, accepts)
            if standing is not None:
                output.note(f"{name}: going on with run {standing.id}")
                return runs.reopen(ctx, standing.id).id
            if accepts:
                return _open_accepting(ctx, name, dry_run)
            return runs.open_run(ctx, name, Scope("everything" if full else "changed"), dry_run)

        _carry_out(ctx, list(names), opened, queue, as_json, many=True)


def _is_held(ctx: Context, name: str) -> bool:
    from worker.sync.read import removals

    with ctx.store.read() as connection:
        return bool(removals.holds(connection, name))


def _open_accepting(ctx: Context, name: str, dry_run: bool) -> str:
    """Open a full read whose removals are carried out. One that was begun without that is not
    resumed instead: where it has failed, this one takes its place, else it has to end first."""
    from worker.access import audit
    from worker.sync.runs import lifecycle as runs
    from worker.sync.runs.lifecycle import RunActiveError
    from worker.sync.runs.scope import Scope

    try:
        run_id = runs.open_run(
            ctx, name, Scope("everything"), dry_run, by=user_name(), purpose="removals accepted",
            accept_removals=True,
        )  # fmt: skip
    except RunActiveError as error:
        output.note(
            f"{name}: run {error.run_id} does not accept removals; let it end first (hygiene runs "
            f"resume {error.run_id}) or cancel it"
        )
        raise
    if not dry_run:
        audit.note(ctx.store, ctx.now(), user_name(), "removals.accept", f"{run_id} {name}")
    return run_id


@click.command(cls=Command)
@connector_argument()
@click.option("--id", "ids", multiple=True, metavar="ID", help="A record id; may be repeated.")
@click.option("--number", "numbers", multiple=True, metavar="E164", help="Who holds this number.")
@click.option(
    "--segment", metavar="KEY=VALUE", help="source=..., campaign=..., list=... or country=..."
)
@click.option("--older-than", metavar="AGE", help="Last checked longer ago than, such as 90d.")
@click.option("--force", is_flag=True, help="Verify anew, also where an answer still counts.")
@click.option("--dry-run", is_flag=True, help="Write and pay nothing; say what would change.")
@click.option("--queue", is_flag=True, help="Let the workers do it, and follow their progress.")
@json_option
def rescan(
    connector: str, ids: tuple[str, ...], numbers: tuple[str, ...], segment: str | None,
    older_than: str | None, force: bool, dry_run: bool, queue: bool, as_json: bool,
) -> None:  # fmt: skip
    """Look at some contacts again: by id, number, segment or age; without any, at all of them."""
    from worker.sync.runs import lifecycle as runs

    given = [bool(ids), bool(numbers), segment is not None, older_than is not None]
    if sum(given) > 1:
        raise click.UsageError("give one of --id, --number, --segment and --older-than")
    scope = _scope(ids, numbers, segment, older_than)
    with opened_context(connector) as ctx:
        _carry_out(
            ctx, [connector], lambda name: runs.open_run(ctx, name, scope, dry_run, force),
            queue, as_json,
        )  # fmt: skip


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
        key, equals, value = segment.partition("=")
        if not equals or key not in ("source", "campaign", "list", "country"):
            raise click.UsageError(
                "--segment: write source=..., campaign=..., list=... or country=..."
            )
        return Scope("segment", (value,), key=key)
    if older_than is not None:
        try:
            age: Any = parse_duration(older_than)
        except ValueError as error:
            raise click.UsageError(f"--older-than: {error}") from None
        return Scope("older_than", age_seconds=int(age.total_seconds()))
    return Scope("everything")


def _carry_out(
    ctx: Context, names: list[str], opened: Callable[[str], str], queue: bool, as_json: bool,
    many: bool = False,
) -> None:  # fmt: skip
    """Open a run for each connector, do it here or follow the workers, and show the results."""
    from connectors.errors import ConnectorError
    from worker.sync.pages.runner import drive
    from worker.sync.runs import lifecycle as runs
    from worker.sync.runs import report as reporting
    from worker.sync.runs.follow import follow
    from worker.sync.runs.lifecycle import RunActiveError

    code = 0
    begun: list[str] = []

    def go_on() -> str:
        return _how_to_go_on(ctx, begun, queue)

    with stops(go_on), output.progress() as bar:
        tasks: dict[str, TaskID] = {}

        def show(run_id: str) -> None:
            sums, left = reporting.totals(ctx, run_id), runs.load(ctx, run_id).left
            output.move(bar, tasks[run_id], sums.read, max(sums.size + left, sums.read))

        for name in names:
            stopping.check()
            try:
                run_id = opened(name)
            except RunActiveError as error:
                code = max(code, 1)
                output.complain(str(error))
                continue
            except (
                ConnectorError
            ) as error:  # nothing was read: its settings are wrong, or it is away
                code = 2
                output.complain(str(error))
                continue
            begun.append(run_id)
            tasks[run_id] = bar.add_task(name, total=None)
            if queue:
                _enqueue(run_id)
                continue
            try:
                drive(ctx, run_id, at_most_every(_LOOK, show))
                show(run_id)
            except ConnectorError as error:
                output.complain(str(error))
            except stopping.Stopped:
                runs.stop(ctx, run_id)
                raise
            except Exception as error:
                from worker.store.machine_faults import trouble

                if (found := trouble(error)) is None:
                    raise
                with suppress(Exception):  # it may hinder this as well: then the next one sees it
                    runs.fail(ctx, run_id, found.line)
                from config import logging_setup

                output.complain(f"{logging_setup.redact(found.line)}: hygiene runs resume {run_id}")
                sys.exit(1)
        if queue:
            follow(ctx, begun, show)
    results = [reporting.result(ctx, run_id) for run_id in begun]
    if any(_has_failures(result) for result in results):
        code = max(code, 1)
    if as_json:
        for reason in (one["reason"] for result in results for one in _held(result)):
            output.complain(reason)
        output.print_json(results if many else results[0] if results else {})
    else:
        for result in results:
            output.show_result(result)
            if _has_failures(result):
                output.note(f"  what failed, and why: hygiene runs show {result['run']}")
    _note_earlier_holds(ctx, names, begun)
    sys.exit(code)


def _how_to_go_on(ctx: Context, begun: Sequence[str], queue: bool) -> str:
    """Return one line for a command that was stopped: how to continue."""
    from worker.sync.runs import lifecycle as runs

    last = runs.load(ctx, begun[-1]) if begun else None
    if queue and last is not None:
        each = " ".join(begun)
        return (
            f"stopped following; the workers continue with {each}. To see it: hygiene runs show "
            f"{last.id}; to pause it: hygiene runs pause {last.id}"
        )
    if last is None:
        return "stopped before a run began; run the command again"
    if last.state == "done":
        return (
            f"stopped: run {last.id} is done, but the steps after it did not begin; run the "
            "command again"
        )
    if last.dry_run:
        return f"stopped: run {last.id} was a dry run and wrote nothing; run the command again"
    return f"stopped: run {last.id} keeps its place; to continue: hygiene runs resume {last.id}"


def _note_earlier_holds(ctx: Context, names: Sequence[str], begun: Sequence[str]) -> None:
    """Removals that an earlier run holds, and that these runs had nothing to say of."""
    from worker.sync.read import removals

    with ctx.store.read() as connection:
        for hold in removals.holds(connection):
            if hold.connector in names and hold.run_id not in begun:
                output.note(
                    f"{hold.connector}: {hold.records:,} removals of {hold.object} are held since "
                    f"{hold.since:%Y-%m-%d %H:%M} UTC: hygiene runs show {hold.run_id}"
                )


def _enqueue(run_id: str) -> None:
    from worker.queue import tasks
    from worker.queue.celery_app import app
    from worker.sync.runs import lifecycle as runs

    if not app.control.ping(timeout=1.0):
        output.note("no worker answers yet; start one with: hygiene up")
    if runs.load(tasks.context(), run_id).kind == "undo":
        tasks.undo.delay(run_id)
    else:
        tasks.go_on(run_id)


def _has_failures(result: dict[str, Any]) -> bool:
    return bool(
        result["contacts"]["failed"]
        or result["pages"]["parked"]
        or result["state"] != "done"
        or _held(result)
        or result["hidden_fields"]
    )


def _held(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Objects of which the run would have removed too many contacts from our index."""
    from worker.sync.read import removals

    return [one for one in result["removals"] if one["state"] == removals.State.HELD]


# -- runs ----------------------------------------------------------------------------------


@click.group("runs", cls=Group)
def runs_group() -> None:
    """What was done: list, show, pause, resume, cancel and undo runs."""


@runs_group.command("list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@click.option("--reports", is_flag=True, help="Also the many that carry reports to a CRM.")
@json_option
def runs_list(limit: int, reports: bool, as_json: bool) -> None:
    """The latest runs, newest first."""
    from worker.sync.runs import lifecycle as runs
    from worker.sync.runs import report as reporting

    with opened_context(only_looks=True) as ctx:
        recent = runs.recent(ctx, limit, reports=reports)
        results = [reporting.result(ctx, run.id) for run in recent]
    if as_json:
        output.print_json(results)
        return
    if not results:
        output.note("no runs yet; start one with: hygiene sync")
        return
    made = output.table("run", "connector", "scope", "state", ">read", ">changed", ">failed", ">s")
    output.rows(
        made,
        [
            (
                one["run"], one["connector"], one["scope"] + (" (dry)" if one["dry_run"] else ""),
                output.styled(one["outcome"]), f"{one['contacts']['read']:,}",
                f"{one['contacts']['changed']:,}", f"{one['contacts']['failed']:,}",
                f"{one['seconds']:.1f}",
            )
            for one in results
        ],
    )  # fmt: skip
    output.show_table(made)


@runs_group.command("show")
@click.argument("run", metavar="RUN")
@click.option("--writes", "most", default=10, show_default=True, type=click.IntRange(0),
              help="How many of its writes to list, with the values before and after.")  # fmt: skip
@json_option
def runs_show(run: str, most: int, as_json: bool) -> None:
    """What a run did: counts, failures by kind, and its writes."""
    from worker.sync.runs import lifecycle as runs
    from worker.sync.runs import report as reporting

    with opened_context(only_looks=True) as ctx:
        found = reporting.account(ctx, runs.load(ctx, run).id, most)
    if as_json:
        output.print_json(found)
    else:
        output.show_account(found)
    sys.exit(1 if _has_failures(found) and found["state"] != "running" else 0)


@runs_group.command("resume")
@click.argument("run", metavar="RUN")
@click.option("--queue", is_flag=True, help="Let the workers do it, and follow their progress.")
@json_option
def runs_resume(run: str, queue: bool, as_json: bool) -> None:
    """Go on with a run that failed, or whose worker died, from where it stands."""
    from worker.sync.runs import lifecycle as runs

    with opened_context() as ctx:
        standing = runs.load(ctx, run)
        connectors.check(standing.connector, ctx.settings)
        if standing.kind == "undo" and not queue:
            _undo(ctx, lambda: runs.reopen(ctx, standing.id).id, standing.dry_run, as_json)
        _carry_out(
            ctx,
            [standing.connector],
            lambda _name: runs.reopen(ctx, standing.id).id,
            queue,
            as_json,
        )


@runs_group.command("pause")
@click.argument("run", metavar="RUN")
@json_option
def runs_pause(run: str, as_json: bool) -> None:
    """Stop a run after the pages under way; it goes on with `hygiene runs resume`."""
    from worker.access import audit
    from worker.sync.runs import control

    with opened_context() as ctx:
        moved = control.pause(ctx, run, user_name()).id
        audit.note(ctx.store, ctx.now(), user_name(), "run.pause", moved)
    _tell_moved(moved, "paused", as_json)


@runs_group.command("cancel")
@click.argument("run", metavar="RUN")
@json_option
def runs_cancel(run: str, as_json: bool) -> None:
    """End a run where it stands; what it wrote stays, and can be undone."""
    from worker.access import audit
    from worker.sync.runs import control

    with opened_context() as ctx:
        moved = control.cancel(ctx, run, user_name()).id
        audit.note(ctx.store, ctx.now(), user_name(), "run.cancel", moved)
    _tell_moved(moved, "cancelled", as_json)


def _tell_moved(run_id: str, state: str, as_json: bool) -> None:
    if as_json:
        output.print_json({"run": run_id, "state": state})
    else:
        output.out.print(f"run {run_id} is {state}")


@runs_group.command("undo")
@click.argument("run", metavar="RUN")
@click.option("--dry-run", is_flag=True, help="Only say what would be put back.")
@json_option
def runs_undo(run: str, dry_run: bool, as_json: bool) -> None:
    """Put back what a run wrote, field by field. Fields that somebody has changed since stay, and
    so do fields that a report in force demands (a STOP, a wrong number, an imported list)."""
    from worker.access import audit
    from worker.sync.runs import lifecycle as runs
    from worker.sync.write import undo as undoing

    with opened_context() as ctx:
        standing = runs.load(ctx, run)
        connectors.check(standing.connector, ctx.settings)
        if not dry_run:
            audit.note(ctx.store, ctx.now(), user_name(), "run.undo", standing.id)
        _undo(ctx, lambda: undoing.begin(ctx, standing.id, dry_run, user_name()), dry_run, as_json)


def _undo(ctx: Context, begin: Callable[[], str], dry_run: bool, as_json: bool) -> None:
    """Carry out an undo and show the result."""
    from worker.sync.runs import lifecycle as runs
    from worker.sync.runs import report as reporting
    from worker.sync.write import undo as undoing

    begun: list[str] = []
    with stops(lambda: _how_to_go_on(ctx, begun, False)), output.progress() as bar:
        begun.append(begin())
        of = runs.load(ctx, begun[0]).scope.values[0]
        task = bar.add_task(f"undoing {of}", total=reporting.totals(ctx, of).written)
        try:
            done = undoing.carry_out(ctx, begun[0], lambda number: bar.advance(task, number))
        except stopping.Stopped:
            runs.stop(ctx, begun[0])
            raise
    if as_json:
        output.print_json(done.as_json())
    else:
        output.show_undone(done, dry_run)
    sys.exit(1 if done.failed or done.not_visible else 0)


# -- looking -------------------------------------------------------------------------------


@click.command(cls=Command)
@click.argument("text", metavar="NUMBER")
@json_option
def number(text: str, as_json: bool) -> None:
    """All that is known of a number, and why its contacts are flagged."""
    from worker.queries.number import story

    e164 = number_argument(text, "NUMBER")
    with opened_context(only_looks=True) as ctx:
        found = story(ctx, e164)
    if as_json:
        output.print_json(found)
    else:
        output.show_story(found)


@click.command(cls=Command)
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 3660))
@json_option
def spend(days: int, as_json: bool) -> None:
    """What lookups cost, by provider and day; what the budget leaves; how each provider does."""
    from worker.verification import spend_report

    with opened_context(only_looks=True) as ctx, ctx.store.read() as connection:
        settings = ctx.settings.verification
        found = spend_report.report(connection, ctx.line, settings, ctx.now(), days)
    if as_json:
        output.print_json(found)
    else:
        output.show_spend(found)


@click.command(cls=Command)
@click.option(
    "--probe",
    is_flag=True,
    help="Instead, settle with your accounts what the lookup services' documents leave "
    "open; free of charge.",
)
@click.option("--paid", "number", metavar="NUMBER", default="",
              help="With --probe: also what costs a lookup, of this number.")  # fmt: skip
@json_option
def doctor(probe: bool, number: str, as_json: bool) -> None:
    """Check settings, database, Redis and each CRM, and say what to do."""
    from worker.ops.doctor import examine
    from worker.ops.doctor import probe as probe_lookups

    if number and not probe:
        raise click.UsageError("--paid: only with --probe")
    if probe:
        asked = number_argument(number, "--paid") if number else ""
        sys.exit(show_probe(probe_lookups(read_settings(), asked), as_json))
    checks = list(examine(read_settings()))
    if as_json:
        output.print_json([{"name": c.name, "verdict": c.verdict, "text": c.text} for c in checks])
    else:
        marks = {"ok": ("ok", "green"), "warning": ("!!", "yellow"), "problem": ("no", "red")}
        made = output.table("", "what", "finding")
        output.rows(made, [(Text(*marks[c.verdict]), c.name, c.text) for c in checks])
        output.show_table(made)
    sys.exit(1 if any(check.verdict == "problem" for check in checks) else 0)


# -- setting up ----------------------------------------------------------------------------


@click.group(cls=Group)
def crm() -> None:
    """Our fields in a CRM: create them, check them."""


@crm.command("setup")
@connector_argument()
@click.option("--adopt", multiple=True, metavar="OBJECT.FIELD",
              help="Use this field although we did not make it; may be repeated.")  # fmt: skip
@json_option
def crm_setup(connector: str, adopt: tuple[str, ...], as_json: bool) -> None:
    """Create the fields that the worker writes, and give its user access; safe to repeat."""
    with opened_context(connector) as ctx:
        opened = connectors.build(connector, ctx.settings)
        again = f"hygiene crm setup {connector} (what was already created stays)"
        steps = []
        try:
            with stops(lambda: f"stopped; to continue: {again}"), output.progress() as bar:
                task = bar.add_task(f"setting up {connector}", total=None)
                for step in opened.provision(adopt):
                    steps.append(step)
                    bar.advance(task)
                    stopping.check()
        finally:
            opened.close()
        ctx.forget_schema(connector)
    failed = [step for step in steps if step.done == "failed"]
    if as_json:
        output.print_json(
            [
                {"what": s.what, "done": s.done, "note": s.note}
                | ({"definition": s.definition} if s.definition else {})
                for s in steps
            ]
        )
    else:
        output.show_steps(steps)
    sys.exit(1 if failed else 0)


@crm.command("check")
@connector_argument()
@json_option
def crm_check(connector: str, as_json: bool) -> None:
    """Say which fields are missing or unusable, which phone fields nobody watches, and how many
    records our user sees."""
    from connectors.errors import ConnectorError

    settings = read_settings()
    connectors.check(connector, settings)
    opened = connectors.build(connector, settings)
    seen: list[Visibility] = []
    unwatched: list[Finding] = []
    try:
        findings = opened.use(opened.describe())
        try:
            seen = opened.visibility()
        except ConnectorError as error:
            output.note(f"what our user sees cannot be told: {error}")
        try:
            unwatched = list(opened.unwatched())
        except ConnectorError as error:
            output.note(f"whether other fields hold phone numbers cannot be told: {error}")
    finally:
        opened.close()
    if as_json:
        listed: list[dict[str, Any]] = [
            {"object": f.object, "field": f.field, "problem": f.problem, "blocks": f.blocks}
            for f in (*findings, *unwatched)
        ]
        listed += [
            {"object": one.object, "field": "", "problem": str(one), "blocks": False,
             "visible": one.visible, "total": one.total, "view_all": one.view_all}
            for one in seen
            if one.limited
        ]  # fmt: skip
        output.print_json(listed)
        sys.exit(1 if any(finding.blocks for finding in findings) else 0)
    if not findings:
        output.out.print(f"{connector}: all fields are there and can be written")
    else:
        made = output.table("field", "problem")
        output.rows(made, [(f"{f.object}.{f.field}", f.problem) for f in findings])
        output.show_table(made)
        output.note(f"create what is missing with: hygiene crm setup {connector}")
    for finding in unwatched:
        output.out.print(Text(str(finding), style="yellow"))
    for one in seen:
        output.out.print(Text(str(one), style="yellow" if one.limited else ""))
    sys.exit(1 if any(finding.blocks for finding in findings) else 0)


@crm.command("probe")
@connector_argument()
@click.option("--write", "record", metavar="ID", default="",
              help="Also check writing, with values that this record holds.")  # fmt: skip
@json_option
def crm_probe(connector: str, record: str, as_json: bool) -> None:
    """Settle with your account what the CRM's documents leave open.

    Reads only, unless a record is named. What it prints holds no data of your records: send it in,
    so that others need not guess.
    """
    settings = read_settings()
    connectors.check(connector, settings)
    opened = connectors.build(connector, settings)
    try:
        with output.progress() as bar:
            task = bar.add_task(f"asking {connector}", total=None)
            found = []
            for result in opened.probe(record):
                found.append(result)
                bar.advance(task)
    finally:
        opened.close()
    if as_json:
        output.print_json([asdict(result) for result in found])
    elif not found:
        output.out.print(f"{connector}: nothing is open")
    else:
        made = output.table("fact", "verdict", "what the connector relies on", "seen")
        output.rows(made, [(r.fact, r.verdict, r.statement, r.seen) for r in found])
        output.show_table(made)
    sys.exit(1 if any(result.verdict == "refuted" for result in found) else 0)


@click.group(cls=Group)
def db() -> None:
    """The database."""


@db.command("upgrade")
def db_upgrade() -> None:
    """Bring the tables to the form that this version needs; safe to repeat."""
    from worker.store.engine import upgrade

    upgrade(read_settings().database_url)
    output.out.print("the database is up to date")


@db.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def db_load(file: Path, as_json: bool) -> None:
    """Put an export into the database, which has to be empty: hygiene export writes one."""
    from worker.ops import export as exporting
    from worker.store.engine import open_store, upgrade

    settings = read_settings()
    upgrade(settings.database_url)
    store = open_store(settings.database_url)
    try:
        counts = exporting.load(store, file)
    finally:
        store.close()
    if as_json:
        output.print_json({"rows": counts})
    else:
        output.out.print(f"{sum(counts.values()):,} rows of {len(counts)} tables were loaded")


@click.command(cls=Command)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--with-secrets", is_flag=True,
              help="Also people's password hashes, token hashes and our own key.")  # fmt: skip
@json_option
def export(file: Path, with_secrets: bool, as_json: bool) -> None:
    """Write everything that is ours to FILE, a zip of JSON lines; hygiene db load reads it.

    It holds numbers and what was said of them: keep it like the database.
    """
    from worker.ops import export as exporting

    with opened_context() as ctx:
        counts = exporting.export(ctx.store, file, ctx.now(), with_secrets)
    if as_json:
        output.print_json({"file": str(file), "rows": counts})
    else:
        output.out.print(f"{sum(counts.values()):,} rows of {len(counts)} tables: {file}")


# -- processes -----------------------------------------------------------------------------


@click.command(cls=Command)
@click.option("--host", default=None, help="Address to listen on; this machine alone by default, "
              "all once ADMIN_PASSWORD is set.")  # fmt: skip
def web(host: str | None) -> None:
    """The web process: pages, health checks and API, on PORT."""
    from worker.cli.terminal import print_login_link
    from worker.web.port import check_port
    from worker.web.serve import serve

    check_port(read_settings().port)
    with opened_context() as ctx:
        print_login_link(ctx, user_name())
    serve(ctx.settings, host)


@click.command(cls=Command)
def up() -> None:
    """Web, worker and beat on this machine, with embedded Redis and database where none is set."""
    from worker.cli.supervisor import run_all
    from worker.cli.terminal import print_login_link
    from worker.web.port import check_port

    check_port(read_settings().port)
    with opened_context() as ctx:
        print_login_link(ctx, user_name())
    sys.exit(run_all(ctx.settings))


@click.command(cls=Command)
@click.option("--contacts", default=2000, show_default=True, type=click.IntRange(1, 1_000_000),
              help="Contacts in each of the two CRMs.")  # fmt: skip
@click.option("--once", is_flag=True, help="End after the first sync.")
def demo(contacts: int, once: bool) -> None:
    """See it work: sandbox CRMs, embedded Redis and database, a real worker, a first sync."""
    from worker.cli.demo import run_demo

    sys.exit(run_demo(contacts, once))
