"""A big database for `bench.pages`: N contacts, and Y years of what an installation has done.

Filled by the database itself, as far as pages read it, with the shapes that make them slow: one run
that wrote every contact, statuses from common to rare, segments from large to tiny, a campaign for
less than half, records that have failed, opt-outs by the thousand.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from worker.store import tables as t
from worker.store.bulk import insert
from worker.store.engine import Store, open_store

_PAGE = 200  # contacts that were checked at the same moment
_EVERY = 15  # minutes from run to run of each CRM
NOW = datetime.now(UTC)
FIRST_RUN = "20240101-000000-00000{half}"  # the first sync of each CRM, which wrote everything
LIST = "Newsletter"

# (statuses of a contact's phone fields, of a thousand contacts)
_STATUSES: tuple[tuple[dict[str, str], int], ...] = (
    ({"phone": "valid"}, 600),
    ({"phone": "valid", "mobilephone": "valid"}, 135),
    ({"phone": "invalid"}, 90),
    ({"phone": "unverified"}, 80),
    ({"phone": "valid", "mobilephone": "invalid"}, 30),
    ({}, 28),
    ({"phone": "do_not_contact"}, 20),
    ({"phone": "wrong_number"}, 10),
    ({"phone": "unverified", "mobilephone": "invalid"}, 5),
    ({"phone": "unreachable"}, 2),
)
_COUNTRIES = (
    ("US", 600), ("DE", 150), ("GB", 150), ("FR", 10), ("IT", 10), ("ES", 10), ("NL", 10),
    ("AT", 10), ("CH", 10), ("SE", 10), ("PL", 10), ("CA", 10), ("AU", 10),
)  # fmt: skip
_KINDS = (("opt_out", 5), ("wrong_number", 2), ("undeliverable", 2), ("complaint", 1))

# Of a row n, as SQL.
_KEY = (
    "CASE n % 2 WHEN 0 THEN 'hubspot' ELSE 'salesforce' END, "
    "CASE n % 2 WHEN 0 THEN 'contacts' ELSE 'Contact' END, "
    "CASE n % 2 WHEN 0 THEN {id} ELSE '003' || {long} || 'AAA' END"
).format(id="CAST(100000000 + n AS TEXT)", long="CAST(100000000000 + n AS TEXT)")
_NUMBER = "'+1415' || CAST(2000000 + n AS TEXT)"
_RUN = "'20260101-000000-' || CAST(100000 + n AS TEXT)"
_FIRST = "CASE n % 2 WHEN 0 THEN '{}' ELSE '{}' END".format(
    *(FIRST_RUN.format(half=half) for half in (0, 1))
)


def number(place: int) -> str:
    return f"+1415{2_000_000 + place}"


def record(place: int) -> dict[str, Any]:
    half = place % 2
    return {
        "connector": ("hubspot", "salesforce")[half],
        "object": ("contacts", "Contact")[half],
        "record_id": (f"{100_000_000 + place}", f"003{100_000_000_000 + place}AAA")[half],
    }


def _of_thousand(salt: int) -> str:
    """Return a figure from 0 to 999 that looks drawn: the same for a row and salt each time."""
    return f"(((n * {(48271, 69621, 39373, 16807, 40014)[salt]} + 977) / 1009) % 1000)"


def _case(value: str, parts: Sequence[tuple[str, int]]) -> str:
    """Return SQL that gives each text for as many values in a thousand as it is paired with."""
    upto, whens = 0, []
    for text, weight in parts:
        upto += weight
        whens.append(f"WHEN {value} < {upto} THEN '{text}'")
    return f"CASE {' '.join(whens)} ELSE '{parts[0][0]}' END"


class _Filler:
    """Inserts rows that are written as SQL over a series of n."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._postgresql = store.engine.dialect.name == "postgresql"

    def ago(self, minutes: str) -> str:
        if self._postgresql:
            return f"(now() - make_interval(mins => CAST({minutes} AS INTEGER)))"
        return f"strftime('%Y-%m-%d %H:%M:%S.000000', 'now', -({minutes}) || ' minutes')"

    def json(self, text: str) -> str:
        return f"CAST({text} AS JSON)" if self._postgresql else text

    def insert(self, table: sa.Table, total: int, columns: str, values: str) -> None:
        names = ", ".join(f'"{name}"' for name in columns.split())
        series = (
            f"SELECT n FROM generate_series(CAST(0 AS BIGINT), {total - 1}) AS made(n)"
            if self._postgresql
            else f"SELECT 0 UNION ALL SELECT n + 1 FROM series WHERE n < {total - 1}"
        )
        sql = (
            f"INSERT INTO {table.name} ({names}) WITH RECURSIVE series(n) AS ({series}) "
            f"SELECT {values} FROM series"
        )
        with self._store.write() as connection:
            if not self._postgresql:  # indexes of a million rows, all over the file
                connection.exec_driver_sql("PRAGMA cache_size = -1000000")
            connection.exec_driver_sql(sql.replace("%", "%%") if self._postgresql else sql)


def fill(url: str, contacts: int, years: float) -> None:
    """Fill the database. Long because it lists a row of each table."""
    store = open_store(url)
    filler = _Filler(store)
    add, ago, as_json = filler.insert, filler.ago, filler.json
    nothing = as_json("'{}'")
    now, soon = ago("0"), ago("-129600")
    key = "connector object record_id"
    drawn = [_of_thousand(salt) for salt in range(5)]
    statuses = _case(drawn[0], [(orjson.dumps(by_field).decode(), n) for by_field, n in _STATUSES])
    flags = _case(drawn[0], [
        ('{"wrong_number":false,"do_not_contact":false}', 968),
        ('{"wrong_number":false,"do_not_contact":true}', 20),
        ('{"wrong_number":true,"do_not_contact":false}', 12),
    ])  # fmt: skip
    add(
        t.contacts, contacts,
        f"{key} fingerprint statuses known reason why readings source campaign country month "
        "person glance settled_until answers waiting checked_at",
        f"{_KEY}, 'x', {as_json(statuses)}, {as_json(flags)}, 'Phone is a valid number.', '', '', "
        f"CASE WHEN n % 49999 = 7 THEN 'Tiny Fair' WHEN {drawn[1]} < 10 THEN 'Purchased List' "
        f"ELSE 'Source ' || CAST({drawn[1]} * {drawn[1]} / 16667 AS TEXT) END, "
        f"CASE WHEN {drawn[2]} < 600 THEN '' ELSE 'Campaign ' || "
        f"CAST(({drawn[2]} - 600) * ({drawn[2]} - 600) / 267 AS TEXT) END, "
        f"{_case(drawn[3], _COUNTRIES)}, "
        "CAST(2016 + n % 10 AS TEXT) || '-' || CAST(10 + n % 3 AS TEXT), "
        f"'p' || CAST(n AS TEXT), 'x', {soon}, {nothing}, "
        f"{drawn[4]} < 3, {ago(f'n / {_PAGE} * {_EVERY}')}",
    )  # fmt: skip
    add(t.contact_numbers, contacts, f"{key} field place number extension",
        f"{_KEY}, 'phone', 0, {_NUMBER}, ''")  # fmt: skip
    add(
        t.verifications, contacts,
        "number provider package since depth verdict line_type country carrier live cost detail "
        "words at until due_at",
        f"{_NUMBER}, 'offline', 'format', '', 'format', 'valid', 'unknown', 'US', '', '', 0, '', "
        f"'', {now}, {soon}, {soon}",
    )  # fmt: skip
    add(t.list_members, contacts // 50, f"list {key}",
        f"'{LIST}', {_KEY.replace('n ', '(n * 50 + n % 2) ')}"
        .replace("+ n AS", "+ (n * 50 + n % 2) AS"))  # fmt: skip
    runs = int(365 * years * 24 * 60 / _EVERY) * 2
    run_columns = (
        "id connector kind scope state dry_run force opened_at finished_at began_at last_write_at "
        "reading read_all skip notes reader_calls opened_by purpose"
    )

    def run(name: str, opened: str, scope: str, state: str) -> str:
        empty_list, calls = as_json("'[]'"), as_json("""'{"read":2}'""")
        scoped = as_json(f"""'{{"kind":"{scope}","values":[]}}'""")
        return (
            f"{name}, CASE n % 2 WHEN 0 THEN 'hubspot' ELSE 'salesforce' END, 'sync', {scoped}, "
            f"{state}, 1 = 0, 1 = 0, {opened}, {opened}, {opened}, {opened}, {empty_list}, 1 = 1, "
            f"{nothing}, {empty_list}, {calls}, '', ''"
        )

    began = ago(str(int(365 * years + 2) * 24 * 60))
    add(t.runs, 2, run_columns, run(_FIRST, began, "everything", "'done'"))
    state = "CASE WHEN n % 997 = 1 THEN 'failed' ELSE 'done' END"
    add(t.runs, runs, run_columns, run(_RUN, ago(f"n / 2 * {_EVERY}"), "changed", state))
    counts = as_json("'" + orjson.dumps({
        "fields": {"valid": 90}, "api": {"read": 1, "write": 1}, "lookups": {}, "sources": {},
    }).decode() + "'")  # fmt: skip

    def page(run_id: str, seq: str, stored: str, written: str) -> str:
        return (
            f"{run_id}, {seq}, 'contacts', 'done', {stored}, 1, 100, 100, 10, {written}, "
            f"10 - {written}, 0, {counts}"
        )

    page_columns = (
        "run_id seq object state stored_at attempts size read changed written failed gone counts"
    )
    first_at = ago(f"{int(365 * years + 2) * 24 * 60} - n / 90")
    add(t.pages, contacts // 100, page_columns, page(_FIRST, "n / 2", first_at, "10"))
    written = "CASE WHEN n % 499 = 3 THEN 0 ELSE 10 END"
    add(t.pages, runs, page_columns, page(_RUN, "1", ago(f"n / 2 * {_EVERY}"), written))
    write = f"{_KEY}, n, {as_json(_quoted('status/phone', None))}, " \
            f"{as_json(_quoted('status/phone', 'valid'))}, 'done'"  # fmt: skip
    write_columns = f"{key} page_id before after state run_id at"
    add(t.writes, contacts, write_columns, f"{write}, {_FIRST}, {began}")
    add(t.writes, contacts, write_columns,
        f"{write}, {_RUN.replace('n AS', f'n % {runs} AS')}, {ago(f'n % {runs} / 2 * {_EVERY}')}",
        )  # fmt: skip
    add(t.failures, contacts // 40, f"{key} kind message retry attempts run_id at",
        f"{_KEY.replace('n ', '(n * 40 + n % 2) ').replace('+ n AS', '+ (n * 40 + n % 2) AS')}, "
        "CASE n % 4 WHEN 0 THEN 'locked' WHEN 1 THEN 'read_only' ELSE 'rejected' END, "
        f"'The CRM refuses it.', 1 = 1, 1, {_FIRST}, {now}")  # fmt: skip
    tenth = _NUMBER.replace("+ n", "+ n * 10")
    add(
        t.feedback, contacts // 10,
        "key kind number channels contact reach person source evidence at received_at applied_at",
        f"'k' || CAST(n AS TEXT), {_case('n % 10', _KINDS)}, "
        f"CASE WHEN n % 97 = 5 THEN '' ELSE {tenth} END, '', "  # one in 97 has no number
        "CASE WHEN n % 97 = 5 THEN 'hubspot/contacts/' || CAST(100000000 + n * 10 AS TEXT) "
        "ELSE '' END, CASE WHEN n % 97 = 5 THEN 'person' ELSE 'number' END, '', 'twilio', 'STOP', "
        f"{ago('n % 100000 * 10')}, {ago('n % 100000 * 10')}, {now}",
    )  # fmt: skip
    add(
        t.suppressions, contacts // 5,
        "key number contact person channels reason source evidence since lifted_by lifted_why",
        f"'feedback:' || CAST(n AS TEXT), {_NUMBER.replace('+ n', '+ n * 5')}, '', '', "
        "'call text', CASE WHEN n % 4 > 0 THEN 'list' WHEN n % 8 = 0 THEN 'opt_out' "
        f"ELSE 'wrong_number' END, 'twilio', 'STOP', {now}, '', ''",
    )  # fmt: skip
    minutes = ago("n * 10")
    add(
        t.deliveries, contacts // 10,
        "cause connector number state since attempts again_at error holders confirmed_at",
        "'feedback:' || CAST(n / 2 AS TEXT), CASE n % 2 WHEN 0 THEN 'hubspot' ELSE 'salesforce' "
        f"END, {tenth}, 'done', {minutes}, 1, {now}, '', 1, {minutes}",
    )  # fmt: skip
    add(
        t.reviews, 500, "key number source text suggestion evidence at decision decided_by",
        f"'r' || CAST(n AS TEXT), {tenth}, 'twilio', 'who is this', '', '', {ago('n * 60')}, "
        "'', ''",
    )  # fmt: skip
    no_types = as_json("'[]'")  # all
    # "dialer" has taken nearly all; "quiet" has had few, and those long ago.
    add(
        t.events, contacts // 5,
        "id uid type number contact sequence channels reason evidence detail at",
        "n + 1, 'evt_' || CAST(n AS TEXT), 'number.suppressed', "
        f"{_NUMBER.replace('+ n', '+ n * 5')}, '', 1, 'call text', 'opt_out', "
        f"'feedback:' || CAST(n AS TEXT), {nothing}, "
        f"{ago(f'{contacts // 5} - n')}",
    )  # fmt: skip
    add(
        t.endpoints, 2,
        "id name kind url types state managed_by secret former_secret number_key created_at "
        "created_by failures error",
        "n + 1, CASE n WHEN 0 THEN 'dialer' ELSE 'quiet' END, 'webhook', 'https://x.example/', "
        f"{no_types}, "
        f"'active', '', '', '', '', {began}, 'kim', 0, ''",
    )  # fmt: skip
    sent = "endpoint_id event_id subject state since attempts retry_at status error note at"
    add(
        t.event_deliveries, contacts // 5, sent,
        f"1, n + 1, {_NUMBER.replace('+ n', '+ n * 5')}, CASE WHEN n % 499 = 3 THEN 'parked' "
        f"WHEN n % 997 = 5 THEN 'pending' ELSE 'delivered' END, {now}, 1, {now}, 204, '', '', "
        f"{now}",
    )  # fmt: skip
    add(
        t.event_deliveries, 100, sent,
        f"2, n + 1, {_NUMBER.replace('+ n', '+ n * 5')}, 'delivered', {now}, 1, {now}, 204, '', "
        f"'', {now}",
    )  # fmt: skip
    add(t.audit_log, 50_000, "at who action target why", f"{now}, 'kim', 'login', 'admin', ''")
    _fill_days(store, contacts, int(365 * years))
    store.close()


def _quoted(name: str, value: str | None) -> str:
    return "'" + orjson.dumps({name: value}).decode() + "'"


def _fill_days(store: Store, contacts: int, days: int) -> None:
    """Fill the small tables that hold a row a day or week."""
    spend = [
        {"day": f"{NOW - timedelta(days=n // 40):%Y-%m-%d}", "provider": "twilio",
         "run_id": f"r{n}", "money": 8000, "reserved_money": 0, "lookups": 1,
         "reserved_lookups": 0, "lost": 0}
        for n in range(days * 40)
    ]  # fmt: skip
    counted = [
        {"day": f"{NOW - timedelta(days=n // 2):%Y-%m-%d}",
         "connector": ("hubspot", "salesforce")[n % 2], "contacts": contacts // 2,
         "statuses": {"valid": contacts // 2 - n % 99, "invalid": contacts // 20 + n % 77}}
        for n in range(days * 2)
    ]  # fmt: skip
    monday = NOW - timedelta(days=NOW.weekday())
    history = [
        {"by": "source", "connector": ("hubspot", "salesforce")[n % 2],
         "value": f"Source {n // 2 % 200}", "contacts": 5000, "numbers": 6000, "bad": n % 600,
         "week": f"{monday - timedelta(weeks=n // 400):%Y-%m-%d}"}
        for n in range(days // 7 * 400)
    ]  # fmt: skip
    marks = [
        {"connector": "hubspot", "object": "contacts", "position": NOW, "run_id": "r"},
        {"connector": "salesforce", "object": "Contact", "position": NOW, "run_id": "r"},
    ]
    with store.write() as connection:
        for table, rows in (
            (t.spend, spend), (t.daily_counts, counted), (t.segment_history, history),
            (t.watermarks, marks),
        ):  # fmt: skip
            insert(connection, table, rows)


def is_filled(url: str) -> bool:
    store = open_store(url)
    with store.read() as connection:
        any_contact = connection.scalar(sa.select(sa.literal(1)).select_from(t.contacts).limit(1))
    store.close()
    return any_contact is not None


def settle(url: str) -> None:
    """Do what a server's autovacuum does by itself within minutes."""
    store = open_store(url)
    if store.engine.dialect.name == "postgresql":
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("VACUUM ANALYZE"))
    store.close()
