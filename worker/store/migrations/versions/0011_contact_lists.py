"""indexes by which the lists of contacts and runs find and sort a million of them

The version before works with them as they are: they are kept by the database, and hold no new
column. The index by source alone is replaced by one that sorts as well.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

KEY = ['connector', 'object', 'record_id']
STATUSES = ('do_not_contact', 'wrong_number', 'invalid', 'unreachable', 'unverified')
BAD = ('invalid', 'wrong_number', 'unreachable')


def where(column: str, *marks: str) -> dict[str, Any]:
    marks = tuple(mark.replace(':', '\\:') for mark in marks)  # else `:true` is a parameter
    escaped = [mark.replace('_', '\\_') for mark in marks]
    return {
        'sqlite_where': sa.text(
            f"({' + '.join(_position(column, mark) for mark in marks)} > 0)"
        ),
        'postgresql_where': sa.text(
            ' OR '.join(f"({column}::text LIKE '%{mark}%')" for mark in escaped)
        ),
    }


def _position(column: str, mark: str) -> str:
    return f"instr({column}, '{mark}')"


def mark(status: str) -> str:
    return f':"{status}"'


def upgrade() -> None:
    for status in STATUSES:
        op.create_index(f'ix_contacts_{status}', 'contacts', KEY, **where('statuses', mark(status)))
    op.create_index('ix_contacts_bad', 'contacts', KEY, **where('statuses', *map(mark, BAD)))
    op.create_index('ix_contacts_flagged', 'contacts', KEY, **where('known', ':true'))
    op.create_index('ix_contacts_source', 'contacts', ['connector', 'source', *KEY[1:]])
    op.drop_index('ix_contacts_connector_source', 'contacts')
    for column in ('campaign', 'country', 'month'):
        op.create_index(f'ix_contacts_{column}', 'contacts', ['connector', column])
    op.create_index('ix_feedback_kind', 'feedback', ['kind', 'number'])
    condition = sa.text('failed > 0')
    op.create_index(
        'ix_pages_failed', 'pages', ['run_id'], sqlite_where=condition, postgresql_where=condition
    )


def downgrade() -> None:
    op.drop_index('ix_pages_failed', 'pages')
    op.drop_index('ix_feedback_kind', 'feedback')
    for column in ('campaign', 'country', 'month'):
        op.drop_index(f'ix_contacts_{column}', 'contacts')
    op.create_index('ix_contacts_connector_source', 'contacts', ['connector', 'source'])
    for name in ('source', 'flagged', 'bad', *STATUSES):
        op.drop_index(f'ix_contacts_{name}', 'contacts')
