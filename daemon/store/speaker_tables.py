"""The tables of who says what in jobs.db, besides the column `speaker` of its lines; part of `schema.metadata`."""

from sqlalchemy import (
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    column,
    literal_column,
    table,
    text,
)

from daemon.store.schema import metadata

voices = Table(
    "voices",
    metadata,
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("chunk", Integer, primary_key=True),
    Column("idx", Integer, primary_key=True),
    Column("start_s", Float, nullable=False),
    Column("end_s", Float, nullable=False),
    Column("embedding", LargeBinary, nullable=False),
)
"""How people sound, moment by moment, of jobs that are to say who says what, or, where `embedding` is empty, when
somebody speaks on a channel; only until these are done."""

speakers = Table(
    "speakers",
    metadata,
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("speaker", Text, primary_key=True),
    Column("name", Text),
    Column("embedding", LargeBinary),
    Column("model", Text),
    Column("recognized", Float),
    Column("renamed_at", Text),
    Index("ix_speakers_renamed", "job_id", sqlite_where=text("renamed_at IS NOT NULL")),
)
"""Who speaks in each recording.

`embedding` is the mean of their voices as `model` hears them, NULL if they were told apart by channel; `recognized` the
cosine with which a voice that is known was recognized, NULL if somebody has given the name; `renamed_at` is set until
the files say so."""

IS_RENAMED: ColumnElement[bool] = literal_column("speakers.renamed_at IS NOT NULL")
"""The condition that the files do not say yet how somebody is called, written as the index has it."""

known_voices = Table(
    "known_voices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("embedding", LargeBinary, nullable=False),
    Column("model", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="SET NULL")),
    Column("added_at", Text, nullable=False),
    Index("ix_known_voices_name", "name"),
    Index("ix_known_voices_job", "job_id"),
)
"""Voices that are recognized in other recordings, a row for each recording that somebody has named one in; `job_id` is
NULL for those of files that are no job's, or of a job that is gone."""

speaking = table(
    "speaking", *(column(name) for name in ("job_id", "speaker", "name", "seconds", "share", "recognized"))
)
"""A view of who speaks for how long."""
