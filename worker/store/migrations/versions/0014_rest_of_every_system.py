"""consent records that are written into a CRM, backfills of systems, the question after an opt-out

The version before goes on beside it: it knows nothing of the new tables, and leaves them alone.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer, 'sqlite')
Time = sa.DateTime(timezone=True)


def where(condition: str) -> dict[str, Any]:
    return {'sqlite_where': sa.text(condition), 'postgresql_where': sa.text(condition)}


def upgrade() -> None:
    create_consent_writes()
    op.create_table(
        'endpoint_backfills',
        sa.Column('endpoint_id', BigId, autoincrement=False, nullable=False),
        sa.Column('after_id', BigId, nullable=False),
        sa.Column('upto_id', BigId, nullable=False),
        sa.Column('total', BigId, nullable=False),
        sa.Column('queued', BigId, nullable=False),
        sa.Column('started_at', Time, nullable=False),
        sa.Column('started_by', sa.String(120), nullable=False),
        sa.Column('finished_at', Time),
        sa.PrimaryKeyConstraint('endpoint_id', name=op.f('pk_endpoint_backfills')),
    )
    create_opt_out_questions()


def create_opt_out_questions() -> None:
    op.create_table(
        'opt_out_questions',
        sa.Column('number', sa.String(40), nullable=False),
        sa.Column('report_key', sa.String(255), nullable=False),
        sa.Column('state', sa.String(10), nullable=False),
        sa.Column('opted_out_at', Time, nullable=False),
        sa.Column('owner', sa.String(120)),
        sa.Column('claimed_at', Time),
        sa.Column('vendor_id', sa.String(64), nullable=False),
        sa.Column('answered_at', Time),
        sa.PrimaryKeyConstraint('number', name=op.f('pk_opt_out_questions')),
    )
    op.create_index(
        'ix_opt_out_questions_state', 'opt_out_questions', ['state', 'opted_out_at']
    )


def create_consent_writes() -> None:
    op.create_table(
        'consent_writes',
        sa.Column('id', BigId, autoincrement=True, nullable=False),
        sa.Column('connector', sa.String(40), nullable=False),
        sa.Column('object', sa.String(80), nullable=False),
        sa.Column('record_id', sa.String(80), nullable=False),
        sa.Column('wanted', sa.String(10), nullable=False),
        sa.Column('since', Time, nullable=False),
        sa.Column('report_id', BigId, nullable=False),
        sa.Column('state', sa.String(10), nullable=False),
        sa.Column('written', sa.String(10), nullable=False, server_default=''),
        sa.Column('party', sa.String(40), nullable=False, server_default=''),
        sa.Column('consent_id', sa.String(40), nullable=False, server_default=''),
        sa.Column('run_id', sa.String(40), nullable=False),
        sa.Column('attempts', sa.Integer, nullable=False),
        sa.Column('retry_at', Time, nullable=False),
        sa.Column('message', sa.String(255), nullable=False),
        sa.Column('at', Time, nullable=False),
        sa.Column('lease_expires_at', Time),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_consent_writes')),
        sa.UniqueConstraint(
            'connector', 'object', 'record_id',
            name=op.f('uq_consent_writes_connector_object_record_id'),
        ),
    )
    op.create_index(
        'ix_consent_writes_open', 'consent_writes', ['connector', 'id'],
        **where("state <> 'written'"),
    )
    op.create_index('ix_consent_writes_consent', 'consent_writes', ['consent_id'])


def downgrade() -> None:
    op.drop_table('opt_out_questions')
    op.drop_table('endpoint_backfills')
    op.drop_table('consent_writes')
