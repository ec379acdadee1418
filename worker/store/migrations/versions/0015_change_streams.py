"""how far a CRM's change events were followed, and by whom

Two tables that the version before does not know: it goes on beside this one.
"""

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None

Time = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        'change_streams',
        sa.Column('connector', sa.String(40), nullable=False),
        sa.Column('channel', sa.String(120), nullable=False),
        sa.Column('replay_id', sa.LargeBinary),
        sa.Column('heard_at', Time),
        sa.Column('event_at', Time),
        sa.Column('lag', sa.BigInteger),
        sa.Column('counts', sa.JSON, nullable=False),
        sa.Column('problem', sa.String(500), nullable=False, server_default=''),
        sa.PrimaryKeyConstraint('connector', 'channel', name=op.f('pk_change_streams')),
    )
    op.create_table(
        'stream_subscribers',
        sa.Column('connector', sa.String(40), nullable=False),
        sa.Column('expected_at', Time, nullable=False),
        sa.Column('owner', sa.String(120)),
        sa.Column('lease_expires_at', Time),
        sa.Column('pull_at', Time),
        sa.Column('pull_reason', sa.String(200), nullable=False, server_default=''),
        sa.PrimaryKeyConstraint('connector', name=op.f('pk_stream_subscribers')),
    )


def downgrade() -> None:
    op.drop_table('stream_subscribers')
    op.drop_table('change_streams')
