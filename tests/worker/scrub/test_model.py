"""Any order of reports, lists and imports, against a model that is simple enough to be believed.

The model knows numbers alone, not persons: who said what last about each channel of a number, the
lists that it was on when, and the registries that hold it. It says nothing of what a report that
was not applied lifts: until it is applied, the answer may be the stricter one.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from reports import store_report

from worker.context import Context
from worker.registries import imports
from worker.registries.imports import ImportRequest
from worker.scrub.model import Question
from worker.scrub.scrub import Scrub
from worker.suppression import imported_lists, suppressions
from worker.suppression.apply_reports import apply_pending
from worker.suppression.erasure import erase_number

TOML = """
[registries.calls]
format = "ftc"
max_removals = 1.0

[registries.both]
channels = ["call", "text"]
format = "ftc"
max_removals = 1.0
"""
NUMBERS = [f"+14155552{place}" for place in range(671, 677)]
CHANNELS = ("call", "text")


class Model:
    """What is closed, by number and channel."""

    def __init__(self) -> None:
        self.stopped: dict[str, set[str]] = {n: set() for n in NUMBERS}
        self.wrong: dict[str, bool] = dict.fromkeys(NUMBERS, False)
        self.listed: dict[str, set[str]] = {n: set() for n in NUMBERS}
        self.registries: dict[str, set[str]] = {"calls": set(), "both": set()}

    def allows(self, number: str, channel: str) -> bool:
        return not (
            channel in self.stopped[number]
            or self.wrong[number]
            or channel in self.listed[number]
            or number in self.registries["both"]
            or (channel == "call" and number in self.registries["calls"])
        )


@pytest.fixture
def ctx(make_context: Callable[..., Context], either_database_url: str) -> Context:
    return make_context(TOML, DATABASE_URL=either_database_url)


def load(ctx: Context, folder: Path, name: str, numbers: set[str]) -> None:
    file = folder / "registry.txt"
    lines = [f"{number[2:5]},{number[5:]}\n" for number in sorted(numbers)]
    file.write_text("".join([*lines, "212,5550000\n"]))
    request = ImportRequest(name, [file], "whole", "test", accept_removals=True)
    imports.import_files(ctx, request, ())


def compare(ctx: Context, model: Model, applied: bool, history: list[str]) -> None:
    asked = [Question(n, channel) for n in NUMBERS for channel in CHANNELS]  # type: ignore[arg-type]
    for question, answer in zip(asked, Scrub(ctx, "test").answer(asked), strict=True):
        expected = model.allows(question.number, question.channel)
        if applied:
            assert answer.allow == expected, (question, answer, history)
        elif answer.allow:
            assert expected, (question, answer, history)


@pytest.mark.parametrize("seed", range(4))
def test_is_answered_as_the_model_says(ctx: Context, tmp_path: Path, seed: int) -> None:
    drawn, model = random.Random(seed), Model()
    clock = [datetime(2026, 11, 1, tzinfo=UTC)]
    ctx.now = lambda: clock[0]
    for name in model.registries:
        load(ctx, tmp_path, name, set())
    erased: set[str] = set()
    history: list[str] = []
    for step in range(45):
        clock[0] += timedelta(minutes=1)
        number, channels = drawn.choice(NUMBERS), drawn.choice(["call", "text", ""])
        words = set(channels.split()) or set(CHANNELS)
        event = drawn.choice(
            ["opt_out", "opt_out", "opt_in", "wrong", "right", "list", "registry", "lift", "erase",
             "apply", "apply"]
        )  # fmt: skip
        history.append(f"{event} {number} {channels}")
        key = f"{seed}:{step}"
        if event == "opt_out":
            store_report(ctx, drawn.choice(["opt_out", "complaint"]), number, key,
                         channels=channels)  # fmt: skip
            model.stopped[number] |= words
        elif event == "opt_in":
            store_report(ctx, "opt_in", number, key, channels=channels)
            model.stopped[number] -= words
            model.listed[number] -= words
        elif event == "wrong":
            store_report(ctx, "wrong_number", number, key)
            model.wrong[number] = True
        elif event == "right":
            store_report(ctx, "confirmed", number, key)
            model.wrong[number] = False
        elif event == "list":
            apply_pending(ctx)
            imported_lists.import_list(ctx, [number], f"list {key}", channels or "call text")
            model.listed[number] |= words
        elif event == "registry":
            name = drawn.choice(["calls", "both"])
            holds = set(drawn.sample(NUMBERS, drawn.randrange(3)))
            load(ctx, tmp_path, name, holds)
            model.registries[name] = holds
        elif event == "lift" and number not in erased:
            apply_pending(ctx)
            for row in suppressions.list_suppressions(ctx, number):
                suppressions.lift(ctx, row.id, "an admin", "the test")
            model.stopped[number], model.listed[number] = set(), set()
            model.wrong[number] = False
        elif event == "erase" and step > 30 and number not in erased:
            apply_pending(ctx)
            erase_number(ctx, number, "an admin")
            erased.add(number)
            model.stopped[number] = set(CHANNELS)
        elif event == "apply":
            apply_pending(ctx)
            compare(ctx, model, True, history)
            continue
        compare(ctx, model, False, history)
    apply_pending(ctx)
    compare(ctx, model, True, history)
