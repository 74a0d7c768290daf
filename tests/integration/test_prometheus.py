"""The endpoint for Prometheus."""

import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from daemon.monitor.counters import Counters
from daemon.monitor.liveness import Liveness
from daemon.monitor.prometheus import Endpoint
from daemon.monitor.sample import Gpu, Probe
from daemon.monitor.sampling import Monitor
from daemon.store.monitoring import History
from tests.builders import settings
from tests.support import ROOT, Daemon, MakeDaemon, monitored


@dataclass
class Loop:
    beat: float
    limit_s: float


@pytest.fixture
def endpoint(
    tmp_path: Path, history: History, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, dict[str, Loop]]]:
    counters = Counters()
    counters.ended("done", 60.0, 3.0)
    counters.batch(3, 4)
    sources = monitored(processes=[("engine cpu", os.getpid())], restarts={"decoder": 2}, watchers={"watcher:/in": 1})
    gpu = Gpu(0, "GPU-aaaaaaaa-1", 'RTX "x"\\', 45.0, 12000.0, 24564.0, 71.0, 250.0, ("power cap",))
    two = Probe((gpu, Gpu(1, "GPU-bbbbbbbb-1", "RTX")))
    monkeypatch.setattr("daemon.monitor.sampling.GpuProbe.__call__", lambda _probe: two)
    monitor = Monitor(settings(tmp_path), history, counters, sources)
    monitor.tick()
    now = time.monotonic()
    loops = {"dispatcher": Loop(now, 30.0), "scanner": Loop(now - 1, 60.0), "monitor": Loop(now - 2, 180.0)}
    made = Endpoint(
        "127.0.0.1:0", monitor, counters, Liveness({name: (loop, loop.limit_s) for name, loop in loops.items()})
    )
    yield f"http://127.0.0.1:{made._server.server_port}", loops
    made.close()
    monitor.close()


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_metrics_are_what_prometheus_reads(endpoint: tuple[str, dict[str, Loop]]) -> None:
    url, _ = endpoint
    status, text = get(f"{url}/metrics")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert status == 200 and all(name.startswith("transcribed") for name in families)
    values = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families.values()
        for sample in family.samples
    }
    gpu = 'RTX "x"\\ GPU-aaaaaaaa'
    assert values["transcribed_jobs_total", (("state", "done"),)] == 1
    assert values["transcribed_audio_seconds_total", ()] == 60
    assert values["transcribed_gpu_temperature_celsius", (("gpu", gpu),)] == 71
    assert values["transcribed_gpu_memory_total_bytes", (("gpu", gpu),)] == 24564 * 1024**2
    assert values["transcribed_gpu_throttled", (("gpu", gpu),)] == 1
    assert values["transcribed_batch_fill_ratio", ()] == 0.75
    assert values["transcribed_restarts_total", (("kind", "decoder"),)] == 2
    assert 0 < values["transcribed_memory_ratio", ()] < 1
    assert ("transcribed_gpu_temperature_celsius", (("gpu", "RTX GPU-bbbbbbbb"),)) not in values
    for family in families.values():
        assert family.documentation.endswith("."), family.name
        assert family.type in ("counter", "gauge"), family.name
        assert not re.search(r"_(mb|percent|ms|minutes)\b", family.name), f"{family.name}: base units"


def test_the_dashboard_uses_these_names_only(endpoint: tuple[str, dict[str, Loop]]) -> None:
    url, _ = endpoint
    served = {
        sample.name for family in text_string_to_metric_families(get(f"{url}/metrics")[1]) for sample in family.samples
    } | {family.name for family in text_string_to_metric_families(get(f"{url}/metrics")[1])}
    dashboard = json.loads((ROOT / "docs" / "grafana.json").read_text("utf-8"))
    used = {
        name
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
        for name in re.findall(r"transcribed_\w+", target["expr"])
    }
    assert len(used) >= 12 and used <= served, used - served


@pytest.mark.guarantee(25)
def test_health_is_that_of_every_loop(endpoint: tuple[str, dict[str, Loop]]) -> None:
    url, loops = endpoint
    assert get(f"{url}/healthz")[0] == 200
    loops["scanner"].beat = time.monotonic() - 61
    status, text = get(f"{url}/healthz")
    assert status == 503 and json.loads(text)["hanging"] == ["scanner"]
    assert get(f"{url}/other")[0] == 404


def test_an_address_that_is_taken_is_an_error_with_a_way_out(make_daemon: MakeDaemon) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        daemon: Daemon = make_daemon(fake={}, monitor=f'prometheus = "{address}"')
        assert daemon.once() == 4
    assert address in daemon.log_text() and "another port" in daemon.log_text()
