"""duplicates, change streams, consent records that are written, backfills, views for a warehouse

New tables and views only: the version before goes on beside them, and does not know of them. The
views only read. Erased numbers and contacts stand in the tables as keyed hashes; the views show
nothing in their place.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer, 'sqlite')
Time = sa.DateTime(timezone=True)
VIEWS = ('v_contacts', 'v_numbers', 'v_lookups', 'v_reports')
# From what weighs most to what weighs least.
STATUSES = (
    'do_not_contact', 'wrong_number', 'invalid', 'unreachable', 'unverified', 'valid',
)


def where(condition: str) -> dict[str, Any]:
    return {'sqlite_where': sa.text(condition), 'postgresql_where': sa.text(condition)}


def upgrade() -> None:
    create_duplicates()
    create_consent_writes()
    create_endpoint_backfills()
    create_opt_out_questions()
    create_change_streams()
    create_views()


def downgrade() -> None:
    for name in reversed(VIEWS):
        op.execute(f'DROP VIEW {name}')
    for name in (
        'stream_subscribers', 'change_streams', 'opt_out_questions', 'endpoint_backfills',
        'consent_writes', 'duplicate_places', 'duplicate_groups',
    ):
        op.drop_table(name)


def create_duplicates() -> None:
    op.create_table(
        'duplicate_groups',
        sa.Column('number', sa.String(20), nullable=False),
        sa.Column('kind', sa.String(12), nullable=False),
        sa.Column('rule', sa.String(20), nullable=False),
        sa.Column('evidence', sa.JSON, nullable=False),
        sa.Column('contacts', sa.Integer, nullable=False),
        sa.Column('people', sa.Integer, nullable=False),
        sa.Column('connectors', sa.String(255), nullable=False),
        sa.Column('line', sa.String(12), nullable=False),
        sa.Column('digest', sa.String(32), nullable=False),
        sa.Column('counted_at', Time, nullable=False),
        sa.Column('compared_at', Time),
        sa.PrimaryKeyConstraint('number', name=op.f('pk_duplicate_groups')),
    )
    op.create_table(
        'duplicate_places',
        sa.Column('connector', sa.String(40), nullable=False),
        sa.Column('number', sa.String(20), nullable=False),
        sa.Column('kind', sa.String(12), nullable=False),
        sa.Column('contacts', sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint('connector', 'number', name=op.f('pk_duplicate_places')),
    )
    op.create_index('ix_duplicate_places_number', 'duplicate_places', ['number'])
    op.create_index(
        'ix_duplicate_places_contacts', 'duplicate_places', ['connector', 'contacts', 'number']
    )
    op.create_index(
        'ix_duplicate_places_kind', 'duplicate_places', ['connector', 'kind', 'contacts', 'number']
    )


def create_endpoint_backfills() -> None:
    op.create_table(
        'endpoint_backfills',
        sa.Column('endpoint_id', BigId, autoincrement=False, nullable=False),
        sa.Column('after_id', BigId, nullable=False),
        sa.Column('upto_id', BigId, nullable=False),
        sa.Column('total', BigId, nullable=False),
        sa.Column('queued', BigId, nullable=False),
        sa.Column('started_at', Time, nullable=False),
        sa.Column('started_by', sa.String(120), nullable=False),
        sa.Column('finished_at', Time),
        sa.PrimaryKeyConstraint('endpoint_id', name=op.f('pk_endpoint_backfills')),
    )


def create_opt_out_questions() -> None:
    op.create_table(
        'opt_out_questions',
        sa.Column('number', sa.String(40), nullable=False),
        sa.Column('report_key', sa.String(255), nullable=False),
        sa.Column('state', sa.String(10), nullable=False),
        sa.Column('opted_out_at', Time, nullable=False),
        sa.Column('owner', sa.String(120)),
        sa.Column('claimed_at', Time),
        sa.Column('vendor_id', sa.String(64), nullable=False),
        sa.Column('answered_at', Time),
        sa.PrimaryKeyConstraint('number', name=op.f('pk_opt_out_questions')),
    )
    op.create_index(
        'ix_opt_out_questions_state', 'opt_out_questions', ['state', 'opted_out_at']
    )


def create_consent_writes() -> None:
    op.create_table(
        'consent_writes',
        sa.Column('id', BigId, autoincrement=True, nullable=False),
        sa.Column('connector', sa.String(40), nullable=False),
        sa.Column('object', sa.String(80), nullable=False),
        sa.Column('record_id', sa.String(80), nullable=False),
        sa.Column('wanted', sa.String(10), nullable=False),
        sa.Column('since', Time, nullable=False),
        sa.Column('report_id', BigId, nullable=False),
        sa.Column('state', sa.String(10), nullable=False),
        sa.Column('written', sa.String(10), nullable=False, server_default=''),
        sa.Column('party', sa.String(40), nullable=False, server_default=''),
        sa.Column('consent_id', sa.String(40), nullable=False, server_default=''),
        sa.Column('run_id', sa.String(40), nullable=False),
        sa.Column('attempts', sa.Integer, nullable=False),
        sa.Column('retry_at', Time, nullable=False),
        sa.Column('message', sa.String(255), nullable=False),
        sa.Column('at', Time, nullable=False),
        sa.Column('lease_expires_at', Time),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_consent_writes')),
        sa.UniqueConstraint(
            'connector', 'object', 'record_id',
            name=op.f('uq_consent_writes_connector_object_record_id'),
        ),
    )
    op.create_index(
        'ix_consent_writes_open', 'consent_writes', ['connector', 'id'],
        **where("state <> 'written'"),
    )
    op.create_index('ix_consent_writes_consent', 'consent_writes', ['consent_id'])


def create_change_streams() -> None:
    op.create_table(
        'change_streams',
        sa.Column('connector', sa.String(40), nullable=False),
        sa.Column('channel', sa.String(120), nullable=False),
        sa.Column('replay_id', sa.LargeBinary),
        sa.Column('heard_at', Time),
        sa.Column('event_at', Time),
        sa.Column('lag', sa.BigInteger),
        sa.Column('counts', sa.JSON, nullable=False),
        sa.Column('problem', sa.String(500), nullable=False, server_default=''),
        sa.PrimaryKeyConstraint('connector', 'channel', name=op.f('pk_change_streams')),
    )
    op.create_table(
        'stream_subscribers',
        sa.Column('connector', sa.String(40), nullable=False),
        sa.Column('expected_at', Time, nullable=False),
        sa.Column('owner', sa.String(120)),
        sa.Column('lease_expires_at', Time),
        sa.Column('pull_at', Time),
        sa.Column('pull_reason', sa.String(200), nullable=False, server_default=''),
        sa.PrimaryKeyConstraint('connector', name=op.f('pk_stream_subscribers')),
    )


def create_views() -> None:
    sql = Sql(op.get_bind().dialect.name == 'postgresql')
    for name, query in (
        ('v_contacts', contacts(sql)), ('v_numbers', numbers(sql)),
        ('v_lookups', LOOKUPS), ('v_reports', reports(sql)),
    ):
        statement = f'CREATE VIEW {name} AS {query}'
        op.execute(sa.text(statement.replace(':', '\\:')))  # else `:true` is a parameter


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
