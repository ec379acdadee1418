"""Imports of registries: all or nothing, and never more off a list than somebody wants."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from full_disks import full_disk

from connectors.csv_list.errors import ListError
from worker.context import Context
from worker.registries import imports, matching, numbers
from worker.registries.imports import ContactsNotToldError, ImportRefusedError, ImportRequest
from worker.registries.model import ImportState, UnknownRegistryError, load_all, load_one
from worker.registries.sorting import number_files
from worker.store.tables import registry_imports, registry_numbers

TOML = """
[registries.us-dnc]
authority = "FTC"
countries = ["US"]
format = "ftc"

[registries.litigators]
channels = ["call", "text"]
countries = ["US"]
column = "Phone"
"""


@pytest.fixture
def ctx(make_context: Callable[..., Context], either_database_url: str) -> Context:
    return make_context(TOML, DATABASE_URL=either_database_url)


def lines(values: Iterable[int]) -> str:
    return "".join(f"415,{value:07d}\n" for value in values)


@pytest.fixture
def load(ctx: Context, tmp_path: Path) -> Callable[..., imports.ImportResult]:
    def run(text: str, kind: str = "whole", name: str = "us-dnc", **more: object) -> object:
        file = tmp_path / "file.txt"
        file.write_text(text)
        request = ImportRequest(name, [file], kind, "an admin", **more)  # type: ignore[arg-type]
        return imports.import_files(ctx, request, ())

    return run  # type: ignore[return-value]


def listed(ctx: Context, name: str = "us-dnc") -> set[int]:
    """The seven digits behind 415 of all numbers on a list, as matching has it."""
    with ctx.store.read() as connection:
        asked = sa.select(registry_numbers.c.number).distinct()
        everything = [f"+{number}" for number in connection.scalars(asked)]
        found = matching.find(connection, everything)
    return {int(entry.number[5:]) for entry in found if entry.registry == name}


def states(ctx: Context) -> list[str]:
    query = sa.select(registry_imports.c.state).order_by(registry_imports.c.generation)
    with ctx.store.read() as connection:
        return list(connection.scalars(query))


class TestAWholeFile:
    def test_takes_the_place_of_the_list(self, ctx: Context, load: Callable[..., object]) -> None:
        load(lines(range(2_000_000, 2_000_100)))
        result = load(lines(range(2_000_002, 2_000_103)))
        assert listed(ctx) == set(range(2_000_002, 2_000_103))
        assert (result.added, result.removed, result.numbers) == (3, 2, 101)  # type: ignore[attr-defined]

    def test_lifts_nothing_of_another_list(self, ctx: Context, load: Callable[..., object]) -> None:
        load("Phone\n(415) 200-0001\n", name="litigators")
        load(lines([2_000_001, *range(2_000_100, 2_000_200)]))
        load(lines(range(2_000_100, 2_000_200)))
        assert listed(ctx, "litigators") == {2_000_001}
        assert 2_000_001 not in listed(ctx)

    def test_says_of_a_number_since_when_it_is_listed(
        self, ctx: Context, load: Callable[..., object]
    ) -> None:
        began = ctx.now()
        load(lines(range(2_000_000, 2_000_100)))
        ctx.now = lambda: began + timedelta(days=7)
        load(lines(range(2_000_000, 2_000_101)))
        with ctx.store.read() as connection:
            old, new = matching.find(connection, ["+14152000001", "+14152000100"])
        assert old.since - began < timedelta(minutes=1)
        assert new.since == began + timedelta(days=7)

    def test_that_holds_the_same_changes_nothing(
        self, ctx: Context, load: Callable[..., object]
    ) -> None:
        text = lines(range(2_000_000, 2_000_100))
        load(text)
        result = load(text)
        assert (result.added, result.removed) == (0, 0)  # type: ignore[attr-defined]

    def test_need_not_be_sorted_and_may_repeat_numbers(
        self, ctx: Context, load: Callable[..., object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("worker.registries.sorting.RUN", 50)
        monkeypatch.setattr("worker.registries.imports.BATCH", 64)
        values = [random.Random(5).randrange(2_000_000, 2_001_000) for _ in range(700)]
        result = load(lines(values))
        assert listed(ctx) == set(values)
        assert result.numbers == len(set(values))  # type: ignore[attr-defined]

    def test_may_come_compressed_and_in_parts(self, ctx: Context, tmp_path: Path) -> None:
        parts = []
        for part in range(2):
            parts.append(tmp_path / f"{part}.zip")
            with zipfile.ZipFile(parts[-1], "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("415.txt", lines([2_000_000 + part]))
        imports.import_files(ctx, ImportRequest("us-dnc", parts, "whole", "an admin"), ())
        assert listed(ctx) == {2_000_000, 2_000_001}


class TestTheGuard:
    """Stops a file that would take off more than it should: it may be another, or cut short."""

    def test_stops_a_file_that_drops_more_than_a_twentieth(
        self, ctx: Context, load: Callable[..., object]
    ) -> None:
        before = set(range(2_000_000, 2_001_000))
        load(lines(before))
        with pytest.raises(ImportRefusedError, match=r"51 of 1,000 .*--accept-removals"):
            load(lines(range(2_000_051, 2_001_000)))
        assert listed(ctx) == before
        assert states(ctx) == [ImportState.DONE, ImportState.REFUSED]

    def test_lets_a_twentieth_go(self, ctx: Context, load: Callable[..., object]) -> None:
        load(lines(range(2_000_000, 2_001_000)))
        load(lines(range(2_000_050, 2_001_000)))
        assert listed(ctx) == set(range(2_000_050, 2_001_000))

    def test_is_lifted_by_a_word(self, ctx: Context, load: Callable[..., object]) -> None:
        load(lines(range(2_000_000, 2_001_000)))
        load(lines([2_000_000]), accept_removals=True)
        assert listed(ctx) == {2_000_000}

    def test_does_not_let_all_of_a_short_list_go(
        self, ctx: Context, load: Callable[..., object]
    ) -> None:
        load(lines(range(2_000_000, 2_000_010)))
        with pytest.raises(ImportRefusedError):
            load(lines([2_000_500]))
        assert len(listed(ctx)) == 10

    def test_holds_for_a_change_list(self, ctx: Context, load: Callable[..., object]) -> None:
        load(lines(range(2_000_000, 2_001_000)))
        text = "".join(f"415,{n},2026-11-01,D\n" for n in range(2_000_000, 2_000_060))
        with pytest.raises(ImportRefusedError, match="--accept-removals"):
            load(text, "changes")
        assert len(listed(ctx)) == 1000
        load(text, "changes", accept_removals=True)
        assert len(listed(ctx)) == 940

    @pytest.mark.parametrize("text", ["", "\n\n", "hello\n", "<html>sign in</html>\n"])
    def test_takes_no_file_that_holds_no_numbers(
        self, ctx: Context, load: Callable[..., object], text: str
    ) -> None:
        load(lines(range(2_000_000, 2_000_100)))
        with pytest.raises(ImportRefusedError, match="nothing was imported"):
            load(text, accept_removals=True)
        assert len(listed(ctx)) == 100

    def test_takes_no_change_list_for_a_whole_one(
        self, ctx: Context, load: Callable[..., object]
    ) -> None:
        load(lines(range(2_000_000, 2_000_100)))
        with pytest.raises(ImportRefusedError, match="--changes"):
            load("415,2000200,A,2026-11-01\n", accept_removals=True)
        with pytest.raises(ImportRefusedError, match="do not say"):
            load(lines([2_000_200]), "changes")
        assert len(listed(ctx)) == 100

    def test_a_missing_column_is_named(self, ctx: Context, load: Callable[..., object]) -> None:
        with pytest.raises(ListError, match="Phone"):
            load("Number\n(415) 200-0001\n", name="litigators")
        assert listed(ctx, "litigators") == set()


class TestAChangeList:
    def test_adds_and_removes(self, ctx: Context, load: Callable[..., object]) -> None:
        load(lines(range(2_000_000, 2_000_100)))
        result = load("415,2000000,D,2026-11-01\n415,2000200,A,2026-11-01\n", "changes")
        assert listed(ctx) == {*range(2_000_001, 2_000_100), 2_000_200}
        assert (result.added, result.removed, result.numbers) == (1, 1, 100)  # type: ignore[attr-defined]

    def test_counts_once_however_often_it_is_imported(
        self, ctx: Context, load: Callable[..., object]
    ) -> None:
        load(lines(range(2_000_000, 2_000_100)))
        for _ in range(3):
            load("415,2000000,D,x\n415,2000200,A,x\n", "changes")
        assert listed(ctx) == {*range(2_000_001, 2_000_100), 2_000_200}

    @pytest.mark.parametrize("batch", [1, 2, 50])
    def test_what_it_says_last_of_a_number_counts(
        self, ctx: Context, load: Callable[..., object], monkeypatch: pytest.MonkeyPatch,
        batch: int,
    ) -> None:  # fmt: skip
        monkeypatch.setattr("worker.registries.imports.BATCH", batch)
        load(lines(range(2_000_000, 2_000_100)))
        drawn = random.Random(batch)
        want = set(range(2_000_000, 2_000_100))
        text = ""
        for _ in range(60):
            number, added = drawn.randrange(2_000_090, 2_000_110), drawn.random() < 0.6
            text += f"415,{number},{'A' if added else 'D'},x\n"
            (want.add if added else want.discard)(number)
        result = load(text, "changes")
        assert listed(ctx) == want
        assert result.numbers == len(want)  # type: ignore[attr-defined]
        load(lines(want))  # a whole file of the same finds nothing to do
        assert listed(ctx) == want


class TestAnImportThatDies:
    @pytest.mark.parametrize("kind", ["whole", "changes"])
    def test_leaves_the_list_as_it_was_and_the_next_one_goes_on(
        self, ctx: Context, load: Callable[..., object], monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        before = set(range(2_000_000, 2_000_200))
        load(lines(before))
        want = {*range(2_000_005, 2_000_200), *range(2_000_300, 2_000_400)}
        text = lines(want)
        if kind == "changes":
            text = "".join(f"415,{n},D,x\n" for n in range(2_000_000, 2_000_005))
            text += "".join(f"415,{n},A,x\n" for n in range(2_000_300, 2_000_400))
        monkeypatch.setattr("worker.registries.imports.BATCH", 20)
        # As kill -9 would: staged, and neither in force nor taken away.
        with monkeypatch.context() as stopped:
            stopped.setattr(imports._Loading, "_put_in_force", lambda _self: os._exit)
            stopped.setattr(imports._Loading, "give_up", lambda _self, _error: None)
            stopped.setattr(imports.follow_up, "tell", lambda *_: 0)
            load(text, kind)
        assert listed(ctx) == before
        monkeypatch.setattr(imports, "is_alive", lambda _owner: False)
        load(text, kind)
        assert listed(ctx) == want
        assert states(ctx) == [ImportState.DONE, ImportState.FAILED, ImportState.DONE]
        with ctx.store.read() as connection:
            rows = connection.scalar(sa.select(sa.func.count()).select_from(registry_numbers))
        assert rows == len(want)

    def test_an_error_takes_away_what_was_staged(
        self, ctx: Context, load: Callable[..., object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        load(lines(range(2_000_000, 2_000_100)))
        with monkeypatch.context() as broken:
            broken.setattr(
                imports._Loading, "_put_in_force", lambda _self: (_ for _ in ()).throw(OSError)
            )
            with pytest.raises(OSError):
                load(lines(range(2_000_000, 2_000_150)))
        with ctx.store.read() as connection:
            rows = connection.scalar(sa.select(sa.func.count()).select_from(registry_numbers))
        assert rows == 100
        load(lines(range(2_000_000, 2_000_150)))
        assert len(listed(ctx)) == 150

    def test_a_second_one_at_the_same_time_is_refused(
        self, ctx: Context, load: Callable[..., object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refused = []

        def at_the_same_time(_self: imports._Loading) -> None:
            try:
                load(lines([2_000_001]))
            except ImportRefusedError as error:
                refused.append(str(error))
            raise OSError

        with monkeypatch.context() as during:
            during.setattr(imports._Loading, "_put_in_force", at_the_same_time)
            with pytest.raises(OSError):
                load(lines([2_000_001]))
        assert refused == ["us-dnc is being imported; wait until that is done"]

    def test_whose_end_could_not_be_recorded_is_settled_by_its_process(
        self, make_context: Callable[..., Context], database_url: str, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        """Its process lives on, so nobody takes it for dead: the list could not be imported for
        hours, once there is room again."""
        ctx = make_context(TOML, DATABASE_URL=database_url)
        file = tmp_path / "file.txt"
        file.write_text(lines(range(2_000_000, 2_000_100)))
        request = ImportRequest("us-dnc", [file], "whole", "kim")
        imports.import_files(ctx, request, ())
        file.write_text(lines(range(2_000_000, 2_020_000)))
        monkeypatch.setattr("worker.registries.imports.BATCH", 400)

        def never(*_: object) -> None:
            raise sa.exc.OperationalError("", {}, sqlite3.OperationalError("disk is full"))

        with monkeypatch.context() as full, full_disk(ctx.store, 5):
            full.setattr(numbers, "discard", never)
            with pytest.raises(sa.exc.OperationalError, match="disk is full"):
                imports.import_files(ctx, request, ())
            assert states(ctx) == [ImportState.DONE, ImportState.LOADING]
            with pytest.raises(sa.exc.OperationalError):
                imports.settle_own(ctx)
        assert len(listed(ctx)) == 100
        imports.settle_own(ctx)
        assert states(ctx) == [ImportState.DONE, ImportState.FAILED]
        with ctx.store.read() as connection:
            rows = connection.scalar(sa.select(sa.func.count()).select_from(registry_numbers))
        assert rows == 100
        imports.import_files(ctx, request, ())
        assert len(listed(ctx)) == 20_000

    def test_is_not_settled_while_it_is_at_work(
        self, ctx: Context, load: Callable[..., object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put_in_force = imports._Loading._put_in_force

        def settled_meanwhile(self: imports._Loading) -> None:
            imports.settle_own(ctx)
            put_in_force(self)

        monkeypatch.setattr(imports._Loading, "_put_in_force", settled_meanwhile)
        load(lines([2_000_001]))
        assert (listed(ctx), states(ctx)) == ({2_000_001}, [ImportState.DONE])

    def test_in_force_whose_contacts_cannot_be_told_says_so(
        self, ctx: Context, load: Callable[..., object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> int:
            raise sa.exc.OperationalError("", {}, sqlite3.OperationalError("disk is full"))

        with monkeypatch.context() as stopped:
            stopped.setattr(imports.follow_up, "tell", full)
            with pytest.raises(ContactsNotToldError, match=r"in force.* its disk is full"):
                load(lines([2_000_001]))
        assert (listed(ctx), states(ctx)) == ({2_000_001}, [ImportState.IN_FORCE])
        imports.follow_up.resume(ctx, ())
        assert states(ctx) == [ImportState.DONE]

    @pytest.mark.slow
    def test_killed_with_9_at_any_moment_no_reader_sees_half_a_list(
        self, ctx: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        old, new = tmp_path / "old.txt", tmp_path / "new.txt"
        old.write_text(lines(range(2_000_000, 2_006_000)))
        new.write_text(lines(range(2_000_200, 2_012_000)))
        monkeypatch.setattr("worker.registries.imports.BATCH", 400)
        imports.import_files(ctx, ImportRequest("us-dnc", [old], "whole", "x"), ())
        drawn = random.Random(7)
        for _ in range(8):
            child = os.fork()
            if not child:
                with suppress(BaseException):
                    own = Context.create(ctx.settings)
                    imports.import_files(own, ImportRequest("us-dnc", [new], "whole", "x"), ())
                os._exit(0)
            time.sleep(drawn.uniform(0.02, 0.6))
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            assert len(listed(ctx)) in (6_000, 11_800)
        imports.import_files(ctx, ImportRequest("us-dnc", [new], "whole", "x"), ())
        assert len(listed(ctx)) == 11_800


class TestARegistry:
    def test_must_be_in_the_settings(self, load: Callable[..., object]) -> None:
        with pytest.raises(UnknownRegistryError, match=r"\[registries.other\]"):
            load(lines([2_000_000]), name="other")

    def test_counts_on_when_the_settings_name_it_no_more(
        self, ctx: Context, load: Callable[..., object], make_context: Callable[..., Context],
        either_database_url: str,
    ) -> None:  # fmt: skip
        load(lines([2_000_000]))
        without = make_context("", DATABASE_URL=either_database_url)
        assert listed(without) == {2_000_000}
        with without.store.read() as connection:
            [registry] = load_all(connection, without.settings)
        assert (registry.name, registry.authority, registry.channels) == (
            "us-dnc", "FTC", ("call",)
        )  # fmt: skip

    def test_removed_holds_nothing_and_is_stale(
        self, ctx: Context, load: Callable[..., object]
    ) -> None:
        load(lines(range(2_000_000, 2_000_100)))
        assert imports.remove(ctx, "us-dnc", "an admin", ()).removed == 100
        assert listed(ctx) == set()
        with ctx.store.read() as connection:
            registry = load_one(connection, ctx.settings, "us-dnc")
        assert registry.numbers == 0
        assert registry.is_stale(ctx.now())

    def test_is_stale_31_days_after_its_file(
        self, ctx: Context, load: Callable[..., object]
    ) -> None:
        now = ctx.now()
        with ctx.store.read() as connection:
            assert load_one(connection, ctx.settings, "us-dnc").is_stale(now)  # never imported
        load(lines([2_000_000]), as_of=now - timedelta(days=10))
        with ctx.store.read() as connection:
            registry = load_one(connection, ctx.settings, "us-dnc")
        assert not registry.is_stale(now + timedelta(days=20))
        assert registry.is_stale(now + timedelta(days=21))


class TestSorting:
    def test_of_runs_that_overlap_and_of_runs_that_do_not(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("worker.registries.sorting.RUN", 7)
        drawn = random.Random(1)
        for size in (0, 1, 7, 8, 50):
            values = [drawn.randrange(40) for _ in range(size)]
            for given in (values, sorted(values)):
                with number_files() as files:
                    assert list(files.sort(given)) == sorted(set(values))

    def test_an_integer_stands_for_a_number(self) -> None:
        assert numbers.as_integer("+14155552671") == 14155552671
        for text in ("", "+", "14155552671", "+1415x", "+1234567890123456", "#ab", "+٣"):
            assert numbers.as_integer(text) is None
