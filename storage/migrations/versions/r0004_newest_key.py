"""Which master key is the newest: a ring that lacks it is an old copy."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("key_mark", sa.Column("newest", sa.String(), nullable=True))
