"""What a bench records, and the table of docs/performance.md that is made of it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bench import report, results
from bench.results import Figure, Machine, Results

MACHINE = Machine("A CPU", 2, 8.0, "Linux 6", "3.11.7", "3.45", "not used", "abc1234", 0.1)
FIGURES = [
    Figure("sync", "first", 367.4, "µs", "rows"),
    Figure("sync", "calls", 940, "calls", "batches"),
    Figure("clean", "ratio", 1.236, "times", "numbers"),
]


def test_the_block_in_the_document_is_what_the_script_makes_of_the_results() -> None:
    document = report.DOCUMENT.read_text("utf-8")
    assert report.with_block(document, report.block(results.read())) == document, (
        "run python -m bench.report"
    )


def test_a_figure_stands_with_its_unit_and_what_limits_it() -> None:
    text = report.block(Results("2026-11-28T12:00:00", "trial", MACHINE, 90, FIGURES, {"x": "why"}))
    assert "commit `abc1234`" in text
    assert "**trial**" in text
    assert [line for line in text.splitlines() if line.startswith("| ")][2:] == [
        "| `sync` | first | 367 | µs | rows |",
        "|  | calls | 940 | calls | batches |",
        "| `clean` | ratio | 1.24 | times | numbers |",
    ]
    assert "- x: why" in text


def test_only_what_is_between_the_markers_is_replaced() -> None:
    before = f"# Title\n\n{report.BEGIN}\nold\n{report.END}\n\nAfter.\n"
    after = report.with_block(before, "new")
    assert after == f"# Title\n\n{report.BEGIN}\n\nnew\n\n{report.END}\n\nAfter.\n"
    with pytest.raises(SystemExit, match="markers are missing"):
        report.with_block("# Title", "new")


def test_a_figure_is_recorded_where_the_run_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "figures"
    results.record("sync", "first", 1.0, "µs", "rows")  # by hand: nowhere
    assert results.recorded(path) == []
    monkeypatch.setenv("BENCH_RESULTS", str(path))
    for figure in FIGURES:
        results.record(*msgspec.structs.astuple(figure))
    assert results.recorded(path) == FIGURES


def test_each_figure_of_the_checked_in_results_says_what_limits_it() -> None:
    found = results.read()
    assert found.machine.cpu
    assert found.machine.commit
    assert found.figures
    assert all(figure.limit and figure.unit for figure in found.figures)
