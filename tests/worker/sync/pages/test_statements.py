"""How many statements a page takes: each is a round trip to a database across a network.

A limit may be lowered when a page takes less. Before raising one, see whether a fact can be read in
a statement that is there already, at the same moment.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

import pytest
import sqlalchemy as sa
from crms import Crm
from limits import lower_limits

from sandbox.run import Sandbox
from worker.context import Context
from worker.sync.pages import process
from worker.sync.read import reader
from worker.sync.runs import lifecycle, reader_lease
from worker.sync.runs.scope import Scope
from worker.sync.runs.stored_pages import StoredPage

READ = 3  # the state of its contacts, the page itself, how far the run is read
PROCESSED = 30


@pytest.fixture
def context(
    make_context: Callable[..., Context], either_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Context:
    lower_limits(monkeypatch, hubspot_list_page=5)
    return make_context(DATABASE_URL=either_database_url)


def test_a_page_whose_contacts_are_all_written_takes_few(context: Context, crm: Crm) -> None:
    _, processed = _statements_of_pages(context, crm)
    assert len(processed) >= 2
    assert max(processed[1:]) <= PROCESSED  # the first one opens what a process opens once


def test_a_page_whose_contacts_are_as_we_left_them_takes_those_of_its_reader(
    context: Context, sandbox: Sandbox
) -> None:
    crm = Crm.all(sandbox)["hubspot"]
    _statements_of_pages(context, crm)
    read, processed = _statements_of_pages(context, crm)
    assert not processed
    assert len(read) > 2
    assert median(read) <= READ  # the first and the last page of an object may take more


def _statements_of_pages(ctx: Context, crm: Crm) -> tuple[list[int], list[int]]:
    """Sync everything; return how many statements each page took to be read, and processed."""
    run_id = lifecycle.open_run(ctx, crm.name, Scope("everything"))
    run = lifecycle.load(ctx, run_id)
    assert reader_lease.claim(ctx, run_id)
    count, read, processed = 0, [], []

    def counted(*_: Any) -> None:
        nonlocal count
        count += 1

    def dispatch(_reader: Context, stored: StoredPage, _waiting: Callable[[], None]) -> None:
        nonlocal count
        read_with, count = count, 0
        assert process.process(ctx, stored.id, read=stored.contacts)
        processed.append(count)
        count = read_with

    def seen() -> None:
        nonlocal count
        read.append(count)
        count = 0

    sa.event.listen(ctx.store.engine, "before_cursor_execute", counted)
    assert reader.read_from_cursor(ctx, run, dispatch, lambda: True, seen)
    sa.event.remove(ctx.store.engine, "before_cursor_execute", counted)
    assert lifecycle.finish_if_done(ctx, run_id)
    return read, processed
