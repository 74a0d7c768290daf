"""Chunks that were transcribed while the file still grew are told by their samples: the file has no hash yet."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("chunks", sa.Column("digest", sa.Text))
