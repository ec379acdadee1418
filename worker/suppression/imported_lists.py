"""Import do-not-contact lists, such as a registry: numbers that are suppressed while listed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import sqlalchemy as sa
from phonenumbers import PhoneNumberMatcher

from worker.context import Context
from worker.events import suppression_changes
from worker.feedback import former_numbers, report_log
from worker.feedback.consent_state import rules_from_settings
from worker.feedback.models import SuppressionReason
from worker.feedback.receivers import crms_to_notify
from worker.store import locks, outbox
from worker.store.bulk import chunks, insert
from worker.store.fit_key import fit_list_name
from worker.store.invalidation import invalidate
from worker.store.locks import Lock
from worker.store.outbox import OutboxItem
from worker.store.pseudonyms import number_aliases
from worker.store.tables import suppressions
from worker.suppression import import_batches, undo_action

_IMPORT_BATCH = 5000  # numbers that are stored in one transaction


@dataclass
class ImportResult:
    """What became of a list: new entries, those that were on it already, and refused lines."""

    added: int = 0
    known: int = 0
    refused: int = 0
    held: int = 0  # of the new ones, those that some contact holds
    batch: str = ""  # the id by which it can be undone as one (`import_batches`)


def import_list(
    ctx: Context, numbers: Iterable[str], name: str, channels: str = "call text",
    evidence: str = "", by: str = "",
) -> ImportResult:  # fmt: skip
    """Put numbers (E.164) on the list `name`, streaming.

    To repeat it adds nothing, and does not bring back an entry that was lifted. The queue flags
    whoever holds one of them now; contacts that come later are flagged by their sync. An entry also
    holds for a field that was read as its number before (`worker.feedback.former_numbers`). A
    long name keeps a digest of its end: cut off, it could be that of another list, and an entry of
    one would count for both, until that one is undone.
    """
    name = fit_list_name(_mask_numbers(name))
    result = ImportResult()
    result.batch = undo_action.new_mark()
    now, keys = import_batches.begin(ctx, result.batch, "list", name, by).at, ctx.keys
    stream = iter(numbers)
    text = evidence or f"on the list {name}"
    while batch := list(dict.fromkeys(islice(stream, _IMPORT_BATCH))):
        with ctx.store.write() as connection:
            names = number_aliases(keys, batch, report_log.has_erasures(connection))
            listed_as = {list_key(name, kept_as): of for kept_as, of in names.items()}
            known: set[str] = set()
            for chunk in chunks(list(listed_as)):
                listed = sa.select(suppressions.c.key).where(suppressions.c.key.in_(chunk))
                known.update(*(listed_as[key] for key in connection.scalars(listed)))
            new = [number for number in batch if number not in known]
            rows = [
                {
                    "key": list_key(name, number),
                    "number": number,
                    "contact": "",
                    "person": "",
                    "channels": channels,
                    "reason": SuppressionReason.LIST,
                    "source": name,
                    "evidence": text,
                    "since": now,
                    "lifted_by": "",
                    "lifted_why": "",
                }
                for number in new
            ]
            # A page that finds a reading changed meanwhile has to see these, or they its record.
            locks.acquire(connection, Lock.APPLYING_REPORTS)
            insert(connection, suppressions, rows)
            rules = rules_from_settings(ctx.settings)
            late = former_numbers.copies_of_late_reports(connection, new, now, rules, keys)
            if late:
                report_log.store(connection, late, now, keys)
            in_index = outbox.held_by_anybody(connection, new)
            invalidate(connection, in_index)
            crms = crms_to_notify(ctx)
            items = [OutboxItem(list_key(name, number), number, crms, now) for number in in_index]
            outbox.enqueue(connection, items, now)
            suppression_changes.announce(connection, keys, now)
        result.added += len(new)
        result.known += len(batch) - len(new)
        result.held += len(in_index)
        import_batches.count(ctx, result.batch, result.added)
    return result


def _mask_numbers(name: str) -> str:
    """Return a list's name without phone numbers, which an erasure could not take out
    of every row."""
    for match in reversed(list(PhoneNumberMatcher(name, "US"))):
        name = f"{name[: match.start]}(number){name[match.end :]}"
    return name


def list_key(name: str, number: str) -> str:
    """Return the key by which an entry of a list counts once."""
    return f"list:{name}:{number}"
