"""A new wording or language of reasons rewrites no record by itself; a command does it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from crms import Crm
from fixture_types import Start, Sync
from processes import kill, until

from connectors.errors import ConnectorError
from worker.context import Context
from worker.decisions.former_wording import former_sentence
from worker.decisions.model import ContactFacts, Language, Reason
from worker.decisions.wording import LANGUAGES, render
from worker.store.tables import contacts, lookups, runs, writes
from worker.sync.pages import reword, reword_recovery
from worker.sync.read import change_detection
from worker.sync.runs import lifecycle
from worker.sync.runs.model import RunActiveError, RunOverError
from worker.sync.undo.undo import undo

deciding = import_module("worker.decisions.decide")  # its function has the same name
SetLanguage = Callable[[Language], None]


@pytest.fixture
def speak(ctx: Context, crm: Crm) -> SetLanguage:
    """Set the language of a CRM's reasons."""

    def set_to(language: Language) -> None:
        settings, connectors = ctx.settings, ctx.settings.connectors
        section = settings.section(crm.name).model_copy(update={"reason_language": language})
        ctx.settings = settings.model_copy(
            update={"connectors": connectors.model_copy(update={crm.name: section})}
        )

    return set_to


@pytest.fixture
def other_wording(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Word everything otherwise, as a later release may; its wordings of today are forgotten."""

    def change() -> None:
        def reworded(reason: Reason, language: Language) -> str:
            return f"Worded anew: {render(reason, language)}"[:255]

        def none_that_is_known(text: str, reason: Reason) -> bool:
            return any(reworded(reason, language) == text for language in LANGUAGES)

        for module in (deciding, reword):
            monkeypatch.setattr(module, "render", reworded)
            monkeypatch.setattr(module, "sentence_in_any_language", none_that_is_known)

    return change


def reasons_in(crm: Crm) -> dict[str, Any]:
    return {record_id: crm.get(record_id, "reason") for record_id in crm.ids()}


def states_of_writes(ctx: Context) -> list[str]:
    """Of what the command wrote."""
    query = sa.select(writes.c.state).join_from(writes, runs, writes.c.run_id == runs.c.id)
    with ctx.store.read() as connection:
        return list(connection.scalars(query.where(runs.c.kind == "reasons")))


def in_spanish(crm: Crm, folder: Path) -> dict[str, str]:
    """The environment of a command that words reasons in Spanish."""
    path = folder / "spanish.toml"
    path.write_text(f'[connectors.{crm.name}]\nreason_language = "es"\n', encoding="utf-8")
    return {"HYGIENE_CONFIG": str(path)}


def forget_hashes(ctx: Context) -> None:
    """Have every contact decided anew, as the code of a new release does."""
    with ctx.store.write() as connection:
        connection.execute(sa.update(contacts).values(content_hash="of another release"))


class TestANewWording:
    def test_is_nothing_that_a_decision_depends_on(
        self, ctx: Context, crm: Crm, speak: SetLanguage
    ) -> None:
        before = change_detection.decision_config_hash(ctx, crm.name)
        speak("de")
        assert change_detection.decision_config_hash(ctx, crm.name) == before
        patterns = change_detection._DECIDING_CODE
        assert not [pattern for pattern in patterns if "wording/" in pattern]

    @pytest.mark.parametrize("scope", ["changed", "everything"])
    def test_rewrites_nothing(
        self, ctx: Context, crm: Crm, sync: Sync, scope: Any,
        other_wording: Callable[[], None],
    ) -> None:  # fmt: skip
        sync(ctx, crm.name)
        snapshot = crm.snapshot()
        other_wording()
        forget_hashes(ctx)
        crm.service.counters.clear()
        result = sync(ctx, crm.name, scope)
        assert (crm.writes, result["contacts"]["changed"]) == (0, 0)
        assert crm.snapshot() == snapshot
        again = sync(ctx, crm.name, "everything")
        assert (crm.writes, again["contacts"]["changed"]) == (0, 0)

    def test_goes_along_where_something_else_changes(
        self, ctx: Context, crm: Crm, sync: Sync, other_wording: Callable[[], None]
    ) -> None:
        sync(ctx, crm.name)
        other_wording()
        target, *rest = crm.ids()
        before = reasons_in(crm)
        crm.edit(target, {f"phone/{crm.phone}": "call Maria"})
        sync(ctx, crm.name)
        after = reasons_in(crm)
        assert after[target].startswith("Worded anew: ")
        assert {record_id: after[record_id] for record_id in rest} == {
            record_id: before[record_id] for record_id in rest
        }

    def test_does_not_hide_that_a_reason_says_something_else(
        self, ctx: Context, crm: Crm, sync: Sync, other_wording: Callable[[], None]
    ) -> None:
        sync(ctx, crm.name)
        other_wording()
        target = crm.ids()[3]
        crm.edit(target, {"reason": "Asked her: this is right."})
        sync(ctx, crm.name)
        assert crm.get(target, "reason").startswith("Worded anew: ")


class TestAnotherLanguage:
    def test_rewrites_nothing_though_every_contact_is_looked_at(
        self, ctx: Context, crm: Crm, sync: Sync, speak: SetLanguage
    ) -> None:
        sync(ctx, crm.name)
        snapshot = crm.snapshot()
        for language in LANGUAGES:
            speak(language)
            forget_hashes(ctx)
            crm.service.counters.clear()
            sync(ctx, crm.name, "everything")
            assert crm.writes == 0
        assert crm.snapshot() == snapshot

    def test_is_what_a_first_sync_writes(
        self, ctx: Context, crm: Crm, sync: Sync, speak: SetLanguage
    ) -> None:
        speak("pl")
        sync(ctx, crm.name)
        text = " ".join(str(reason) for reason in reasons_in(crm).values())
        assert "prawidłowy numer" in text
        assert "valid" not in text

    def test_of_a_lost_index_rewrites_nothing_either(
        self, ctx: Context, crm: Crm, sync: Sync, speak: SetLanguage
    ) -> None:
        sync(ctx, crm.name)
        before = reasons_in(crm)
        with ctx.store.write() as connection:
            connection.execute(sa.delete(contacts))
        speak("uk")
        sync(ctx, crm.name, "everything")
        assert reasons_in(crm) == before


@pytest.fixture
def former_release(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Decide and store as the release before did; called, it ends."""
    decide = deciding.decide

    def as_before(facts: ContactFacts) -> Any:
        decision = decide(facts)
        text = former_sentence(decision.fields) if decision.why else decision.reason
        return type(decision)(
            **{
                **{name: getattr(decision, name) for name in decision.__struct_fields__},
                "reason": text,
                "why": None,
                "same_reason": False,
            }
        )

    with monkeypatch.context() as patched:
        patched.setattr("worker.sync.pages.evaluator.decide", as_before)
        yield patched.undo


class TestAnUpgrade:
    def test_writes_nothing_and_learns_what_the_reasons_say(
        self, ctx: Context, crm: Crm, sync: Sync, former_release: Callable[[], None]
    ) -> None:
        sync(ctx, crm.name)
        snapshot = crm.snapshot()
        assert any("is a valid number." in str(reason) for reason in reasons_in(crm).values())
        former_release()
        forget_hashes(ctx)
        before = reword.reword(ctx, crm.name, dry_run=True)
        assert before.looked_at == 0
        assert before.unknown >= sum(map(bool, reasons_in(crm).values())) > 40
        crm.service.counters.clear()
        for scope in ("changed", "everything", "everything"):
            assert sync(ctx, crm.name, scope)["contacts"]["changed"] == 0
        assert crm.writes == 0
        assert crm.snapshot() == snapshot
        after = reword.reword(ctx, crm.name)
        assert (after.looked_at, after.unknown) == (before.unknown, 0)
        assert after.rewritten == after.looked_at
        assert any(reason == "Phone: valid number." for reason in reasons_in(crm).values())


def lookups_paid(ctx: Context) -> int:
    with ctx.store.read() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(lookups)) or 0


class TestTheCommand:
    def test_rewrites_every_reason_and_nothing_else(
        self, ctx: Context, crm: Crm, sync: Sync, speak: SetLanguage
    ) -> None:
        sync(ctx, crm.name)
        before, paid = crm.snapshot(), lookups_paid(ctx)
        speak("de")
        crm.service.counters.clear()
        done = reword.reword(ctx, crm.name, by="ada")
        assert done.rewritten == done.looked_at > 40
        assert crm.writes <= 2 + done.rewritten // 100
        assert lookups_paid(ctx) == paid
        own = {crm.field("reason"), crm.field("run")}
        for record_id, record in crm.snapshot().items():
            differing = {
                name for name in record if record[name] != before[record_id].get(name)
            } & record.keys()
            assert {
                field for field in differing if "odif" not in field and "tamp" not in field
            } <= own
        assert any("gültige Nummer" in str(reason) for reason in reasons_in(crm).values())
        crm.service.counters.clear()
        again = reword.reword(ctx, crm.name)
        assert (again.rewritten, crm.writes) == (0, 0)
        assert sync(ctx, crm.name, "everything")["contacts"]["changed"] == 0

    def test_a_dry_run_writes_nothing_and_says_the_same(
        self, ctx: Context, crm: Crm, sync: Sync, speak: SetLanguage
    ) -> None:
        sync(ctx, crm.name)
        snapshot = crm.snapshot()
        speak("it")
        tried = reword.reword(ctx, crm.name, dry_run=True)
        assert crm.snapshot() == snapshot
        with ctx.store.read() as connection:
            query = sa.select(sa.func.count()).where(writes.c.run_id == tried.run)
            assert connection.scalar(query) == 0
        assert "elefono" in tried.examples[0]["after"]
        assert reword.reword(ctx, crm.name).rewritten == tried.rewritten > 0

    def test_leaves_what_a_person_has_edited(
        self, ctx: Context, crm: Crm, sync: Sync, speak: SetLanguage
    ) -> None:
        sync(ctx, crm.name)
        speak("fr")
        target = next(record_id for record_id, text in reasons_in(crm).items() if text)
        crm.edit(target, {"reason": "Asked her: this is right."})
        assert reword.reword(ctx, crm.name).edited == 1
        assert crm.get(target, "reason") == "Asked her: this is right."

    def test_can_be_undone(self, ctx: Context, crm: Crm, sync: Sync, speak: SetLanguage) -> None:
        sync(ctx, crm.name)
        before = reasons_in(crm)
        speak("es")
        done = reword.reword(ctx, crm.name)
        assert reasons_in(crm) != before
        undone = undo(ctx, done.run)
        assert (undone.records, undone.failed) == (done.rewritten, {})
        assert reasons_in(crm) == before
        crm.service.counters.clear()
        sync(ctx, crm.name)  # they say the same: nothing is to be written
        assert reasons_in(crm) == before

    def test_goes_on_where_it_stopped(
        self, ctx: Context, crm: Crm, sync: Sync, speak: SetLanguage,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        sync(ctx, crm.name)
        speak("pt")
        monkeypatch.setattr(reword, "_AT_ONCE", 20)
        sent: list[int] = []
        write_all = reword.write_all

        def breaks_off(*args: Any) -> Any:
            if len(sent) == 1:
                raise ConnectorError("it is away")
            sent.append(1)
            return write_all(*args)

        monkeypatch.setattr(reword, "write_all", breaks_off)
        with pytest.raises(ConnectorError):
            reword.reword(ctx, crm.name)
        monkeypatch.setattr(reword, "write_all", write_all)
        done = reword.reword(ctx, crm.name)
        assert done.rewritten == done.looked_at - 20
        with ctx.store.read() as connection:
            query = sa.select(runs.c.state).where(runs.c.kind == "reasons")
            assert sorted(connection.scalars(query)) == ["done", "failed"]

    def test_leaves_no_write_in_doubt_where_the_crm_broke_off(
        self, ctx: Context, crm: Crm, sync: Sync, speak: SetLanguage,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        sync(ctx, crm.name)
        speak("pt")

        def breaks_off(*_args: Any) -> Any:
            raise ConnectorError("it is away")

        monkeypatch.setattr(reword, "write_all", breaks_off)
        with pytest.raises(ConnectorError):
            reword.reword(ctx, crm.name)
        assert set(states_of_writes(ctx)) == {"failed"}

    @pytest.mark.parametrize("moment", ["delay", "delay_after"])
    def test_killed_leaves_nothing_in_doubt_and_keeps_no_other_run_waiting(
        self, ctx: Context, crm: Crm, sync: Sync, start: Start, moment: str,
        tmp_path: Path,
    ) -> None:  # fmt: skip
        """Killed before the CRM had our write, and after it had it but before we knew."""
        sync(ctx, crm.name)
        before = reasons_in(crm)
        spanish = in_spanish(crm, tmp_path)
        fault = crm.fault(crm.write_call, moment, seconds=300)
        process = start("worker", "crm", "reasons", crm.name, **spanish)
        until(lambda: fault.hits == 1, "the write")
        time.sleep(0.2)
        kill(process)
        assert "pending" in states_of_writes(ctx)
        reword_recovery.recover(ctx, recent=True)  # what beat does each minute
        (state,) = set(states_of_writes(ctx))
        assert state == ("done" if moment == "delay_after" else "failed")
        with ctx.store.read() as connection:
            ended = connection.execute(sa.select(runs).where(runs.c.kind == "reasons")).one()
        assert (ended.state, ended.active_key) == ("failed", None)
        assert f"hygiene crm reasons {crm.name}" in ended.error
        with pytest.raises(RunOverError):
            lifecycle.resume(ctx, ended.id)
        assert sync(ctx, crm.name)["state"] == "done"
        if moment == "delay_after":  # what was written can be undone
            undo(ctx, ended.id)
            assert reasons_in(crm) == before

    def test_killed_goes_on_when_it_is_given_again(
        self, ctx: Context, crm: Crm, sync: Sync, start: Start, tmp_path: Path
    ) -> None:
        sync(ctx, crm.name)
        before = reasons_in(crm)
        spanish = in_spanish(crm, tmp_path)
        fault = crm.fault(crm.write_call, "delay", seconds=300)
        process = start("worker", "crm", "reasons", crm.name, **spanish)
        until(lambda: fault.hits == 1, "the write")
        kill(process)
        assert start("worker", "crm", "reasons", crm.name, **spanish).wait(60) == 0
        assert "pending" not in states_of_writes(ctx)
        after = reasons_in(crm)
        assert all(
            after[record_id] != before[record_id] for record_id in before if before[record_id]
        )

    def test_waits_for_another_run_to_end(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        sync(ctx, crm.name)
        opened = reword._open(ctx, crm.name, False, "")
        with pytest.raises(RunActiveError, match=opened):
            reword.reword(ctx, crm.name)
