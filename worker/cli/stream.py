"""`hygiene stream`: take a CRM's change events as they happen."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import click

from worker.cli.base import Command
from worker.cli.common import open_context
from worker.cli.output import console

log = logging.getLogger(__name__)


@click.command(cls=Command, examples=["hygiene stream"])
def stream() -> None:
    """Follow Salesforce's change events as they happen.

    Runs until it is stopped. With connectors.salesforce.streaming.enabled = false it waits, and
    does nothing. A second one stands by, and takes over when the first one ends.
    """
    from config import stopping
    from worker.sync.stream import state, subscriber

    with open_context() as ctx, stopping.gracefully(lambda: "hygiene stream resumes where it was"):
        if any(True for _ in state.followed(ctx.settings)):
            subscriber.follow(ctx, _Queue())
            return
        console.info(
            "nothing to follow: connectors.salesforce.streaming.enabled is false; waiting to be "
            "stopped"
        )
        try:
            while True:
                stopping.sleep(3600)
        except stopping.Stopped:
            return


class _Queue:
    """The Celery workers (`worker.sync.stream.subscriber.Workers`). Beat finds what is lost."""

    def changed(self, connector: str) -> None:
        from worker.queue.dedupe import enqueue_once
        from worker.queue.tasks import spread  # reads the settings of this process

        _try(lambda: enqueue_once(spread, connector))

    def pull(self, connector: str) -> None:
        from worker.queue.tasks import sync

        _try(lambda: sync.apply_async((connector,), retry=False, expires=60))


def _try(enqueue: Callable[[], Any]) -> None:
    from worker.store.machine_faults import describe

    try:
        enqueue()
    except Exception as error:
        log.warning("nothing could be put into the queue (%s); beat will catch up", describe(error))
