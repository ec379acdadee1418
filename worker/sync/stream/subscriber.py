"""Follow the change events of all connectors that have them switched on, until told to stop.

For each connector, in a thread of its own:

1. Take the lease. While another process has it, stand by.
2. Open the feed, and follow each channel in a thread: commit each batch, then notify the workers.
3. Meanwhile renew the lease, and begin the pulls that are wanted.
4. Where a stream ends, subscribe again from the last committed replay id, at first soon and then
   later and later. Where Salesforce does not know that id any more, begin at the tip and pull.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from config import stopping
from config.connectors import SalesforceSettings
from config.section import SettingsError
from connectors.errors import ConnectorError
from connectors.named import renamed_errors
from connectors.salesforce.connector import SalesforceConnector
from connectors.salesforce.pubsub import feed as pubsub
from connectors.salesforce.pubsub.errors import ExpiredSessionError, ReplayIdError
from connectors.salesforce.pubsub.feed import ChangeFeed
from worker.context import Context
from worker.store.machine_faults import describe
from worker.sync.stream import plan, pulls, state

log = logging.getLogger(__name__)

TEND_EVERY = 2.0  # seconds until the lease is renewed, and wanted pulls are looked at
STANDBY_EVERY = 2.0  # seconds until the lease of another process is looked at again
BEGIN_EVERY = 10.0  # seconds until a wanted pull that has not begun is asked for again
BACKOFF_FIRST, BACKOFF_MAX = 1.0, 60.0  # seconds until a stream that ended is opened again
_LOOK_EVERY = 0.1


class Workers(Protocol):
    """How the workers are reached. What cannot be said now is found by beat."""

    def changed(self, connector: str) -> None:
        """Changed records wait to be read."""

    def pull(self, connector: str) -> None:
        """A sync is wanted."""


def follow(ctx: Context, workers: Workers) -> None:
    """Follow all streams until this process is told to stop. Raises `SettingsError` where the
    packages for it are missing."""
    pubsub.check_packages()
    stop = threading.Event()
    followers = [
        Follower(ctx.borrow(), name, section, workers, stop)
        for name, section in state.followed(ctx.settings)
    ]
    threads = [
        threading.Thread(target=follower.run, name=f"stream-{follower.name}", daemon=True)
        for follower in followers
    ]
    for thread in threads:
        thread.start()
    try:
        while not stopping.requested() and any(thread.is_alive() for thread in threads):
            time.sleep(_LOOK_EVERY)
    finally:
        stop.set()
        for thread in threads:
            thread.join(stopping.GRACE)


@dataclass
class _Backoff:
    """How long to wait before a stream is opened again."""

    seconds: float = 0.0

    def next(self) -> float:
        waited = self.seconds
        self.seconds = min(BACKOFF_MAX, max(BACKOFF_FIRST, self.seconds * 2))
        return waited

    def reset(self) -> None:
        self.seconds = 0.0


class Follower:
    """Follows the channels of one connector while it has the lease."""

    def __init__(
        self,
        ctx: Context,
        name: str,
        section: SalesforceSettings,
        workers: Workers,
        stop: threading.Event,
    ) -> None:
        self.name = name
        self._ctx = ctx
        self._channels: Sequence[str] = plan.channels(section)
        self._section = section
        self._workers = workers
        self._stop = stop

    def run(self) -> None:
        """Follow until told to stop; standing by while another process has the lease."""
        backoff = _Backoff(BACKOFF_FIRST)
        while not self._stop.is_set():
            try:
                if not state.claim(self._ctx, self.name):
                    self._stop.wait(STANDBY_EVERY)
                    continue
                log.info("%s: following change events", self.name)
                with renamed_errors(self.name):
                    self._serve(backoff)
            except (ConnectorError, SettingsError) as error:
                self._note_all(str(error))
                self._stop.wait(backoff.next())
            except sa.exc.SQLAlchemyError as error:
                log.error("%s: change events wait: %s", self.name, describe(error))
                self._stop.wait(backoff.next())
            except Exception:  # one connector's fault is not the others'
                log.exception("%s: its change events are followed again", self.name)
                self._stop.wait(backoff.next())
            finally:
                self._release()

    def _release(self) -> None:
        try:
            state.release(self._ctx, self.name)
        except sa.exc.SQLAlchemyError as error:  # it ends by itself
            log.warning("%s: a lease was not given back: %s", self.name, describe(error))

    def _serve(self, backoff: _Backoff) -> None:
        """Follow the channels until told to stop, or until the lease is lost."""
        opened = self._ctx.open_own(self.name)
        assert isinstance(opened, SalesforceConnector)
        feed = opened.change_feed()
        ended = threading.Event()
        threads: list[threading.Thread] = []
        try:
            interest = plan.interest_in(
                self._section, self._ctx.settings.policy.normalize, feed.user
            )
            backoff.reset()
            threads = [
                threading.Thread(
                    target=self._follow, args=(feed, channel, interest, ended),
                    name=f"stream-{self.name}-{channel}", daemon=True,
                )
                for channel in self._channels
            ]  # fmt: skip
            for thread in threads:
                thread.start()
            self._tend(ended)
        finally:
            ended.set()
            for thread in threads:
                thread.join(stopping.GRACE)
            feed.close()

    def _tend(self, ended: threading.Event) -> None:
        """Renew the lease and begin wanted pulls, until the streams end."""
        ask_at = 0.0
        while not self._stop.is_set() and not ended.is_set():
            if not state.renew(self._ctx, self.name):
                log.warning("%s: another process follows change events now", self.name)
                return
            if time.monotonic() >= ask_at and pulls.begin_wanted(
                self._ctx, self.name, self._workers.pull
            ):
                ask_at = time.monotonic() + BEGIN_EVERY
            self._pause(ended)

    def _pause(self, ended: threading.Event) -> None:
        until = time.monotonic() + TEND_EVERY
        while time.monotonic() < until and not self._stop.is_set():
            if ended.wait(_LOOK_EVERY):
                return

    def _follow(
        self, feed: ChangeFeed, channel: str, interest: plan.Interest, ended: threading.Event
    ) -> None:
        """Follow one channel, and open it again whenever it ends."""
        backoff = _Backoff()
        while not ended.is_set():
            try:
                with renamed_errors(self.name):
                    self._take(feed, channel, interest, ended, backoff)
            except state.LostLeaseError:
                ended.set()
            except ReplayIdError as error:
                log.warning("%s; what was missed is pulled", error)
                self._lose(channel, str(error), ended)
            except ExpiredSessionError as error:
                log.info("%s", error)
                ended.wait(backoff.next())
            except ConnectorError as error:
                log.warning("%s", error)
                self._note(channel, str(error))
                ended.wait(backoff.next())
            except sa.exc.SQLAlchemyError as error:
                log.error("%s: change events wait: %s", self.name, describe(error))
                ended.wait(max(BACKOFF_FIRST, backoff.next()))
            except Exception:
                log.exception("%s: %s: the stream is opened again", self.name, channel)
                ended.wait(max(BACKOFF_FIRST, backoff.next()))

    def _take(
        self,
        feed: ChangeFeed,
        channel: str,
        interest: plan.Interest,
        ended: threading.Event,
        backoff: _Backoff,
    ) -> None:
        """Subscribe from where we stand, and commit what comes."""
        position = state.replay_id(self._ctx, self.name, channel)
        with closing(feed.subscribe(channel, position, ended)) as batches:
            for batch in batches:
                step = plan.advance(position, batch, interest)
                state.commit(self._ctx, self.name, channel, step)
                position = step.replay_id
                backoff.reset()
                if step.changed:
                    self._workers.changed(self.name)

    def _lose(self, channel: str, why: str, ended: threading.Event) -> None:
        try:
            state.commit(self._ctx, self.name, channel, plan.lose(why))
        except state.LostLeaseError:
            ended.set()

    def _note(self, channel: str, problem: str) -> None:
        try:
            state.note_problem(self._ctx, self.name, channel, problem)
        except sa.exc.SQLAlchemyError as error:
            log.error("%s: %s", self.name, describe(error))

    def _note_all(self, problem: str) -> None:
        log.warning("%s", problem)
        for channel in self._channels:
            self._note(channel, problem)
