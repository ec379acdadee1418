"""indexes of the few rows that pages look for among all runs, pages and contacts

All are partial: a row costs something only while it is one of the few. The version before works
with them as they are: they are kept by the database, and hold no new column.
"""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def create(name: str, table: str, columns: list[str], sqlite: str, postgresql: str = '') -> None:
    op.create_index(
        name, table, columns,
        sqlite_where=sa.text(sqlite), postgresql_where=sa.text(postgresql or sqlite),
    )


def upgrade() -> None:
    create('ix_runs_under_way', 'runs', ['connector', 'opened_at'], "state IN ('running', 'paused')")
    create('ix_runs_dry_run', 'runs', ['opened_at'], 'dry_run = 1', 'dry_run')
    create('ix_pages_parked', 'pages', ['stored_at'], "state = 'parked'")
    op.drop_index('ix_contacts_waiting', 'contacts')
    create('ix_contacts_waiting', 'contacts', ['connector', 'object', 'record_id'], 'waiting')


def downgrade() -> None:
    op.drop_index('ix_contacts_waiting', 'contacts')
    create('ix_contacts_waiting', 'contacts', ['connector'], 'waiting')
    op.drop_index('ix_pages_parked', 'pages')
    op.drop_index('ix_runs_dry_run', 'runs')
    op.drop_index('ix_runs_under_way', 'runs')
