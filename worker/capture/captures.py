"""Verify one number for whoever is filling in a form: rates, the plan, then perhaps a lookup."""

from __future__ import annotations

from dataclasses import dataclass

from worker.capture import answers, polls
from worker.capture.counts import Counts, Outcome
from worker.capture.lookups import Lookup, Lookups
from worker.capture.model import Answer, Asker
from worker.capture.rates import Rate, open_rates
from worker.context import Context
from worker.phones import region_of

_POLLS = 6  # for each number that may be verified, so often its answer may be asked for


@dataclass(frozen=True, slots=True)
class Begun:
    """The answer by the plan, and the lookup that may bring a better one."""

    answer: Answer
    lookup: Lookup | None


class Captures:
    """What one process needs to verify numbers at capture. Each method may block for a moment."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._rates = open_rates(ctx.settings)
        self._lookups = Lookups(ctx)
        self._counts = Counts(ctx)

    def count(self, asker: Asker, outcome: Outcome) -> None:
        self._counts.add(asker.id, outcome)

    def over_rate(self, asker: Asker, visitor: str, poll: bool = False) -> float:
        """Count a request of a form; return 0, or the seconds until it may ask again.

        `visitor`: the address of whoever has the form before them; Redis gets a keyed hash of it.
        """
        key = asker.key
        if key is None:
            return 0.0
        times, what = (_POLLS, "poll") if poll else (1, "verify")
        mac = self._ctx.keys.digests("capture visitor")[0]
        mac.update(visitor.encode())
        address = mac.hexdigest()[:24]
        return self._rates.take((
            Rate(f"{what}:{key.id}", key.per_minute * times),
            Rate(f"{what}:{key.id}:{address}", key.per_address * times),
        ))  # fmt: skip

    def over_token_rate(self, who: str, poll: bool = False) -> float:
        """Count a request with an API token; the same. `who`: what tells it from all others, also
        from one of the same name."""
        times, what = (_POLLS, "poll") if poll else (1, "verify")
        limit = self._ctx.settings.capture.token_per_minute * times
        return self._rates.take((Rate(f"{what}:token:{who}", limit),))

    def begin(self, asker: Asker, text: str, country: str) -> Begun:
        """Answer by the plan, and begin a lookup where the number exists and one may be made."""
        answer = answers.by_the_plan(text, region_of(country) if country else None)
        wanted = answer.status == "valid"
        return Begun(answer, self._lookups.begin(asker, answer) if wanted else None)

    def poll_id(self, asker: Asker) -> str:
        """Return a new id under which an answer can be asked for later."""
        return polls.make(self._ctx.keys, asker.id, self._ctx.now())

    def flush(self) -> None:
        """Write the counts of this process to the database."""
        self._counts.flush()

    def close(self) -> None:
        self._lookups.close()
        self._counts.close()
