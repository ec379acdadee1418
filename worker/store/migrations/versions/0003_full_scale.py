"""many pages and contacts

A run's last write was kept with the run, where all its workers waited for one row: now each page
keeps its own. Ids of contacts are ordered as CRMs order them, so that a full read can tell by
ranges which ones are gone.
"""

import sqlalchemy as sa
from alembic import op

from worker.store.tables import UtcDateTime

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('pages', sa.Column('wrote_at', UtcDateTime(), nullable=True))
    if op.get_bind().dialect.name == 'postgresql':
        op.alter_column('contacts', 'record_id', type_=sa.String(length=80, collation='C'))


def downgrade() -> None:
    if op.get_bind().dialect.name == 'postgresql':
        op.alter_column('contacts', 'record_id', type_=sa.String(length=80))
    op.drop_column('pages', 'wrote_at')
