"""What log lines tell, and what they never tell."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from constants import NUMBER

from config import logging_setup
from config.settings import Log


@pytest.fixture(autouse=True)
def root_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


Said = pytest.CaptureFixture[str]


class TestJsonLines:
    def test_name_the_run_the_page_and_what_set_it_off(self, capsys: Said) -> None:
        logging_setup.set_up(Log(json_lines=True))
        with logging_setup.about(trace="t-1"), logging_setup.about(run="r-1", page="7"):
            logging.getLogger("worker").info("a page is done")
        logging.getLogger("worker").info("nothing in particular")
        stderr = capsys.readouterr().err
        first, second = map(json.loads, stderr.splitlines())
        assert (first["run"], first["page"], first["trace"]) == ("r-1", "7", "t-1")
        assert not {"run", "page", "trace"} & second.keys()

    def test_hold_no_number_and_no_token(self, capsys: Said) -> None:
        logging_setup.set_up(Log(json_lines=True))
        try:
            raise ValueError("bad number +1 (415) 555-2671, Authorization: Bearer abc.def")
        except ValueError:
            logging.getLogger("worker").exception("number %s failed", NUMBER)
        stderr = capsys.readouterr().err
        assert "5552671" not in stderr
        assert "555-2671" not in stderr
        assert "abc.def" not in stderr
        assert "<number ..71>" in stderr


class TestPlainLines:
    def test_name_them_at_their_end(self, capsys: Said) -> None:
        logging_setup.set_up(Log())
        with logging_setup.about(run="20261126-120000-abcdef"):
            logging.getLogger("worker").warning("slow")
        stderr = capsys.readouterr().err
        assert stderr.endswith("slow [run=20261126-120000-abcdef]\n")
