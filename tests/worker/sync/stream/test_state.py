"""Where streams stand, in either database: the lease, the position, the pull that is wanted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from clocks import advance_clock
from streams import CONTACTS, STREAMING

from worker.context import Context
from worker.store.tables import changed_records
from worker.sync.stream import state
from worker.sync.stream.plan import Step, lose

SALESFORCE = "salesforce"
# Opaque: what is not text, and what a database might take for an end or an escape.
REPLAY_ID = bytes(range(256))


@pytest.fixture
def ctx(make_context: Callable[..., Context], either_database_url: str) -> Context:
    return make_context(STREAMING, DATABASE_URL=either_database_url)


def step(*ids: str, pull: str = "", replay_id: bytes | None = REPLAY_ID) -> Step:
    return Step(tuple(("Contact", rid) for rid in ids), pull, replay_id, {"UPDATE": len(ids)})


def waiting(ctx: Context) -> set[str]:
    with ctx.store.read() as connection:
        return set(connection.scalars(sa.select(changed_records.c.record_id)))


class TestTheLease:
    def test_is_one_processs_of_several_that_come_at_once(self, ctx: Context) -> None:
        others = [ctx.borrow() for _ in range(4)]
        at_once = threading.Barrier(len(others))
        won: list[bool] = []

        def claim(other: Context) -> None:
            at_once.wait()
            won.append(state.claim(other, SALESFORCE))

        threads = [threading.Thread(target=claim, args=[other]) for other in others]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(won) == [False, False, False, True]

    def test_is_free_when_it_ends_or_is_given_back(self, ctx: Context) -> None:
        first, second = ctx.borrow(), ctx.borrow()
        assert state.claim(first, SALESFORCE)
        assert not state.claim(second, SALESFORCE)
        state.release(second, SALESFORCE)  # not its own
        assert not state.claim(second, SALESFORCE)
        state.release(first, SALESFORCE)
        assert state.claim(second, SALESFORCE)
        advance_clock(ctx, seconds=state.LEASE.total_seconds() + 1)
        assert state.claim(first, SALESFORCE)
        assert not state.renew(second, SALESFORCE)

    def test_guards_each_step(self, ctx: Context) -> None:
        follower, late = ctx.borrow(), ctx.borrow()
        assert state.claim(late, SALESFORCE)
        advance_clock(ctx, seconds=state.LEASE.total_seconds() + 1)
        assert state.claim(follower, SALESFORCE)
        with pytest.raises(state.LostLeaseError):
            state.commit(late, SALESFORCE, CONTACTS, step("003A", pull="a gap"))
        state.note_problem(late, SALESFORCE, CONTACTS, "refused")
        assert waiting(ctx) == set()
        assert state.replay_id(ctx, SALESFORCE, CONTACTS) is None
        assert state.wanted_pull(ctx, SALESFORCE) is None
        assert [health.problem for health in state.health(ctx) if health.problem] == []


class TestAStep:
    @pytest.fixture(autouse=True)
    def lease(self, ctx: Context) -> None:
        assert state.claim(ctx, SALESFORCE)

    def test_keeps_its_replay_id_byte_for_byte_until_it_is_lost(self, ctx: Context) -> None:
        state.commit(ctx, SALESFORCE, CONTACTS, step("003A"))
        assert state.replay_id(ctx, SALESFORCE, CONTACTS) == REPLAY_ID
        state.commit(ctx, SALESFORCE, CONTACTS, lose("the replay id is not known"))
        assert state.replay_id(ctx, SALESFORCE, CONTACTS) is None
        pull = state.wanted_pull(ctx, SALESFORCE)
        assert pull is not None
        assert pull.reason == "the replay id is not known"

    def test_stores_each_record_once_and_adds_up_what_came(self, ctx: Context) -> None:
        state.commit(ctx, SALESFORCE, CONTACTS, step("003A", "003B"))
        committed = ctx.now() - timedelta(milliseconds=1500)
        counted = Step((("Contact", "003B"),), "", REPLAY_ID, {"UPDATE": 1, "own": 2}, committed)
        state.commit(ctx, SALESFORCE, CONTACTS, counted)
        assert waiting(ctx) == {"003A", "003B"}
        (health,) = [h for h in state.health(ctx) if h.channel == CONTACTS]
        assert health.counts == {"UPDATE": 3, "own": 2}
        assert health.event_at == committed
        assert health.lag is not None
        assert health.lag >= timedelta(milliseconds=1500)

    def test_is_stored_as_a_whole_or_not_at_all(self, ctx: Context) -> None:
        with pytest.raises((TypeError, sa.exc.StatementError)):
            state.commit(
                ctx, SALESFORCE, CONTACTS,
                # The database refuses the last of what is stored.
                step("003A", pull="a gap", replay_id="no bytes"),  # type: ignore[arg-type]
            )  # fmt: skip
        assert waiting(ctx) == set()
        assert state.wanted_pull(ctx, SALESFORCE) is None

    def test_takes_a_problem_away_and_keeps_where_the_stream_stood(self, ctx: Context) -> None:
        state.commit(ctx, SALESFORCE, CONTACTS, step("003A"))
        state.note_problem(ctx, SALESFORCE, CONTACTS, "refused " * 100)
        assert state.replay_id(ctx, SALESFORCE, CONTACTS) == REPLAY_ID
        (health,) = [h for h in state.health(ctx) if h.channel == CONTACTS]
        assert health.problem.startswith("refused")
        assert len(health.problem) == 500
        state.commit(ctx, SALESFORCE, CONTACTS, step())
        assert [h.problem for h in state.health(ctx) if h.channel == CONTACTS] == [""]


def test_a_pull_that_was_wanted_again_meanwhile_is_not_forgotten(ctx: Context) -> None:
    assert state.claim(ctx, SALESFORCE)
    state.commit(ctx, SALESFORCE, CONTACTS, step(pull="the first"))
    first = state.wanted_pull(ctx, SALESFORCE)
    assert first is not None
    advance_clock(ctx, seconds=1)
    state.commit(ctx, SALESFORCE, CONTACTS, step(pull="the second"))
    state.pull_begun(ctx, SALESFORCE, first)
    second = state.wanted_pull(ctx, SALESFORCE)
    assert second is not None
    assert second.reason == "the second"
    state.pull_begun(ctx, SALESFORCE, second)
    assert state.wanted_pull(ctx, SALESFORCE) is None
