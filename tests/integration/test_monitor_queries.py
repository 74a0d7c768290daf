"""What the monitor has kept, read for plots."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daemon.monitor.metrics import row
from daemon.monitor.sample import Gpu, Probe
from daemon.store.monitor_queries import Folded
from daemon.store.monitoring import History
from daemon.store.queries import Queries
from daemon.store.records import timestamp
from daemon.store.store import Store
from tests.builders import host, sample

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def look(history: History, after_s: float, cpu: float, gpu_c: float | None = None) -> None:
    gpus = () if gpu_c is None else (Gpu(0, "GPU-1", "one", temperature_c=gpu_c),)
    at = timestamp(BEGIN + timedelta(seconds=after_s))
    history.sample(row(sample(sampled_at=at, probe=Probe(gpus), host=host(cpu_percent=cpu))))


def end(store: Store, state: str, finished_at: str, duration_s: float | None = None) -> None:
    values: dict[str, Any] = {"path": finished_at, "state": state, "at": finished_at, "s": duration_s}
    store._write(
        lambda db: db.exec_driver_sql(
            "INSERT INTO jobs (root, path, path_bytes, size_bytes, fingerprint, state, finished_at, duration_s) "
            "VALUES ('/r', :path, :path, 1, :state, :state, :at, :s)",
            values,
        )
    )


def test_samples_within_a_step_are_averaged_with_their_least_and_largest(history: History, queries: Queries) -> None:
    for after_s, cpu in ((-1, 99.0), (0, 10.0), (30, 20.0), (59, 60.0), (60, 5.0), (600, 7.0), (3600, 99.0)):
        look(history, after_s, cpu)
    found = queries.stretches(["cpu_percent"], BEGIN, HOUR, step_s=60)
    assert [(each.at_s - BEGIN.timestamp(), each.taken) for each in found] == [
        (pytest.approx(89 / 3), 3), (60.0, 1), (600.0, 1),
    ]  # fmt: skip
    assert found[0].figures == [Folded(30.0, 10.0, 60.0)]
    assert queries.stretches(["cpu_percent"], BEGIN - 2 * HOUR, HOUR, step_s=60) == []


def test_a_figure_that_cannot_be_read_counts_as_nothing_not_as_zero(history: History, queries: Queries) -> None:
    look(history, 0, 1.0)
    look(history, 10, 3.0, gpu_c=70.0)
    look(history, 20, 2.0)
    (one,) = queries.stretches(["gpu_temperature_c", "cpu_percent"], BEGIN, HOUR, step_s=60)
    assert one.figures == [Folded(70.0, 70.0, 70.0), Folded(2.0, 1.0, 3.0)]
    names = ["gpu_temperature_c", "cpu_percent", "gpu_load_percent"]
    assert queries.folded(names, BEGIN, HOUR) == [
        (70.0, Folded(70.0, 70.0, 70.0)), (2.0, Folded(2.0, 1.0, 3.0)), (None, Folded(None, None, None)),
    ]  # fmt: skip


def test_what_was_done_in_each_hour_of_a_time(store: Store, queries: Queries) -> None:
    end(store, "done", "2026-03-02T08:59:59.999Z", 3600.0)
    end(store, "done", "2026-03-02T09:00:00.000Z", 7200.0)
    end(store, "dead", "2026-03-02T09:30:00.000Z")
    end(store, "done", "2026-03-02T11:59:00.000Z", 1800.0)
    found = queries.hours(BEGIN, 2 * HOUR)
    assert [(row["hour"], row["files"], row["audio_hours"], row["error_rate"]) for row in found] == [
        ("2026-03-02T09:00Z", 1, 2.0, 0.5)
    ]
    assert [row["hour"][11:13] for row in queries.hours(BEGIN, 2 * HOUR + timedelta(minutes=1))] == ["09", "11"]
