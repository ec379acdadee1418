"""Loading what a page is about, or answering that there is no such thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import HTTPException

from worker.context import Context
from worker.store.states import RunState
from worker.sync.runs import lifecycle, removal_holds
from worker.sync.runs.model import NoSuchRunError, Run


def load_run(ctx: Context, run_id: str) -> Run:
    """Return a run; raises 404 where there is none."""
    try:
        return lifecycle.load(ctx, run_id)
    except NoSuchRunError:
        raise HTTPException(
            404,
            "There is no such run. Its id may be mistyped, or it was deleted because of its age.",
        ) from None


def load_holds(ctx: Context, run_id: str) -> list[removal_holds.Hold]:
    """Return the removals that wait for a person since this run."""
    with ctx.store.read() as connection:
        return [hold for hold in removal_holds.load(connection) if hold.run_id == run_id]


def may_undo(run: Run, result: Mapping[str, Any]) -> bool:
    """Return whether a run has ended and has written something. `result`: what it came to."""
    ended = run.state in (RunState.DONE, RunState.FAILED, RunState.STOPPED, RunState.CANCELLED)
    return bool(ended and not run.dry_run and result["contacts"]["written"] > 0)
