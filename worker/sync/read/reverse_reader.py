"""Read a long list from both ends at once, if the CRM can only list it page by page.

The reader goes from the first contact on; at its side a thread goes from the last one back, until
they meet. It only helps: where it stops or fails, the reader reads to the end. Not for a read that
notices what is gone: that goes by the list alone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from config.stopping import Stopped
from connectors.protocol import Connector
from connectors.records import Contact, Page
from connectors.rows import ids_of
from worker.context import Context
from worker.sync.read.coalesce import coalesce_pages
from worker.sync.runs.model import Run

log = logging.getLogger(__name__)

MIN_REMAINING = 3000  # contacts left from which it is
# Stores a page that was read backwards and hands it on; false when there is nothing left to read.
StorePage = Callable[[Context, Connector, Page, dict[Any, int]], bool]


def id_sort_key(record_id: str) -> tuple[int, str]:
    """CRMs count ids up: a longer one comes later.

    >>> sorted(["10", "9", "100"], key=id_sort_key)
    ['9', '10', '100']
    """
    return len(record_id), record_id


def ids_before(read: Sequence[Contact], record_id: str) -> Sequence[Contact]:
    """Those that come before an id."""
    return _with_ids(read, lambda candidate: id_sort_key(candidate) < id_sort_key(record_id))


def ids_after(read: Sequence[Contact], record_id: str) -> Sequence[Contact]:
    """Those that come after an id."""
    return _with_ids(read, lambda candidate: id_sort_key(candidate) > id_sort_key(record_id))


def _with_ids(read: Sequence[Contact], wanted: Callable[[str], bool]) -> Sequence[Contact]:
    places = [place for place, record_id in enumerate(ids_of(read)) if wanted(record_id)]
    return read if len(places) == len(read) else [read[place] for place in places]


class ReverseReader:
    """The thread at the reader's side, for one object of a run; `stop` when the reader stops."""

    def __init__(self, ctx: Context, run: Run, entry: Mapping[str, Any], take: StorePage) -> None:
        self._ctx = ctx
        self._run = run
        self._entry = entry
        self._take = take
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start_if_useful(self) -> None:
        entry = self._entry
        worth = (
            entry.get("first") and not entry["done"] and (entry.get("left") or 0) >= MIN_REMAINING
        )
        if self._thread is None and worth and not self._run.dry_run:
            self._thread = threading.Thread(target=self._read, name="reader-back", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _read(self) -> None:
        ctx = self._ctx.borrow()
        try:
            connector = ctx.connector(self._run.connector)
            before = dict(connector.calls)
            pages = connector.read_reverse(self._entry["object"], self._entry.get("back"))
            least = ctx.settings.sync_of(self._run.connector).page_contacts
            for page in coalesce_pages(pages or (), least, backwards=True):
                if not self._take(ctx, connector, page, before) or self._over.is_set():
                    return
                before = dict(connector.calls)
        except Stopped:
            return  # the reader is told as well
        except Exception as error:
            log.info("%s: reading from the end stopped: %s", self._run.connector, error)
        finally:
            self._ctx.give_back(ctx)
