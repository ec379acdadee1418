"""what was said of a person, and that person's records, are found by the person"""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ('feedback', 'contacts'):
        op.create_index(
            f'ix_{table}_person', table, ['person'],
            sqlite_where=sa.text("person <> ''"), postgresql_where=sa.text("person <> ''"),
        )


def downgrade() -> None:
    for table in ('feedback', 'contacts'):
        op.drop_index(f'ix_{table}_person', table)
