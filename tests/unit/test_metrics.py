"""The table of metrics, and everything that goes by it."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from prometheus_client import generate_latest
from prometheus_client.core import CollectorRegistry

from daemon.cli import monitoring
from daemon.monitor import metrics
from daemon.monitor.counters import Counters
from daemon.monitor.metric import Kept, Metric
from daemon.monitor.metrics import BY_NAME, METRICS
from daemon.monitor.plot import PANELS, _panel_of, plot
from daemon.monitor.prometheus import Collector
from daemon.monitor.sample import ChildFigures, Disk, Gpu, Probe, Sample, Sensor, Work
from daemon.store.schema import samples
from tests.builders import host, sample
from tests.unit.test_alert_rules import rows

NOTHING = sample(Work(known=False))
HOT, COLD = Gpu(0, "GPU-aaaaaaaa-1", "A", temperature_c=71.0), Gpu(1, "GPU-bbbbbbbb-1", "B", temperature_c=40.0)
DISKS = (Disk("/a", 900.0, 1), Disk("/b", 900.0, 1), Disk("/c", 7.0, 2), Disk("/gone", None))
CHILDREN = (ChildFigures("daemon", 1, 50.0, 1.0), ChildFigures("decoder", 2, 25.5, 300.0))
BUSY = sample(
    Work(done=3, batch_fill_percent=75.0),
    probe=Probe((HOT, COLD, Gpu(2, "GPU-cccccccc-1", "C"))),
    host=host(disks=DISKS, children=CHILDREN, sensors=(Sensor("coretemp", 66.0),)),
    restarts={"decoder": 2},
)
UNIT_ENDS = {"°C": "celsius", "%": "ratio", "MB": "bytes", "MiB": "bytes", "s": "seconds", "W": "watts"}


def test_names_are_told_apart() -> None:
    assert len(BY_NAME) == len(METRICS)
    served = [metric.prometheus for metric in METRICS if metric.prometheus]
    assert len(set(served)) == len(served)


def test_every_column_is_a_metric_and_a_metric_without_one_needs_none() -> None:
    kept = {metric.name for metric in METRICS if metric.kept is Kept.COLUMN}
    assert kept == set(samples.columns.keys()) - {"id", "sampled_at", "paused", "detail"}


def test_a_sample_of_which_nothing_is_known_can_still_be_kept() -> None:
    row = metrics.row(NOTHING)
    for column in samples.columns:
        if column.name != "id" and not column.nullable:
            assert row[column.name] is not None, column.name


def test_of_several_figures_the_worst_one_has_the_column() -> None:
    row = metrics.row(BUSY)
    assert (row["gpu_temperature_c"], row["disk_free_mb"], row["rss_mb"]) == (71.0, 7.0, 75.5)
    assert [gpu["temperature_c"] for gpu in row["detail"]["gpus"]] == [71.0, 40.0, None]


def test_a_metric_that_an_older_sample_does_not_have_is_not_known() -> None:
    assert Metric("new", lambda _: [], "").of_row({"detail": {"stalled_s": 1.0}}) is None
    assert BY_NAME["stalled_s"].of_row({"detail": {"stalled_s": 1.0}}) == 1.0


@pytest.mark.parametrize("metric", [metric for metric in METRICS if metric.prometheus], ids=lambda metric: metric.name)
def test_prometheus_names_end_in_their_base_unit(metric: Metric) -> None:
    if metric.unit in UNIT_ENDS:
        assert metric.prometheus.endswith(UNIT_ENDS[metric.unit])
    assert metric.help.endswith(".")


class _Monitor:
    firing = ()
    sampled_at = 0.0

    def __init__(self, last: Sample) -> None:
        self.last = last


def exposed(sample: Sample) -> list[str]:
    registry = CollectorRegistry()
    registry.register(Collector(_Monitor(sample), Counters()))  # type: ignore[arg-type]
    return generate_latest(registry).decode().splitlines()


def test_what_prometheus_reads_has_base_units_and_leaves_out_what_is_not_known() -> None:
    lines = exposed(BUSY)
    for line in (
        'transcribed_gpu_temperature_celsius{gpu="A GPU-aaaaaaaa"} 71.0',
        'transcribed_cpu_temperature_celsius{sensor="coretemp"} 66.0',
        'transcribed_disk_free_bytes{path="/b"} 9e+08',
        'transcribed_process_resident_bytes{kind="decoder",pid="2"} 2.55e+07',
        'transcribed_process_cpu_ratio{kind="decoder",pid="2"} 3.0',
        'transcribed_restarts_total{kind="decoder"} 2.0',
        "transcribed_batch_fill_ratio 0.75",
        "transcribed_queue_files 0.0",
    ):
        assert line in lines
    assert not [
        line for line in lines if line.startswith(("transcribed_queue_eta", 'transcribed_disk_free_bytes{path="/gone'))
    ]
    assert not [line for line in exposed(NOTHING) if line.startswith(("transcribed_queue_files", "transcribed_error"))]


def test_the_table_shows_every_metric_with_a_title_that_is_known() -> None:
    row = metrics.row(BUSY)
    (titles, *_) = [list(column.cells) for column in monitoring._table([row, row], 10).columns]
    known = [metric for metric in METRICS if metric.title and metric.of_row(row) is not None]
    assert titles == [metric.title for metric in known] and len(known) > 8


def test_every_metric_with_a_panel_is_drawn_once_it_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_args, **_options: figures.append(figure))
    for each in (BUSY, NOTHING):
        plot([metrics.row(each)] * 2, [], tmp_path / "out.png")
    for figure, each in zip(figures, (BUSY, NOTHING), strict=True):
        drawn = {line.get_label(): np.asarray(line.get_ydata()).tolist() for axis in figure.axes for line in axis.lines}
        assert drawn == {
            metric.title: [metric.of_row(metrics.row(each))] * 2
            for metric in METRICS
            if metric.panel is not None and metric.of_row(metrics.row(each)) is not None
        }
    assert len(figures[0].axes) == len(PANELS) == len(figures[1].axes) + 1


def test_alerts_are_marked_with_the_metric_they_are_about() -> None:
    temperature, use, throughput, errors, queue = drawn = [panel for panel, _ in PANELS]
    expected = {
        "gpu_temperature": temperature, "gpu_gone": temperature, "temperature_cpu": temperature, "memory": use, "stalled": throughput,
        "error_rate": errors, "waiting_long": queue, "accuracy": queue, "a rule of a later version": queue,
    }  # fmt: skip
    assert {rule: _panel_of(rule, drawn) for rule in expected} == expected
    assert _panel_of("gpu_temperature", drawn[1:]) is queue


def test_the_docs_have_every_metric() -> None:
    kept = {Kept.COLUMN: "column", Kept.DETAIL: "`detail`", Kept.LISTED: ""}
    assert rows("metric") == [
        [metric.name, metric.unit, kept[metric.kept], _served(metric), metric.help] for metric in METRICS
    ]


def _served(metric: Metric) -> str:
    if not metric.prometheus:
        return ""
    labels = "{" + ", ".join(metric.labels) + "}" if metric.labels else ""
    return f"`transcribed_{metric.prometheus}{'_total' * metric.counter}{labels}`"
