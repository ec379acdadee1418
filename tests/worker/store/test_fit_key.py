"""Names and keys that differ only behind the end of their column are not taken for one, on
databases that enforce the length of a column and on those that do not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from constants import NUMBER
from fixture_types import MakeContext

from config.section import SettingsError
from connectors.errors import SchemaError
from connectors.records import CallOutcome, Contact
from worker.alerts import notifier, rules
from worker.alerts.rules import Alert
from worker.context import Context
from worker.feedback.sources import call_outcomes
from worker.feedback.sources.call_outcomes import OutcomeTable
from worker.queries.contact_filter import ContactFilter
from worker.queries.contacts import list_contacts
from worker.segments import counters, isolation, membership, queries
from worker.store import setbacks
from worker.store.bulk import insert
from worker.store.fit_key import fit_list_name, fit_segment_value
from worker.store.tables import alerts, contacts, list_members, poll_cursors, suppressions
from worker.suppression import import_batches
from worker.suppression.imported_lists import import_list


@pytest.fixture
def either(make_context: MakeContext, either_database_url: str) -> Context:
    return make_context(DATABASE_URL=either_database_url)


def index(ctx: Context, record_id: str, source: str) -> None:
    row = {
        "connector": "hubspot", "object": "contacts", "record_id": record_id, "fingerprint": "",
        "last_seen_flags": {}, "content_hash": "", "checked_at": ctx.now(), "waiting": False,
        "statuses": {"phone": "valid"}, "readings": "", "person": "", "campaign": "",
        "source": fit_segment_value(source), "country": "", "month": "",
    }  # fmt: skip
    with ctx.store.write() as connection:
        insert(connection, contacts, [row])


class TestLists:
    # The second pair is as long as the column has room for, but not with what stands before it.
    @pytest.mark.parametrize("length", [90, 78])
    def test_have_each_their_own_members(
        self, make_context: MakeContext, either_database_url: str,
        monkeypatch: pytest.MonkeyPatch, length: int,
    ) -> None:  # fmt: skip
        first, second = ("L" * (length - 1) + end for end in "ab")
        ctx = make_context(
            f'[segments]\nlists = ["hubspot:{first}", "hubspot:{second}"]\n',
            DATABASE_URL=either_database_url,
        )
        for place, source in enumerate(("Web", "Fair")):
            index(ctx, str(place), source)
        asked = []

        def members(_kind: str, name: str) -> Iterator[tuple[str, str]]:
            asked.append(name)
            yield "contacts", str((first, second).index(name))

        monkeypatch.setattr(ctx.open("hubspot"), "list_members", members)
        for _ in range(2):
            counters.count(ctx)
        assert asked == [first, second]  # each once: the second count finds both fresh
        with ctx.store.read() as connection:
            m = list_members.c
            on = dict(connection.execute(sa.select(m.list, m.record_id)).all())
            assert connection.scalar(sa.select(sa.func.count()).select_from(poll_cursors)) == 2
        assert on == {fit_list_name(first): "0", fit_list_name(second): "1"}
        segments = {segment["value"]: segment["contacts"]
                    for segment in queries.list_segments(ctx, "list")}  # fmt: skip
        assert segments == dict.fromkeys(on, 1)
        for place, name in enumerate((first, second)):
            wanted = ContactFilter(connector="hubspot", by="list", value=name)
            listed = list_contacts(ctx, wanted).contacts
            assert [contact.id for contact in listed] == [str(place)]


class TestSources:
    def test_are_segments_of_their_own(self, either: Context) -> None:
        first, second = ("S" * 300 + end for end in "ab")
        index(either, "1", first)
        index(either, "2", second)
        counters.count(either)
        segments = {segment["value"] for segment in queries.list_segments(either, "source")}
        assert segments == {fit_segment_value(first), fit_segment_value(second)}
        isolation.isolate(either, "hubspot", "source", fit_segment_value(first), "bought")
        isolated = membership.load(either.store, "hubspot", "contacts", ["1", "2"])
        assert isolated.includes(Contact("contacts", "1", {}, source=first), None)
        assert not isolated.includes(Contact("contacts", "2", {}, source=second), None)
        wanted = ContactFilter(connector="hubspot", by="source", value=second)
        assert [one.id for one in list_contacts(either, wanted).contacts] == ["2"]


def test_alerts_are_told_each(either: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    long = "k" * 300
    found = [Alert(long + end, "call_outcomes", f"text {end}", "/") for end in "ab"]
    monkeypatch.setattr(rules, "current", lambda _ctx: found)
    for _ in range(2):
        notifier.evaluate(either)
    with either.store.read() as connection:
        rows = connection.execute(sa.select(alerts)).all()
    assert sorted(row.text for row in rows) == ["text a", "text b"]
    assert all(row.resolved_at is None for row in rows)


def test_setbacks_are_told_each_and_end_each(either: Context) -> None:
    whats = [f"read the list {'L' * 80}{end}" for end in "ab"]
    for what in whats:
        setbacks.note(either.store, "hubspot", what, ValueError("refused"), either.now())
    setbacks.clear(either.store, "hubspot", whats[0])
    with either.store.read() as connection:
        assert [setback.what for setback in setbacks.load(connection)] == whats[1:]


def test_call_outcomes_are_counted_each(either: Context) -> None:
    table = OutcomeTable("hubspot", {})
    outcomes = ["o" * 300 + end for end in "ab"]
    for place, outcome in enumerate(outcomes):
        at = either.now()
        call = CallOutcome(str(place), outcome, "", "", "", at, at, outcome, is_named=False)
        table.count(call, "")
        table.note(outcome + "!", either.now())
    table.rename({outcome: f"name {outcome[-1]}" for outcome in outcomes})
    with either.store.write() as connection:
        table.save(connection)
    with either.store.read() as connection:
        rows = call_outcomes.load(connection, "hubspot")
    assert len(rows) == 4
    assert {row.name for row in rows} >= {"name a", "name b"}


def test_an_entry_of_two_imported_lists_stays_when_one_of_them_is_undone(either: Context) -> None:
    lists = [import_list(either, [NUMBER], "n" * 80 + end) for end in "ab"]
    assert [done.added for done in lists] == [1, 1]
    assert import_list(either, [NUMBER], "n" * 80 + "b").known == 1
    import_batches.undo(either, lists[0].batch, "kim", "the wrong file")
    with either.store.read() as connection:
        in_force = suppressions.c.lifted_at.is_(None)
        assert len(connection.execute(sa.select(suppressions).where(in_force)).all()) == 1


class TestNamesThatAPersonGives:
    @pytest.mark.parametrize(
        "line", ['phones = ["{}"]', 'phones = ["phone", "{}"]', 'phones = ["phone"]\n[{}]']
    )
    def test_of_phone_fields_and_objects(self, make_context: MakeContext, line: str) -> None:
        long = "f" * 81
        toml = f"[connectors.hubspot.objects.contacts]\n{line.format(long)}\n"
        toml = toml.replace(f"[{long}]", f'[connectors.hubspot.objects.{long}]\nphones = ["a"]')
        with pytest.raises(SettingsError, match="80 characters"):
            make_context(toml)

    def test_of_columns_of_a_list_that_is_synced(
        self, make_context: MakeContext, tmp_path: Path
    ) -> None:
        column = "Which phone number may we call you on, " + "please, " * 6
        path = tmp_path / "survey.csv"
        path.write_text(f'id,"{column}"\n1,{NUMBER}\n')
        ctx = make_context(f'[connectors.csv]\npath = "{path}"\nphone_columns = ["{column}"]\n')
        with pytest.raises(SchemaError, match="80 characters"):
            ctx.open("csv")
