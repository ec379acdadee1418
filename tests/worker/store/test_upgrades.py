"""Upgrades on the data of each earlier version: `data/` holds what a first sync of each had left.

Made by the released code itself (`hygiene sync` against the sandbox of its time, and from 0004 on a
suppression), and dumped from SQLite. In `four_connections/` is what the version before had left of
two orgs and two portals: three were synced, and its process was killed in the sync of the fourth.
"""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from constants import NUMBER
from crms import Crm

from sandbox.run import Sandbox
from tests.conftest import postgres
from worker.context import Context
from worker.store import engine
from worker.store.engine import open_store, upgrade
from worker.store.tables import feedback, metadata, pages, runs, watermarks, writes
from worker.suppression import suppressions
from worker.sync.pages.runner import run_to_completion
from worker.sync.runs import lifecycle, report

DATA = Path(__file__).parent / "data"
VERSIONS = sorted(path.name[:4] for path in DATA.glob("*.sql.gz"))
NEWEST = max(path.name[:4] for path in engine.MIGRATIONS.glob("versions/[0-9]*.py"))


def restore(version: str, path: Path, data: Path = DATA) -> None:
    with sqlite3.connect(path) as file:
        file.executescript(gzip.decompress((data / f"{version}.sql.gz").read_bytes()).decode())
        if version >= "0004":  # the key of the installation that it came from is not kept
            file.execute("DELETE FROM installation WHERE name LIKE 'secret-key-print:%'")


def move(source: Path, url: str, version: str) -> None:
    """The same rows in tables of that version on a server."""
    store = open_store(url)
    config = Config()
    config.set_main_option("script_location", str(engine.MIGRATIONS))
    with store.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
        there = sa.MetaData()
        there.reflect(connection)
        with sqlite3.connect(source) as file:
            file.row_factory = sqlite3.Row
            for table in there.sorted_tables:
                if table.name == "alembic_version":
                    continue
                rows = [
                    {c.name: typed(c, row[c.name]) for c in table.columns}
                    for row in file.execute(f'SELECT * FROM "{table.name}"')
                ]
                if rows:
                    connection.execute(sa.insert(table), rows)
                for column in table.primary_key.columns:
                    if rows and isinstance(column.type, sa.BigInteger):
                        connection.execute(sa.text(
                            f"SELECT setval(pg_get_serial_sequence('{table.name}', "
                            f"'{column.name}'), (SELECT max({column.name}) FROM {table.name}))"
                        ))  # fmt: skip
    store.close()


def typed(column: sa.Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, sa.Boolean):
        return bool(value)
    if isinstance(column.type, sa.JSON):
        return orjson.loads(value)
    if isinstance(column.type, sa.DateTime):
        return f"{value}+00:00"
    return value


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, version: str, tmp_path: Path) -> Iterator[str]:
    """A database as that version had left it."""
    path = tmp_path / "old.db"
    restore(version, path)
    if request.param == "sqlite":
        yield f"sqlite:///{path}"
        return
    for url in postgres():
        move(path, url, version)
        yield url


def all_rows(connection: sa.Connection, table: str, names: str) -> list[Any]:
    return sorted(map(repr, connection.execute(sa.text(f"SELECT {names} FROM {table}")).all()))


KEPT = {
    "runs": "id, connector, state",
    "writes": "id, run_id, connector, object, record_id, state",
    "contacts": "connector, object, record_id, source",
    "contact_numbers": "connector, object, record_id, field, number",
    "watermarks": "connector, object, run_id",
}


@pytest.mark.parametrize("version", VERSIONS)
class TestAnUpgrade:
    def test_keeps_what_was_there_and_makes_the_tables_of_today(self, old: str) -> None:
        store = open_store(old)
        with store.read() as connection:
            before = {table: all_rows(connection, table, names) for table, names in KEPT.items()}
        upgrade(old)
        with store.read() as connection:
            after = {table: all_rows(connection, table, names) for table, names in KEPT.items()}
            context = MigrationContext.configure(connection, opts={"compare_type": False})
            assert compare_metadata(context, metadata) == []
        store.close()
        assert after == before
        assert len(before["contacts"]) == 80
        assert len(before["writes"]) == 76

    def test_leaves_a_database_in_which_work_goes_on(
        self, old: str, version: str, crm: Crm, make_context: Callable[..., Context],
        sync: Callable[..., dict[str, Any]],
    ) -> None:  # fmt: skip
        upgrade(old)
        ctx = make_context(DATABASE_URL=old, SECRET_KEY="another installation's key, for this test")
        earlier = [run for run in lifecycle.recent(ctx) if run.connector == crm.name]
        account = report.run_report(ctx, earlier[0].id)
        assert account["state"] == "done"
        assert account["contacts"]["written"] == len(account["writes"]) or account["writes"]
        assert sync(ctx, crm.name, "everything")["state"] == "done"
        assert crm.all_checked()
        if version >= "0004":
            (suppression,) = suppressions.list_suppressions(ctx, active=True)
            assert suppression.number == NUMBER


UNDER_WAY = "20261129-014431-901e60"
EMEA = """
[connectors.salesforce-emea]
kind = "salesforce"
[connectors.hubspot-emea]
kind = "hubspot"
"""


class TestFourConnectionsWithARunUnderWay:
    """Of 20 contacts 7 were done, and 7 were written when the process died before it knew."""

    @pytest.fixture
    def sandbox(self) -> Iterator[Sandbox]:
        started = Sandbox.start(contacts=20, leads=4)
        yield started
        started.stop()

    @pytest.fixture
    def emea(self) -> Iterator[Sandbox]:
        started = Sandbox.start(contacts=20, leads=4, seed=8, portal_id=99)
        yield started
        started.stop()

    @pytest.fixture(params=["sqlite", "postgresql"])
    def left(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
        path = tmp_path / "old.db"
        restore("0012", path, DATA / "four_connections")
        if request.param == "sqlite":
            yield f"sqlite:///{path}"
            return
        for url in postgres():
            move(path, url, "0012")
            yield url

    def test_goes_on_where_it_was(
        self, left: str, sandbox: Sandbox, emea: Sandbox, make_context: Callable[..., Context],
        sync: Callable[..., dict[str, Any]],
    ) -> None:  # fmt: skip
        crms = Crm.all(sandbox) | Crm.all(emea, "-emea")
        upgrade(left)
        env = {**sandbox.env(), **emea.env(suffix="EMEA")}
        ctx = make_context(EMEA, DATABASE_URL=left, SECRET_KEY="another key, for this test", **env)
        with ctx.store.write() as connection:
            self.bring_to_the_crms(connection, crms)
            now = ctx.now()  # some minutes later: the leases of the dead process have ended
            connection.execute(sa.update(pages).values(lease_expires_at=now))
            connection.execute(sa.update(runs).values(reader_lease_expires_at=now))
        for crm in crms.values():
            crm.service.counters.clear()
        run = lifecycle.find_resumable(ctx, "salesforce-emea")
        assert run is not None
        assert run.id == UNDER_WAY
        run_to_completion(ctx, lifecycle.resume(ctx, run.id).id)
        account = report.run_report(ctx, UNDER_WAY, 100)
        ids = [write["id"] for write in account["writes"]]
        assert account["state"] == "done"
        assert len(ids) == len(set(ids)) == account["contacts"]["written"] == 20
        assert crms["salesforce-emea"].all_checked()
        with ctx.store.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(feedback)) == 0
            assert set(connection.scalars(sa.select(watermarks.c.connector))) == set(crms)
        assert crms["salesforce-emea"].writes <= 2, "contacts and leads that were not written yet"
        for name in crms:
            again = sync(ctx, name)
            assert (again["state"], again["contacts"]["written"]) == ("done", 0)

    @staticmethod
    def bring_to_the_crms(connection: sa.Connection, crms: dict[str, Crm]) -> None:
        """Give the CRMs, which are as they were at first, what was written to them."""
        w = writes.c
        for name, of, rid, after in connection.execute(
            sa.select(w.connector, w.object, w.record_id, w.after)
        ):
            crm = crms[name]
            crm.service.act(of, rid, crm.edited(after))


def test_each_version_has_its_data() -> None:
    """Whoever adds a migration adds what the version before it leaves (see above)."""
    assert VERSIONS[-1] >= f"{int(NEWEST) - 1:04d}"
    assert [f"{number:04d}" for number in range(1, len(VERSIONS) + 1)] == VERSIONS
