"""Find phone fields that a person has retyped since a page was read, before we write over them.

Where `policy.normalize` or `feedback.corrections` let us rewrite a phone field, what we write rests
on the text that we read, seconds or minutes ago. Neither CRM can be told to write a field only if
it still holds a value. So the records are read once more right before the write: one call for 100
(HubSpot) or up to 2,000 (Salesforce) records whose field is to be rewritten. A record whose field
holds another text by now is left alone, and a run of its own looks at it a little later.
"""

from __future__ import annotations

from config import connections
from worker.sync.pages.steps import EvaluatedPage


def find(evaluated: EvaluatedPage) -> set[str]:
    """Return the ids of the records, and of those that are not there under their id any more: what
    is written to a record that was merged away would reach the one that it lives on in.

    Without a field to rewrite this makes no call, nor for a file: nobody types into it while we
    work.
    """
    work, names = evaluated.work, rewritten(evaluated)
    if not names or work.run.dry_run or connections.is_file(work.run.connector):
        return set()
    read = {contact.id: contact.phones for contact in evaluated.updated}
    as_read = {
        contact.id
        for contact in work.connector.fetch(work.page.object, list(names))
        if all(
            contact.phones.get(name) == read.get(contact.id, {}).get(name)
            for name in names.get(contact.id, ())
        )
    }
    return names.keys() - as_read


def rewritten(evaluated: EvaluatedPage) -> dict[str, list[str]]:
    """Return the names of the phone fields that are to be rewritten, by record id."""
    return {
        update.id: names
        for update in evaluated.updates
        if (names := [key[6:] for key in update.values if key.startswith("phone/")])
    }
