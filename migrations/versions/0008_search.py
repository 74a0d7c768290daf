"""Texts in scripts without spaces are found by parts of them; jobs that are paused are in the queue.

The full-text index sees the characters of these scripts one by one.
"""

import sqlalchemy as sa
from alembic import op

from daemon.store.full_text import parted

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

PARTED = "coalesce({0}.parted, {0}.text)"
FULL_TEXT = (
    "DROP TRIGGER IF EXISTS segments_fts_insert",
    "DROP TRIGGER IF EXISTS segments_fts_delete",
    "DROP TRIGGER IF EXISTS segments_fts_update",
    "DROP TABLE IF EXISTS segments_fts",
    "CREATE VIEW segments_parted AS SELECT id, coalesce(parted, text) AS text FROM segments",
    "CREATE VIRTUAL TABLE segments_fts USING fts5(text, content='segments_parted', content_rowid='id')",
    (
        "CREATE TRIGGER segments_fts_insert AFTER INSERT ON segments BEGIN"
        f" INSERT INTO segments_fts(rowid, text) VALUES (new.id, {PARTED.format('new')}); END"
    ),
    (
        "CREATE TRIGGER segments_fts_delete AFTER DELETE ON segments BEGIN"
        " INSERT INTO segments_fts(segments_fts, rowid, text)"
        f" VALUES ('delete', old.id, {PARTED.format('old')}); END"
    ),
    (
        "CREATE TRIGGER segments_fts_update AFTER UPDATE OF text, parted ON segments BEGIN"
        " INSERT INTO segments_fts(segments_fts, rowid, text)"
        f" VALUES ('delete', old.id, {PARTED.format('old')});"
        f" INSERT INTO segments_fts(rowid, text) VALUES (new.id, {PARTED.format('new')}); END"
    ),
    "INSERT INTO segments_fts(segments_fts) VALUES ('rebuild')",
)
QUEUE = """
    CREATE VIEW queue AS
    SELECT id, path, state, reason, priority, round(size_bytes / 1e6, 1) AS size_mb, duration_s,
           chunks_done, chunks_total,
           CASE WHEN chunks_total > 0 THEN round(100.0 * chunks_done / chunks_total, 1) END AS progress_percent,
           attempts, next_attempt_at, queued_at, started_at, root
    FROM jobs WHERE state IN ('settling', 'queued', 'paused', 'running', 'failed')
    ORDER BY state <> 'running', state = 'paused', priority DESC, queued_at, id
    """


def upgrade() -> None:
    """Add the column, fill it, and build the index anew; replace the view."""
    op.add_column("segments", sa.Column("parted", sa.Text))
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT id, text FROM segments")).yield_per(10_000)
    texts = [{"id": row.id, "parted": found} for row in rows if (found := parted(row.text)) is not None]
    if texts:
        connection.execute(sa.text("UPDATE segments SET parted = :parted WHERE id = :id"), texts)
    for statement in (*FULL_TEXT, "DROP VIEW queue", QUEUE):
        op.execute(statement)
