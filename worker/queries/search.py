"""Find what somebody typed into the search box in our own tables: numbers, records, runs, segments.

People are not found here: our tables hold no names (`Connector.find_people` asks a CRM).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.credentials import SalesforceCredentials
from config.environment import SHARED_LOGINS
from connectors.errors import ConnectorError
from worker.context import Context
from worker.phones import facts, region_of
from worker.phones.plan_changes import equal_forms
from worker.phones.single_number import number_of
from worker.segments.statistics import share
from worker.store.tables import contact_numbers, contacts, runs, segment_counts

LIMIT = 20  # results of a kind
NAMED = ("source", "campaign", "list")  # segments that people know by name
_REGIONS = 30  # countries that a number without one is tried with
_SAMPLE = 5000  # contacts, and segments, that are looked at where nothing is counted
_NEAR = 3  # suggestions
_CLOSE = 0.6  # likeness of a suggestion, from 0 to 1 (`difflib`)

# A record's id by itself, or the last one in the address of its page.
_ID = re.compile(r"00[3Q1][A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?|\d{1,20}")
_IN_ADDRESS = re.compile(rf".*/({_ID.pattern})(?![A-Za-z0-9])")
_OWN_PAGE = re.compile(r"/contacts/([a-z0-9-]+)/[^/\s]+/[^/\s]+")  # of our own address
_PORTAL = re.compile(r"/contacts/(\d{1,20})/")  # of an address in HubSpot
_RUN = re.compile(r"(?:.*/runs/)?(\d{8}-[\d]{0,6}(?:-[0-9a-f]{0,6})?)(?:[/?#].*)?|(20\d{6})")
_DATE = re.compile(r"20\d{6}")  # begins the ids of a day's runs, and may be a number as well
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NumberMatch:
    """`holders`: contacts of our index that have the number."""

    number: str
    region: str
    holders: int


@dataclass(frozen=True, slots=True)
class RecordMatch:
    connector: str
    object: str
    id: str

    @property
    def path(self) -> str:
        return f"/contacts/{self.connector}/{self.object}/{self.id}"


@dataclass(frozen=True, slots=True)
class RunMatch:
    id: str
    connector: str
    opened_at: str


@dataclass(frozen=True, slots=True)
class SegmentMatch:
    by: str
    value: str
    connector: str
    contacts: int
    bad: float  # share of its phone fields


@dataclass(frozen=True, slots=True)
class Results:
    """`near`: segments with a like name, where nothing was found. `person`: whether the text may
    be somebody's name or email, for which the CRMs are asked."""

    numbers: Sequence[NumberMatch] = ()
    records: Sequence[RecordMatch] = ()
    runs: Sequence[RunMatch] = ()
    segments: Sequence[SegmentMatch] = ()
    near: Sequence[SegmentMatch] = ()
    person: bool = False

    @property
    def count(self) -> int:
        return sum(map(len, (self.numbers, self.records, self.runs, self.segments)))


def find(ctx: Context, text: str) -> Results:
    """Return what our tables hold of a text."""
    text = " ".join(text.split())
    if not text or not text.isprintable():
        return Results()
    found_runs = _runs(ctx, text)
    if found_runs and not _DATE.fullmatch(text):
        return Results(runs=found_runs)
    records = _records_by_id(ctx, text)
    if _ADDRESS.match(text):
        return Results(records=records)
    person = is_personal(text) and not records
    numbers = [] if "@" in text else _numbers(ctx, text)
    records += _records_by_email(ctx, text) if "@" in text else []
    segments = _segments(ctx, text)
    nothing = not (numbers or records or segments or found_runs)
    near = near_segments(ctx, text) if nothing else []
    return Results(numbers, records, found_runs, segments, near, person)


def is_personal(text: str) -> bool:
    """Return whether a text may be a name or an email.

    >>> is_personal("Kim Lee"), is_personal("kim@example.com"), is_personal("(415) 555 2671 x")
    (True, True, False)
    """
    letters = sum(map(str.isalpha, text))
    return (letters > 1 and letters > sum(map(str.isdigit, text))) or "@" in text


# -- numbers -------------------------------------------------------------------------------


def _numbers(ctx: Context, text: str) -> list[NumberMatch]:
    """A number with its country is one; without it there may be one in each country."""
    whole = number_of(text)
    if whole is not None and facts(whole).possible:
        candidates = [whole]
    else:
        digits = re.sub(r"\D", "", text)
        spelt = [number_of(f"+{digits}")] if 7 <= len(digits) <= 15 else []
        with ctx.store.read() as connection:
            regions = _regions(ctx, connection)
        spelt += [number_of(text, region) for region in regions]
        candidates = [
            number for number in dict.fromkeys(spelt) if number and facts(number).possible
        ]
    with ctx.store.read() as connection:
        holders = _holders(connection, candidates)
    likely = [
        number for number in candidates if holders[number] or facts(number).valid
    ] or candidates
    matches = [
        NumberMatch(number, facts(number).region or "", holders[number]) for number in likely
    ]
    return sorted(matches, key=lambda match: not match.holders)[:LIMIT]


def _regions(ctx: Context, connection: Connection) -> list[str]:
    """Countries by code: the connectors' defaults, then those with the most contacts."""
    defaults = [
        region_of(getattr(ctx.settings.section(name), "default_country", "") or "")
        for name in ctx.settings.active_connectors
    ]
    c = segment_counts.c
    query = (
        sa.select(c.value, sa.func.sum(c.contacts))
        .where(c.by == "country")
        .group_by(c.value)
        .order_by(sa.func.sum(c.contacts).desc())
        .limit(_REGIONS)
    )
    countries = [row[0] for row in connection.execute(query)]
    if not countries:  # nothing has been counted yet
        sample = sa.select(contacts.c.country).limit(_SAMPLE).subquery()
        countries = list(connection.scalars(sa.select(sample.c.country).distinct()))
    return list(dict.fromkeys(filter(None, [*defaults, *countries])))[:_REGIONS]


def _holders(connection: Connection, numbers: Iterable[str]) -> dict[str, int]:
    """Return how many contacts hold each number, in any form of it."""
    forms = {number: equal_forms(number) for number in numbers}
    n = contact_numbers.c
    query = (
        sa.select(n.number, sa.func.count())
        .where(n.number.in_([form for equals in forms.values() for form in equals]))
        .group_by(n.number)
    )
    counts = {row[0]: int(row[1]) for row in connection.execute(query)} if forms else {}
    return {number: sum(counts.get(form, 0) for form in equals) for number, equals in forms.items()}


# -- records -------------------------------------------------------------------------------


def _records_by_id(ctx: Context, text: str) -> list[RecordMatch]:
    """Records that an id or the address of a record's page names."""
    c = contacts.c
    columns = sa.select(c.connector, c.object, c.record_id)
    address, whole = _IN_ADDRESS.match(text), _ID.fullmatch(text)
    record_id = address.group(1) if address else whole.group() if whole else ""
    matches: list[RecordMatch] = []
    if not record_id:
        return matches
    with ctx.store.read() as connection:
        for name in _of_address(ctx, text) if address else ctx.settings.active_connectors:
            try:
                object_name = ctx.open(name).object_of(record_id)
            except ConnectorError:
                continue  # no id of this CRM
            # Salesforce shows ids with 15 characters here and with 18 there.
            same = (
                c.record_id.between(record_id, record_id + "zzz")
                if len(record_id) == 15 and not record_id.isdigit()
                else c.record_id == record_id
            )
            query = columns.where(c.connector == name, c.object == object_name, same)
            matches += [RecordMatch(*row) for row in connection.execute(query.limit(5))]
    return list(dict.fromkeys(matches))


def _of_address(ctx: Context, text: str) -> list[str]:
    """Return the connections that a record's address can be of: where there are several of a kind,
    ids of one may mean other people in the other. A Salesforce address names the org (its My
    Domain), one of HubSpot the account; what cannot be told apart stays."""
    names = [*ctx.settings.active_connectors]
    if (own := _OWN_PAGE.search(text)) and own.group(1) in names:
        return [own.group(1)]
    orgs = {name: org for name in names if (org := _org_of(ctx, name))}
    try:
        org = _org(urlsplit(text).netloc)
    except ValueError:
        org = ""  # no address after all
    if org in orgs.values():
        names = [name for name in names if orgs.get(name) == org]
    if portal := _PORTAL.search(text):
        names = [name for name in names if ctx.open(name).account in ("", portal.group(1))]
    return names


def _org_of(ctx: Context, name: str) -> str:
    """Return what tells a Salesforce org's hosts from others: its My Domain name, or the address of
    a stand-in; "" for any other CRM, and at a login that orgs share."""
    credentials = ctx.settings.credentials_of(name)
    if not isinstance(credentials, SalesforceCredentials):
        return ""
    host = urlsplit(credentials.instance_url or credentials.login_url).netloc
    return "" if host in SHARED_LOGINS else _org(host)


def _org(host: str) -> str:
    """
    >>> _org("acme.my.salesforce.com"), _org("acme.lightning.force.com"), _org("127.0.0.1:8080")
    ('acme', 'acme', '127.0.0.1:8080')
    >>> _org("acme--uat.sandbox.lightning.force.com")
    'acme--uat'
    """
    host = host.lower()
    known = host.endswith((".salesforce.com", ".force.com", ".salesforce-setup.com"))
    return host.partition(".")[0] if known else host


def _records_by_email(ctx: Context, text: str) -> list[RecordMatch]:
    """Records with an email, by its keyed hash: the email itself is not stored."""
    c = contacts.c
    query = (
        sa.select(c.connector, c.object, c.record_id)
        .where(c.person.in_(ctx.keys.person_aliases(text)), c.person != "")
        .order_by(c.connector, c.object, c.record_id)
        .limit(LIMIT)
    )
    with ctx.store.read() as connection:
        return [RecordMatch(*row) for row in connection.execute(query)]


# -- runs ----------------------------------------------------------------------------------


def _runs(ctx: Context, text: str) -> list[RunMatch]:
    """Runs whose id begins so; also from the address of a run's page."""
    named = _RUN.fullmatch(text)
    if named is None:
        return []
    query = (
        sa.select(runs.c.id, runs.c.connector, runs.c.opened_at)
        .where(runs.c.id.startswith(named.group(1) or named.group(2), autoescape=True))
        .order_by(runs.c.opened_at.desc())
        .limit(LIMIT)
    )
    with ctx.store.read() as connection:
        return [
            RunMatch(row.id, row.connector, row.opened_at.isoformat())
            for row in connection.execute(query)
        ]


# -- segments ------------------------------------------------------------------------------


def _segments(ctx: Context, text: str) -> list[SegmentMatch]:
    """Segments in whose name the text stands, the largest first."""
    c = segment_counts.c
    query = (
        sa.select(segment_counts)
        .where(c.by.in_(NAMED), c.value != "", c.value.icontains(text, autoescape=True))
        .order_by(c.contacts.desc(), c.value)
        .limit(LIMIT)
    )
    with ctx.store.read() as connection:
        return [_segment(row) for row in connection.execute(query)]


def near_segments(ctx: Context, text: str, connector: str = "", by: str = "") -> list[SegmentMatch]:
    """Return the segments whose names are the most like a text, for "did you mean"."""
    c = segment_counts.c
    query = sa.select(segment_counts).where(c.value != "")
    query = query.where(c.by == by) if by else query.where(c.by.in_(NAMED))
    if connector:
        query = query.where(c.connector == connector)
    with ctx.store.read() as connection:
        rows = connection.execute(query.order_by(c.contacts.desc()).limit(_SAMPLE)).all()
    by_name: dict[str, SegmentMatch] = {}
    for row in rows:
        by_name.setdefault(row.value.casefold(), _segment(row))
    close = difflib.get_close_matches(text.casefold(), by_name, n=_NEAR, cutoff=_CLOSE)
    return [by_name[name] for name in close]


def _segment(row: sa.Row[tuple[object, ...]]) -> SegmentMatch:
    return SegmentMatch(
        row.by, row.value, row.connector, row.contacts, share(row.bad, row.numbers).rate
    )
