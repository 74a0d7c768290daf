"""Which search has found each line: with a beam of how many, or greedily."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

COLUMNS = (
    "job_id, chunk, idx, start_s, end_s, text, language, avg_logprob, no_speech_prob, compression_ratio, temperature, "
    "beam_size, words, channel"
)
LINES = f"""
    CREATE VIEW lines AS
    SELECT {COLUMNS}, 0 AS edited, 0 AS fixed FROM segments
    WHERE NOT EXISTS (SELECT 1 FROM versions WHERE versions.job_id = segments.job_id AND versions.current)
    UNION ALL SELECT {COLUMNS}, edited, fixed FROM corrected
    """


def upgrade() -> None:
    """Add the column to all lines of text, and to the view of what each transcript says."""
    for table in ("segments", "translations", "corrected"):
        op.add_column(table, sa.Column("beam_size", sa.Integer))
    op.execute("DROP VIEW lines")
    op.execute(LINES)
