"""An index to find a file by its inode after it has moved, and a mark for jobs that were retried."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the index."""
    op.add_column("jobs", sa.Column("retried", sa.Boolean, nullable=False, server_default=sa.text("0")))
    op.create_index("ix_jobs_fingerprint", "jobs", ["fingerprint"])
