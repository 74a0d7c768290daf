"""Jobs may have a transcript in the language that is spoken and one in English (`task = "both"`)."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "translations",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("chunk", "idx")),
        *(sa.Column(name, sa.Float, nullable=False) for name in ("start_s", "end_s")),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("language", sa.Text),
        *(sa.Column(name, sa.Float) for name in ("avg_logprob", "no_speech_prob", "compression_ratio", "temperature")),
        sa.Column("words", sa.Text),
        sa.Column("channel", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.UniqueConstraint("job_id", "chunk", "idx", name="uq_translations_place"),
    )
