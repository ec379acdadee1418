"""Read all that is known of some numbers, as it is at one moment.

It is read from the log of reports, not from what was worked out of it: a STOP counts from when it
is stored, which is before its sender gets an answer. So a scrub that begins later knows of it,
whether or not the queue has applied it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.feedback import former_fields, former_numbers, report_log, review_holds
from worker.feedback.consent_state import Holders, Rules
from worker.feedback.models import ContactIdentity, Feedback, contact_key
from worker.feedback.report_log import ReportSet
from worker.phones.plan_changes import equal_forms, renumbered_forms
from worker.registries.model import Registry, load_all
from worker.store.array_param import any_of
from worker.store.pseudonyms import number_aliases
from worker.store.tables import contact_numbers, contacts, merged_records, suppressions
from worker.verification.answer_cache import load_answers
from worker.verification.models import Verification

_MAX_HOLDERS = 200  # of one number that are looked at, as in `report_log`


class ActiveSuppression(Struct, frozen=True):
    """A row of the suppression list that is in force."""

    channels: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of numbers, by number, and of contacts, by their keys.

    `known_contacts`: of the contacts that were asked about, those in our index. `held_contacts`:
    those about whom a reply waits for review, whatever number they have.
    """

    registries: Sequence[Registry]
    reports: ReportSet = field(default_factory=ReportSet)
    suppressions: Mapping[str, Sequence[ActiveSuppression]] = field(default_factory=dict)
    holders: Mapping[str, Holders] = field(default_factory=dict)
    known_contacts: Mapping[str, ContactIdentity] = field(default_factory=dict)
    held_contacts: Mapping[str, Feedback] = field(default_factory=dict)
    verifications: Mapping[str, Sequence[Verification]] = field(default_factory=dict)
    _covering: dict[tuple[str, str], tuple[Registry, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def covering(self, region: str, channel: str) -> tuple[Registry, ...]:
        """Return the registries that are about numbers of this region and this channel."""
        found = self._covering.get((region, channel))
        if found is None:
            found = tuple(each for each in self.registries if each.covers(region, channel))
            self._covering[region, channel] = found
        return found

    def knows_nothing_of(self, number: str) -> bool:
        """Return whether nothing is known of a number, and of nobody: most numbers of a list."""
        reports = self.reports
        return not (
            number in reports.reports
            or number in self.suppressions
            or number in self.holders
            or number in self.verifications
            or "" in reports.numbers_by_contact
            or "" in self.held_contacts
            or "" in self.known_contacts
        )


def load(
    ctx: Context, numbers: Sequence[str], contact_keys: Collection[str], rules: Rules
) -> Evidence:
    """Read all that is known of these numbers (E.164), in one snapshot of the database."""
    with ctx.store.snapshot() as connection:
        return load_in(ctx, connection, numbers, contact_keys, rules)


def load_in(
    ctx: Context,
    connection: Connection,
    numbers: Sequence[str],
    contact_keys: Collection[str],
    rules: Rules,
) -> Evidence:
    """Read the same in the caller's own transaction, which is to act on it."""
    registries = load_all(connection, ctx.settings)
    holders = _holders(connection, numbers)
    known_contacts = _known(ctx, connection, contact_keys)
    people = {
        who.key: who
        for who in (
            *known_contacts.values(),
            *(who for of in holders.values() for who in of.identities),
            *(ContactIdentity(key) for key in contact_keys if key not in known_contacts),
        )
    }
    about = report_log.load_about_contacts(connection, list(people.values()))
    on_whole = dict[str, Feedback]()
    for _, hold in review_holds.load_about_contacts(connection, people.values()):
        on_whole.setdefault(hold.contact, hold)
    reports = _reports(ctx, connection, numbers, about, holders, rules)
    return Evidence(
        registries,
        reports,
        _suppressions(ctx, connection, numbers),
        holders,
        known_contacts,
        on_whole,
        _verifications(ctx, connection, numbers),
    )


def _reports(
    ctx: Context,
    connection: Connection,
    numbers: Sequence[str],
    about: Mapping[str, Sequence[Feedback]],
    holders: Mapping[str, Holders],
    rules: Rules,
) -> ReportSet:
    """Load the reports about numbers and contacts, open reviews and registries among them.

    `about`: what was said about contacts as a whole, by their keys.
    """
    by_contact = {key: [report.number for report in of] for key, of in about.items()}
    asked = dict.fromkeys((*numbers, *(number for of in by_contact.values() for number in of)))
    asked.pop("", None)
    loaded = report_log.load(
        connection, list(asked), ctx.keys, with_holds=True, with_registries=True, holders=holders
    )
    loaded = dataclasses.replace(loaded, numbers_by_contact=by_contact)
    nameless = [report for of in about.values() for report in of if not report.number]
    if nameless:
        loaded.reports[""] = nameless
    if former_fields.are_any(connection):
        # Reports about the number that a field was read as before will be carried over to this one.
        changed = former_fields.read_now_as(connection, numbers)
        said = former_numbers.load_reports(connection, changed, ctx.keys)
        for copy in former_numbers.copies(changed, said, ctx.now(), rules):
            loaded.reports.setdefault(copy.number, []).append(copy)
    return loaded


def _holders(connection: Connection, numbers: Iterable[str]) -> dict[str, Holders]:
    """Return who holds each number, in whatever form, by our index."""
    n, c = contact_numbers.c, contacts.c
    of_form: dict[str, list[str]] = {}
    for number in numbers:
        for form in equal_forms(number):
            of_form.setdefault(form, []).append(number)
    place = sa.func.row_number().over(partition_by=n.number, order_by=(n.connector, n.record_id))
    some = (
        sa.select(n.number, n.connector, n.object, n.record_id, place.label("place"))
        .where(any_of(n.number, of_form))
        .subquery()
    )
    s = some.c
    same = sa.and_(c.connector == s.connector, c.object == s.object, c.record_id == s.record_id)
    query = (
        sa.select(s.number, s.connector, s.object, s.record_id, c.person)
        .join(contacts, same)
        .where(s.place <= _MAX_HOLDERS)
    )
    people: dict[str, dict[str, ContactIdentity]] = {}
    for form, connector, object_name, record_id, person in connection.execute(query):
        who = ContactIdentity(contact_key(connector, object_name, record_id), person)
        for number in of_form[form]:
            people.setdefault(number, {})[who.key] = who
    return {number: Holders(tuple(of.values())) for number, of in people.items()}


def _known(
    ctx: Context, connection: Connection, keys: Collection[str]
) -> dict[str, ContactIdentity]:
    """Return the contacts that our index holds, by the keys that were asked for.

    A key may leave its object out (connector//id). A record that was merged is the surviving one.
    """
    c, m = contacts.c, merged_records.c
    merged = sa.select(m.key, m.into_key).where(any_of(m.key, keys))
    wanted = {key: key for key in keys} | {row.key: row.into_key for row in
                                           connection.execute(merged)}  # fmt: skip
    asked_as: dict[tuple[str, str, str], list[str]] = {}
    for asked, key in wanted.items():
        connector, object_name, record_id = key.split("/", 2)
        for name in [object_name] if object_name else _objects(ctx, connector):
            asked_as.setdefault((connector, name, record_id), []).append(asked)
    by_object: dict[tuple[str, str], list[str]] = {}
    for connector, object_name, record_id in asked_as:
        by_object.setdefault((connector, object_name), []).append(record_id)
    known: dict[str, ContactIdentity] = {}
    for (connector, object_name), ids in by_object.items():
        query = sa.select(c.record_id, c.person).where(
            c.connector == connector, c.object == object_name, any_of(c.record_id, ids)
        )
        for record_id, person in connection.execute(query):
            who = ContactIdentity(contact_key(connector, object_name, record_id), person)
            known |= dict.fromkeys(asked_as[connector, object_name, record_id], who)
    return known


def _objects(ctx: Context, connector: str) -> Iterable[str]:
    section = getattr(ctx.settings.connectors, connector, None)
    objects: Mapping[str, object] = getattr(section, "objects", {})
    return objects


def _suppressions(
    ctx: Context, connection: Connection, numbers: Sequence[str]
) -> dict[str, list[ActiveSuppression]]:
    c = suppressions.c
    names = number_aliases(ctx.keys, numbers, report_log.has_erasures(connection))
    query = sa.select(c.number, c.channels, c.reason, c.since).where(
        any_of(c.number, names), c.lifted_at.is_(None)
    )
    active: dict[str, list[ActiveSuppression]] = {}
    for name, channels, reason, since in connection.execute(query):
        for number in names[name]:
            active.setdefault(number, []).append(ActiveSuppression(channels, reason, since))
    return active


def _verifications(
    ctx: Context, connection: Connection, numbers: Sequence[str]
) -> dict[str, list[Verification]]:
    """Return the answers that count, in the chain's order; of whichever form of a number that
    a change of plan made equal."""
    of_form: dict[str, list[str]] = {}
    for number in numbers:
        for form in renumbered_forms(number):
            of_form.setdefault(form, []).append(number)
    order = {step.name: place for place, step in enumerate(ctx.providers.steps)}
    answers: dict[str, list[Verification]] = {}
    for answer in load_answers(connection, numbers, ctx.now()):
        for number in of_form.get(answer.number, ()):
            answers.setdefault(number, []).append(answer)
    for of in answers.values():
        of.sort(key=lambda answer: order.get(answer.provider, -1))
    return answers
