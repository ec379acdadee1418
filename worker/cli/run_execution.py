"""Carry out the runs that a command opens, here or on the workers, and show their results."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from rich.progress import TaskID

from config import stopping
from config.throttle import at_most_every
from worker.cli.base import stoppable
from worker.cli.output import console
from worker.cli.output.runs import show_result

if TYPE_CHECKING:
    from worker.context import Context


_POLL_INTERVAL = 0.25  # seconds between two looks at how far a run has come
# Runs at once, of as many CRMs: each has its own pages in memory (`pages.pool`).
_RUNS_AT_ONCE = 3
OpenRun = Callable[["Context", str], str]


def execute_runs(
    ctx: Context, names: Sequence[str], open_run: OpenRun, queue: bool, as_json: bool,
    many: bool = False,
) -> NoReturn:  # fmt: skip
    """Open a run for each connector, do it here or follow the workers, and show the results.

    Several connectors are worked on at once, so that a CRM that does not answer holds up no other.
    What people said by the flags of one is carried to all, after the runs.
    `open_run` opens or resumes the run of a connector, with the context that it is given, and
    returns its id. `many`: print a list of results, also of one; they come in the order of `names`.
    Exits with 0 when all is done, 1 when something failed, 2 when a run could not begin.
    """
    from worker.sync.runs import lifecycle as runs
    from worker.sync.runs import report as reporting
    from worker.sync.runs.follow import follow

    names = list(dict.fromkeys(names))
    run_of: dict[str, str] = {}  # by connector

    def begun() -> list[str]:
        return [run_of[name] for name in names if name in run_of]

    with stoppable(lambda: how_to_continue(ctx, begun(), queue)), console.progress() as bar:
        tasks: dict[str, TaskID] = {}
        enqueuing = threading.Lock()  # Celery's connection is for one thread at a time

        def show(run_id: str) -> None:
            sums, remaining = reporting.totals(ctx, run_id), runs.load(ctx, run_id).remaining
            console.move(bar, tasks[run_id], sums.read, max(sums.size + remaining, sums.read))

        def begin(own: Context, name: str) -> int:
            stopping.check()
            run_id, problem = _try_to_open(own, open_run, name)
            if run_id is not None:
                tasks[run_id] = bar.add_task(name, total=None)
                run_of[name] = run_id
                if queue:
                    with enqueuing:
                        _enqueue(own, run_id)
                else:
                    _drive_here(own, run_id, show)
            return problem

        try:
            code = max(ctx.for_each(names, begin, _RUNS_AT_ONCE), default=0)
        except SystemExit:  # a fault of this machine; a stop that was asked for comes first
            stopping.check()
            raise
        if queue:
            follow(ctx, begun(), show)
        else:
            _carry_reports(ctx, begun())
    results = [reporting.result(ctx, run_id) for run_id in begun()]
    if any(has_failures(result) for result in results):
        code = max(code, 1)
    _show_results(results, ctx.settings.verification.budget.currency, as_json, many)
    _note_earlier_holds(ctx, names, begun())
    sys.exit(code)


def _carry_reports(ctx: Context, run_ids: Sequence[str]) -> None:
    """Tell every CRM now what people said by the flags of one, and what an earlier command could
    not tell: no worker may be running, and the other CRMs were read at the same time."""
    from worker.cli.propagation import propagate_now
    from worker.store import pause
    from worker.suppression.apply_reports import has_pending
    from worker.sync.propagate import pending_connectors
    from worker.sync.runs import lifecycle as runs

    if pause.is_on(ctx.store) or all(runs.load(ctx, run_id).dry_run for run_id in run_ids):
        return
    if has_pending(ctx) or pending_connectors(ctx):
        propagate_now(ctx)


def _try_to_open(ctx: Context, open_run: OpenRun, name: str) -> tuple[str | None, int]:
    """Return the run's id and 0; or print why there is none, and return None and the exit code."""
    from connectors.errors import ConnectorError
    from worker.store.pause import PausedError
    from worker.sync.runs.model import RunActiveError

    try:
        return open_run(ctx, name), 0
    except (RunActiveError, PausedError) as error:
        console.error(str(error))
        return None, 1
    except ConnectorError as error:  # nothing was read: wrong settings, or the CRM does not answer
        console.error(str(error))
        return None, 2


def _drive_here(ctx: Context, run_id: str, show: Callable[[str], None]) -> None:
    """Carry out a run in this process. Exits with 1 on a fault of this machine (a full disk)."""
    from config import logging_setup
    from connectors.errors import ConnectorError
    from worker.store.machine_faults import trouble
    from worker.store.pause import PausedError
    from worker.sync.pages.runner import run_to_completion
    from worker.sync.runs import lifecycle as runs

    try:
        run_to_completion(ctx, run_id, at_most_every(_POLL_INTERVAL, show))
        show(run_id)
    except PausedError as error:
        console.error(
            f"{error.pause.text}. Run {run_id} keeps its place; the workers continue with it once "
            f"you have resumed (hygiene resume), or do it here: hygiene runs resume {run_id}"
        )
    except ConnectorError as error:
        console.error(str(error))
    except stopping.Stopped:
        runs.stop(ctx, run_id)
        raise
    except Exception as error:
        if (fault := trouble(error)) is None:
            raise
        with suppress(
            Exception
        ):  # the fault may hinder this as well: then the next process sees it
            runs.fail(ctx, run_id, fault.line)
        console.error(f"{logging_setup.redact(fault.line)}: hygiene runs resume {run_id}")
        sys.exit(1)


def _show_results(
    results: Sequence[dict[str, Any]], currency: str, as_json: bool, many: bool
) -> None:
    if as_json:
        for removal in (removal for result in results for removal in _held_removals(result)):
            console.error(removal["reason"])
        console.print_json(results if many else results[0] if results else {})
        return
    for result in results:
        show_result(result, currency)
        if has_failures(result):
            console.info(f"  to see what failed and why: hygiene runs show {result['run']}")


def how_to_continue(ctx: Context, begun: Sequence[str], queue: bool) -> str:
    """Return one line for a command that was stopped: how to continue."""
    from worker.store.states import RunState
    from worker.sync.runs import lifecycle as runs

    of = [runs.load(ctx, run_id) for run_id in begun]
    kept = [run for run in of if run.state in (RunState.RUNNING, RunState.STOPPED)]
    last = (kept or of)[-1] if of else None
    if queue and last is not None:
        each = " ".join(begun)
        return (
            f"stopped following; the workers continue with {each}. To see it: hygiene runs show "
            f"{last.id}; to pause it: hygiene runs pause {last.id}"
        )
    if last is None:
        return "stopped before a run began; run the command again"
    if last.state == RunState.DONE:
        return (
            f"stopped: run {last.id} is done, but the steps after it did not begin; run the "
            "command again"
        )
    if last.dry_run:
        return f"stopped: run {last.id} was a dry run and wrote nothing; run the command again"
    if len(kept) > 1:
        each, of_each = (", ".join(r.id for r in kept), " ".join(r.connector for r in kept))
        return f"stopped: runs {each} keep their place; to continue: hygiene sync {of_each}"
    return f"stopped: run {last.id} keeps its place; to continue: hygiene runs resume {last.id}"


def _note_earlier_holds(ctx: Context, names: Sequence[str], begun: Sequence[str]) -> None:
    """Report removals that an earlier run holds and that these runs did not report."""
    from worker.sync.runs import removal_holds

    with ctx.store.read() as connection:
        for hold in removal_holds.load(connection):
            if hold.connector in names and hold.run_id not in begun:
                console.info(
                    f"{hold.connector}: {hold.records:,} removals of {hold.object} have been "
                    f"held since {hold.since:%Y-%m-%d %H:%M} UTC: hygiene runs show {hold.run_id}"
                )


def _enqueue(ctx: Context, run_id: str) -> None:
    from worker.queue import tasks
    from worker.queue.celery_app import app
    from worker.sync.runs import lifecycle as runs

    if not app.control.ping(timeout=1.0):
        console.info("no worker is answering; start one with: hygiene up")
    if runs.load(ctx, run_id).kind == "undo":
        tasks.undo.delay(run_id)
    else:
        tasks.go_on(run_id)


def has_failures(result: dict[str, Any]) -> bool:
    return bool(
        result["contacts"]["failed"]
        or result["pages"]["parked"]
        or result["state"] != "done"
        or _held_removals(result)
        or result["hidden_fields"]
    )


def _held_removals(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return objects of which the run would have removed too many contacts from our index."""
    from worker.sync.runs import removal_holds

    return [
        removal
        for removal in result["removals"]
        if removal["state"] == removal_holds.RemovalState.HELD
    ]
