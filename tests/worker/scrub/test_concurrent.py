"""A scrub never allows a number that is suppressed at that moment (promise 20)."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from constants import NUMBER, OTHER
from reports import store_report

from worker.context import Context
from worker.registries import imports
from worker.registries.imports import ImportRequest
from worker.scrub import evidence
from worker.scrub.model import Question
from worker.scrub.scrub import Scrub
from worker.suppression.apply_reports import apply_pending

TOML = '[registries.us-dnc]\nformat = "ftc"\ncountries = ["US"]\nmax_removals = 1.0\n'


@pytest.fixture
def ctx(make_context: Callable[..., Context], either_database_url: str, tmp_path: Path) -> Context:
    ctx = make_context(TOML, DATABASE_URL=either_database_url)
    replace_registry(ctx, tmp_path, ["415,5559999"])
    return ctx


def replace_registry(ctx: Context, folder: Path, lines: list[str]) -> None:
    file = folder / "registry.txt"
    file.write_text("\n".join(lines) + "\n")
    request = ImportRequest("us-dnc", [file], "whole", "test", accept_removals=True)
    imports.import_files(ctx, request, ())


def allowed(ctx: Context, *numbers: str) -> set[str]:
    run = Scrub(ctx, "test", "call")
    answers = run.answer([Question(number, "call") for number in numbers])
    return {answer.number for answer in answers if answer.allow}


def test_a_stop_counts_for_every_scrub_that_begins_once_it_is_stored(ctx: Context) -> None:
    numbers = [f"+1415555{place:04d}" for place in range(2600, 2640)]
    stopped: dict[str, float] = {}
    ended = threading.Event()

    def recipients() -> None:
        own, drawn = ctx.borrow(), random.Random(3)
        try:
            for number in numbers:
                store_report(own, "opt_out", number)  # its sender has the 2xx now
                stopped[number] = time.monotonic()
                if drawn.random() < 0.3:
                    apply_pending(own)
        finally:
            ended.set()

    thread = threading.Thread(target=recipients)
    thread.start()
    scrubs = 0
    try:
        while not ended.is_set() or scrubs < 3:
            began = time.monotonic()
            before = {number for number, at in list(stopped.items()) if at <= began}
            assert not allowed(ctx, *numbers) & before
            scrubs += 1
    finally:
        thread.join()
    assert allowed(ctx, *numbers) == set()


def test_a_number_that_moves_between_queries_is_found(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report is applied, and another one lifted, while a scrub reads: it sees one moment."""
    store_report(ctx, "opt_out")
    load_about = evidence.report_log.load_about_contacts

    def in_between(*args: object) -> object:
        loaded = load_about(*args)  # type: ignore[arg-type]
        thread = threading.Thread(target=meanwhile)
        thread.start()
        thread.join()
        return loaded

    def meanwhile() -> None:
        own = ctx.borrow()
        store_report(own, "opt_in", key="lifted")
        store_report(own, "opt_out", OTHER)
        apply_pending(own)

    with monkeypatch.context() as racing:
        racing.setattr(evidence.report_log, "load_about_contacts", in_between)
        assert allowed(ctx, NUMBER, OTHER) == {OTHER}  # as it was when the scrub began
    assert allowed(ctx, NUMBER, OTHER) == {NUMBER}


def test_a_number_on_the_old_and_on_the_new_list_is_never_free(
    ctx: Context, tmp_path: Path
) -> None:
    both = "415,5552671"
    others = [f"415,555{place}" for place in range(3000, 3300)]
    replace_registry(ctx, tmp_path, [both, *others[:200]])
    ended = threading.Event()

    def authority() -> None:
        own = ctx.borrow()
        try:
            for turn in range(6):
                replace_registry(own, tmp_path, [both, *others[turn * 20 :]])
        finally:
            ended.set()

    thread = threading.Thread(target=authority)
    thread.start()
    try:
        while not ended.is_set():
            assert allowed(ctx, NUMBER, OTHER) == {OTHER}
    finally:
        thread.join()
    assert allowed(ctx, NUMBER) == set()
