"""A person gets all that we hold of them, and nothing of anybody else."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from constants import NUMBER, OTHER
from crms import QUICK, Crm
from fixture_types import Sync
from reports import store_report

from sandbox.run import Sandbox
from worker.cli.main import main
from worker.context import Context
from worker.ops import person_export
from worker.ops.person_export import EXEMPT, SECTIONS, NotOnePersonError, Section
from worker.store.tables import contact_numbers, contacts, metadata
from worker.suppression.apply_reports import apply_pending
from worker.suppression.erasure import erase_number

KIM, LEE = ("hubspot", "contacts", "kim1"), ("hubspot", "contacts", "lee2")
# Names of columns that may name a person.
PERSONAL = {"number", "record_id", "contact", "person", "subject", "into_key", "new_number"}


@pytest.fixture
def ctx(make_context: Callable[..., Context], either_database_url: str) -> Context:
    return make_context(DATABASE_URL=either_database_url)


def fill(ctx: Context, table: sa.Table, holder: tuple[str, str, str], number: str) -> None:
    """Store a row about somebody in a table, whatever its columns are."""
    contact = "/".join(holder)
    page = {"ids": [holder[2]], "contacts": None}
    known: dict[str, Any] = {
        "connector": holder[0], "object": holder[1], "record_id": holder[2], "number": number,
        "contact": contact, "person": f"hash of {contact}", "subject": number, "into_key": contact,
        "scope": {"kind": "ids", "values": [holder[2]]}, "examples": [holder[2]],
        "payload": orjson.dumps(page), "last_seen_flags": {},
    }  # fmt: skip
    if table.name == "removal_holds":
        known["object"] = f"contacts of {contact}"
    if table.name == "registry_numbers":
        known["number"] = int(number[1:])
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.key in known:
            row[column.key] = known[column.key]
        elif column.autoincrement is True:
            continue
        elif not column.nullable:
            row[column.key] = _some(ctx, column, contact)
    with ctx.store.write() as connection:
        connection.execute(sa.insert(table).values(row))


def _some(ctx: Context, column: sa.Column[Any], text: str) -> Any:
    kind = column.type
    if isinstance(kind, sa.JSON):
        return []
    if isinstance(kind, sa.Boolean):
        return False
    if isinstance(kind, sa.String):
        return text[: kind.length or 255]
    if isinstance(kind, sa.Integer | sa.Numeric):
        return 1 + (text == "/".join(LEE))
    return ctx.now()


def put_in_index(ctx: Context, holder: tuple[str, str, str], number: str) -> None:
    fill(ctx, contacts, holder, number)
    fill(ctx, contact_numbers, holder, number)


def tables_in(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {section["table"]: section["rows"] for section in document["held"]}


class TestEveryTable:
    def test_is_exported_or_exempt_with_a_reason(self) -> None:
        exported = [section.table.name for section in SECTIONS]
        assert len(exported) == len(set(exported))
        assert {*exported, *EXEMPT} == set(metadata.tables)
        assert not {*exported} & {*EXEMPT}
        assert all(EXEMPT.values())

    @pytest.mark.parametrize("name", EXEMPT)
    def test_that_is_exempt_has_no_column_that_names_a_person(self, name: str) -> None:
        assert not PERSONAL & set(metadata.tables[name].columns.keys())

    @pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.table.name)
    def test_gives_the_rows_of_the_person_and_of_nobody_else(
        self, ctx: Context, section: Section
    ) -> None:
        put_in_index(ctx, KIM, NUMBER)
        put_in_index(ctx, LEE, OTHER)
        if section.table.name not in ("contacts", "contact_numbers"):
            if section.table.name == "pages":
                for holder, number in ((KIM, NUMBER), (LEE, OTHER)):
                    fill(ctx, metadata.tables["runs"], holder, number)
            fill(ctx, section.table, KIM, NUMBER)
            fill(ctx, section.table, LEE, OTHER)
        document = person_export.export(ctx, person_export.person_by_number(ctx, NUMBER))
        assert len(tables_in(document)[section.table.name]) == 1
        text = json.dumps(tables_in(document))
        assert "lee2" not in text
        assert OTHER not in text


class TestWhoIsMeant:
    def test_an_email_finds_the_records_of_both_crms(
        self, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        crms = Crm.all(sandbox)
        for name, field in (("hubspot", "email"), ("salesforce", "Email")):
            crm = crms[name]
            record_id = crm.ids()[0]
            crm.act(record_id, {"set": {field: "kim@example.com"}})
            crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
            sync(ctx, name)
        document = person_export.export(ctx, person_export.person_by_email(ctx, "Kim@Example.com"))
        assert {record.split("/")[0] for record in document["records"]} == {"hubspot", "salesforce"}
        held = tables_in(document)
        assert {row["number"] for row in held["contact_numbers"]} >= {NUMBER}
        assert held["writes"]
        assert len(held["contacts"]) == 2

    def test_a_number_that_many_hold_is_no_person(
        self, ctx: Context, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(person_export, "MAX_RECORDS", 1)
        put_in_index(ctx, KIM, NUMBER)
        put_in_index(ctx, LEE, NUMBER)
        with pytest.raises(NotOnePersonError, match="2 contacts"):
            person_export.person_by_number(ctx, NUMBER)

    def test_what_another_holder_said_of_a_shared_number_is_not_given(self, ctx: Context) -> None:
        put_in_index(ctx, KIM, NUMBER)
        put_in_index(ctx, LEE, NUMBER)
        of_lee = {"contact": "/".join(LEE), "scope": "contact"}
        store_report(ctx, "wrong_number", key="by lee", evidence="Lee said so", **of_lee)
        store_report(ctx, "opt_out", key="by anybody", evidence="STOP")
        apply_pending(ctx)
        document = person_export.export(ctx, person_export.person_by_record(ctx, KIM))
        held = tables_in(document)
        assert [row["evidence"] for row in held["feedback"]] == ["STOP"]
        assert "Lee said so" not in json.dumps(document)

    def test_of_an_erased_number_what_stays_is_given(self, ctx: Context) -> None:
        put_in_index(ctx, KIM, NUMBER)
        store_report(ctx, "opt_out", evidence="STOP")
        apply_pending(ctx)
        erase_number(ctx, NUMBER, "ann")
        document = person_export.export(ctx, person_export.person_by_number(ctx, NUMBER))
        held = tables_in(document)
        assert {row["kind"] for row in held["feedback"]} == {"opt_out", "erasure"}
        assert held["suppressions"]
        assert NUMBER not in json.dumps(held)


class TestTheCommand:
    @pytest.fixture
    def hygiene(self, sandbox: Sandbox, tmp_path: Path) -> Callable[..., Result]:
        path = tmp_path / "hygiene.toml"
        path.write_text(QUICK, encoding="utf-8")
        env = {
            **sandbox.env(), "HYGIENE_HOME": str(tmp_path / "home"), "HYGIENE_CONFIG": str(path),
            "DATABASE_URL": "", "REDIS_URL": "", "COLUMNS": "200",
        }  # fmt: skip

        def run(*args: str, exit_code: int = 0) -> Result:
            result = CliRunner().invoke(main, args, env=env, prog_name="hygiene")
            assert result.exit_code == exit_code, result.output
            return result

        return run

    def test_writes_a_private_file_and_an_entry_in_the_audit_log(
        self, hygiene: Callable[..., Result], tmp_path: Path
    ) -> None:
        hygiene("suppressions", "add", NUMBER, "--evidence", "by letter", "--later")
        target = tmp_path / "person.json"
        hygiene("export", "--number", NUMBER, "-o", str(target))
        document = json.loads(target.read_text("utf-8"))
        assert tables_in(document)["suppressions"][0]["number"] == NUMBER
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        audit = hygiene("audit").output
        assert "person.export" in audit
        assert NUMBER not in audit

    @pytest.mark.parametrize(
        "words",
        [
            (), ("--number", NUMBER), ("all.zip", "--number", NUMBER, "-o", "out.json"),
            ("--person", "kim", "-o", "out.json"), ("all.zip", "-o", "out.json"),
            ("--person", "kim@example.com", "--number", NUMBER, "-o", "out.json"),
        ],
    )  # fmt: skip
    def test_refuses_what_it_cannot_mean(
        self, hygiene: Callable[..., Result], words: tuple[str, ...]
    ) -> None:
        hygiene("export", *words, exit_code=2)
