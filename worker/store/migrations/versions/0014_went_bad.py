"""how many phone fields went bad on each day"""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null where it was not counted: before this version, and by the version before beside it.
    op.add_column('daily_counts', sa.Column('went_bad', sa.Integer()))


def downgrade() -> None:
    op.drop_column('daily_counts', 'went_bad')
