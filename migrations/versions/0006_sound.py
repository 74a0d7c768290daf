"""What of a recording was listened to, when it was recorded, and what a person should know about its transcript."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    for name in ("recorded_at", "sound", "warnings"):
        op.add_column("jobs", sa.Column(name, sa.Text))
    op.add_column("segments", sa.Column("channel", sa.Integer, nullable=False, server_default=sa.text("0")))
