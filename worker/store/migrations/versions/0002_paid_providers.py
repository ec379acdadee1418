"""paid providers"""

import sqlalchemy as sa
from alembic import op

from worker.store.tables import UtcDateTime

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('claims',
    sa.Column('number', sa.String(length=20), nullable=False),
    sa.Column('provider', sa.String(length=40), nullable=False),
    sa.Column('package', sa.String(length=60), nullable=False),
    sa.Column('since', sa.String(length=10), nullable=False),
    sa.Column('owner', sa.String(length=120), nullable=False),
    sa.Column('until', UtcDateTime(), nullable=False),
    sa.Column('run_id', sa.String(length=40), nullable=False),
    sa.Column('day', sa.String(length=10), nullable=False),
    sa.Column('price', sa.BigInteger(), nullable=False),
    sa.Column('job', sa.String(length=200), nullable=False),
    sa.PrimaryKeyConstraint('number', 'provider', 'package', 'since', name=op.f('pk_claims'))
    )
    with op.batch_alter_table('claims', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_claims_owner'), ['owner'], unique=False)

    op.create_table('lookups',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('number', sa.String(length=20), nullable=False),
    sa.Column('provider', sa.String(length=40), nullable=False),
    sa.Column('package', sa.String(length=60), nullable=False),
    sa.Column('since', sa.String(length=10), nullable=False),
    sa.Column('run_id', sa.String(length=40), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('verdict', sa.String(length=12), nullable=False),
    sa.Column('detail', sa.String(length=255), nullable=False),
    sa.Column('cost', sa.Numeric(precision=12, scale=6), nullable=False),
    sa.Column('at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lookups'))
    )
    with op.batch_alter_table('lookups', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_lookups_number'), ['number'], unique=False)

    op.create_table('provider_states',
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('breaker', sa.String(length=10), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('reason', sa.String(length=255), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('since', UtcDateTime(), nullable=True),
    sa.Column('again_at', UtcDateTime(), nullable=True),
    sa.Column('rest', sa.Integer(), nullable=False),
    sa.Column('credits', sa.Integer(), nullable=True),
    sa.Column('checked_at', UtcDateTime(), nullable=True),
    sa.Column('key_print', sa.String(length=16), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_provider_states'))
    )
    op.create_table('spend',
    sa.Column('day', sa.String(length=10), nullable=False),
    sa.Column('provider', sa.String(length=40), nullable=False),
    sa.Column('run_id', sa.String(length=40), nullable=False),
    sa.Column('money', sa.BigInteger(), nullable=False),
    sa.Column('reserved_money', sa.BigInteger(), nullable=False),
    sa.Column('lookups', sa.Integer(), nullable=False),
    sa.Column('reserved_lookups', sa.Integer(), nullable=False),
    sa.Column('lost', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('day', 'provider', 'run_id', name=op.f('pk_spend'))
    )
    with op.batch_alter_table('spend', schema=None) as batch_op:
        batch_op.create_index('ix_spend_run_id', ['run_id'], unique=False)

    op.create_table('unanswered',
    sa.Column('number', sa.String(length=20), nullable=False),
    sa.Column('provider', sa.String(length=40), nullable=False),
    sa.Column('package', sa.String(length=60), nullable=False),
    sa.Column('reason', sa.String(length=255), nullable=False),
    sa.Column('at', UtcDateTime(), nullable=False),
    sa.Column('again_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('number', 'provider', 'package', name=op.f('pk_unanswered'))
    )
    with op.batch_alter_table('unanswered', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_unanswered_again_at'), ['again_at'], unique=False)

    with op.batch_alter_table('contacts', schema=None) as batch_op:
        batch_op.add_column(sa.Column('value', sa.Float(), nullable=True))
        batch_op.add_column(sa.Column('waiting', sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column('glance', sa.String(length=32), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('settled_until', UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column('answers', sa.JSON(), nullable=True))
        batch_op.create_index('ix_contacts_waiting', ['connector'], unique=False, sqlite_where=sa.text('waiting'), postgresql_where=sa.text('waiting'))

    # What is there was said by the offline provider alone. The date asked about joins the key.
    with op.batch_alter_table('verifications', schema=None) as batch_op:
        batch_op.add_column(sa.Column('since', sa.String(length=10), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('depth', sa.String(length=12), nullable=False, server_default='format'))
        batch_op.add_column(sa.Column('live', sa.String(length=12), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('due_at', UtcDateTime(), nullable=True))
        batch_op.drop_constraint('pk_verifications', type_='primary')
        batch_op.create_primary_key('pk_verifications', ['number', 'provider', 'package', 'since'])
        batch_op.drop_index('ix_verifications_until')
        batch_op.create_index('ix_verifications_due_at', ['due_at'], unique=False)
    op.execute("UPDATE verifications SET due_at = until")


def downgrade() -> None:
    op.execute("DELETE FROM verifications WHERE since <> ''")
    with op.batch_alter_table('verifications', schema=None) as batch_op:
        batch_op.drop_constraint('pk_verifications', type_='primary')
        batch_op.create_primary_key('pk_verifications', ['number', 'provider', 'package'])
        batch_op.drop_index('ix_verifications_due_at')
        batch_op.create_index('ix_verifications_until', ['until'], unique=False)
        batch_op.drop_column('due_at')
        batch_op.drop_column('live')
        batch_op.drop_column('depth')
        batch_op.drop_column('since')

    with op.batch_alter_table('contacts', schema=None) as batch_op:
        batch_op.drop_index('ix_contacts_waiting')
        batch_op.drop_column('answers')
        batch_op.drop_column('settled_until')
        batch_op.drop_column('glance')
        batch_op.drop_column('waiting')
        batch_op.drop_column('value')

    with op.batch_alter_table('unanswered', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_unanswered_again_at'))

    op.drop_table('unanswered')
    with op.batch_alter_table('spend', schema=None) as batch_op:
        batch_op.drop_index('ix_spend_run_id')

    op.drop_table('spend')
    op.drop_table('provider_states')
    with op.batch_alter_table('lookups', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_lookups_number'))

    op.drop_table('lookups')
    with op.batch_alter_table('claims', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_claims_owner'))

    op.drop_table('claims')
