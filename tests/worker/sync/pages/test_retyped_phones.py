"""A phone field that a person retypes between our read and our write keeps what the person typed
(promises 2 and 3), also where we may rewrite it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from clocks import advance_clock
from crms import Crm
from fixture_types import Sync
from merging import merge
from reports import deliver_reports, store_report

from connectors.records import Contact
from sandbox.run import Sandbox
from worker.context import Context
from worker.sync.pages import evaluate
from worker.sync.pages.steps import EvaluatedPage, VerifiedPage
from worker.sync.propagate import propagate
from worker.sync.runs.scope import Scope
from worker.sync.write.batcher import PendingWrites

TYPED, RETYPED = "+44 (0)20 7219 3000", "+44 (0)20 7219 4272"
NORMALIZE = "[policy]\nnormalize = true\n"


@pytest.fixture
def once_decided(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Let something happen once a page is decided, before it is written."""
    decide = evaluate.evaluate

    def have_happen(then: Callable[[], None]) -> None:
        def patched(verified: VerifiedPage) -> EvaluatedPage:
            monkeypatch.setattr(evaluate, "evaluate", decide)
            evaluated = decide(verified)
            then()
            return evaluated

        monkeypatch.setattr(evaluate, "evaluate", patched)

    return have_happen


class TestARewrite:
    def test_leaves_what_was_typed_meanwhile_and_reads_it_next(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync,
        once_decided: Callable[[Callable[[], None]], None],
    ) -> None:  # fmt: skip
        ctx = make_context(NORMALIZE)
        key = f"phone/{crm.phone}"
        retyped, other = crm.ids()[:2]
        for record_id in (retyped, other):
            crm.edit(record_id, {key: TYPED})
        once_decided(lambda: crm.edit(retyped, {key: RETYPED}))
        sync(ctx, crm.name)
        assert crm.get(retyped, key) == RETYPED
        assert crm.get(retyped, crm.status) is None, "it says nothing of the new number yet"
        assert crm.get(other, key) == "+442072193000"
        advance_clock(ctx, seconds=10)
        propagate(ctx, crm.name)
        assert crm.get(retyped, key) == "+442072194272"
        assert crm.get(retyped, crm.status) == "valid"

    def test_of_a_corrected_number_as_well(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync,
        once_decided: Callable[[Callable[[], None]], None],
    ) -> None:  # fmt: skip
        ctx = make_context('[feedback]\ncorrections = "replace"\n')
        key = f"phone/{crm.phone}"
        record_id = crm.ids()[0]
        crm.edit(record_id, {key: TYPED})
        sync(ctx, crm.name)
        store_report(ctx, "corrected", number="+442072193000", new_number="+442072194272")
        once_decided(lambda: crm.edit(record_id, {key: "+44 20 7219 5555"}))
        deliver_reports(ctx, crm.name)
        assert crm.get(record_id, key) == "+44 20 7219 5555"

    def test_never_reaches_the_record_that_another_was_merged_into(
        self, make_context: Callable[..., Context], sandbox: Sandbox, sync: Sync,
        once_decided: Callable[[Callable[[], None]], None],
    ) -> None:  # fmt: skip
        """HubSpot carries out a write to a merged record on the one that it lives on in."""
        ctx, crm = make_context(NORMALIZE), Crm.all(sandbox)["hubspot"]
        key = f"phone/{crm.phone}"
        gone, into = crm.ids()[:2]
        sync(ctx, crm.name)
        crm.edit(into, {key: RETYPED})
        crm.edit(gone, {key: TYPED})
        survivors: list[str] = []
        once_decided(lambda: survivors.append(merge(crm, gone, into)))
        sync(ctx, crm.name, scope=Scope("ids", (gone,)))
        assert crm.get(survivors[0], key) == RETYPED

    def test_asks_for_those_records_alone(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        ctx = make_context(NORMALIZE)
        sync(ctx, crm.name)
        rewritten, marked = crm.ids()[:2]
        crm.edit(rewritten, {f"phone/{crm.phone}": TYPED})
        crm.edit(marked, {"reason": "x"})
        asked: list[str] = []
        connector = ctx.connector(crm.name)
        fetch = connector.fetch

        def noted(object_name: str, ids: Sequence[str]) -> list[Contact]:
            asked.extend(ids)
            return fetch(object_name, ids)

        monkeypatch.setattr(type(connector), "fetch", lambda _self, *args: noted(*args))
        sync(ctx, crm.name, scope=Scope("everything"))
        assert asked == [rewritten]
        assert crm.get(rewritten, f"phone/{crm.phone}") == "+442072193000"

    def test_does_not_wait_for_the_writes_of_other_pages(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        ctx = make_context(NORMALIZE)
        sync(ctx, crm.name)
        crm.edit(crm.ids()[0], {f"phone/{crm.phone}": TYPED})
        monkeypatch.setattr(PendingWrites, "__init__", None)  # what waits for others
        sync(ctx, crm.name, scope=Scope("everything"))
        assert crm.get(crm.ids()[0], f"phone/{crm.phone}") == "+442072193000"
