"""what the reason of a contact says, free of any language"""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('contacts', sa.Column('why', sa.Text(), nullable=False, server_default=''))


def downgrade() -> None:
    op.drop_column('contacts', 'why')
