"""re-checks that were asked for from inside a CRM"""

import sqlalchemy as sa
from alembic import op

from worker.store.tables import UtcDateTime

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
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


def downgrade() -> None:
    op.drop_table('rechecks')
