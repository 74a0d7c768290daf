"""The tables of jobs.db. `migrations/` creates them; a test compares the two."""

from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    column,
    table,
    text,
)

metadata = MetaData()

SETTLING, RECORDING, QUEUED, PAUSED, RUNNING = "settling", "recording", "queued", "paused", "running"
DONE, FAILED, DEAD, REJECTED = "done", "failed", "dead", "rejected"
IGNORED, CANCELLED, VANISHED = "ignored", "cancelled", "vanished"

STATES = (
    SETTLING, RECORDING, QUEUED, PAUSED, RUNNING, DONE, FAILED, DEAD, REJECTED, IGNORED, CANCELLED, VANISHED,
)  # fmt: skip
UNSETTLED = (SETTLING, RECORDING)
"""States of a job whose recording may not be complete yet."""
WAITING = (*UNSETTLED, QUEUED, FAILED)
"""States of a job that is not running now but will run by itself."""
PENDING = (*WAITING, PAUSED)
"""States of a job that is not running now but will, by itself or once it is resumed."""
PAUSABLE = (QUEUED, FAILED, RUNNING)
"""States from which `jobs pause` holds a job."""
REVIVABLE = (FAILED, DEAD, REJECTED, CANCELLED, DONE, VANISHED)
"""States from which `jobs retry` queues a job again."""

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("root", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("path_bytes", LargeBinary, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("content_hash", Text),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("damaged", Integer, nullable=False, server_default=text("0")),
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_attempt_at", Text),
    Column("language", Text),
    Column("language_probability", Float),
    Column("task", Text),
    Column("model", Text),
    Column("compute_type", Text),
    Column("device", Text),
    Column("options", Text, nullable=False, server_default=text("'{}'")),
    Column("duration_s", Float),
    Column("speech_s", Float),
    Column("chunks_total", Integer),
    Column("chunks_done", Integer, nullable=False, server_default=text("0")),
    Column("queued_at", Text),
    Column("started_at", Text),
    Column("finished_at", Text),
    Column("processing_s", Float, nullable=False, server_default=text("0")),
    Column("error_kind", Text),
    Column("error", Text),
    Column("retried", Boolean, nullable=False, server_default=text("0")),
    Column("recorded_at", Text),
    Column("sound", Text),
    Column("warnings", Text),
    UniqueConstraint("root", "path_bytes", "fingerprint", name="uq_jobs_version"),
    Index("ix_jobs_state", "state", "priority", "queued_at"),
    Index("ix_jobs_content_hash", "content_hash"),
    Index("ix_jobs_fingerprint", "fingerprint"),
)

chunks = Table(
    "chunks",
    metadata,
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("idx", Integer, primary_key=True),
    Column("start_s", Float, nullable=False),
    Column("end_s", Float, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("guards", Integer, nullable=False),
    Column("fallbacks", Integer, nullable=False),
    Column("rests", Integer, nullable=False),
    Column("digest", Text),
)


def _of_lines(name: str, *more: Column[Any]) -> Table:
    """Return a table with lines of text and their places in their recordings."""
    return Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True),
        Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        Column("chunk", Integer, nullable=False),
        Column("idx", Integer, nullable=False),
        Column("start_s", Float, nullable=False),
        Column("end_s", Float, nullable=False),
        Column("text", Text, nullable=False),
        Column("language", Text),
        Column("avg_logprob", Float),
        Column("no_speech_prob", Float),
        Column("compression_ratio", Float),
        Column("temperature", Float),
        Column("beam_size", Integer),
        Column("words", Text),
        Column("channel", Integer, nullable=False, server_default=text("0")),
        Column("speaker", Text),
        *more,
        UniqueConstraint("job_id", "chunk", "idx", name=f"uq_{name}_place"),
    )


segments = _of_lines("segments", Column("parted", Text))
"""`parted` is the text as the full-text index sees it, where that is another one (full_text.py)."""
translations = _of_lines("translations")
"""In English, of jobs that are to have both; `language` is what was spoken."""
corrected = _of_lines(
    "corrected",
    Column("parted", Text),
    Column("edited", Boolean, nullable=False),
    Column("fixed", Boolean, nullable=False),
)
"""The lines of the version that counts, of jobs whose transcript somebody has corrected; `chunk` is always 0."""

versions = Table(
    "versions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("saved_at", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("lines", Text),
    Column("current", Boolean, nullable=False),
    Column("published", Boolean, nullable=False),
    UniqueConstraint("job_id", "number", name="uq_versions_number"),
    Index("ix_versions_current", "job_id", sqlite_where=text("current")),
    Index("ix_versions_unpublished", "job_id", sqlite_where=text("NOT published")),
)
"""What people have saved. `lines` is NULL where that was to take the machine's text again; then none is `current`."""

lines = table("lines", *(column(each.name, each.type) for each in corrected.c if each.name not in ("id", "parted")))
"""A view of what each transcript says: the lines as they were corrected, or else as the machine heard them."""


suppressed = Table(
    "suppressed",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("chunk", Integer, nullable=False),
    Column("start_s", Float, nullable=False),
    Column("end_s", Float, nullable=False),
    Column("text", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index("ix_suppressed_place", "job_id", "chunk"),
)

stages = Table(
    "stages",
    metadata,
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("chunks_done", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("result", Text),
)

waveforms = Table(
    "waveforms",
    metadata,
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("levels", LargeBinary, nullable=False),
)

outputs = Table(
    "outputs",
    metadata,
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("format", Text, primary_key=True),
    Column("path", Text, nullable=False),
    Column("path_bytes", LargeBinary, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("published", Boolean, nullable=False),
    Index("ix_outputs_path", "path_bytes"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("finished_at", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("recordings", Integer, nullable=False),
    Column("audio_s", Float, nullable=False),
    Column("run_s", Float, nullable=False),
)

layouts = Table(
    "layouts",
    metadata,
    Column("machine", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("compute_type", Text, primary_key=True),
    Column("workers", Integer, nullable=False),
    Column("cpu_threads", Integer, nullable=False),
    Column("batch_size", Integer, nullable=False),
    Column("measured_at", Text, nullable=False),
    Column("trials", Text, nullable=False),
)

verifications = Table(
    "verifications",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("verified_at", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("compute_type", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("audio_s", Float, nullable=False),
    Column("wer", Float, nullable=False),
    Column("reference_wer", Float, nullable=False),
    Column("agreement", Float, nullable=False),
    Column("speed_up", Float, nullable=False),
    Column("peak_mb", Float, nullable=False),
    Column("reference_peak_mb", Float, nullable=False),
    Column("passed", Boolean, nullable=False),
)

requests = Table(
    "requests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("command", Text, nullable=False),
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE")),
    Column("requested_at", Text, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("delivery", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("command", Text),
    Column("moved_to", LargeBinary),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("wanted_at", Text, nullable=False),
    Column("due_at", Text, nullable=False),
    Column("ended_at", Text),
    Index("ix_outbox_lane", "state", "kind", "address", "id"),
    Index("ix_outbox_job", "job_id"),
)

shares = Table(
    "shares",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token_hash", Text, nullable=False),
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
    Column("with_recording", Boolean, nullable=False),
    UniqueConstraint("token_hash", name="uq_shares_token"),
    Index("ix_shares_job", "job_id"),
)

pauses = Table(
    "pauses",
    metadata,
    Column("cause", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("since", Text, nullable=False),
)

samples = Table(
    "samples",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sampled_at", Text, nullable=False),
    Column("gpu_temperature_c", Float),
    Column("gpu_memory_percent", Float),
    Column("gpu_load_percent", Float),
    Column("cpu_percent", Float, nullable=False),
    Column("memory_percent", Float, nullable=False),
    Column("swap_percent", Float, nullable=False),
    Column("load_1m", Float, nullable=False),
    Column("disk_free_mb", Float),
    Column("rss_mb", Float, nullable=False),
    Column("done", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("audio_s", Float, nullable=False),
    Column("error_rate_percent", Float, nullable=False),
    Column("success_rate_percent", Float, nullable=False),
    Column("real_time_factor_mean", Float),
    Column("real_time_factor_p95", Float),
    Column("files_per_hour", Float, nullable=False),
    Column("audio_hours_per_hour", Float, nullable=False),
    Column("batch_fill_percent", Float),
    Column("queue_files", Integer, nullable=False),
    Column("queue_audio_s", Float),
    Column("eta_s", Float),
    Column("oldest_waiting_s", Float, nullable=False),
    Column("paused", Text),
    Column("detail", Text, nullable=False),
    Index("ix_samples_time", "sampled_at"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("value", Text),
    Column("text", Text),
    Column("since", Text, nullable=False),
    Column("fired_at", Text),
    Column("resolved_at", Text),
    Index("ix_alerts_open", "rule", "subject", "state"),
)
