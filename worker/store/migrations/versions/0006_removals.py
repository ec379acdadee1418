"""removals that are held, and the records that a full read did not bring"""

import sqlalchemy as sa
from alembic import op

from worker.store.tables import RecordId, UtcDateTime

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('pages', sa.Column(
        'not_visible', sa.Integer(), nullable=False, server_default='0'))
    op.create_table(
        'absent_records',
        sa.Column('run_id', sa.String(length=40), nullable=False),
        sa.Column('object', sa.String(length=80), nullable=False),
        sa.Column('record_id', RecordId, nullable=False),
        sa.Column('checked', sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(
            'run_id', 'object', 'record_id', name=op.f('pk_absent_records')),
    )
    op.create_table(
        'removal_holds',
        sa.Column('connector', sa.String(length=40), nullable=False),
        sa.Column('object', sa.String(length=80), nullable=False),
        sa.Column('run_id', sa.String(length=40), nullable=False),
        sa.Column('records', sa.Integer(), nullable=False),
        sa.Column('indexed', sa.Integer(), nullable=False),
        sa.Column('max_removals', sa.Integer(), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('examples', sa.JSON(), nullable=False),
        sa.Column('since', UtcDateTime(), nullable=False),
        sa.Column('at', UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint('connector', 'object', name=op.f('pk_removal_holds')),
    )


def downgrade() -> None:
    op.drop_table('removal_holds')
    op.drop_table('absent_records')
    op.drop_column('pages', 'not_visible')
