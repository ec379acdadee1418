"""Count the contacts that a page of a run leaves as they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import orjson

from worker.decisions.model import BAD_STATUSES


@dataclass
class Unchanged:
    """What unchanged contacts add to their run's counts.

    `gone`: contacts that were removed from our index. `grouped`: the unchanged ones, counted by
    their source, statuses ({phone field: status}) and answers ({provider: count}). The latter two
    are JSON as the index holds them: most contacts have one of a few values, and each is decoded
    once for a page.
    """

    gone: int = 0
    grouped: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    @property
    def read(self) -> int:
        return self.grouped.total()

    def counts(self) -> dict[str, object]:
        """Return the counts as a page keeps them (see the table `pages`)."""
        fields: Counter[str] = Counter()
        reused: Counter[str] = Counter()
        sources: dict[str, Counter[str]] = {}
        for (source, statuses_json, answers_json), contacts in self.grouped.items():
            statuses = list(orjson.loads(statuses_json).values())
            bad = sum(status in BAD_STATUSES for status in statuses)
            of_source = sources.setdefault(source, Counter())
            of_source["contacts"] += contacts
            of_source["numbers"] += contacts * len(statuses)
            of_source["bad"] += contacts * bad
            for status in statuses:
                fields[status] += contacts
            for provider, answers in (orjson.loads(answers_json) or {}).items():
                reused[provider] += contacts * answers
        return {
            "fields": dict(fields),
            "lookups": {
                provider: {"asked": 0, "reused": answers, "failed": 0, "cost": "0"}
                for provider, answers in reused.items()
            },
            "api": {},
            "sources": {source: dict(numbers) for source, numbers in sources.items()},
        }
