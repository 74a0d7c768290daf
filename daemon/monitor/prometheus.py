"""What Prometheus reads: /metrics from the newest sample, and /healthz."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from daemon import __version__
from daemon.errors import Unavailable
from daemon.monitor.counters import Counters
from daemon.monitor.sample import Sample
from daemon.monitor.sampling import Monitor

log = logging.getLogger(__name__)

MB = 1_000_000
MIB = 1 << 20
"""nvidia-smi counts in these."""


class Collector:
    """Metrics of the newest sample; their names follow Prometheus' conventions (base units, _total for counters)."""

    def __init__(self, monitor: Monitor, counters: Counters) -> None:
        self._monitor = monitor
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("transcribed", "This daemon.", {"version": __version__})
        ended = CounterMetricFamily("transcribed_jobs", "Jobs that ended since the start, by state.", labels=["state"])
        for state in ("done", "dead", "rejected"):
            ended.add_metric([state], self._counters.jobs[state])
        yield ended
        yield CounterMetricFamily(
            "transcribed_audio_seconds", "Audio of the recordings that are done.", self._counters.audio_s
        )
        yield CounterMetricFamily(
            "transcribed_processing_seconds", "Time that it took the devices.", self._counters.processing_s
        )
        firing = GaugeMetricFamily("transcribed_alert_firing", "Alerts that fire.", labels=["rule", "subject"])
        for key in self._monitor.firing:
            firing.add_metric(list(key), 1)
        yield firing
        yield _gauge("sample_age_seconds", "Since the last good sample.", time.monotonic() - self._monitor.beat)
        if self._monitor.last is not None:
            yield from _service(self._monitor.last)
            yield from _machine(self._monitor.last)
            yield from _gpus(self._monitor.last)


def _service(sample: Sample) -> Iterator[Metric]:
    work = sample.work
    yield _gauge("queue_files", "Recordings that wait.", work.queue_files)
    yield _gauge("queue_audio_seconds", "Audio that waits.", work.queue_audio_s)
    yield _gauge("queue_eta_seconds", "Until the backlog is done at the present speed.", work.eta_s)
    yield _gauge("oldest_waiting_seconds", "How long the oldest recording has waited.", work.oldest_waiting_s)
    yield _gauge("error_ratio", "Jobs of the last hour that came to a bad end.", _ratio(work.error_rate_percent))
    yield _gauge("real_time_factor_mean", "Device seconds per second of audio.", work.real_time_factor_mean)
    yield _gauge("real_time_factor_p95", "The same of the slowest twentieth.", work.real_time_factor_p95)
    yield _gauge("files_per_hour", "Recordings done, over the last hour.", work.files_per_hour)
    yield _gauge("audio_hours_per_hour", "Hours of audio done per hour.", work.audio_hours_per_hour)
    yield _gauge("batch_fill_ratio", "How full the batches were.", _ratio(work.batch_fill_percent))
    yield _gauge("paused", "1 while nothing is handed out on purpose.", float(sample.paused is not None))
    yield _gauge("accuracy_ratio", "Of float32's, when last verified.", _ratio(sample.accuracy_percent))
    cache = sample.model_cache_mb
    yield _gauge("model_cache_bytes", "Models on the disk.", None if cache is None else cache * MB)
    restarts = CounterMetricFamily("transcribed_restarts", "Of children and watchers.", labels=["kind"])
    for kind, count in sample.restarts.items():
        restarts.add_metric([kind], count)
    yield restarts


def _machine(sample: Sample) -> Iterator[Metric]:
    host = sample.host
    yield _gauge("cpu_ratio", "Use of the machine's CPUs.", _ratio(host.cpu_percent))
    yield _gauge("memory_ratio", "Use of the machine's memory.", _ratio(host.memory_percent))
    yield _gauge("swap_ratio", "Use of the machine's swap.", _ratio(host.swap_percent))
    yield _gauge("load1", "Load average over a minute.", host.load_1m)
    yield _labelled("disk_free_bytes", "Free space.", "path", ((d.path, _times(d.free_mb, MB)) for d in host.disks))
    memory = GaugeMetricFamily("transcribed_process_resident_bytes", "Memory of ours.", labels=["kind", "pid"])
    cpu = GaugeMetricFamily("transcribed_process_cpu_ratio", "CPU of ours; 1 is one core.", labels=["kind", "pid"])
    for child in host.children:
        memory.add_metric([child.kind, str(child.pid)], child.rss_mb * MB)
        cpu.add_metric([child.kind, str(child.pid)], child.cpu_percent / 100)
    yield memory
    yield cpu


def _gpus(sample: Sample) -> Iterator[Metric]:
    gpus = [(gpu.subject, gpu) for gpu in sample.probe.gpus]
    yield _gauge("gpu_probe_ok", "Whether nvidia-smi answers.", float(sample.probe.error is None))

    def each(name: str, help_: str, value: Callable[[Any], float | None]) -> Metric:
        return _labelled(name, help_, "gpu", ((subject, value(gpu)) for subject, gpu in gpus))

    yield each("gpu_temperature_celsius", "Temperature.", lambda gpu: gpu.temperature_c)
    yield each("gpu_load_ratio", "Load.", lambda gpu: _ratio(gpu.load_percent))
    yield each("gpu_memory_used_bytes", "Memory in use.", lambda gpu: _times(gpu.memory_used_mb, MIB))
    yield each("gpu_memory_total_bytes", "Memory.", lambda gpu: _times(gpu.memory_total_mb, MIB))
    yield each("gpu_power_watts", "Power.", lambda gpu: gpu.power_w)
    yield each("gpu_throttled", "1 while it is slowed down.", lambda gpu: float(bool(gpu.throttle)))


def _gauge(name: str, help_: str, value: float | None) -> Metric:
    """A gauge; without a sample where the value is not known."""
    metric = GaugeMetricFamily(f"transcribed_{name}", help_, labels=[])
    if value is not None:
        metric.add_metric([], value)
    return metric


def _labelled(name: str, help_: str, label: str, values: Iterable[tuple[str, float | None]]) -> Metric:
    metric = GaugeMetricFamily(f"transcribed_{name}", help_, labels=[label])
    for subject, value in values:
        if value is not None:
            metric.add_metric([subject], value)
    return metric


def _ratio(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


def _times(value: float | None, unit: int) -> float | None:
    return None if value is None else value * unit


class Endpoint:
    """Serves /metrics and /healthz.

    Args:
        address: host:port.
        ages: (seconds since it last made progress, seconds after which it hangs) of every loop.

    Raises:
        Unavailable: the address cannot be used.
    """

    def __init__(
        self, address: str, monitor: Monitor, counters: Counters, ages: Callable[[], Mapping[str, tuple[float, float]]]
    ) -> None:
        registry = CollectorRegistry()
        registry.register(Collector(monitor, counters))
        self._metrics = make_wsgi_app(registry)
        self._ages = ages
        host, _, port = address.rpartition(":")
        try:
            self._server = make_server(host.strip("[]"), int(port), self._serve, _Server, _Quiet)
        except OSError as error:
            raise Unavailable(
                f"monitor.prometheus: cannot listen on {address}: {error.strerror or error}", "choose another port"
            ) from error
        threading.Thread(target=self._server.serve_forever, name="prometheus", daemon=True).start()
        log.info("metrics at http://%s/metrics", address)

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        match environ.get("PATH_INFO"):
            case "/metrics":
                found: Iterable[bytes] = self._metrics(environ, start)
                return found
            case "/healthz":
                return self._health(start)
        start("404 Not Found", [("Content-Type", "text/plain")])
        return [b"/metrics or /healthz\n"]

    def _health(self, start: Callable[..., Any]) -> list[bytes]:
        ages = self._ages()
        hanging = [name for name, (age_s, limit_s) in ages.items() if age_s > limit_s]
        status = "503 Service Unavailable" if hanging else "200 OK"
        start(status, [("Content-Type", "application/json")])
        seconds = {name: round(age_s, 1) for name, (age_s, _) in ages.items()}
        return [json.dumps({"ok": not hanging, "hanging": hanging, "progress_age_s": seconds}).encode() + b"\n"]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_address = True


class _Quiet(WSGIRequestHandler):
    timeout = 10
    """A client that says nothing does not keep its thread for ever."""

    def log_message(self, *_args: Any) -> None:
        """Requests are not worth a line."""
