"""How contacts that match a filter are found, and how many there are."""

from __future__ import annotations

from dataclasses import dataclass

from worker.queries.contact_conditions import Pick, needs_index
from worker.queries.contact_filter import ContactFilter


@dataclass(frozen=True, slots=True)
class Count:
    """How many contacts match, up to a limit; `more`: at least so many do. `fields`: their phone
    fields with the status that was asked for; None where none was, or not all are counted."""

    contacts: int
    more: bool
    fields: int | None = None

    def __str__(self) -> str:
        return f"{self.contacts:,}{'+' if self.more else ''}"


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """How many contacts match a filter, and how to come to them. `picks`: what other tables name,
    the one with the fewest rows first; `start`: the one that few contacts are gathered from.
    `by_segment`: they are gathered through the index of a segment, not of a status. `many`: of
    each pick, the connectors of which it surely names many records."""

    wanted: ContactFilter
    count: Count
    picks: tuple[Pick, ...]
    start: Pick | None
    by_segment: bool = False
    many: tuple[frozenset[str], ...] = ()

    @property
    def few(self) -> bool:
        return not self.count.more

    @property
    def by_key(self) -> bool:
        """Whether many match that need not be in our index."""
        only_in_index = needs_index(self.wanted) or any(pick.known for pick in self.picks)
        return not self.few and bool(self.picks) and not only_in_index
