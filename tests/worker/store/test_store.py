"""The store on SQLite and on a real PostgreSQL: migrations, and a whole run on each."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from constants import CLOSED_PORT
from crms import Crm
from fixture_types import Sync
from hypothesis import assume, given
from hypothesis import strategies as st
from limits import lower_limits
from psycopg.pq import TransactionStatus

from worker.context import Context
from worker.store import Store, engine, tables
from worker.store.bulk import insert, upsert
from worker.store.engine import ensure_schema, open_store, upgrade
from worker.store.errors import StoreError
from worker.store.states import PageState, RunState, WriteState
from worker.store.tables import UtcDateTime, metadata, pages, watermarks, writes
from worker.sync.pages import process as page_work
from worker.sync.pages import runner
from worker.sync.read import reader
from worker.sync.runs import lifecycle, reader_lease, stored_pages
from worker.sync.runs.scope import Scope
from worker.sync.undo.undo import undo


class TestMigrations:
    def test_they_make_the_tables_that_the_code_works_with(self, either_database_url: str) -> None:
        store = open_store(either_database_url)
        with store.read() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": False})
            assert compare_metadata(context, metadata) == []
        store.close()

    def test_the_newest_is_told_by_the_names_of_the_files(self, either_database_url: str) -> None:
        from alembic.config import Config
        from alembic.script import ScriptDirectory

        config = Config()
        config.set_main_option("script_location", str(engine.MIGRATIONS))
        for revision in ScriptDirectory.from_config(config).walk_revisions():
            assert Path(revision.path).name.startswith(f"{revision.revision}_")
        assert engine.is_current(either_database_url)
        store = engine.open_store(either_database_url)
        with store.write() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
        store.close()
        assert not engine.is_current(either_database_url)

    def test_reports_of_an_earlier_version_are_kept_as_they_were_meant(
        self, either_database_url: str
    ) -> None:
        from alembic import command
        from alembic.config import Config

        from worker.feedback.report_rows import report_from_row
        from worker.store.tables import feedback

        store = engine.open_store(either_database_url)
        config = Config()
        config.set_main_option("script_location", str(engine.MIGRATIONS))
        with store.write() as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, "0003")
            for key, contact in (("one", ""), ("two", "hubspot/contacts/7")):
                connection.execute(
                    sa.text(
                        "INSERT INTO feedback (key, kind, number, channels, contact, source, "
                        "evidence, at) VALUES (:key, 'opt_out', '+14155550123', '', :contact, "
                        "'test', '', '2026-01-01 00:00:00+00:00')"
                    ),
                    {"key": key, "contact": contact},
                )
            command.upgrade(config, "head")
        with store.read() as connection:
            rows = connection.execute(sa.select(feedback).order_by(feedback.c.key)).all()
        assert [report_from_row(row).scope for row in rows] == ["number", "contact"]
        assert all(row.received_at == row.at and row.applied_at is None for row in rows)
        store.close()

    def test_they_can_be_repeated_and_run_from_two_places_at_once(
        self, either_database_url: str
    ) -> None:
        threads = [threading.Thread(target=upgrade, args=(either_database_url,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        upgrade(either_database_url)

    def test_a_new_sqlite_file_is_made_by_itself(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'deep' / 'new.db'}"
        ensure_schema(url)
        ensure_schema(url)

    def test_a_server_that_does_not_answer_is_one_line(self) -> None:
        with pytest.raises(StoreError, match="DATABASE_URL"):
            ensure_schema(f"postgresql://nobody@{CLOSED_PORT}/none")


class TestStatements:
    def test_an_upsert_updates_what_is_there(self, either_database_url: str) -> None:
        store = open_store(either_database_url)
        row = {"connector": "x", "object": "y", "position": datetime.now(UTC), "run_id": "1"}
        with store.write() as connection:
            upsert(connection, watermarks, [row])
            upsert(connection, watermarks, [{**row, "run_id": "2"}])
            assert connection.scalars(sa.select(watermarks.c.run_id)).all() == ["2"]
        store.close()

    def test_a_moment_without_a_time_zone_is_refused(self) -> None:
        with pytest.raises(ValueError, match="time zone"):
            UtcDateTime().process_bind_param(
                datetime(2026, 1, 1), sa.create_engine("sqlite://").dialect
            )

    @given(st.datetimes(timezones=st.timezones()))
    def test_sqlite_gets_the_text_that_sqlalchemy_would_write(self, moment: datetime) -> None:
        dialect = sa.create_engine("sqlite://").dialect
        try:
            in_utc = moment.astimezone(UTC)
        except OverflowError:  # before the year 1 or after 9999 in UTC
            assume(False)
        ours, theirs = (
            kind.dialect_impl(dialect).bind_processor(dialect)
            for kind in (UtcDateTime(), sa.DateTime())
        )
        assert ours is not None
        assert theirs is not None
        assert ours(moment) == theirs(in_utc)

    def test_many_rows_keep_what_each_of_them_holds(self, either_database_url: str) -> None:
        """Of a column that holds the same in row after row the value is converted once."""
        store, now = open_store(either_database_url), datetime(2026, 1, 2, tzinfo=UTC)
        values: list[Any] = [None, None, {"a": 1}, {"a": 1}, {"a": 2}, None] * 50
        rows = [
            {"run_id": str(number), "connector": "x", "object": "y", "record_id": "z",
             "before": value, "after": value, "state": "done",
             "at": now + timedelta(days=number // 3)}
            for number, value in enumerate(values)
        ]  # fmt: skip
        with store.write() as connection:
            insert(connection, writes, rows)
        with store.read() as connection:
            stored = connection.execute(sa.select(writes).order_by(writes.c.id)).all()
        assert [row.before for row in stored] == values
        assert [row.at for row in stored] == [row["at"] for row in rows]
        store.close()

    def test_a_transaction_that_fails_leaves_nothing(self, either_database_url: str) -> None:
        store = open_store(either_database_url)
        row = {"connector": "x", "object": "y", "position": datetime.now(UTC), "run_id": "1"}

        def twice() -> None:
            with store.write() as connection:
                insert(connection, watermarks, [row])
                insert(connection, watermarks, [row])

        with pytest.raises(sa.exc.IntegrityError):
            twice()
        with store.read() as connection:
            assert not connection.execute(sa.select(watermarks)).all()
        store.close()


class TestConnectionsToPostgres:
    """Each round trip counts where the database is across a network."""

    def test_a_read_begins_no_transaction(self, postgres_store: Store) -> None:
        with postgres_store.read() as connection:
            connection.scalar(sa.text("SELECT 1"))
            assert _transaction(connection) is TransactionStatus.IDLE
        with postgres_store.write() as connection:
            connection.scalar(sa.text("SELECT 1"))
            assert _transaction(connection) is TransactionStatus.INTRANS

    @pytest.mark.parametrize(
        "statement",
        ["SELECT 1 FROM pages FOR UPDATE", "SELECT pg_advisory_xact_lock(1)",
         "SELECT set_config('random_page_cost', '1.1', true)", "DELETE FROM pages"],
    )  # fmt: skip
    def test_a_read_is_asked_nothing_that_needs_one(
        self, postgres_store: Store, statement: str
    ) -> None:
        """Every test holds to that (`transactions.refuse_outside_transactions`)."""
        with (
            postgres_store.read() as connection,
            pytest.raises(AssertionError, match=r"needs snapshot\(\) or write\(\)"),
        ):
            connection.exec_driver_sql(statement)

    def test_rows_can_be_streamed_from_a_snapshot(self, postgres_store: Store) -> None:
        with postgres_store.snapshot() as connection:
            rows = connection.execution_options(yield_per=10).scalars(
                sa.text("SELECT generate_series(1, 25)")
            )
            assert sum(rows) == 325

    def test_one_that_was_closed_while_it_idled_is_replaced(
        self, postgres_store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lower_limits(monkeypatch, connection_ping=0.0)
        closed = _close_from_outside(postgres_store)
        with postgres_store.read() as connection:
            assert connection.scalar(_BACKEND) != closed

    def test_one_that_was_in_use_a_moment_ago_is_not_tried(
        self, postgres_store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tried: list[object] = []
        monkeypatch.setattr(postgres_store.engine.dialect, "do_ping", tried.append)
        for _ in range(3):
            with postgres_store.read() as connection:
                connection.scalar(_BACKEND)
        assert not tried
        lower_limits(monkeypatch, connection_ping=0.0)
        with postgres_store.read():
            assert len(tried) == 1

    def test_after_the_error_of_one_that_was_closed_in_use_all_are_opened_anew(
        self, postgres_store: Store
    ) -> None:
        closed = _close_from_outside(postgres_store)
        with pytest.raises(sa.exc.OperationalError), postgres_store.read() as connection:
            connection.scalar(_BACKEND)
        with postgres_store.read() as connection:
            assert connection.scalar(_BACKEND) != closed


_BACKEND = sa.text("SELECT pg_backend_pid()")


@pytest.fixture
def postgres_store(postgres_database_url: str) -> Iterator[Store]:
    store = open_store(postgres_database_url)
    yield store
    store.close()


def _transaction(connection: sa.Connection) -> TransactionStatus:
    raw: psycopg.Connection[Any] = connection.connection.dbapi_connection  # type: ignore[assignment]
    return raw.info.transaction_status


def _close_from_outside(store: Store) -> int:
    """Close the store's one connection as the server does; return its process there."""
    with store.read() as connection:
        process: int = connection.scalar(_BACKEND)
    url = store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [process])
    return process


class TestSqliteOfSeveralProcesses:
    """SQLite holds its locks for a process, not for a connection: whoever opens the file beside it,
    and closes it again, takes them from every connection of that process."""

    @pytest.fixture
    def url(self, database_url: str) -> str:
        return database_url

    def elsewhere(self, url: str, position: datetime) -> None:
        """Another process writes, and leaves as the last one for all that it can tell."""
        code = (
            "import sys, datetime, sqlalchemy as sa\n"
            "from worker.store.bulk import upsert\n"
            "from worker.store.engine import open_store\n"
            "from worker.store.tables import watermarks\n"
            "store = open_store(sys.argv[1])\n"
            "at = datetime.datetime.fromisoformat(sys.argv[2])\n"
            "row = dict(connector='x', object='y', run_id='r', position=at)\n"
            "with store.write() as connection:\n"
            "    upsert(connection, watermarks, [row])\n"
            "store.close()\n"
        )
        command = [sys.executable, "-c", code, url, position.isoformat()]
        subprocess.run(command, check=True, timeout=60)

    def store_position(self, connection: sa.Connection, position: datetime) -> None:
        row = {"connector": "x", "object": "y", "run_id": "r", "position": position}
        upsert(connection, watermarks, [row])

    def position(self, store: Store) -> datetime | None:
        with store.read() as connection:
            position: datetime | None = connection.scalar(sa.select(watermarks.c.position))
            return position

    def test_a_second_store_in_a_process_takes_nothing_from_the_first(self, url: str) -> None:
        first = open_store(url)
        assert self.position(first) is None
        open_store(url).close()
        monday, tuesday = (datetime(2026, 11, day, tzinfo=UTC) for day in (2, 3))
        self.elsewhere(url, monday)
        self.elsewhere(url, tuesday)
        assert self.position(first) == tuesday
        with first.write() as connection:
            self.store_position(connection, monday)
        self.elsewhere(url, tuesday)
        assert self.position(first) == tuesday
        first.close()
        assert self.position(open_store(url)) == tuesday


class TestRuns:
    @pytest.fixture
    def ctx(self, make_context: Callable[..., Context], either_database_url: str) -> Context:
        return make_context(DATABASE_URL=either_database_url)

    def test_sync_again_and_undo(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        before = crm.snapshot()
        first = sync(ctx, crm.name)
        assert crm.all_checked()
        assert sync(ctx, crm.name)["contacts"]["written"] == 0
        undo(ctx, first["run"])
        assert crm.snapshot() == before

    def test_two_workers_share_a_run_and_each_page_is_done_once(
        self, make_context: Callable[..., Context], either_database_url: str, crm: Crm,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip

        lower_limits(monkeypatch, hubspot_list_page=10)
        first, second = (make_context(DATABASE_URL=either_database_url) for _ in range(2))
        run_id = lifecycle.open_run(first, crm.name, Scope("changed"))
        assert reader_lease.claim(first, run_id)
        assert not reader_lease.claim(second, run_id)
        stored: list[int] = []
        reader.read_from_cursor(
            first, lifecycle.load(first, run_id), lambda _own, page, *_: stored.append(page.id),
            lambda: True,
        )  # fmt: skip

        def work(ctx: Context) -> None:
            for page_id in stored:
                page_work.process(ctx, page_id)

        threads = [threading.Thread(target=work, args=(ctx,)) for ctx in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert lifecycle.finish_if_done(first, run_id)
        assert crm.all_checked()
        with first.store.read() as connection:
            assert connection.scalar(sa.select(sa.func.max(pages.c.attempts))) == 1
            ids = connection.scalars(sa.select(writes.c.record_id)).all()
        assert len(ids) == len(set(ids))

    def test_of_several_that_come_at_once_one_reads(
        self, make_context: Callable[..., Context], either_database_url: str
    ) -> None:
        contexts = [make_context(DATABASE_URL=either_database_url) for _ in range(4)]
        run_id = lifecycle.open_run(contexts[0], "hubspot", Scope("changed"))
        for _ in range(15):
            ready, claimed = threading.Barrier(4), []

            def come(
                ctx: Context, ready: threading.Barrier = ready, claimed: list[Context] = claimed
            ) -> None:
                ready.wait(5)
                if reader_lease.claim(ctx, run_id):
                    claimed.append(ctx)

            threads = [threading.Thread(target=come, args=(ctx,)) for ctx in contexts]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(claimed) == 1
            reader_lease.release(claimed[0], run_id)

    def test_a_reader_that_was_away_for_too_long_keeps_nothing_any_more(
        self, make_context: Callable[..., Context], either_database_url: str, crm: Crm
    ) -> None:
        """Its place is older than that of who reads now."""
        first, second = (make_context(DATABASE_URL=either_database_url) for _ in range(2))
        run_id = lifecycle.open_run(first, crm.name, Scope("changed"))
        assert reader_lease.claim(first, run_id)
        run = lifecycle.load(first, run_id)
        with first.store.write() as connection:
            past = {"reader_lease_expires_at": first.now() - timedelta(minutes=1)}
            connection.execute(sa.update(tables.runs).values(past))
        assert reader_lease.claim(second, run_id)
        assert reader.read_from_cursor(
            second, lifecycle.load(second, run_id), lambda *_: None, lambda: True
        )
        there = lifecycle.load(second, run_id).reading, stored_pages.list_pending(second, run_id)
        assert not reader.read_from_cursor(first, run, lambda *_: None, lambda: True)
        assert (
            lifecycle.load(second, run_id).reading,
            stored_pages.list_pending(second, run_id),
        ) == there

    def test_a_run_that_was_cut_short_goes_on(self, ctx: Context, crm: Crm) -> None:
        run_id = lifecycle.open_run(ctx, crm.name, Scope("changed"))
        assert reader_lease.claim(ctx, run_id)
        reader.read_from_cursor(
            ctx, lifecycle.load(ctx, run_id), lambda *_page: None, lambda: False
        )
        runner.run_to_completion(ctx, run_id)
        assert lifecycle.load(ctx, run_id).state == "done"
        assert crm.all_checked()


@pytest.mark.parametrize(
    ("column", "states"),
    [
        (tables.runs.c.state, RunState),
        (tables.pages.c.state, PageState),
        (tables.writes.c.state, WriteState),
    ],
    ids=str,
)
def test_each_state_fits_its_column(column: Any, states: Any) -> None:
    """PostgreSQL refuses a longer text; SQLite does not mind."""
    assert max(len(state) for state in states) <= column.type.length
