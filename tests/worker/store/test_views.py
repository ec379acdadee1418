"""The views for a warehouse: what `docs/warehouse.md` says of them, and nothing that it does not.

Whoever reads them relies on the names, the order and the types of their columns: these stay.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from constants import NUMBER, OTHER, ROOT

from worker.store import Store, engine, open_store
from worker.store.bulk import insert
from worker.store.tables import contact_numbers, contacts, feedback, lookups, verifications
from worker.store.views import VIEWS, View

DOCUMENT = ROOT / "docs" / "warehouse.md"
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
RECORD = {"connector": "salesforce", "object": "Contact", "record_id": "003A"}
_POSTGRESQL = {
    "text": "text", "integer": {"integer", "bigint"}, "float": "double precision",
    "decimal": "numeric", "boolean": "boolean", "timestamp": "timestamp with time zone",
}  # fmt: skip


def documented(view: str) -> list[tuple[str, str]]:
    """Names and types in the table below a view's heading."""
    section = DOCUMENT.read_text("utf-8").partition(f"### `{view}`\n")[2].partition("\n#")[0]
    return re.findall(r"^\| `(\w+)` \| (\w+) \| \S", section, re.MULTILINE)


@pytest.fixture
def store(either_database_url: str) -> Any:
    store = open_store(either_database_url)
    yield store
    store.close()


def fill(store: Store) -> None:
    flags = {"wrong_number": True, "do_not_contact": False}
    with store.write() as connection:
        insert(connection, contacts, [{
            **RECORD, "fingerprint": "f", "statuses": {"Phone": "valid", 'Mobile "2"': "invalid"},
            "last_seen_flags": flags, "reason": "a sentence", "source": "Web", "campaign": "",
            "country": "US", "month": "2026-11", "person": "p" * 32, "value": 12.5,
            "content_hash": "h", "waiting": False, "checked_at": NOW,
        }])  # fmt: skip
        insert(connection, contact_numbers, [
            {**RECORD, "field": 'Mobile "2"', "place": 0, "number": NUMBER, "extension": "7"},
        ])  # fmt: skip
        question = {"number": NUMBER, "provider": "twilio", "package": "line", "since": ""}
        insert(connection, verifications, [{
            **question, "check_level": "line", "verdict": "valid", "line_type": "mobile",
            "country": "US", "carrier": "A Carrier", "live": "", "reassigned": None,
            "cost": Decimal("0.008"), "detail": "", "raw_answer": "KIM EXAMPLE", "at": NOW,
            "expires_at": NOW, "due_at": None,
        }])  # fmt: skip
        paid = {"run_id": "r", "state": "answered", "verdict": "valid", "detail": "KIM EXAMPLE",
                "cost": Decimal("0.008"), "at": NOW}  # fmt: skip
        insert(connection, lookups, [{**question, **paid}, {**question, **paid, "number": "#1"}])
        said = {"channels": "", "reach": "number", "person": "", "evidence": "I am Kim",
                "grade": "", "at": NOW, "received_at": NOW, "applied_at": None}  # fmt: skip
        insert(connection, feedback, [
            said | {"key": "a", "kind": "corrected", "number": NUMBER, "new_number": OTHER,
                    "source": "twilio sms", "contact": "csv/rows/a/b.csv/7"},
            said | {"key": "b", "kind": "opt_out", "number": "#hash", "new_number": "",
                    "source": "kim@example.com", "contact": "#erased"},
            said | {"key": "undone:3", "kind": "undeliverable", "number": "", "new_number": "",
                    "source": "file x", "contact": ""},
        ])  # fmt: skip


def rows(store: Store, view: View) -> list[dict[str, Any]]:
    query = sa.select(view.table).order_by(*view.key)
    with store.read() as connection:
        return [dict(row._mapping) for row in connection.execute(query)]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_names_order_and_types_are_those_of_the_document(store: Store, view: View) -> None:
    with store.read() as connection:
        columns = sa.inspect(connection).get_columns(view.name)
        assert [column["name"] for column in columns] == list(view.columns)
        if connection.dialect.name == "postgresql":
            query = sa.text(
                "SELECT data_type FROM information_schema.columns WHERE table_name = :view "
                "ORDER BY ordinal_position"
            )
            types = connection.scalars(query, {"view": view.name}).all()
            for found, kind in zip(types, view.columns.values(), strict=True):
                assert found in _POSTGRESQL[kind]
    assert documented(view.name) == list(view.columns.items())


def test_each_row_says_what_its_table_does_in_the_types_documented(store: Store) -> None:
    fill(store)
    contact_view, number_view, lookup_view, report_view = (rows(store, view) for view in VIEWS)
    assert contact_view == [{
        **RECORD, "status": "invalid",
        "phone_statuses": r'{"Phone":"valid","Mobile \"2\"":"invalid"}',
        "wrong_number": True, "do_not_contact": False, "do_not_call": None, "do_not_text": None,
        "source": "Web", "campaign": None, "country": "US", "created_month": "2026-11",
        "person": "p" * 32, "contact_value": 12.5, "awaiting_answer": False, "checked_at": NOW,
    }]  # fmt: skip
    assert number_view == [{
        **RECORD, "field": 'Mobile "2"', "position": 0, "number": NUMBER, "extension": "7",
        "status": "invalid", "checked_at": NOW,
    }]  # fmt: skip
    assert lookup_view[0] == {
        "id": 1, "number": NUMBER, "provider": "twilio", "package": "line", "run_id": "r",
        "state": "answered", "verdict": "valid", "line_type": "mobile", "country": "US",
        "carrier": "A Carrier", "reassigned": None, "answer_expires_at": NOW,
        "cost": Decimal("0.008"), "asked_at": NOW,
    }  # fmt: skip
    assert report_view[0] == {
        "id": 1, "kind": "corrected", "number": NUMBER, "channels": None, "connector": "csv",
        "object": "rows", "record_id": "a/b.csv/7", "scope": "number", "origin": "message",
        "severity": None, "new_number": OTHER, "reported_at": NOW, "received_at": NOW,
        "applied_at": None,
    }  # fmt: skip


def test_no_text_no_name_and_nothing_of_who_was_erased(store: Store) -> None:
    fill(store)
    shown = {view.name: rows(store, view) for view in VIEWS}
    everything = repr(shown).lower()
    assert not any(word in everything for word in ("kim", "sentence", "#", "undone"))
    erased = shown["v_reports"][1]
    assert (erased["number"], erased["record_id"], erased["origin"]) == (None, None, "other")
    assert [row["number"] for row in shown["v_lookups"]] == [NUMBER, None]
    assert len(shown["v_reports"]) == 2  # a report that was taken back is about nobody


def test_the_tables_of_the_version_before_are_left_by_a_downgrade(database_url: str) -> None:
    store = open_store(database_url)
    fill(store)
    config = Config()
    config.set_main_option("script_location", str(engine.MIGRATIONS))
    with store.write() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0012")
        assert sa.inspect(connection).get_view_names() == []
        assert connection.scalar(sa.select(sa.func.count()).select_from(feedback)) == 3
        command.upgrade(config, "head")
    assert len(rows(store, VIEWS[0])) == 1
    store.close()
