"""how the largest segments did week by week, and what a reason says, free of any language"""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('contacts', sa.Column('why', sa.Text(), nullable=False, server_default=''))
    op.create_table(
        'segment_history',
        sa.Column('by', sa.String(length=10), nullable=False),
        sa.Column('connector', sa.String(length=40), nullable=False),
        sa.Column('value', sa.String(length=255), nullable=False),
        sa.Column('week', sa.String(length=10), nullable=False),
        sa.Column('contacts', sa.Integer(), nullable=False),
        sa.Column('numbers', sa.Integer(), nullable=False),
        sa.Column('bad', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            'by', 'connector', 'value', 'week', name=op.f('pk_segment_history')
        ),
    )
    op.create_index('ix_segment_history_week', 'segment_history', ['week'])


def downgrade() -> None:
    op.drop_column('contacts', 'why')
    op.drop_table('segment_history')
