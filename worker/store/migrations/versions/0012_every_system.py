"""the log of events and endpoints, suppression lists with an authority, indexes of few rows

The version before goes on beside it: what it suppresses or lifts is found by
`ix_suppressions_unannounced`, and appended to the log by the next task of this version. The indexes are of the few rows that pages look
for among all runs, pages and contacts: a row costs something only while it is one of the few.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer, 'sqlite')
Time = sa.DateTime(timezone=True)
UNANNOUNCED = "announced <> (CASE WHEN lifted_at IS NULL THEN channels ELSE '' END)"
FLAGS = ('wrong_number', 'do_not_contact', 'do_not_call', 'do_not_text')
IN_FEED = "type IN ('number.suppressed', 'number.wrong', 'number.lifted')"


def where(condition: str) -> dict[str, Any]:
    return {'sqlite_where': sa.text(condition), 'postgresql_where': sa.text(condition)}


def create(name: str, table: str, columns: list[str], sqlite: str, postgresql: str = '') -> None:
    op.create_index(
        name, table, columns,
        sqlite_where=sa.text(sqlite), postgresql_where=sa.text(postgresql or sqlite),
    )


def upgrade() -> None:
    index_few_rows()
    create_registries()
    op.add_column(
        'suppressions', sa.Column('announced', sa.String(20), nullable=False, server_default='')
    )
    # What stands already is in the exported list, with which a reader of the feed begins.
    op.execute('UPDATE suppressions SET announced = channels WHERE lifted_at IS NULL')
    op.create_index('ix_suppressions_unannounced', 'suppressions', ['id'], **where(UNANNOUNCED))
    op.create_table(
        'events',
        sa.Column('id', BigId, autoincrement=True, nullable=False),
        sa.Column('uid', sa.String(40), nullable=False),
        sa.Column('type', sa.String(30), nullable=False),
        sa.Column('number', sa.String(40), nullable=False),
        sa.Column('contact', sa.String(200), nullable=False),
        sa.Column('sequence', sa.Integer, nullable=False),
        sa.Column('channels', sa.String(20), nullable=False),
        sa.Column('reason', sa.String(40), nullable=False),
        sa.Column('evidence', sa.String(120), nullable=False),
        sa.Column('detail', sa.JSON, nullable=False),
        sa.Column('at', Time, nullable=False),
        sa.Column('erase', sa.Boolean, nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_events')),
        sqlite_autoincrement=True,
    )
    op.create_index('ix_events_number', 'events', ['number', 'id'])
    op.create_index('ix_events_feed', 'events', ['id'], **where(IN_FEED))
    op.create_table(
        'number_sequences',
        sa.Column('subject', sa.String(200), nullable=False),
        sa.Column('sequence', sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint('subject', name=op.f('pk_number_sequences')),
    )
    op.create_table(
        'endpoints',
        sa.Column('id', BigId, autoincrement=True, nullable=False),
        sa.Column('name', sa.String(40), nullable=False),
        sa.Column('kind', sa.String(32), nullable=False),
        sa.Column('url', sa.String(500), nullable=False),
        sa.Column('types', sa.JSON, nullable=False),
        sa.Column('state', sa.String(10), nullable=False),
        sa.Column('managed_by', sa.String(10), nullable=False),
        sa.Column('secret', sa.Text, nullable=False),
        sa.Column('former_secret', sa.Text, nullable=False),
        sa.Column('former_until', Time),
        sa.Column('number_key', sa.Text, nullable=False),
        sa.Column('created_at', Time, nullable=False),
        sa.Column('created_by', sa.String(120), nullable=False),
        sa.Column('failures', sa.Integer, nullable=False),
        sa.Column('failing_since', Time),
        sa.Column('retry_at', Time),
        sa.Column('error', sa.String(255), nullable=False),
        sa.Column('delivered_at', Time),
        sa.Column('owner', sa.String(120)),
        sa.Column('lease_expires_at', Time),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_endpoints')),
        sa.UniqueConstraint('name', name=op.f('uq_endpoints_name')),
        sqlite_autoincrement=True,
    )
    op.create_table(
        'event_deliveries',
        sa.Column('id', BigId, autoincrement=True, nullable=False),
        sa.Column('endpoint_id', BigId, nullable=False),
        sa.Column('event_id', BigId, nullable=False),
        sa.Column('subject', sa.String(200), nullable=False),
        sa.Column('state', sa.String(10), nullable=False),
        sa.Column('since', Time, nullable=False),
        sa.Column('attempts', sa.Integer, nullable=False),
        sa.Column('retry_at', Time, nullable=False),
        sa.Column('status', sa.Integer),
        sa.Column('error', sa.String(255), nullable=False),
        sa.Column('note', sa.String(255), nullable=False),
        sa.Column('at', Time),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_event_deliveries')),
        sa.UniqueConstraint(
            'endpoint_id', 'event_id', name=op.f('uq_event_deliveries_endpoint_id_event_id')
        ),
    )
    op.create_index('ix_event_deliveries_event', 'event_deliveries', ['event_id'])
    is_open = where("state <> 'delivered'")
    op.create_index(
        'ix_event_deliveries_open', 'event_deliveries', ['endpoint_id', 'event_id'], **is_open
    )
    op.create_index(
        'ix_event_deliveries_subject', 'event_deliveries', ['endpoint_id', 'subject', 'event_id'],
        **is_open,
    )
    op.add_column('writes', sa.Column('settled_at', Time))
    create_imported_reports()
    create_owner_tasks()
    create_capture()
    create_asking()


def index_few_rows() -> None:
    create('ix_runs_under_way', 'runs', ['connector', 'opened_at'], "state IN ('running', 'paused')")
    create('ix_runs_dry_run', 'runs', ['opened_at'], 'dry_run = 1', 'dry_run')
    create('ix_pages_parked', 'pages', ['stored_at'], "state = 'parked'")
    op.drop_index('ix_contacts_waiting', 'contacts')
    create('ix_contacts_waiting', 'contacts', ['connector', 'object', 'record_id'], 'waiting')
    op.drop_index('ix_contacts_flagged', 'contacts')
    for flag in FLAGS:
        index_marks(f'ix_contacts_flag_{flag}', f'"{flag}":true')


def index_marks(name: str, mark: str) -> None:
    """Index the contacts whose flags hold a mark, spelled as `worker.store.text_marks` does."""
    escaped = mark.replace(':', '\\:')  # else `:true` is a parameter
    pattern = escaped.replace('_', '\\_')
    create(
        name, 'contacts', ['connector', 'object', 'record_id'],
        f"(instr(known, '{escaped}') > 0)", f"(known::text LIKE '%{pattern}%')",
    )


def create_registries() -> None:
    op.create_table(
        'registries',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(length=80), nullable=False),
        sa.Column('authority', sa.String(length=120), nullable=False),
        sa.Column('channels', sa.String(length=20), nullable=False),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.Column('numbers', sa.BigInteger(), nullable=False),
        sa.Column('as_of', Time),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_registries')),
        sa.UniqueConstraint('name', name=op.f('uq_registries_name')),
    )
    op.create_table(
        'registry_imports',
        sa.Column('registry', sa.Integer(), nullable=False),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.Column('kind', sa.String(length=10), nullable=False),
        sa.Column('state', sa.String(length=10), nullable=False),
        sa.Column('at', Time, nullable=False),
        sa.Column('as_of', Time, nullable=False),
        sa.Column('by', sa.String(length=120), nullable=False),
        sa.Column('owner', sa.String(length=120), nullable=False),
        sa.Column('files', sa.Text(), nullable=False),
        sa.Column('sha256', sa.String(length=64), nullable=False),
        sa.Column('refused', sa.BigInteger(), nullable=False),
        sa.Column('added', sa.BigInteger(), nullable=False),
        sa.Column('removed', sa.BigInteger(), nullable=False),
        sa.Column('numbers', sa.BigInteger(), nullable=False),
        sa.Column('told', sa.String(length=20), nullable=False),
        sa.Column('error', sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint('registry', 'generation', name=op.f('pk_registry_imports')),
        sa.ForeignKeyConstraint(
            ['registry'], ['registries.id'], name=op.f('fk_registry_imports_registry_registries')
        ),
    )
    op.create_index(op.f('ix_registry_imports_state'), 'registry_imports', ['state'])
    op.create_table(
        'registry_numbers',
        sa.Column('number', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('registry', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('since', sa.Integer(), nullable=False),
        sa.Column('until', sa.Integer()),
        sa.PrimaryKeyConstraint('number', 'registry', name=op.f('pk_registry_numbers')),
        sqlite_with_rowid=False,
    )
    gone = sa.text('until IS NOT NULL')
    op.create_index(
        'ix_registry_numbers_until', 'registry_numbers', ['registry'],
        sqlite_where=gone, postgresql_where=gone,
    )
    op.create_table(
        'scrubs',
        sa.Column('id', sa.String(length=40), nullable=False),
        sa.Column('at', Time, nullable=False),
        sa.Column('ended_at', Time, nullable=False),
        sa.Column('who', sa.String(length=120), nullable=False),
        sa.Column('channel', sa.String(length=10), nullable=False),
        sa.Column('numbers', sa.BigInteger(), nullable=False),
        sa.Column('list_hash', sa.String(length=64), nullable=False),
        sa.Column('counts', sa.JSON(), nullable=False),
        sa.Column('rules', sa.JSON(), nullable=False),
        sa.Column('registries', sa.JSON(), nullable=False),
        sa.Column('signature', sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_scrubs')),
    )
    op.create_index(op.f('ix_scrubs_at'), 'scrubs', ['at'])


def create_imported_reports() -> None:
    op.create_table(
        'imported_reports',
        sa.Column('report', BigId, autoincrement=False, nullable=False),
        sa.Column('batch', sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint('report', 'batch', name=op.f('pk_imported_reports')),
    )
    op.create_index('ix_imported_reports_batch', 'imported_reports', ['batch', 'report'])
    op.create_table(
        'undone_reports',
        sa.Column('id', BigId, autoincrement=False, nullable=False),
        sa.Column('batch', sa.String(length=20), nullable=False),
        sa.Column('kind', sa.String(length=20), nullable=False),
        sa.Column('number', sa.String(length=40), nullable=False),
        sa.Column('channels', sa.String(length=20), nullable=False),
        sa.Column('contact', sa.String(length=200), nullable=False),
        sa.Column('person', sa.String(length=40), nullable=False),
        sa.Column('source', sa.String(length=40), nullable=False),
        sa.Column('evidence', sa.Text(), nullable=False),
        sa.Column('new_number', sa.String(length=40), nullable=False),
        sa.Column('at', Time, nullable=False),
        sa.Column('undone_at', Time, nullable=False),
        sa.Column('undone_by', sa.String(length=120), nullable=False),
        sa.Column('undone_why', sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_undone_reports')),
    )
    op.create_index(op.f('ix_undone_reports_number'), 'undone_reports', ['number'])
    op.create_index(op.f('ix_undone_reports_contact'), 'undone_reports', ['contact'])


def create_owner_tasks() -> None:
    op.create_table(
        'owner_tasks',
        sa.Column('id', BigId, autoincrement=True, nullable=False),
        sa.Column('run_id', sa.String(length=40), nullable=False),
        sa.Column('connector', sa.String(length=40), nullable=False),
        sa.Column('object', sa.String(length=80), nullable=False),
        sa.Column('record_id', sa.String(length=80), nullable=False),
        sa.Column('reason', sa.String(length=20), nullable=False),
        sa.Column('fields', sa.String(length=255), nullable=False),
        sa.Column('state', sa.String(length=10), nullable=False),
        sa.Column('due', sa.String(length=10), nullable=False),
        sa.Column('task_id', sa.String(length=40), nullable=False),
        sa.Column('message', sa.String(length=255), nullable=False),
        sa.Column('at', Time, nullable=False),
        sa.Column('lease_expires_at', Time),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_owner_tasks')),
        sa.UniqueConstraint(
            'run_id', 'object', 'record_id', 'reason',
            name=op.f('uq_owner_tasks_run_id_object_record_id_reason'),
        ),
    )
    unsent = where("state IN ('waiting', 'sending')")
    op.create_index('ix_owner_tasks_unsent', 'owner_tasks', ['connector', 'id'], **unsent)


def create_capture() -> None:
    op.create_table(
        'capture_keys',
        sa.Column('id', BigId, autoincrement=True, nullable=False),
        sa.Column('name', sa.String(40), nullable=False),
        sa.Column('key', sa.String(64), nullable=False),
        sa.Column('former_key', sa.String(64), nullable=False),
        sa.Column('former_until', Time),
        sa.Column('state', sa.String(10), nullable=False),
        sa.Column('origins', sa.JSON, nullable=False),
        sa.Column('per_minute', sa.Integer, nullable=False),
        sa.Column('per_address', sa.Integer, nullable=False),
        sa.Column('day_budget', sa.BigInteger, nullable=False),
        sa.Column('month_budget', sa.BigInteger, nullable=False),
        sa.Column('created_at', Time, nullable=False),
        sa.Column('created_by', sa.String(120), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_capture_keys')),
        sa.UniqueConstraint('name', name=op.f('uq_capture_keys_name')),
        sa.UniqueConstraint('key', name=op.f('uq_capture_keys_key')),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f('ix_capture_keys_former_key'), 'capture_keys', ['former_key'])
    op.create_table(
        'capture_answers',
        sa.Column('id', sa.String(64), nullable=False),
        sa.Column('answer', sa.JSON, nullable=False),
        sa.Column('expires_at', Time, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_capture_answers')),
    )
    op.create_index(op.f('ix_capture_answers_expires_at'), 'capture_answers', ['expires_at'])
    op.create_table(
        'capture_counts',
        sa.Column('day', sa.String(10), nullable=False),
        sa.Column('key_id', BigId, autoincrement=False, nullable=False),
        sa.Column('outcome', sa.String(20), nullable=False),
        sa.Column('answers', sa.Integer, nullable=False),
        sa.Column('at', Time, nullable=False),
        sa.PrimaryKeyConstraint('day', 'key_id', 'outcome', name=op.f('pk_capture_counts')),
    )


def create_asking() -> None:
    op.create_table(
        'ask_campaigns',
        sa.Column('id', BigId, autoincrement=True, nullable=False),
        sa.Column('name', sa.String(60), nullable=False),
        sa.Column('channel', sa.String(10), nullable=False),
        sa.Column('selection', sa.JSON, nullable=False),
        sa.Column('basis', sa.String(255), nullable=False),
        sa.Column('state', sa.String(10), nullable=False),
        sa.Column('per_minute', sa.Integer, nullable=False),
        sa.Column('budget', sa.BigInteger, nullable=False),
        sa.Column('spent', sa.BigInteger, nullable=False),
        sa.Column('next_at', Time, nullable=False),
        sa.Column('troubles', sa.Integer, nullable=False),
        sa.Column('error', sa.String(255), nullable=False),
        sa.Column('left_out', sa.JSON, nullable=False),
        sa.Column('created_at', Time, nullable=False),
        sa.Column('created_by', sa.String(120), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_ask_campaigns')),
        sa.UniqueConstraint('name', name=op.f('uq_ask_campaigns_name')),
    )
    op.create_table(
        'ask_messages',
        sa.Column('id', BigId, autoincrement=True, nullable=False),
        sa.Column('campaign_id', BigId, nullable=False),
        sa.Column('connector', sa.String(40), nullable=False),
        sa.Column('object', sa.String(80), nullable=False),
        sa.Column('record_id', sa.String(80), nullable=False),
        sa.Column('recipient', sa.String(200), nullable=False),
        sa.Column('number', sa.String(40), nullable=False),
        sa.Column('state', sa.String(10), nullable=False),
        sa.Column('reason', sa.String(40), nullable=False),
        sa.Column('not_before', Time, nullable=False),
        sa.Column('attempts', sa.Integer, nullable=False),
        sa.Column('owner', sa.String(120)),
        sa.Column('claimed_at', Time),
        sa.Column('price', sa.BigInteger, nullable=False),
        sa.Column('code_hash', sa.String(64)),
        sa.Column('vendor_id', sa.String(64), nullable=False),
        sa.Column('opened_at', Time),
        sa.Column('answer', sa.String(10), nullable=False),
        sa.Column('answered_at', Time),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_ask_messages')),
        sa.UniqueConstraint(
            'campaign_id', 'recipient', name=op.f('uq_ask_messages_campaign_id_recipient')
        ),
        sa.UniqueConstraint(
            'campaign_id', 'number', name=op.f('uq_ask_messages_campaign_id_number')
        ),
        sa.UniqueConstraint('code_hash', name=op.f('uq_ask_messages_code_hash')),
    )
    op.create_index(
        'ix_ask_messages_state', 'ask_messages', ['campaign_id', 'state', 'not_before']
    )
    for column in ('number', 'recipient', 'claimed_at'):
        op.create_index(f'ix_ask_messages_{column}', 'ask_messages', [column])
    op.create_index(
        'ix_ask_messages_record', 'ask_messages', ['connector', 'object', 'record_id']
    )


def downgrade() -> None:
    op.drop_column('writes', 'settled_at')
    for table in (
        'ask_messages', 'ask_campaigns',
        'capture_counts', 'capture_answers', 'capture_keys',
        'owner_tasks', 'undone_reports', 'imported_reports',
    ):
        op.drop_table(table)
    for table in ('scrubs', 'registry_numbers', 'registry_imports', 'registries'):
        op.drop_table(table)
    for flag in FLAGS:
        op.drop_index(f'ix_contacts_flag_{flag}', 'contacts')
    index_marks('ix_contacts_flagged', ':true')
    op.drop_index('ix_contacts_waiting', 'contacts')
    create('ix_contacts_waiting', 'contacts', ['connector'], 'waiting')
    op.drop_index('ix_pages_parked', 'pages')
    op.drop_index('ix_runs_dry_run', 'runs')
    op.drop_index('ix_runs_under_way', 'runs')
    for table in ('event_deliveries', 'endpoints', 'number_sequences', 'events'):
        op.drop_table(table)
    op.drop_index('ix_suppressions_unannounced', 'suppressions')
    op.drop_column('suppressions', 'announced')
