"""Who says what: the speaker of each line, how people sound, and who speaks in each recording for how long."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

COLUMNS = (
    "job_id, chunk, idx, start_s, end_s, text, language, avg_logprob, no_speech_prob, compression_ratio, temperature, "
    "beam_size, words, channel, speaker"
)
LINES = f"""
    CREATE VIEW lines AS
    SELECT {COLUMNS}, 0 AS edited, 0 AS fixed FROM segments
    WHERE NOT EXISTS (SELECT 1 FROM versions WHERE versions.job_id = segments.job_id AND versions.current)
    UNION ALL SELECT {COLUMNS}, edited, fixed FROM corrected
    """
SPEAKING = """
    CREATE VIEW speaking AS
    SELECT lines.job_id, lines.speaker, coalesce(speakers.name, lines.speaker) AS name,
        round(sum(lines.end_s - lines.start_s), 3) AS seconds,
        round(sum(lines.end_s - lines.start_s) / sum(sum(lines.end_s - lines.start_s)) OVER of_job, 4) AS share
    FROM lines LEFT JOIN speakers ON speakers.job_id = lines.job_id AND speakers.speaker = lines.speaker
    WHERE lines.speaker IS NOT NULL GROUP BY lines.job_id, lines.speaker
    WINDOW of_job AS (PARTITION BY lines.job_id)
    """


def upgrade() -> None:
    """Add the column to all lines of text, the tables, and the view of who speaks for how long."""
    for table in ("segments", "translations", "corrected"):
        op.add_column(table, sa.Column("speaker", sa.Text))
    op.execute("DROP VIEW lines")
    op.execute(LINES)
    op.create_table(
        "voices",
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("chunk", sa.Integer, primary_key=True),
        sa.Column("idx", sa.Integer, primary_key=True),
        sa.Column("start_s", sa.Float, nullable=False),
        sa.Column("end_s", sa.Float, nullable=False),
        sa.Column("embedding", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "speakers",
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("speaker", sa.Text, primary_key=True),
        sa.Column("name", sa.Text),
        sa.Column("embedding", sa.LargeBinary),
    )
    op.execute(SPEAKING)
