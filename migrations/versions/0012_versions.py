"""Transcripts that people have corrected: every version that was saved, and the lines of the one that counts."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

PARTED = "coalesce({0}.parted, {0}.text)"
FULL_TEXT = (
    "CREATE VIEW corrected_parted AS SELECT id, coalesce(parted, text) AS text FROM corrected",
    "CREATE VIRTUAL TABLE corrected_fts USING fts5(text, content='corrected_parted', content_rowid='id')",
    (
        "CREATE TRIGGER corrected_fts_insert AFTER INSERT ON corrected BEGIN"
        f" INSERT INTO corrected_fts(rowid, text) VALUES (new.id, {PARTED.format('new')}); END"
    ),
    (
        "CREATE TRIGGER corrected_fts_delete AFTER DELETE ON corrected BEGIN"
        " INSERT INTO corrected_fts(corrected_fts, rowid, text)"
        f" VALUES ('delete', old.id, {PARTED.format('old')}); END"
    ),
)
COLUMNS = (
    "job_id, chunk, idx, start_s, end_s, text, language, avg_logprob, no_speech_prob, compression_ratio, temperature, "
    "words, channel"
)
LINES = f"""
    CREATE VIEW lines AS
    SELECT {COLUMNS}, 0 AS edited, 0 AS fixed FROM segments
    WHERE NOT EXISTS (SELECT 1 FROM versions WHERE versions.job_id = segments.job_id AND versions.current)
    UNION ALL SELECT {COLUMNS}, edited, fixed FROM corrected
    """


def upgrade() -> None:
    """Add the tables, their index of words, and the view of what each transcript says."""
    op.create_table(
        "versions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("saved_at", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("lines", sa.Text),
        sa.Column("current", sa.Boolean, nullable=False),
        sa.Column("published", sa.Boolean, nullable=False),
        sa.UniqueConstraint("job_id", "number", name="uq_versions_number"),
    )
    op.create_index("ix_versions_current", "versions", ["job_id"], sqlite_where=sa.text("current"))
    op.create_index("ix_versions_unpublished", "versions", ["job_id"], sqlite_where=sa.text("NOT published"))
    op.create_table(
        "corrected",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("chunk", sa.Integer, nullable=False),
        sa.Column("idx", sa.Integer, nullable=False),
        sa.Column("start_s", sa.Float, nullable=False),
        sa.Column("end_s", sa.Float, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("language", sa.Text),
        sa.Column("avg_logprob", sa.Float),
        sa.Column("no_speech_prob", sa.Float),
        sa.Column("compression_ratio", sa.Float),
        sa.Column("temperature", sa.Float),
        sa.Column("words", sa.Text),
        sa.Column("channel", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("parted", sa.Text),
        sa.Column("edited", sa.Boolean, nullable=False),
        sa.Column("fixed", sa.Boolean, nullable=False),
        sa.UniqueConstraint("job_id", "chunk", "idx", name="uq_corrected_place"),
    )
    for statement in (*FULL_TEXT, LINES):
        op.execute(statement)
