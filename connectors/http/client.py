"""Make every call to a CRM: keep within its limits, count the call, and retry it."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import tenacity

from config import stopping
from config.settings import Http
from config.tracing import span
from connectors.errors import UnansweredError, UnavailableError
from connectors.http import unanswered
from connectors.http.dates import http_date
from connectors.http.deadline import whole_call
from connectors.http.rate_limits import Limits, Quota
from connectors.records import Purpose

T = TypeVar("T")
log = logging.getLogger(__name__)

_ASKED = 2  # times that an answer which contradicts itself is asked for
_MATTERS = timedelta(seconds=2)  # between two clocks, of which one is told in whole seconds


class RetryableError(Exception):
    """A call failed in a way that may pass. `after`: seconds that the CRM asked us to wait, if it
    did.

    `unanswered`: the service may have received the request and may still carry it out. `rejected`:
    it has surely done nothing, since the request did not reach it, or was turned away at the door.
    """

    def __init__(
        self,
        reason: str,
        after: float | None = None,
        unanswered: bool = False,
        rejected: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after
        self.unanswered = unanswered
        self.rejected = rejected


class ContradictionError(RetryableError):
    """An answer contradicts itself, so none of it is believed. `reason`: what disagrees."""


def retry_after(text: str | None, now: datetime | None = None) -> float | None:
    """Parse a Retry-After header, which holds seconds or an HTTP date (RFC 9110, 10.2.3), into
    seconds.

    >>> retry_after("3")
    3.0
    """
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    moment = http_date(text)
    if moment is None:
        return None
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def retrying(name: str, http: Http) -> tenacity.Retrying:
    """Call again after a `RetryableError`: growing waits with jitter, or what it was asked to wait.

    Ends with the last error, or at once with one that asks to wait longer than is worth it.
    """
    longest = http.backoff_max.total_seconds()
    backoff = tenacity.wait_exponential_jitter(
        multiplier=http.backoff_initial, max=longest, jitter=http.backoff_initial
    )

    def error_of(state: tenacity.RetryCallState) -> RetryableError | None:
        error = state.outcome.exception() if state.outcome else None
        return error if isinstance(error, RetryableError) else None

    def worth_it(state: tenacity.RetryCallState) -> bool:
        error = error_of(state)
        return error is not None and (error.after or 0) <= longest

    def wait(state: tenacity.RetryCallState) -> float:
        error = error_of(state)
        return backoff(state) if error is None or error.after is None else error.after

    def say(state: tenacity.RetryCallState) -> None:
        wait_ = state.next_action.sleep if state.next_action else 0.0
        log.info("%s: %s; trying again in %.1f s", name, error_of(state), wait_)

    def enough(state: tenacity.RetryCallState) -> bool:
        most = _ASKED if isinstance(error_of(state), ContradictionError) else http.attempts
        return state.attempt_number >= min(most, http.attempts)

    return tenacity.Retrying(
        retry=worth_it, wait=wait, stop=enough, before_sleep=say, sleep=stopping.sleep, reraise=True
    )


class CrmClock:
    """The CRM's time, by the Date header of its answers, to the second.

    `time`: the time of the last answer. `offset`: how far the CRM's clock is ahead of ours. All
    threads that share a quota learn the offset together: a page may need no call of its own.
    """

    def __init__(self, quota: Quota) -> None:
        self.time: datetime | None = None
        self._quota = quota

    @property
    def offset(self) -> timedelta:
        return self._quota.clock_ahead

    def note(self, date: str | None) -> None:
        moment = http_date(date or "")
        if moment is None:
            return  # some proxy's idea of a date: the next answer has another one
        self.time = moment
        ahead = self.time - datetime.now(UTC)
        self._quota.clock_ahead = ahead if abs(ahead) >= _MATTERS else timedelta(0)


class Calls:
    """Counts, limits and retries the calls of one connector."""

    def __init__(self, name: str, http: Http, quota: Quota) -> None:
        self.name = name
        self._quota = quota
        self.counts: Counter[Purpose] = Counter()
        self._http = http
        self._lock = threading.Lock()

    @property
    def timeout(self) -> tuple[float, float]:
        """Return the seconds to wait for a connection, and for each piece of an answer."""
        return (self._http.connect_timeout, self._http.read_timeout)

    def deadline(self) -> AbstractContextManager[None]:
        """Return the deadline for a call that is made without `execute`."""
        return whole_call(self._http.call_timeout)

    def note(self, limits: Limits) -> None:
        """What an answer says of the CRM's limits."""
        self._quota.record(limits)

    def execute(
        self,
        purpose: Purpose,
        call: Callable[[], T],
        bucket: tuple[str, float] | None = None,
        keep_reserve: bool = False,
    ) -> T:
        """Make a call, and again after a `RetryableError`; raises `UnavailableError` at the end.

        `bucket`: of calls with a limit of their own, its name and the seconds between two.

        Raises `QuotaError` where only the reserve of the day's calls is left. The few calls that
        are no reading or writing (describe, checks) are made all the same, unless `keep_reserve`;
        in the short-time limit they wait and count as all others do.
        """

        def counted() -> T:
            self._quota.wait(from_reserve=purpose == "other" and not keep_reserve)
            if bucket is not None:
                self._quota.acquire(*bucket)
            with self._lock:
                self.counts[purpose] += 1
            with span("crm.call", connector=self.name, purpose=purpose), self.deadline():
                try:
                    return call()
                except RetryableError as error:
                    if error.unanswered:
                        unanswered.note()
                    if not (error.rejected or unanswered.may_repeat()):
                        raise UnansweredError(
                            f"{self.name}: {error.reason}; it may have been carried out"
                        ) from error
                    raise

        before = self.counts[purpose]
        try:
            return retrying(self.name, self._http)(counted)
        except RetryableError as error:
            asked = f"; it asks to wait {error.after:.0f} s" if error.after else ""
            tries = f"tried {self.counts[purpose] - before} times{asked}"
            if isinstance(error, ContradictionError):
                raise UnavailableError(
                    f"{self.name}: an answer contradicts itself: {error.reason} ({tries}); nothing "
                    f"was taken from it. Try again: hygiene sync {self.name}"
                ) from error
            raise UnavailableError(
                f"{self.name}: {error.reason} ({tries}); when it answers again: hygiene sync"
            ) from error
