"""Samples of the monitor, the text of an alert, pauses; requests without a job."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, add the text of alerts, and let requests have no job."""
    op.create_table(
        "samples",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sampled_at", sa.Text, nullable=False),
        sa.Column("gpu_temperature_c", sa.Float),
        sa.Column("gpu_memory_percent", sa.Float),
        sa.Column("gpu_load_percent", sa.Float),
        sa.Column("cpu_percent", sa.Float, nullable=False),
        sa.Column("memory_percent", sa.Float, nullable=False),
        sa.Column("swap_percent", sa.Float, nullable=False),
        sa.Column("load_1m", sa.Float, nullable=False),
        sa.Column("disk_free_mb", sa.Float),
        sa.Column("rss_mb", sa.Float, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("audio_s", sa.Float, nullable=False),
        sa.Column("error_rate_percent", sa.Float, nullable=False),
        sa.Column("success_rate_percent", sa.Float, nullable=False),
        sa.Column("real_time_factor_mean", sa.Float),
        sa.Column("real_time_factor_p95", sa.Float),
        sa.Column("files_per_hour", sa.Float, nullable=False),
        sa.Column("audio_hours_per_hour", sa.Float, nullable=False),
        sa.Column("batch_fill_percent", sa.Float),
        sa.Column("queue_files", sa.Integer, nullable=False),
        sa.Column("queue_audio_s", sa.Float),
        sa.Column("eta_s", sa.Float),
        sa.Column("oldest_waiting_s", sa.Float, nullable=False),
        sa.Column("paused", sa.Text),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("ix_samples_time", "samples", ["sampled_at"])
    op.create_table(
        "pauses",
        sa.Column("cause", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("since", sa.Text, nullable=False),
    )
    op.add_column("alerts", sa.Column("text", sa.Text))
    with op.batch_alter_table("requests") as requests:
        requests.alter_column("job_id", existing_type=sa.Integer, nullable=True)
