"""The tables of who says what in jobs.db, besides the column `speaker` of its lines; part of `schema.metadata`."""

from sqlalchemy import Column, Float, ForeignKey, Integer, LargeBinary, Table, Text, column, table

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
"""How people sound, moment by moment, of jobs that are to say who says what. Only of what is being transcribed or was:
it goes with the job."""

speakers = Table(
    "speakers",
    metadata,
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("speaker", Text, primary_key=True),
    Column("name", Text),
    Column("embedding", LargeBinary),
)
"""Who speaks in each recording; `embedding` is the mean of their voices, NULL if they were told apart by channel."""

speaking = table("speaking", *(column(name) for name in ("job_id", "speaker", "name", "seconds", "share")))
"""A view of who speaks for how long."""
