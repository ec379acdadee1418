"""What a sync makes of a number that a registry holds, from when it is listed until it is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from constants import NUMBER, OTHER, OTHER_PHONES
from crms import Crm
from reports import store_report

from worker.alerts import rules
from worker.context import Context
from worker.feedback.receivers import crms_to_notify
from worker.registries import follow_up, imports
from worker.registries.imports import ImportRequest
from worker.sync.propagate import propagate
from worker.sync.undo.undo import undo

Sync = Callable[..., dict[str, Any]]
CALLS = '[registries.us-dnc]\nauthority = "FTC"\nformat = "ftc"\ncountries = ["US"]\n'
BOTH = CALLS + 'channels = ["call", "text"]\n'
NOBODY = "+14155559999"


@pytest.fixture
def make(make_context: Callable[..., Context], either_database_url: str) -> Callable[..., Context]:
    return lambda toml=CALLS: make_context(toml, DATABASE_URL=either_database_url)


def load(ctx: Context, folder: Path, *numbers: str) -> imports.ImportResult:
    file = folder / "registry.txt"
    file.write_text("".join(f"{n[2:5]},{n[5:]}\n" for n in (*numbers, NOBODY)))
    request = ImportRequest("us-dnc", [file], "whole", "test", accept_removals=True)
    return imports.import_files(ctx, request, crms_to_notify(ctx))


def flags(crm: Crm, record: str) -> set[str]:
    names = ("do_not_call", "do_not_text", "do_not_contact")
    return {name for name in names if crm.get(record, name)}


def with_number(crm: Crm, number: str, place: int = 0) -> str:
    """Let a contact hold this number alone; return its id."""
    record = crm.ids()[place]
    fields = {f"phone/{name}": "" for name in OTHER_PHONES[crm.name]}
    crm.edit(record, {**fields, f"phone/{crm.phone}": number})
    return record


class TestANumberOnARegistry:
    def test_is_flagged_at_once_and_unflagged_when_it_is_off(
        self, make: Callable[..., Context], crm: Crm, sync: Sync, tmp_path: Path
    ) -> None:
        ctx = make()
        record = with_number(crm, NUMBER)
        other = with_number(crm, OTHER, 1)
        sync(ctx, crm.name, "everything")
        assert load(ctx, tmp_path, NUMBER).held == 1
        propagate(ctx, crm.name)
        assert flags(crm, record) == {"do_not_call"}
        assert "us-dnc (FTC)" in crm.get(record, "reason")
        assert flags(crm, other) == set()
        assert load(ctx, tmp_path).held == 1
        propagate(ctx, crm.name)
        assert flags(crm, record) == set()
        assert "us-dnc" not in (crm.get(record, "reason") or "")

    def test_is_flagged_in_a_contact_that_comes_later(
        self, make: Callable[..., Context], crm: Crm, sync: Sync, tmp_path: Path
    ) -> None:
        ctx = make(BOTH)
        load(ctx, tmp_path, NUMBER)
        record = with_number(crm, NUMBER)
        sync(ctx, crm.name, "everything")
        assert flags(crm, record) == {"do_not_call", "do_not_text", "do_not_contact"}

    def test_is_written_once(
        self, make: Callable[..., Context], crm: Crm, sync: Sync, tmp_path: Path
    ) -> None:
        ctx = make()
        load(ctx, tmp_path, NUMBER)
        with_number(crm, NUMBER)
        sync(ctx, crm.name, "everything")
        load(ctx, tmp_path, NUMBER)
        propagate(ctx, crm.name)
        account = sync(ctx, crm.name, "everything")
        assert account["contacts"]["written"] == 0

    def test_stays_flagged_whatever_the_person_said(
        self, make: Callable[..., Context], crm: Crm, sync: Sync, tmp_path: Path
    ) -> None:
        ctx = make()
        record = with_number(crm, NUMBER)
        load(ctx, tmp_path, NUMBER)
        store_report(ctx, "opt_in")
        sync(ctx, crm.name, "everything")
        assert flags(crm, record) == {"do_not_call"}

    def test_keeps_what_the_person_refused_when_it_is_off(
        self, make: Callable[..., Context], crm: Crm, sync: Sync, tmp_path: Path
    ) -> None:
        ctx = make()
        record = with_number(crm, NUMBER)
        load(ctx, tmp_path, NUMBER)
        store_report(ctx, "opt_out", channels="call")
        sync(ctx, crm.name, "everything")
        load(ctx, tmp_path)
        propagate(ctx, crm.name)
        assert flags(crm, record) == {"do_not_call"}

    def test_is_not_unflagged_by_an_undo(
        self, make: Callable[..., Context], crm: Crm, sync: Sync, tmp_path: Path
    ) -> None:
        ctx = make()
        record = with_number(crm, NUMBER)
        load(ctx, tmp_path, NUMBER)
        account = sync(ctx, crm.name, "everything")
        undo(ctx, account["run"])
        assert flags(crm, record) == {"do_not_call"}


def test_contacts_are_told_though_the_process_died_before(
    make: Callable[..., Context], crm: Crm, sync: Sync, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    ctx = make()
    record = with_number(crm, NUMBER)
    sync(ctx, crm.name, "everything")
    with monkeypatch.context() as killed:
        killed.setattr(follow_up, "tell", lambda *_: 0)
        load(ctx, tmp_path, NUMBER)
    assert propagate(ctx, crm.name) == 0
    assert follow_up.resume(ctx, crms_to_notify(ctx)) == 1
    assert follow_up.resume(ctx, crms_to_notify(ctx)) == 0
    propagate(ctx, crm.name)
    assert flags(crm, record) == {"do_not_call"}


def test_a_stale_registry_is_an_alert(make: Callable[..., Context], tmp_path: Path) -> None:
    ctx = make()

    def stale() -> list[str]:
        return [alert.text for alert in rules.current(ctx) if alert.kind == "registry_stale"]

    assert "no file has been imported yet" in stale()[0]
    load(ctx, tmp_path)
    assert stale() == []
    later = ctx.now() + timedelta(days=32)
    ctx.now = lambda: later
    [text] = stale()
    assert text.startswith("registry us-dnc is stale: its file is 32 days old; scrubs deny")
