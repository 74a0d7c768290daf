"""What is to be done when a job has ended: commands, messages, and what becomes of its recording."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("delivery", "kind", "address", "event", "payload")),
        sa.Column("command", sa.Text),
        sa.Column("moved_to", sa.LargeBinary),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("wanted_at", "due_at")),
        sa.Column("ended_at", sa.Text),
    )
    op.create_index("ix_outbox_lane", "outbox", ["state", "kind", "address", "id"])
    op.create_index("ix_outbox_job", "outbox", ["job_id"])
