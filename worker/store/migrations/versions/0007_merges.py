"""records that live on in another one"""

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


def downgrade() -> None:
    op.drop_index('ix_feedback_contact', 'feedback')
    op.drop_table('merged_records')
