"""contacts that share a number, as they are listed

New tables only: the version before works beside them, and does not know of them.
"""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None

Time = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        'duplicate_groups',
        sa.Column('number', sa.String(20), nullable=False),
        sa.Column('kind', sa.String(12), nullable=False),
        sa.Column('rule', sa.String(20), nullable=False),
        sa.Column('evidence', sa.JSON, nullable=False),
        sa.Column('contacts', sa.Integer, nullable=False),
        sa.Column('people', sa.Integer, nullable=False),
        sa.Column('connectors', sa.String(255), nullable=False),
        sa.Column('line', sa.String(12), nullable=False),
        sa.Column('digest', sa.String(32), nullable=False),
        sa.Column('counted_at', Time, nullable=False),
        sa.Column('compared_at', Time),
        sa.PrimaryKeyConstraint('number', name=op.f('pk_duplicate_groups')),
    )
    op.create_table(
        'duplicate_places',
        sa.Column('connector', sa.String(40), nullable=False),
        sa.Column('number', sa.String(20), nullable=False),
        sa.Column('kind', sa.String(12), nullable=False),
        sa.Column('contacts', sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint('connector', 'number', name=op.f('pk_duplicate_places')),
    )
    op.create_index('ix_duplicate_places_number', 'duplicate_places', ['number'])
    op.create_index(
        'ix_duplicate_places_contacts', 'duplicate_places', ['connector', 'contacts', 'number']
    )
    op.create_index(
        'ix_duplicate_places_kind', 'duplicate_places', ['connector', 'kind', 'contacts', 'number']
    )


def downgrade() -> None:
    op.drop_table('duplicate_places')
    op.drop_table('duplicate_groups')
