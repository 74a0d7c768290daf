"""Voices that are known by name across recordings, and which names of speakers were recognized."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

SPEAKING = """
    CREATE VIEW speaking AS
    SELECT lines.job_id, lines.speaker, coalesce(speakers.name, lines.speaker) AS name,
        round(sum(lines.end_s - lines.start_s), 3) AS seconds,
        round(sum(lines.end_s - lines.start_s) / sum(sum(lines.end_s - lines.start_s)) OVER of_job, 4) AS share,
        speakers.recognized
    FROM lines LEFT JOIN speakers ON speakers.job_id = lines.job_id AND speakers.speaker = lines.speaker
    WHERE lines.speaker IS NOT NULL GROUP BY lines.job_id, lines.speaker
    WINDOW of_job AS (PARTITION BY lines.job_id)
    """


def upgrade() -> None:
    """Add the table and the columns, and drop how every moment of what is done has sounded: nobody needs it."""
    op.create_table(
        "known_voices",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("embedding", sa.LargeBinary, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id", ondelete="SET NULL")),
        sa.Column("added_at", sa.Text, nullable=False),
    )
    op.create_index("ix_known_voices_name", "known_voices", ["name"])
    op.create_index("ix_known_voices_job", "known_voices", ["job_id"])
    op.add_column("speakers", sa.Column("model", sa.Text))
    op.execute("UPDATE speakers SET model = 'campplus-4ea4598a8669' WHERE embedding IS NOT NULL")
    op.add_column("speakers", sa.Column("recognized", sa.Float))
    op.add_column("speakers", sa.Column("renamed_at", sa.Text))
    op.create_index("ix_speakers_renamed", "speakers", ["job_id"], sqlite_where=sa.text("renamed_at IS NOT NULL"))
    op.execute("DROP VIEW speaking")
    op.execute(SPEAKING)
    op.execute("DELETE FROM voices WHERE job_id IN (SELECT id FROM jobs WHERE state = 'done')")
