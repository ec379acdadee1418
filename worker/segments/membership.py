"""Find out which contacts of a page are in an isolated segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from connectors.records import Contact
from worker.store import Store
from worker.store.array_param import any_of
from worker.store.fit_key import fit_segment_value
from worker.store.tables import isolations, list_members

Segment = tuple[str, str]  # (by, value)


@dataclass(frozen=True)
class IsolatedSegments:
    """Isolated segments of a connector. `members`: record id -> those of them that are lists."""

    segments: frozenset[Segment]
    members: Mapping[str, frozenset[Segment]]

    def includes(self, contact: Contact, region: str | None) -> bool:
        """Return whether a contact is in one of them."""
        if not self.segments:
            return False
        own = {
            ("source", fit_segment_value(contact.source)),
            ("campaign", fit_segment_value(contact.campaign)),
            ("country", region or ""),
            ("month", contact.month),
        }
        return bool(own & self.segments) or contact.id in self.members


def load(store: Store, connector: str, object_name: str, ids: Sequence[str]) -> IsolatedSegments:
    """Load the isolated segments, with list memberships of these records of one object."""
    c, m = isolations.c, list_members.c
    query = sa.select(c.by, c.value).where(c.active_key.is_not(None), c.connector == connector)
    members: dict[str, frozenset[Segment]] = {}
    with store.read() as connection:
        segments = frozenset((row.by, row.value) for row in connection.execute(query))
        lists = [value for by, value in segments if by == "list"]
        if lists:
            memberships = sa.select(m.record_id, m.list).where(
                m.connector == connector,
                m.object == object_name,
                any_of(m.list, lists),
                any_of(m.record_id, ids),
            )
            for record_id, name in connection.execute(memberships):
                members[record_id] = members.get(record_id, frozenset()) | {("list", name)}
    return IsolatedSegments(segments, members)
