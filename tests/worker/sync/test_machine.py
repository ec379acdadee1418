"""Runs, crashes, reports, people and undos in any order, held against a reference of a few lines.

A state machine: hypothesis draws what happens next; whatever it was, one quiet sync later each
record says what the reference says.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from crms import QUICK, Crm
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from config.settings import load
from connectors.errors import ConnectorError
from sandbox.run import Sandbox
from worker.context import Context
from worker.feedback import report_log as feedback_log
from worker.feedback.models import Feedback
from worker.store.engine import upgrade
from worker.suppression.apply_reports import apply_pending
from worker.sync.pages import process as page_work
from worker.sync.pages import runner
from worker.sync.propagate import propagate
from worker.sync.runs import control, lifecycle
from worker.sync.runs.model import RunActiveError
from worker.sync.runs.scope import Scope
from worker.sync.undo.undo import undo

NUMBERS = tuple(f"+1415555{n}" for n in (2671, 2672, 2673))
KINDS = ("opt_out", "opt_in", "wrong_number")
TYPED = st.sampled_from((*NUMBERS, "n/a", ""))
EXAMPLES = int(os.environ.get("MACHINE", "6"))  # MACHINE=200: a long run
_EMPTY = tempfile.mkdtemp(prefix="machine-")


class PowerCut(BaseException):
    """The process is gone at this very point."""


class Machine(RuleBasedStateMachine):
    name = "hubspot"
    others: tuple[str, ...] = ("mobilephone",)

    @initialize()
    def set_up(self) -> None:
        self.home = tempfile.mkdtemp(prefix="machine-")
        self.sandbox = Sandbox.start(contacts=4, leads=0)
        self.crm = Crm.all(self.sandbox)[self.name]
        empty = Path(_EMPTY) / "hygiene.db"
        if not empty.exists():
            upgrade(f"sqlite:///{empty}")
        shutil.copy(empty, Path(self.home) / "hygiene.db")
        config = Path(self.home) / "hygiene.toml"
        config.write_text(QUICK, encoding="utf-8")
        self.settings = load(
            {**self.sandbox.env(), "HYGIENE_HOME": self.home, "HYGIENE_CONFIG": str(config)}
        )
        self.late = timedelta(0)
        self.ctx = self._process()
        self.typed: dict[str, str] = {}
        self.said: dict[str, list[str]] = {}
        self.count = 0
        others = {
            "salesforce": ("MobilePhone", "HomePhone", "OtherPhone"),
            "hubspot": ("mobilephone",),
        }
        for record_id in self.crm.ids():
            self.crm.edit(record_id, {f"phone/{field}": None for field in others[self.name]})
            self._type(record_id, NUMBERS[0])

    def teardown(self) -> None:
        if not hasattr(self, "sandbox"):
            return
        try:
            self._settle()
        finally:
            self.ctx.close()
            self.sandbox.stop()
            shutil.rmtree(self.home, ignore_errors=True)

    # -- what happens ----------------------------------------------------------------------

    @rule(place=st.integers(0, 3), text=TYPED)
    def somebody_types(self, place: int, text: str) -> None:
        self._type(self.crm.ids()[place], text)

    @rule(
        number=st.sampled_from(NUMBERS), kind=st.sampled_from(("opt_out", "opt_in", "wrong_number"))
    )
    def somebody_says(self, number: str, kind: str) -> None:
        self.count += 1
        self._forward(seconds=1)
        report = Feedback(f"k{self.count}", kind, number, "test", self.ctx.now())  # type: ignore[arg-type]
        keys = self.ctx.keys
        with self.ctx.store.write() as connection:
            feedback_log.store(connection, [report, report], self.ctx.now(), keys)
        self.said.setdefault(number, []).append(kind)

    @rule()
    def reports_are_carried(self) -> None:
        self._safely(self._carry)

    @rule(full=st.booleans())
    def a_sync(self, full: bool) -> None:
        self._safely(lambda: self._sync("everything" if full else "changed"))

    @rule(before=st.booleans())
    def a_sync_whose_process_dies(self, before: bool) -> None:
        """Before the CRM has our write, or between that and our record of it."""
        write_all = page_work.write_all

        def dying(*args: Any) -> Any:
            if not before:
                write_all(*args)
            raise PowerCut

        page_work.write_all = dying
        try:
            self._sync("everything")
        except (PowerCut, ConnectorError, RunActiveError):
            pass
        finally:
            page_work.write_all = write_all
        self.ctx.close()
        self._forward(minutes=3)  # its leases end
        self.ctx = self._process()

    @rule(kind=st.sampled_from(("drop", "drop_after", "truncate", "page", "reorder", "repeat")))
    def the_crm_has_a_fault(self, kind: str) -> None:
        self.sandbox.call(lambda: self.crm.fault(r"/(crm|services/data)/", kind, times=2))

    @precondition(lambda self: lifecycle.recent(self.ctx, 1))
    @rule()
    def an_undo(self) -> None:
        done = [
            run for run in lifecycle.recent(self.ctx) if run.state == "done" and run.kind != "undo"
        ]
        if done:
            self._safely(lambda: undo(self.ctx, done[0].id))

    @precondition(lambda self: lifecycle.recent(self.ctx, 1))
    @rule()
    def a_run_is_cancelled(self) -> None:
        self._safely(lambda: control.cancel(self.ctx, lifecycle.recent(self.ctx, 1)[0].id, "kim"))

    # -- what must be true -----------------------------------------------------------------

    def _settle(self) -> None:
        self.sandbox.call(self.crm.service.faults.clear)
        self._forward(minutes=10)
        for _ in range(2):
            self._carry()
            self._forward(minutes=10)
            self._sync("everything")
        for record_id, text in self.typed.items():
            current = self.crm.get(record_id, f"phone/{self.crm.phone}") or ""
            assert current == text, "what a person typed is as they typed it"
            assert self.crm.get(record_id, self.crm.status) == self._status(text)
        before = self.crm.writes
        self._sync("everything")
        assert self.crm.writes == before, "nothing has changed, nothing is written"

    def _status(self, text: str) -> str | None:
        kinds = self.said.get(text, [])
        stops = [kind for kind in kinds if kind in ("opt_out", "opt_in")]
        if not text:
            return None
        if text == "n/a":
            return "invalid"
        if stops and stops[-1] == "opt_out":
            return "do_not_contact"
        return "wrong_number" if "wrong_number" in kinds else "valid"

    # -- how -------------------------------------------------------------------------------

    def _process(self) -> Context:
        ctx = Context.create(self.settings)
        clock = ctx.now
        ctx.now = lambda: clock() + self.late
        return ctx

    def _forward(self, **much: float) -> None:
        self.late += timedelta(**much)

    def _type(self, record_id: str, text: str) -> None:
        self.crm.edit(record_id, {f"phone/{self.crm.phone}": text or None, "recheck": False})
        self.typed[record_id] = text

    def _carry(self) -> None:
        apply_pending(self.ctx)
        propagate(self.ctx, self.name)

    def _sync(self, kind: Any) -> None:
        standing = lifecycle.find_resumable(self.ctx, self.name)
        run_id = (
            lifecycle.resume(self.ctx, standing.id).id
            if standing is not None
            else lifecycle.open_run(self.ctx, self.name, Scope(kind))
        )
        runner.run_to_completion(self.ctx, run_id, pages_at_once=1)
        if standing is not None:
            self._sync(kind)

    @staticmethod
    def _safely(work: Any) -> None:
        """A CRM that is away, or a run that is in the way, is an answer too."""
        with contextlib.suppress(ConnectorError, RunActiveError):
            work()


class SalesforceMachine(Machine):
    name = "salesforce"
    others = ("MobilePhone", "HomePhone", "OtherPhone")


@pytest.mark.parametrize("machine", [Machine, SalesforceMachine])
@pytest.mark.timeout(600)
def test_whatever_happens_all_is_right_in_the_end(machine: type[Machine]) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    chosen = settings(
        max_examples=EXAMPLES, stateful_step_count=14, deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )  # fmt: skip
    run_state_machine_as_test(machine, settings=chosen)
