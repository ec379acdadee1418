"""How the pages and the API reach the workers. What cannot be told now is found by beat: the tables
know what is to do."""

from __future__ import annotations

from typing import Protocol

from worker.web.notify import enqueue_reports, note_unreachable


class Queue(Protocol):
    def reports(self) -> None:
        """Reports wait in the tables."""

    def go_on(self, run_id: str) -> None:
        """A run was opened, or is to go on."""

    def undo(self, undo_id: str) -> None:
        """The run of an undo was opened."""

    def uploads(self) -> None:
        """A file of a registry waits to be loaded."""


class Workers:
    """The Celery workers."""

    def reports(self) -> None:
        enqueue_reports()

    def go_on(self, run_id: str) -> None:
        try:
            from worker.queue.tasks import go_on  # reads the settings of this process

            go_on(run_id)
        except (Exception, SystemExit) as error:
            note_unreachable(error)

    def undo(self, undo_id: str) -> None:
        try:
            from worker.queue.tasks import undo

            undo.apply_async((undo_id,), retry=False)
        except (Exception, SystemExit) as error:
            note_unreachable(error)

    def uploads(self) -> None:
        try:
            from worker.queue.dedupe import enqueue_once
            from worker.queue.tasks import registry_uploads

            enqueue_once(registry_uploads)
        except (Exception, SystemExit) as error:
            note_unreachable(error)
