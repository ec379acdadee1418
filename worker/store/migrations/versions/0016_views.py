"""views for a warehouse

They only read, so the version before goes on beside them and writes as it did. Erased numbers and
contacts stand in the tables as keyed hashes; the views show nothing in their place.
"""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None

VIEWS = ('v_contacts', 'v_numbers', 'v_lookups', 'v_reports')
# From what weighs most to what weighs least.
STATUSES = (
    'do_not_contact', 'wrong_number', 'invalid', 'unreachable', 'unverified', 'valid',
)


def upgrade() -> None:
    sql = Sql(op.get_bind().dialect.name == 'postgresql')
    for name, query in (
        ('v_contacts', contacts(sql)), ('v_numbers', numbers(sql)),
        ('v_lookups', LOOKUPS), ('v_reports', reports(sql)),
    ):
        statement = f'CREATE VIEW {name} AS {query}'
        op.execute(sa.text(statement.replace(':', '\\:')))  # else `:true` is a parameter


def downgrade() -> None:
    for name in reversed(VIEWS):
        op.execute(f'DROP VIEW {name}')


STATUS_MARK = ':"%s"'


def mark(flag: str, value: str) -> str:
    return f'"{flag}":{value}'


class Sql:
    """What the two databases spell differently."""

    def __init__(self, is_postgresql: bool) -> None:
        self.is_postgresql = is_postgresql
        self.yes, self.no = ('TRUE', 'FALSE') if is_postgresql else ('1', '0')

    def holds(self, column: str, mark: str) -> str:
        """That a mark stands in the text of a JSON column (`worker.store.text_marks`)."""
        if self.is_postgresql:
            return f"strpos(CAST({column} AS TEXT), '{mark}') > 0"
        return f"instr({column}, '{mark}') > 0"

    def flag(self, name: str) -> str:
        """A flag; NULL where the record has none of this name."""
        return (
            f"CASE WHEN {self.holds('known', mark(name, 'true'))} THEN {self.yes} "
            f"WHEN {self.holds('known', mark(name, 'false'))} THEN {self.no} END AS {name}"
        )

    def status_of(self, field: str) -> str:
        if self.is_postgresql:
            return f'c.statuses ->> {field}'
        return f'(SELECT value FROM json_each(c.statuses) WHERE key = {field})'

    def part_of_contact(self, place: int) -> str:
        """Connector (1), object (2) or id (3) of `connector/object/id`."""
        if self.is_postgresql:
            part = (
                f"split_part(contact, '/', {place})" if place < 3
                else "substring(contact from '^[^/]*/[^/]*/(.*)$')"
            )
        else:
            rest = "substr(contact, instr(contact, '/') + 1)"
            part = (
                "substr(contact, 1, instr(contact, '/') - 1)",
                f"substr({rest}, 1, instr({rest}, '/') - 1)",
                f"substr({rest}, instr({rest}, '/') + 1)",
            )[place - 1]
        return f"CASE WHEN contact LIKE '%/%/%' THEN {part} END"


def optional(column: str) -> str:
    return f"NULLIF(CAST({column} AS TEXT), '')"


def number(column: str) -> str:
    """A number; NULL if it was erased, or there is none."""
    return f"CASE WHEN {column} LIKE '+%' THEN CAST({column} AS TEXT) END"


def contacts(sql: Sql) -> str:
    worst = ' '.join(
        f"WHEN {sql.holds('statuses', STATUS_MARK % status)} THEN '{status}'" for status in STATUSES
    )
    return f"""
SELECT CAST(connector AS TEXT) AS connector, CAST(object AS TEXT) AS object,
    CAST(record_id AS TEXT) AS record_id,
    CASE {worst} END AS status, CAST(statuses AS TEXT) AS phone_statuses,
    {sql.flag('wrong_number')}, {sql.flag('do_not_contact')}, {sql.flag('do_not_call')},
    {sql.flag('do_not_text')},
    {optional('source')} AS source, {optional('campaign')} AS campaign,
    {optional('country')} AS country, {optional('month')} AS created_month,
    {optional('person')} AS person, value AS contact_value, waiting AS awaiting_answer,
    checked_at
FROM contacts"""


def numbers(sql: Sql) -> str:
    return f"""
SELECT CAST(n.connector AS TEXT) AS connector, CAST(n.object AS TEXT) AS object,
    CAST(n.record_id AS TEXT) AS record_id, CAST(n.field AS TEXT) AS field, n.place AS position,
    {number('n.number')} AS number, {optional('n.extension')} AS extension,
    {sql.status_of('n.field')} AS status, c.checked_at
FROM contact_numbers n LEFT JOIN contacts c
    ON c.connector = n.connector AND c.object = n.object AND c.record_id = n.record_id"""


LOOKUPS = f"""
SELECT l.id, {number('l.number')} AS number, CAST(l.provider AS TEXT) AS provider,
    {optional('l.package')} AS package, {optional('l.run_id')} AS run_id,
    CAST(l.state AS TEXT) AS state, {optional('l.verdict')} AS verdict,
    {optional('v.line_type')} AS line_type, {optional('v.country')} AS country,
    {optional('v.carrier')} AS carrier, v.reassigned, v.until AS answer_expires_at, l.cost,
    l.at AS asked_at
FROM lookups l LEFT JOIN verifications v
    ON v.number = l.number AND v.provider = l.provider AND v.package = l.package
    AND v.since = l.since"""

# A source may be the name of whoever said it: only what we write ourselves is taken over.
ORIGIN = """
CASE WHEN kind = 'erasure' OR source = 'admin' THEN 'admin'
    WHEN source = 'recipient''s page' THEN 'recipient_page'
    WHEN source LIKE '% user' THEN 'crm_user'
    WHEN source LIKE '% sms' THEN 'message'
    WHEN source LIKE '% call' THEN 'call'
    WHEN source LIKE '% consent' THEN 'consent_record'
    WHEN source LIKE '% import' THEN 'crm_import'
    WHEN source LIKE 'file %' THEN 'file'
    ELSE 'other' END"""


def reports(sql: Sql) -> str:
    return f"""
SELECT id, CAST(kind AS TEXT) AS kind, {number('number')} AS number,
    {optional('channels')} AS channels,
    {sql.part_of_contact(1)} AS connector, {sql.part_of_contact(2)} AS object,
    {sql.part_of_contact(3)} AS record_id,
    CAST(reach AS TEXT) AS scope, {ORIGIN} AS origin, {optional('grade')} AS severity,
    {number('new_number')} AS new_number, at AS reported_at, received_at, applied_at
FROM feedback WHERE key NOT LIKE 'undone:%'"""
