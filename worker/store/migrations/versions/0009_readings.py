"""how a contact's phone fields were read, and the numbers that they were read as before"""

import sqlalchemy as sa
from alembic import op

from worker.store.tables import UtcDateTime

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('contacts', sa.Column('readings', sa.Text(), nullable=False, server_default=''))
    op.create_table(
        'former_readings',
        sa.Column('connector', sa.String(length=40), nullable=False),
        sa.Column('object', sa.String(length=80), nullable=False),
        sa.Column('record_id', sa.String(length=80), nullable=False),
        sa.Column('field', sa.String(length=80), nullable=False),
        sa.Column('number', sa.String(length=20), nullable=False),
        sa.Column('until', UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint(
            'connector', 'object', 'record_id', 'field', 'number',
            name=op.f('pk_former_readings'),
        ),
    )
    op.create_index('ix_former_readings_number', 'former_readings', ['number'])
    op.create_table(
        'reading_rewrites',
        sa.Column('day', sa.String(length=10), nullable=False),
        sa.Column('contacts', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('day', name=op.f('pk_reading_rewrites')),
    )


def downgrade() -> None:
    op.drop_table('reading_rewrites')
    op.drop_table('former_readings')
    op.drop_column('contacts', 'readings')
