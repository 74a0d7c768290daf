"""Suppressed text, measured layouts, verifications of the quantized model."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "suppressed",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("chunk", sa.Integer, nullable=False),
        sa.Column("start_s", sa.Float, nullable=False),
        sa.Column("end_s", sa.Float, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("ix_suppressed_place", "suppressed", ["job_id", "chunk"])
    op.create_table(
        "layouts",
        sa.Column("machine", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("device", sa.Text, primary_key=True),
        sa.Column("compute_type", sa.Text, primary_key=True),
        sa.Column("workers", sa.Integer, nullable=False),
        sa.Column("cpu_threads", sa.Integer, nullable=False),
        sa.Column("batch_size", sa.Integer, nullable=False),
        sa.Column("measured_at", sa.Text, nullable=False),
        sa.Column("trials", sa.Text, nullable=False),
    )
    op.create_table(
        "verifications",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("verified_at", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("compute_type", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("audio_s", sa.Float, nullable=False),
        sa.Column("wer", sa.Float, nullable=False),
        sa.Column("reference_wer", sa.Float, nullable=False),
        sa.Column("agreement", sa.Float, nullable=False),
        sa.Column("speed_up", sa.Float, nullable=False),
        sa.Column("peak_mb", sa.Float, nullable=False),
        sa.Column("reference_peak_mb", sa.Float, nullable=False),
        sa.Column("passed", sa.Boolean, nullable=False),
    )
