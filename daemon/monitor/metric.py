"""What a metric is; `daemon.monitor.metrics` is the table of them all."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from daemon.monitor.sample import ChildFigures, Disk, Gpu, Sample

Figures = Sequence[tuple[tuple[str, ...], float | None]]
"""(labels, value); None: it cannot be read. Without labels of its own a metric has one figure, of ()."""
Read = Callable[[Sample], Figures]

MIB = 1 << 20
"""nvidia-smi counts in these."""
PER_UNIT = {"MB": 1_000_000, "MiB": MIB}
"""Prometheus' base units in one of ours."""


class Kept(Enum):
    """Where the table `samples` and the log keep a metric."""

    COLUMN = auto()
    """In the column of its name."""
    DETAIL = auto()
    """In the JSON of the column `detail`, under its name."""
    LISTED = auto()
    """Not by itself: `detail` lists it with its GPU or process, or it follows from another column."""


class Panel(Enum):
    """The panels of the plot from top to bottom, and their units."""

    TEMPERATURE = "°C"
    USE = "%"
    THROUGHPUT = "audio h / h"
    ERRORS = "% of jobs"
    QUEUE = "files"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: where its figures come from, and what each reader of it calls it."""

    name: str
    """Its column in `samples`, or its key in `detail`."""
    read: Read
    help: str
    """A sentence, for Prometheus and the docs."""
    unit: str = ""
    title: str = ""
    """In the table of `transcribed metrics` and in the plot; empty: not shown there."""
    prometheus: str = ""
    """Without `transcribed_`, in base units; empty: not served."""
    labels: tuple[str, ...] = ()
    """What its figures are told apart by, for Prometheus and as the subjects of alerts."""
    fold: Callable[[Iterable[float]], float] = max
    """Of several figures, the one that is kept."""
    kept: Kept = Kept.DETAIL
    otherwise: float | None = None
    """What is kept while it cannot be read: some columns take no NULL."""
    panel: Panel | None = None
    counter: bool = False
    judged: Read | None = None
    """The figures that alert rules look at, where these are not all."""
    limits: Callable[[Sample], Mapping[str, float | None]] = lambda _: {}
    """Subject -> the limit that it states itself; alerts fire there unless another one is configured."""

    def folded(self, sample: Sample) -> float | None:
        """The figure that is kept of a sample."""
        known = [value for _, value in self.read(sample) if value is not None]
        return self.fold(known) if known else self.otherwise

    def of_row(self, row: dict[str, Any]) -> float | None:
        """The figure as it was kept, in a row of `samples` whose `detail` has been read."""
        figure: float | None = row[self.name] if self.kept is Kept.COLUMN else row["detail"].get(self.name)
        return figure

    def in_base_unit(self, value: float) -> float:
        """The figure as Prometheus wants it: ratios for percent, bytes for MB."""
        return value / 100 if self.unit == "%" else value * PER_UNIT.get(self.unit, 1)


def one(read: Callable[[Sample], float | None]) -> Read:
    return lambda sample: [((), read(sample))]


def of_work(name: str) -> Read:
    return one(lambda sample: getattr(sample.work, name) if sample.work.known else None)


def of_gpus(read: Callable[[Gpu], float | None]) -> Read:
    return lambda sample: [((gpu.subject,), read(gpu)) for gpu in sample.probe.gpus]


def of_processes(read: Callable[[ChildFigures], float]) -> Read:
    return lambda sample: [((child.kind, str(child.pid)), read(child)) for child in sample.host.children]


def free(disks: Iterable[Disk]) -> Figures:
    return [((disk.path,), disk.free_mb) for disk in disks]


def file_systems(sample: Sample) -> Figures:
    """Each file system once, called by the first path that lies on it: one full disk is one alert."""
    first: dict[object, Disk] = {}
    for disk in sample.host.disks:
        first.setdefault(disk.path if disk.device is None else disk.device, disk)
    return free(first.values())
