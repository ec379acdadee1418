"""What the campaign expects of an undo, field by field."""

from __future__ import annotations

from typing import Any

from chaos import after_undo
from chaos.crm_writes import CrmWrite
from chaos.ground_truth import Key

KEY = Key("hubspot", "contacts", "1")
STATUS = KEY, "status"


def write(before: Any, value: Any, run: str | None, *, ours: bool = True) -> CrmWrite:
    values = {"status": value} | ({"run": run} if run else {})
    return CrmWrite(KEY, values, {"status": before}, ours)


def expected(writes: list[CrmWrite], holds: Any, undos_from: int = 99) -> Any:
    now = {KEY: {"status": holds}}
    return after_undo.expected(writes, "A", "run", now, undos_from)[STATUS]


def test_a_field_that_nobody_wrote_since_is_as_before() -> None:
    assert expected([write(None, "valid", "A")], "valid") is None


def test_a_field_that_a_person_changed_stays() -> None:
    writes = [write(None, "valid", "A"), write("valid", "invalid", None, ours=False)]
    assert expected(writes, "invalid") == "invalid"


def test_a_field_that_a_later_run_wrote_stays_though_its_value_is_the_same_again() -> None:
    writes = [
        write(None, "valid", "A"),
        write("valid", "invalid", "B"),
        write("invalid", "valid", "C"),
    ]
    assert expected(writes, "valid") == "valid"


def test_a_field_that_an_undo_wrote_last_is_as_before() -> None:
    writes = [
        write(None, "valid", "A"),
        write("valid", "invalid", "B"),
        write("invalid", "valid", None),
    ]
    assert expected(writes, "valid", undos_from=2) is None


def test_a_field_that_the_run_wrote_again_after_another_is_as_before_the_run() -> None:
    writes = [
        write(None, "valid", "A"),
        write("valid", "invalid", "B"),
        write("invalid", "valid", "A"),
    ]
    assert expected(writes, "valid") is None
