"""outcomes of calls that were seen, also those without a name or a meaning"""

import sqlalchemy as sa
from alembic import op

from worker.store.tables import UtcDateTime

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
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
