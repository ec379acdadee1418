"""records that live on in another one, re-checks from inside a CRM, outcomes of calls that were seen"""

import sqlalchemy as sa
from alembic import op

from worker.store.tables import UtcDateTime

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'merged_records',
        sa.Column('key', sa.String(length=200), nullable=False),
        sa.Column('into_key', sa.String(length=200), nullable=False),
        sa.Column('state', sa.String(length=10), nullable=False),
        sa.Column('person', sa.String(length=40), nullable=False),
        sa.Column('flags', sa.JSON(), nullable=False),
        sa.Column('numbers', sa.JSON(), nullable=False),
        sa.Column('recorded_at', UtcDateTime(), nullable=True),
        sa.Column('at', UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint('key', name=op.f('pk_merged_records')),
    )
    op.create_index('ix_merged_records_into_key', 'merged_records', ['into_key'])
    op.create_index(
        'ix_merged_records_open', 'merged_records', ['into_key'],
        sqlite_where=sa.text("state <> 'done'"), postgresql_where=sa.text("state <> 'done'"),
    )
    op.create_index(
        'ix_feedback_contact', 'feedback', ['contact'],
        sqlite_where=sa.text("contact <> ''"), postgresql_where=sa.text("contact <> ''"),
    )
    op.create_table(
        'rechecks',
        sa.Column('key', sa.String(length=160), nullable=False),
        sa.Column('connector', sa.String(length=40), nullable=False),
        sa.Column('object', sa.String(length=80), nullable=False),
        sa.Column('record_id', sa.String(length=80), nullable=False),
        sa.Column('field', sa.String(length=80), nullable=False),
        sa.Column('asked_by', sa.String(length=120), nullable=False),
        sa.Column('callback', sa.String(length=255), nullable=False),
        sa.Column('at', UtcDateTime(), nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('again_at', UtcDateTime(), nullable=False),
        sa.Column('run_id', sa.String(length=40), nullable=True),
        sa.Column('done_at', UtcDateTime(), nullable=True),
        sa.Column('answered_at', UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint('key', name=op.f('pk_rechecks')),
    )
    op.create_index('ix_rechecks_open', 'rechecks', ['connector', 'answered_at', 'again_at'])
    op.create_index('ix_rechecks_record', 'rechecks', ['connector', 'object', 'record_id'])
    op.create_table(
        'call_outcomes',
        sa.Column('connector', sa.String(length=40), nullable=False),
        sa.Column('outcome', sa.String(length=255), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('calls', sa.Integer(), nullable=False),
        sa.Column('first_at', UtcDateTime(), nullable=False),
        sa.Column('last_at', UtcDateTime(), nullable=False),
        sa.Column('counted_as', sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint('connector', 'outcome', name=op.f('pk_call_outcomes')),
    )


def downgrade() -> None:
    op.drop_table('call_outcomes')
    op.drop_table('rechecks')
    op.drop_index('ix_feedback_contact', 'feedback')
    op.drop_table('merged_records')
