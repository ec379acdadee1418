"""reports in, suppressions, and what has reached which CRM"""

import sqlalchemy as sa
from alembic import op

from worker.store.tables import UtcDateTime

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer, 'sqlite')


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == 'postgresql'
    if postgres:  # SQLite does not hold a text to its length
        op.alter_column('feedback', 'number', type_=sa.String(length=40))
    for name, length, default in (
        ('reach', 10, 'number'), ('person', 40, ''), ('grade', 10, ''), ('new_number', 40, ''),
    ):
        op.add_column('feedback', sa.Column(
            name, sa.String(length=length), nullable=False, server_default=default))
    op.add_column('feedback', sa.Column('received_at', UtcDateTime(), nullable=True))
    op.add_column('feedback', sa.Column('applied_at', UtcDateTime(), nullable=True))
    # A report on one contact was about that contact alone.
    op.execute("UPDATE feedback SET received_at = at, "
               "reach = CASE WHEN contact = '' THEN 'number' ELSE 'contact' END")
    op.create_index('ix_feedback_waiting', 'feedback', ['id'],
                    sqlite_where=sa.text('applied_at IS NULL'),
                    postgresql_where=sa.text('applied_at IS NULL'))
    op.add_column('contacts', sa.Column(
        'person', sa.String(length=40), nullable=False, server_default=''))
    op.create_table(
        'suppressions',
        sa.Column('id', BigId, autoincrement=True, nullable=False),
        sa.Column('key', sa.String(length=120), nullable=False),
        sa.Column('number', sa.String(length=40), nullable=False),
        sa.Column('contact', sa.String(length=200), nullable=False),
        sa.Column('person', sa.String(length=40), nullable=False),
        sa.Column('channels', sa.String(length=20), nullable=False),
        sa.Column('reason', sa.String(length=20), nullable=False),
        sa.Column('source', sa.String(length=80), nullable=False),
        sa.Column('evidence', sa.Text(), nullable=False),
        sa.Column('since', UtcDateTime(), nullable=False),
        sa.Column('lifted_at', UtcDateTime(), nullable=True),
        sa.Column('lifted_by', sa.String(length=120), nullable=False),
        sa.Column('lifted_why', sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_suppressions')),
        sa.UniqueConstraint('key', name=op.f('uq_suppressions_key')),
    )
    op.create_index(op.f('ix_suppressions_number'), 'suppressions', ['number'])
    op.create_table(
        'deliveries',
        sa.Column('id', BigId, autoincrement=True, nullable=False),
        sa.Column('cause', sa.String(length=120), nullable=False),
        sa.Column('connector', sa.String(length=40), nullable=False),
        sa.Column('number', sa.String(length=40), nullable=False),
        sa.Column('state', sa.String(length=10), nullable=False),
        sa.Column('since', UtcDateTime(), nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('again_at', UtcDateTime(), nullable=False),
        sa.Column('error', sa.String(length=500), nullable=False),
        sa.Column('run_id', sa.String(length=40), nullable=True),
        sa.Column('holders', sa.Integer(), nullable=False),
        sa.Column('confirmed_at', UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_deliveries')),
        sa.UniqueConstraint('cause', 'connector', name=op.f('uq_deliveries_cause_connector')),
    )
    op.create_index(op.f('ix_deliveries_number'), 'deliveries', ['number'])
    op.create_index('ix_deliveries_connector_state', 'deliveries',
                    ['connector', 'state', 'again_at'])
    op.create_table(
        'touched',
        sa.Column('connector', sa.String(length=40), nullable=False),
        sa.Column('object', sa.String(length=80), nullable=False),
        sa.Column('record_id', sa.String(length=80), nullable=False),
        sa.Column('at', UtcDateTime(), nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('again_at', UtcDateTime(), nullable=False),
        sa.Column('run_id', sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint('connector', 'object', 'record_id', name=op.f('pk_touched')),
    )
    op.create_table(
        'reached',
        sa.Column('number', sa.String(length=40), nullable=False),
        sa.Column('at', UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint('number', name=op.f('pk_reached')),
    )
    op.create_table(
        'reviews',
        sa.Column('id', BigId, autoincrement=True, nullable=False),
        sa.Column('key', sa.String(length=255), nullable=False),
        sa.Column('number', sa.String(length=40), nullable=False),
        sa.Column('source', sa.String(length=40), nullable=False),
        sa.Column('text', sa.Text(), nullable=False),
        sa.Column('suggestion', sa.String(length=20), nullable=False),
        sa.Column('evidence', sa.String(length=255), nullable=False),
        sa.Column('at', UtcDateTime(), nullable=False),
        sa.Column('decision', sa.String(length=20), nullable=False),
        sa.Column('decided_at', UtcDateTime(), nullable=True),
        sa.Column('decided_by', sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_reviews')),
        sa.UniqueConstraint('key', name=op.f('uq_reviews_key')),
    )
    op.create_index(op.f('ix_reviews_number'), 'reviews', ['number'])
    op.create_table(
        'polls',
        sa.Column('name', sa.String(length=80), nullable=False),
        sa.Column('position', UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_polls')),
    )
    op.create_table(
        'installation',
        sa.Column('name', sa.String(length=80), nullable=False),
        sa.Column('value', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_installation')),
    )


def downgrade() -> None:
    for name in ('installation', 'polls', 'reviews', 'reached', 'touched', 'deliveries', 'suppressions'):
        op.drop_table(name)
    op.drop_column('contacts', 'person')
    op.drop_index('ix_feedback_waiting', 'feedback')
    for name in ('applied_at', 'received_at', 'new_number', 'grade', 'person', 'reach'):
        op.drop_column('feedback', name)
