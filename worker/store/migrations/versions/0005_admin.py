"""users, tokens and their audit log; segments and their isolation; alerts"""

import sqlalchemy as sa
from alembic import op

from worker.store.tables import UtcDateTime

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer, 'sqlite')


def upgrade() -> None:
    for name, length in (('opened_by', 120), ('purpose', 255)):
        op.add_column('runs', sa.Column(
            name, sa.String(length=length), nullable=False, server_default=''))
    op.create_index(op.f('ix_runs_opened_at'), 'runs', ['opened_at'])
    op.add_column('contacts', sa.Column(
        'month', sa.String(length=7), nullable=False, server_default=''))
    op.create_table(
        'segment_counts',
        sa.Column('by', sa.String(length=10), nullable=False),
        sa.Column('connector', sa.String(length=40), nullable=False),
        sa.Column('value', sa.String(length=255), nullable=False),
        sa.Column('contacts', sa.Integer(), nullable=False),
        sa.Column('numbers', sa.Integer(), nullable=False),
        sa.Column('bad', sa.Integer(), nullable=False),
        sa.Column('statuses', sa.JSON(), nullable=False),
        sa.Column('reports', sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint('by', 'connector', 'value', name=op.f('pk_segment_counts')),
    )
    op.create_table(
        'daily_counts',
        sa.Column('day', sa.String(length=10), nullable=False),
        sa.Column('connector', sa.String(length=40), nullable=False),
        sa.Column('contacts', sa.Integer(), nullable=False),
        sa.Column('statuses', sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint('day', 'connector', name=op.f('pk_daily_counts')),
    )
    op.create_table(
        'shared_numbers',
        sa.Column('number', sa.String(length=20), nullable=False),
        sa.Column('holders', sa.Integer(), nullable=False),
        sa.Column('persons', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('number', name=op.f('pk_shared_numbers')),
    )
    op.create_index(op.f('ix_shared_numbers_holders'), 'shared_numbers', ['holders'])
    op.create_table(
        'list_members',
        sa.Column('connector', sa.String(length=40), nullable=False),
        sa.Column('list', sa.String(length=80), nullable=False),
        sa.Column('object', sa.String(length=80), nullable=False),
        sa.Column('record_id', sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint('connector', 'list', 'object', 'record_id', name=op.f('pk_list_members')),
    )
    op.create_table(
        'campaign_outcomes',
        sa.Column('campaign', sa.String(length=255), nullable=False),
        sa.Column('day', sa.String(length=10), nullable=False),
        sa.Column('sent', sa.Integer(), nullable=False),
        sa.Column('delivered', sa.Integer(), nullable=False),
        sa.Column('undelivered', sa.Integer(), nullable=False),
        sa.Column('replies', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('campaign', 'day', name=op.f('pk_campaign_outcomes')),
    )
    op.create_table(
        'isolations',
        sa.Column('id', BigId, autoincrement=True, nullable=False),
        sa.Column('active_key', sa.String(length=320), nullable=True),
        sa.Column('connector', sa.String(length=40), nullable=False),
        sa.Column('by', sa.String(length=10), nullable=False),
        sa.Column('value', sa.String(length=255), nullable=False),
        sa.Column('since', UtcDateTime(), nullable=False),
        sa.Column('isolated_by', sa.String(length=120), nullable=False, server_default=''),
        sa.Column('why', sa.String(length=255), nullable=False),
        sa.Column('before', sa.JSON(), nullable=False),
        sa.Column('after', sa.JSON(), nullable=True),
        sa.Column('run_id', sa.String(length=40), nullable=True),
        sa.Column('audited_at', UtcDateTime(), nullable=True),
        sa.Column('released_at', UtcDateTime(), nullable=True),
        sa.Column('released_by', sa.String(length=120), nullable=False, server_default=''),
        sa.Column('released_why', sa.String(length=255), nullable=False, server_default=''),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_isolations')),
        sa.UniqueConstraint('active_key', name=op.f('uq_isolations_active_key')),
    )
    op.create_table(
        'users',
        sa.Column('name', sa.String(length=120), nullable=False),
        sa.Column('password', sa.String(length=255), nullable=False),
        sa.Column('role', sa.String(length=10), nullable=False),
        sa.Column('created_at', UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_users')),
    )
    op.create_table(
        'sessions',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('user', sa.String(length=120), nullable=False),
        sa.Column('role', sa.String(length=10), nullable=False),
        sa.Column('until', UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_sessions')),
    )
    op.create_index(op.f('ix_sessions_user'), 'sessions', ['user'])
    op.create_table(
        'throttles',
        sa.Column('key', sa.String(length=160), nullable=False),
        sa.Column('failures', sa.Integer(), nullable=False),
        sa.Column('until', UtcDateTime(), nullable=False),
        sa.Column('at', UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint('key', name=op.f('pk_throttles')),
    )
    op.create_table(
        'api_tokens',
        sa.Column('id', BigId, autoincrement=True, nullable=False),
        sa.Column('name', sa.String(length=120), nullable=False),
        sa.Column('hash', sa.String(length=64), nullable=False),
        sa.Column('scopes', sa.String(length=120), nullable=False),
        sa.Column('created_by', sa.String(length=120), nullable=False),
        sa.Column('created_at', UtcDateTime(), nullable=False),
        sa.Column('used_at', UtcDateTime(), nullable=True),
        sa.Column('revoked_at', UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_api_tokens')),
        sa.UniqueConstraint('hash', name=op.f('uq_api_tokens_hash')),
    )
    op.create_table(
        'audit_log',
        sa.Column('id', BigId, autoincrement=True, nullable=False),
        sa.Column('at', UtcDateTime(), nullable=False),
        sa.Column('who', sa.String(length=120), nullable=False),
        sa.Column('action', sa.String(length=40), nullable=False),
        sa.Column('target', sa.String(length=255), nullable=False),
        sa.Column('why', sa.String(length=255), nullable=False, server_default=''),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_log')),
    )
    op.create_table(
        'alerts',
        sa.Column('key', sa.String(length=255), nullable=False),
        sa.Column('kind', sa.String(length=20), nullable=False),
        sa.Column('text', sa.Text(), nullable=False),
        sa.Column('path', sa.String(length=200), nullable=False),
        sa.Column('at', UtcDateTime(), nullable=False),
        sa.Column('sent', sa.String(length=40), nullable=False, server_default=''),
        sa.Column('attempts', sa.Integer(), nullable=False, server_default='0'),
        sa.Column('again_at', UtcDateTime(), nullable=True),
        sa.Column('error', sa.String(length=255), nullable=False, server_default=''),
        sa.Column('over_at', UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint('key', name=op.f('pk_alerts')),
    )


def downgrade() -> None:
    for name in (
        'alerts', 'audit_log', 'api_tokens', 'throttles', 'sessions', 'users', 'isolations',
        'campaign_outcomes', 'list_members', 'shared_numbers', 'daily_counts', 'segment_counts',
    ):
        op.drop_table(name)
    op.drop_column('contacts', 'month')
    op.drop_index(op.f('ix_runs_opened_at'), 'runs')
    op.drop_column('runs', 'purpose')
    op.drop_column('runs', 'opened_by')
