"""What queries return: plain values by name, ready for JSON.

The keys are those that `--json` prints and that people query by; bytes are in hexadecimal, times are ISO 8601 text. A
class that is named after a table names the columns that are read, in this order.
"""

from typing import Any

from typing_extensions import TypedDict


class JobRow(TypedDict):
    """A row of `jobs`."""

    id: int
    root: str
    path: str
    path_bytes: str
    size_bytes: int
    fingerprint: str
    content_hash: str | None
    state: str
    reason: str | None
    damaged: int
    priority: int
    attempts: int
    next_attempt_at: str | None
    language: str | None
    language_probability: float | None
    task: str | None
    model: str | None
    compute_type: str | None
    device: str | None
    options: str
    duration_s: float | None
    speech_s: float | None
    chunks_total: int | None
    chunks_done: int
    queued_at: str | None
    started_at: str | None
    finished_at: str | None
    processing_s: float
    error_kind: str | None
    error: str | None
    retried: bool
    recorded_at: str | None
    sound: str | None
    warnings: str | None


class OutputRow(TypedDict):
    """A file of a transcript."""

    format: str
    path: str
    sha256: str
    bytes: int
    published: bool


class SegmentRow(TypedDict):
    """A line of a transcript."""

    start_s: float
    end_s: float
    text: str
    channel: int


class SpeakerRow(TypedDict):
    """Somebody who speaks in a recording."""

    speaker: str
    name: str
    """What people have called them, or else the same as `speaker`."""
    seconds: float
    share: float
    recognized: float | None
    """The cosine by which the voice was recognized; None if somebody has given the name, or there is none."""


class StageRow(TypedDict):
    """How far a stage of a job is, and what it has found: None while it goes on."""

    name: str
    chunks_done: int
    result: Any


class DeliveryRow(TypedDict):
    """Something that was, or is, to be done after a job has ended."""

    kind: str
    address: str
    event: str
    state: str
    reason: str | None
    attempts: int
    due_at: str
    ended_at: str | None


class JobDetail(JobRow):
    """Everything about one job."""

    outputs: list[OutputRow]
    stages: list[StageRow]
    segments: list[SegmentRow]
    deliveries: list[DeliveryRow]


class JobPage(TypedDict):
    """Some of the jobs, the newest first, and the cursor of those that come after them; None at the end."""

    jobs: list[JobRow]
    next: str | None


class AlertRow(TypedDict):
    """A row of `alerts`."""

    id: int
    rule: str
    subject: str
    state: str
    value: str | None
    text: str | None
    since: str
    fired_at: str | None
    resolved_at: str | None


class HourRow(TypedDict):
    """A row of the view `throughput`."""

    hour: str
    files: int
    audio_hours: float | None
    real_time_factor: float | None
    error_rate: float


class PauseRow(TypedDict):
    """A row of `pauses`."""

    cause: str
    reason: str
    since: str


class LayoutRow(TypedDict):
    """A row of `layouts`, without its trials."""

    model: str
    device: str
    compute_type: str
    workers: int
    cpu_threads: int
    batch_size: int
    machine: str
    measured_at: str


class DaemonState(TypedDict):
    """Whether a daemon is using the database."""

    running: bool
    pid: int | None


class Progress(TypedDict):
    """How far a running job is."""

    id: int
    path: str
    started_at: str
    chunks_done: int
    chunks_total: int | None
    progress_percent: float | None
    audio_done_s: float
    times_real_time: float | None
    stages: list[StageRow]
    """Those that have begun."""


class Backlog(TypedDict):
    """What waits or runs, and how long it will take; None where that is not known."""

    files: int
    bytes: int
    audio_s: float | None
    eta_s: float | None


class GpuRow(TypedDict):
    """A GPU in the newest sample; what its driver does not report is None."""

    node: str
    """The machine of a cluster that it is in; "" for this one."""
    index: int
    name: str
    uuid: str
    temperature_c: float | None
    load_percent: float | None
    memory_percent: float | None


class Status(TypedDict):
    """What `transcribed status` shows."""

    daemon: DaemonState
    counts: dict[str, int]
    suspect: int
    """Transcripts that came with warnings."""
    running: list[Progress]
    backlog: Backlog
    layouts: list[LayoutRow]
    batch_fill: float | None
    pauses: list[PauseRow]
    alerts: list[AlertRow]
    gpus: list[GpuRow]
    """As the newest sample has them, while the daemon runs."""


SampleRow = dict[str, Any]
"""A row of `samples`. Its columns are the monitor's metrics, which are declared there and looked up by name; `detail`
is read from its JSON."""
