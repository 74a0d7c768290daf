"""The first schema: jobs, their chunks, segments and outputs, batches, requests, alerts; views for people."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

FULL_TEXT = (
    "CREATE VIRTUAL TABLE segments_fts USING fts5(text, content='segments', content_rowid='id')",
    (
        "CREATE TRIGGER segments_fts_insert AFTER INSERT ON segments BEGIN"
        " INSERT INTO segments_fts(rowid, text) VALUES (new.id, new.text); END"
    ),
    (
        "CREATE TRIGGER segments_fts_delete AFTER DELETE ON segments BEGIN"
        " INSERT INTO segments_fts(segments_fts, rowid, text) VALUES ('delete', old.id, old.text); END"
    ),
    (
        "CREATE TRIGGER segments_fts_update AFTER UPDATE OF text ON segments BEGIN"
        " INSERT INTO segments_fts(segments_fts, rowid, text) VALUES ('delete', old.id, old.text);"
        " INSERT INTO segments_fts(rowid, text) VALUES (new.id, new.text); END"
    ),
)

VIEWS = (
    """
    CREATE VIEW queue AS
    SELECT id, path, state, reason, priority, round(size_bytes / 1e6, 1) AS size_mb, duration_s,
           chunks_done, chunks_total,
           CASE WHEN chunks_total > 0 THEN round(100.0 * chunks_done / chunks_total, 1) END AS progress_percent,
           attempts, next_attempt_at, queued_at, started_at, root
    FROM jobs WHERE state IN ('settling', 'queued', 'running', 'failed')
    ORDER BY state <> 'running', priority DESC, queued_at, id
    """,
    """
    CREATE VIEW failures AS
    SELECT id, path, state, reason, error_kind, error, attempts, next_attempt_at, finished_at, root
    FROM jobs WHERE state IN ('failed', 'dead', 'rejected')
    ORDER BY coalesce(finished_at, next_attempt_at) DESC, id DESC
    """,
    """
    CREATE VIEW throughput AS
    SELECT substr(finished_at, 1, 13) || char(58) || '00Z' AS hour,
           sum(state = 'done') AS files,
           round(sum(CASE WHEN state = 'done' THEN duration_s END) / 3600.0, 4) AS audio_hours,
           round(sum(CASE WHEN state = 'done' THEN processing_s END)
                 / nullif(sum(CASE WHEN state = 'done' THEN duration_s END), 0), 5) AS real_time_factor,
           round(1.0 * sum(state IN ('dead', 'rejected')) / count(*), 4) AS error_rate
    FROM jobs WHERE finished_at IS NOT NULL AND state IN ('done', 'dead', 'rejected')
    GROUP BY 1 ORDER BY 1 DESC
    """,
)


def upgrade() -> None:
    """Create the tables, the full-text index and the views."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("root", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("path_bytes", sa.LargeBinary, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("content_hash", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("damaged", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("priority", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("next_attempt_at", sa.Text),
        sa.Column("language", sa.Text),
        sa.Column("language_probability", sa.Float),
        sa.Column("task", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("compute_type", sa.Text),
        sa.Column("device", sa.Text),
        sa.Column("options", sa.Text, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("duration_s", sa.Float),
        sa.Column("speech_s", sa.Float),
        sa.Column("chunks_total", sa.Integer),
        sa.Column("chunks_done", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("queued_at", sa.Text),
        sa.Column("started_at", sa.Text),
        sa.Column("finished_at", sa.Text),
        sa.Column("processing_s", sa.Float, nullable=False, server_default=sa.text("0")),
        sa.Column("error_kind", sa.Text),
        sa.Column("error", sa.Text),
        sa.UniqueConstraint("root", "path_bytes", "fingerprint", name="uq_jobs_version"),
    )
    op.create_index("ix_jobs_state", "jobs", ["state", "priority", "queued_at"])
    op.create_index("ix_jobs_content_hash", "jobs", ["content_hash"])
    op.create_table(
        "chunks",
        _job(primary_key=True),
        sa.Column("idx", sa.Integer, primary_key=True),
        sa.Column("start_s", sa.Float, nullable=False),
        sa.Column("end_s", sa.Float, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("guards", sa.Integer, nullable=False),
        sa.Column("fallbacks", sa.Integer, nullable=False),
        sa.Column("rests", sa.Integer, nullable=False),
    )
    op.create_table(
        "segments",
        sa.Column("id", sa.Integer, primary_key=True),
        _job(nullable=False),
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
        sa.UniqueConstraint("job_id", "chunk", "idx", name="uq_segments_place"),
    )
    op.create_table(
        "outputs",
        _job(primary_key=True),
        sa.Column("format", sa.Text, primary_key=True),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("path_bytes", sa.LargeBinary, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("bytes", sa.Integer, nullable=False),
        sa.Column("published", sa.Boolean, nullable=False),
    )
    op.create_index("ix_outputs_path", "outputs", ["path_bytes"])
    op.create_table(
        "batches",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("finished_at", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("capacity", sa.Integer, nullable=False),
        sa.Column("recordings", sa.Integer, nullable=False),
        sa.Column("audio_s", sa.Float, nullable=False),
        sa.Column("run_s", sa.Float, nullable=False),
    )
    op.create_table(
        "requests",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("command", sa.Text, nullable=False),
        _job(nullable=False),
        sa.Column("requested_at", sa.Text, nullable=False),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("value", sa.Text),
        sa.Column("since", sa.Text, nullable=False),
        sa.Column("fired_at", sa.Text),
        sa.Column("resolved_at", sa.Text),
    )
    op.create_index("ix_alerts_open", "alerts", ["rule", "subject", "state"])
    for statement in (*FULL_TEXT, *VIEWS):
        op.execute(statement)


def _job(**options: Any) -> sa.Column[int]:
    return sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id", ondelete="CASCADE"), **options)
