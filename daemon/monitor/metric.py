"""What a metric is; `daemon.monitor.metrics` is the table of them all."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from daemon.monitor.sample import ChildFigures, Disk, Gpu, Sample

Figures = Sequence[tuple[tuple[str, ...], float | None]]
"""(labels, value) pairs; a value that cannot be read is None. A metric without labels has one figure, with ()."""
Read = Callable[[Sample], Figures]

MIB = 1 << 20
"""The unit of nvidia-smi, in bytes."""
PER_UNIT = {"MB": 1_000_000, "MiB": MIB}
"""How many of Prometheus' base units are in one of ours."""


class Kept(Enum):
    """Where the table `samples` and the log keep a metric."""

    COLUMN = auto()
    """In a column of its name."""
    DETAIL = auto()
    """In the JSON of the column `detail`, under its name."""
    LISTED = auto()
    """Not on its own: `detail` lists it with its GPU or process, or it follows from another column."""


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
    """A sentence for Prometheus and the docs."""
    unit: str = ""
    title: str = ""
    """Its title in `transcribed metrics` and in the plot; it is not shown there if this is empty."""
    prometheus: str = ""
    """Its name in Prometheus without `transcribed_`, in base units; it is not served if this is empty."""
    labels: tuple[str, ...] = ()
    """What tells its figures apart in Prometheus and as subjects of alerts."""
    fold: Callable[[Iterable[float]], float] = max
    """Reduces several figures to the one that is kept."""
    kept: Kept = Kept.DETAIL
    otherwise: float | None = None
    """What is kept while it cannot be read, because some columns do not allow NULL."""
    panel: Panel | None = None
    counter: bool = False
    judged: Read | None = None
    """The figures that alert rules look at, if not all of them."""
    limits: Callable[[Sample], Mapping[str, float | None]] = lambda _: {}
    """Gives the limits that subjects state themselves; alerts fire there unless another limit is configured."""

    def folded(self, sample: Sample) -> float | None:
        """Return the figure that is kept of a sample."""
        known = [value for _, value in self.read(sample) if value is not None]
        return self.fold(known) if known else self.otherwise

    def of_row(self, row: dict[str, Any]) -> float | None:
        """Return the figure that was kept, from a row of `samples` whose `detail` has been parsed."""
        figure: float | None = row[self.name] if self.kept is Kept.COLUMN else row["detail"].get(self.name)
        return figure

    def in_base_unit(self, value: float) -> float:
        """Return a figure in Prometheus' base units: ratios for percent, bytes for MB."""
        return value / 100 if self.unit == "%" else value * PER_UNIT.get(self.unit, 1)


def one(read: Callable[[Sample], float | None]) -> Read:
    """Read one figure without labels."""
    return lambda sample: [((), read(sample))]


def of_work(name: str) -> Read:
    """Read a field of `Work`; None while the service's figures are not known."""
    return one(lambda sample: getattr(sample.work, name) if sample.work.known else None)


def of_gpus(read: Callable[[Gpu], float | None]) -> Read:
    """Read a figure of each GPU."""
    return lambda sample: [((gpu.subject,), read(gpu)) for gpu in sample.probe.gpus]


def of_processes(read: Callable[[ChildFigures], float]) -> Read:
    """Read a figure of the daemon and of each child."""
    return lambda sample: [((child.kind, str(child.pid)), read(child)) for child in sample.host.children]


def free(disks: Iterable[Disk]) -> Figures:
    """Return the free space at each path."""
    return [((disk.path,), disk.free_mb) for disk in disks]


def file_systems(sample: Sample) -> Figures:
    """Return the free space of each file system once, under its first path, so that one full disk is one alert."""
    first: dict[object, Disk] = {}
    for disk in sample.host.disks:
        first.setdefault(disk.path if disk.device is None else disk.device, disk)
    return free(first.values())
