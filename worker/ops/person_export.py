"""Give a person what we hold of them (GDPR art. 15): the other half of `suppression.erasure`.

Every table is either exported, by one of `SECTIONS`, or named in `EXEMPT` with the reason; a test
holds that against the tables. Of a number that other people have as well, nothing is given that was
said of these others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson
import sqlalchemy as sa
from msgspec.structs import asdict
from sqlalchemy.engine import Connection

from config.errors import HygieneError
from worker.context import Context
from worker.feedback import ownership, report_log
from worker.feedback.models import contact_key
from worker.phones.plan_changes import equal_forms
from worker.store import tables as t
from worker.store.array_param import any_of
from worker.store.pseudonyms import number_aliases
from worker.sync.runs.stored_pages import decode_page

MAX_RECORDS: Final = 100  # more that hold one number are no single person

Holder = tuple[str, str, str]  # connector, object, record id
Conditions = list[sa.ColumnElement[bool]]


class NotOnePersonError(HygieneError):
    """So many contacts hold a number that it is not one person's."""

    exit_code = 2
    http_status = 409

    def __init__(self, records: int) -> None:
        super().__init__(
            f"{records:,} contacts hold this number, so it is not one person's; name the person: "
            "--person EMAIL or --contact CONNECTOR:ID"
        )


@dataclass(frozen=True, slots=True)
class Person:
    """Whom an export is about. `numbers` and `contacts` as they may stand in our tables: also equal
    forms, hashes of what was erased, and records that were merged into theirs.

    `whole_number`: the number itself was named, so all that was said of it belongs to the answer.
    """

    records: tuple[Holder, ...] = ()
    contacts: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    whole_number: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A table with personal data: what it holds, in words, and which of its rows are a person's.
    `without`: columns that say nothing of anybody, such as leases."""

    table: sa.Table
    what: str
    conditions: Callable[[sa.Table, Person], Conditions]
    without: tuple[str, ...] = ()
    shown: Callable[[dict[str, Any], Person], dict[str, Any]] = field(
        default=lambda row, _person: row
    )


def person_by_email(ctx: Context, email: str) -> Person:
    """Return the person with this email: our index has a keyed hash of it, in each CRM."""
    persons = ctx.keys.person_aliases(email)
    c = t.contacts.c
    query = sa.select(c.connector, c.object, c.record_id).where(any_of(c.person, persons))
    with ctx.store.read() as connection:
        records = [(row[0], row[1], row[2]) for row in connection.execute(query)]
        return _complete(ctx, connection, records, persons, ())


def person_by_record(ctx: Context, holder: Holder) -> Person:
    """Return the person of a record, with the other records that have the same email."""
    c = t.contacts.c
    with ctx.store.read() as connection:
        person = connection.scalar(sa.select(c.person).where(_is_record(t.contacts, holder)))
        records = [holder]
        if person:
            query = sa.select(c.connector, c.object, c.record_id).where(c.person == person)
            records += [(row[0], row[1], row[2]) for row in connection.execute(query)]
        return _complete(ctx, connection, records, (person,) if person else (), ())


def person_by_number(ctx: Context, number: str) -> Person:
    """Return whoever holds a number; raises `NotOnePersonError`.

    An organisation's record that holds it too is nobody's, and stays out.
    """
    n = t.contact_numbers.c
    query = sa.select(n.connector, n.object, n.record_id).where(n.number.in_(equal_forms(number)))
    with ctx.store.read() as connection:
        held_by = [(row[0], row[1], row[2]) for row in connection.execute(query.distinct())]
        records = [
            holder
            for holder in held_by
            if not ownership.is_organisation(contact_key(*holder), ctx.organisations)
        ]
        if len(records) > MAX_RECORDS:
            raise NotOnePersonError(len(records))
        return _complete(ctx, connection, records, (), (number,))


def _complete(
    ctx: Context, connection: Connection, records: Iterable[Holder], persons: Iterable[str],
    named: tuple[str, ...],
) -> Person:  # fmt: skip
    """Add what belongs to the records: their numbers, and records that were merged into them."""
    holders = list(dict.fromkeys(records))
    keys = [contact_key(*holder) for holder in holders]
    m = t.merged_records.c
    merged = list(connection.scalars(sa.select(m.key).where(any_of(m.into_key, keys))))
    for connector, object_name, record_id in (key.split("/", 2) for key in merged):
        holders.append((connector, object_name, record_id))
    keys += merged
    n, c = t.contact_numbers.c, t.contacts.c
    numbers, found = list(named), list(persons)
    for holder in holders:
        held = sa.select(n.number).where(_is_record(t.contact_numbers, holder))
        numbers += [] if named else connection.scalars(held)
        found += connection.scalars(sa.select(c.person).where(_is_record(t.contacts, holder)))
    has_erasures = report_log.has_erasures(connection)
    return Person(
        tuple(holders), tuple(dict.fromkeys(keys)), tuple({person for person in found if person}),
        tuple(number_aliases(ctx.keys, numbers, has_erasures)), bool(named),
    )  # fmt: skip


# -- which rows are a person's ---------------------------------------------------------------


def _is_record(table: sa.Table, holder: Holder) -> sa.ColumnElement[bool]:
    connector, object_name, record_id = holder
    c = table.c
    return sa.and_(c.connector == connector, c.object == object_name, c.record_id == record_id)


def _of_records(table: sa.Table, person: Person) -> Conditions:
    return [_is_record(table, holder) for holder in person.records]


def _of_numbers(table: sa.Table, person: Person) -> Conditions:
    return [any_of(table.c.number, person.numbers)]


def _of_registries(table: sa.Table, person: Person) -> Conditions:
    """Registries keep a number as a whole one, without its plus."""
    whole = [int(number[1:]) for number in person.numbers if number.startswith("+")]
    return [any_of(table.c.number, whole)] if whole else []


def _of_records_or_persons(table: sa.Table, person: Person) -> Conditions:
    return [*_of_records(table, person), any_of(table.c.person, person.persons)]


def _of_reports(table: sa.Table, person: Person) -> Conditions:
    """Rows with a number, and with the contact on which it was said ("": none is known)."""
    c = table.c
    theirs = [any_of(c.contact, person.contacts)]
    if "person" in c:
        theirs.append(any_of(c.person, person.persons))
    about_number = any_of(c.number, person.numbers)
    if not person.whole_number:
        about_number = sa.and_(about_number, c.contact == "")
    elif "new_number" in c:
        theirs.append(any_of(c.new_number, person.numbers))
    return [about_number, *theirs]


def _of_subjects(table: sa.Table, person: Person) -> Conditions:
    return [any_of(table.c.subject, (*person.numbers, *person.contacts))]


def _of_merges(table: sa.Table, person: Person) -> Conditions:
    return [any_of(table.c.key, person.contacts), any_of(table.c.into_key, person.contacts)]


def _that_mention(*columns: str) -> Callable[[sa.Table, Person], Conditions]:
    """Rows whose JSON or payload names one of the person's numbers or records."""

    def conditions(table: sa.Table, person: Person) -> Conditions:
        ids = [record_id for _connector, _object, record_id in person.records]
        return [
            sa.cast(table.c[column], sa.Text).contains(f'"{text}"', autoescape=True)
            for column in columns
            for text in (*person.numbers, *ids)
        ]

    return conditions


def _of_stored_pages(table: sa.Table, person: Person) -> Conditions:
    return [table.c.payload.is_not(None)] if person.records else []


def _scope_of(row: dict[str, Any], person: Person) -> dict[str, Any]:
    """A run that was opened for a person's records: without what it was opened for besides."""
    theirs = {*person.numbers, *(record_id for _c, _o, record_id in person.records)}
    scope = dict(row["scope"])
    scope["values"] = [value for value in scope.get("values", ()) if value in theirs]
    kept = ("id", "connector", "kind", "opened_at", "finished_at", "opened_by", "purpose")
    return {**{name: row[name] for name in kept}, "scope": scope}


def _contacts_of(row: dict[str, Any], person: Person) -> dict[str, Any]:
    """A stored page: only the person's records on it, as they were read from the CRM."""
    ids, contacts = decode_page(row["payload"])
    theirs = {record_id for _c, name, record_id in person.records if name == row["object"]}
    found = [record_id for record_id in ids if record_id in theirs]
    read = [asdict(contact) for contact in contacts or () if contact.id in theirs]
    return {"run_id": row["run_id"], "object": row["object"], "stored_at": row["stored_at"],
            "ids": found, "contacts": read} if found else {}  # fmt: skip


SECTIONS: Final = (
    Section(t.contacts, "Your records in the CRMs, as our index has them", _of_records_or_persons,
            ("fingerprint", "content_hash", "readings", "why")),
    Section(t.contact_numbers, "The phone numbers in your records", _of_records),
    Section(t.former_readings, "Numbers that a field of your records was read as before",
            _of_records),
    Section(t.verifications, "What lookup services said of your numbers", _of_numbers),
    Section(t.lookups, "Lookups of your numbers, and what they cost", _of_numbers),
    Section(t.lookup_claims, "Lookups of your numbers that are being made now", _of_numbers,
            ("owner", "lease_expires_at")),
    Section(t.lookup_retries, "Lookups of your numbers that got no answer yet", _of_numbers),
    Section(t.feedback, "What was reported by you, or about your numbers", _of_reports),
    Section(t.undone_reports, "Reports of an import that was a mistake, and was taken back",
            _of_reports),
    Section(t.suppressions, "Why you are not to be contacted, and since when", _of_reports,
            ("announced",)),
    Section(t.merged_records, "Records of yours that a CRM has merged", _of_merges),
    Section(t.registry_numbers, "Registries that your numbers are on", _of_registries),
    Section(t.events, "What happened to your numbers, in order", _of_reports, ("erase",)),
    Section(t.number_sequences, "How many events your numbers have had", _of_subjects),
    Section(t.event_deliveries, "To which systems these events were sent", _of_subjects),
    Section(t.deliveries, "Which CRM was told of a report about your numbers", _of_numbers),
    Section(t.last_delivered, "When a message last reached your numbers", _of_numbers),
    Section(t.reviews, "Your replies that a person was to read", _of_numbers),
    Section(t.shared_numbers, "Numbers of yours that many contacts have", _of_numbers),
    Section(t.duplicate_groups, "Numbers of yours that two contacts or more have, and why",
            _of_numbers, ("digest",)),
    Section(t.duplicate_places, "The lists that such a number is on", _of_numbers),
    Section(t.writes, "What we wrote to your records, before and after", _of_records),
    Section(t.failures, "What could not be written to your records", _of_records),
    Section(t.owner_tasks, "Tasks that we gave the owners of your records", _of_records,
            ("lease_expires_at",)),
    Section(t.consent_writes, "Consent records that we wrote about you, or are to write",
            _of_records, ("lease_expires_at",)),
    Section(t.changed_records, "Your records that were changed, and wait to be read", _of_records),
    Section(t.rechecks, "Re-checks of your records that somebody asked for", _of_records,
            ("callback",)),
    Section(t.ask_messages, "When you were asked to confirm a number, and what you answered",
            _of_records, ("owner", "code_hash")),
    Section(t.opt_out_questions, "Opt-outs of yours after which we asked what you meant",
            _of_numbers, ("owner",)),
    Section(t.list_members, "Lists of the CRM that your records are on", _of_records),
    Section(t.absent_records, "Records of yours that a full read did not find",
            lambda table, person: [
                sa.and_(table.c.object == name, table.c.record_id == record_id)
                for _connector, name, record_id in person.records
            ]),
    Section(t.removal_holds, "Records of yours whose removal waits for a person",
            _that_mention("examples"),
            shown=lambda row, person: {**row, "examples": [
                record_id for record_id in row["examples"]
                if record_id in {other for _c, _o, other in person.records}
            ]}),
    Section(t.runs, "Runs that were opened for your records or numbers", _that_mention("scope"),
            shown=_scope_of),
    Section(t.pages, "Your records on pages that wait to be processed", _of_stored_pages,
            shown=_contacts_of),
)  # fmt: skip

# Tables without rows about the people in the CRMs, and why.
EXEMPT: Final[Mapping[str, str]] = {
    "reading_rewrites": "counts by day",
    "spend": "sums of money by day",
    "provider_states": "how lookup services are doing",
    "registries": "lists of authorities, with counts",
    "registry_imports": "imports of these lists, with counts",
    "scrubs": "certificates of checked lists; a keyed hash of each list, no number of it",
    "endpoints": "systems that events are sent to",
    "endpoint_backfills": "how far the list of suppressions was carried to these systems",
    "imported_reports": "which import brought a report; ids alone",
    "capture_keys": "keys that forms of your own show",
    "capture_answers": "for minutes, what was said of a number that is not named",
    "capture_counts": "counts by day",
    "polls": "how far calls were read",
    "call_outcomes": "names and counts of call outcomes",
    "installation": "facts about the installation; of an erased contact, flags under a keyed hash",
    "watermarks": "how far CRMs were read",
    "change_streams": "how far change events were followed, with counts",
    "stream_subscribers": "which process follows change events",
    "schemas": "the fields of the CRMs",
    "segment_counts": "counts",
    "segment_history": "counts",
    "daily_counts": "counts",
    "campaign_outcomes": "counts",
    "ask_campaigns": "whom campaigns ask, as a rule; their messages are exported",
    "isolations": "groups of contacts, with counts",
    "users": "those who work with this installation",
    "sessions": "those who work with this installation",
    "throttles": "logins that failed, for minutes",
    "api_tokens": "keys of other programs",
    "audit_log": "what our staff did; numbers in it are masked",
    "alerts": "what an operator was told; it names no person",
}


# -- the export ------------------------------------------------------------------------------


def export(ctx: Context, person: Person) -> dict[str, Any]:
    """Return all that we hold of a person, as plain values for JSON: a section for each table with
    rows of theirs, under a title in words."""
    sections: list[dict[str, Any]] = []
    nothing: list[str] = []
    with ctx.store.snapshot() as connection:
        for section in SECTIONS:
            rows = list(_rows(connection, section, person))
            if rows:
                sections.append(
                    {"what": section.what, "table": str(section.table.name), "rows": rows}
                )
            else:
                nothing.append(section.what)
    return {
        "made_at": ctx.now().isoformat(),
        "records": [contact_key(*holder) for holder in person.records],
        "numbers": list(person.numbers),
        "note": "What your CRMs hold themselves is not part of this: export it there.",
        "held": sections,
        "nothing_held_in": nothing,
        "tables_without_data_about_you": dict(EXEMPT),
    }


def _rows(connection: Connection, section: Section, person: Person) -> Iterator[dict[str, Any]]:
    conditions = section.conditions(section.table, person)
    if not conditions:
        return
    query = sa.select(section.table).where(sa.or_(*conditions))
    query = query.order_by(*section.table.primary_key.columns)
    keys = [str(column.key) for column in section.table.columns]
    for row in connection.execute(query.execution_options(yield_per=200)):
        values = section.shown(dict(zip(keys, row, strict=True)), person)
        plain = {key: _plain(value) for key, value in values.items() if key not in section.without}
        if plain:
            yield plain


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return orjson.loads(orjson.dumps(value, default=str))
