"""What the monitor sees of the machine and the service at one moment. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

BELOW_CRITICAL_C = 10.0


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU; what the driver does not report is None."""

    index: int
    uuid: str
    name: str
    load_percent: float | None = None
    memory_used_mb: float | None = None
    memory_total_mb: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    throttle: tuple[str, ...] = ()
    node: str = ""
    """The machine of the cluster that it is in; "" for this one."""

    @property
    def subject(self) -> str:
        """Its name in alerts. It has the UUID, because the index may change when another GPU disappears."""
        own = f"{self.name} {self.uuid[:12]}" if self.uuid.startswith("GPU-") else f"{self.name} #{self.index}"
        return f"{self.node}: {own}" if self.node else own

    @property
    def memory_percent(self) -> float | None:
        """The share of its memory in use."""
        if self.memory_used_mb is None or not self.memory_total_mb:
            return None
        return 100 * self.memory_used_mb / self.memory_total_mb


@dataclass(frozen=True, slots=True)
class Probe:
    """The GPUs, or why they cannot be read."""

    gpus: tuple[Gpu, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system that the daemon writes to; None while it does not answer."""

    path: str
    free_mb: float | None
    device: int | None = None
    """The device number: paths on the same device share its space."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """A CPU's temperature where it is hottest; `critical_c` is what the hardware states that it must not reach."""

    chip: str
    temperature_c: float | None
    critical_c: float | None = None

    @property
    def limit_c(self) -> float | None:
        """Where it is too hot: below critical, where a CPU slows itself down, so that it never gets hotter."""
        return None if self.critical_c is None else self.critical_c - BELOW_CRITICAL_C


@dataclass(frozen=True, slots=True)
class ChildFigures:
    """A process of ours; `restarts` are those of its kind since the daemon's start."""

    kind: str
    pid: int
    rss_mb: float
    cpu_percent: float


@dataclass(frozen=True, slots=True)
class Host:
    """The machine and the daemon's processes."""

    cpu_percent: float
    memory_percent: float
    memory_used_mb: float
    swap_percent: float
    load_1m: float
    disks: tuple[Disk, ...]
    children: tuple[ChildFigures, ...]
    sensors: tuple[Sensor, ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """The service: totals since its start, rates over the last hour (or since its start)."""

    done: int = 0
    failed: int = 0
    """Jobs that are dead or rejected."""
    suspect: int = 0
    """Jobs that are done with warnings."""
    audio_s: float = 0.0
    """Audio of the recordings that are done."""
    processing_s: float = 0.0
    ended_in_window: int = 0
    error_rate_percent: float = 0.0
    real_time_factor_mean: float | None = None
    """Seconds of a device per second of audio: smaller is faster."""
    real_time_factor_p95: float | None = None
    files_per_hour: float = 0.0
    audio_hours_per_hour: float = 0.0
    batch_fill_percent: float | None = None
    queue_files: int = 0
    queue_audio_s: float | None = None
    eta_s: float | None = None
    oldest_waiting_s: float = 0.0
    stalled_s: float = 0.0
    """How long nothing has been finished although work is waiting."""
    known: bool = True
    """Whether the database could be read; if not, the other figures mean nothing."""

    @property
    def success_rate_percent(self) -> float:
        """The share of the jobs of the last hour that did not fail."""
        return 100.0 - self.error_rate_percent


@dataclass(frozen=True, slots=True)
class Sample:
    """Everything, at one moment."""

    sampled_at: str
    probe: Probe
    host: Host
    work: Work
    paused: str | None = None
    """Why work is paused, if it is."""
    restarts: Mapping[str, int] = field(default_factory=dict)
    """Restarts of every kind of child and of the watchers since the daemon's start."""
    missing_roots: Mapping[str, bool] = field(default_factory=dict)
    """For each watched folder, whether it cannot be listed."""
    unlistable_folders: Mapping[str, int] = field(default_factory=dict)
    """For each watched folder, how many of its sub-folders cannot be listed."""
    accuracy_percent: float | None = None
    """How much of float32's accuracy this model keeps, by the last `verify`."""
    engines_ready: int | None = None
    """None while the model is downloaded."""
    model_cache_mb: float | None = None
