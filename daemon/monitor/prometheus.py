"""Serves Prometheus: /metrics from the newest sample, and /healthz."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from daemon import __version__
from daemon.errors import Unavailable
from daemon.monitor.counters import Counters
from daemon.monitor.liveness import Liveness
from daemon.monitor.metrics import METRICS
from daemon.monitor.sample import Sample
from daemon.monitor.sampling import Monitor

log = logging.getLogger(__name__)


class Collector:
    """Metrics of the newest sample; their names follow Prometheus' conventions (base units, _total for counters)."""

    def __init__(self, monitor: Monitor, counters: Counters) -> None:
        self._monitor = monitor
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now; Prometheus' client calls this for every request."""
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
        yield GaugeMetricFamily(
            "transcribed_sample_age_seconds", "Since the last good sample.", time.monotonic() - self._monitor.sampled_at
        )
        if self._monitor.last is not None:
            yield from _families(self._monitor.last)


def _families(sample: Sample) -> Iterator[Metric]:
    """Yield every metric that is declared for Prometheus, without figures that are not known."""
    for metric in METRICS:
        if not metric.prometheus:
            continue
        kind = CounterMetricFamily if metric.counter else GaugeMetricFamily
        family = kind(f"transcribed_{metric.prometheus}", metric.help, labels=metric.labels)
        for labels, value in metric.read(sample):
            if value is not None:
                family.add_metric(labels, metric.in_base_unit(value))
        yield family


class Endpoint:
    """Serves /metrics and /healthz.

    Args:
        address: Host and port, as in 127.0.0.1:9464.
        monitor: Gives the newest sample and the alerts.
        counters: Counts of the jobs.
        liveness: Whether the daemon's loops make progress, for /healthz.

    Raises:
        Unavailable: The address cannot be used.
    """

    def __init__(self, address: str, monitor: Monitor, counters: Counters, liveness: Liveness) -> None:
        registry = CollectorRegistry()
        registry.register(Collector(monitor, counters))
        self._metrics = make_wsgi_app(registry)
        self._liveness = liveness
        host, _, port = address.rpartition(":")
        try:
            self._server = make_server(host.strip("[]"), int(port), self._serve, _Server, _Quiet)
        except OSError as error:
            raise Unavailable(
                f"monitor.prometheus: cannot listen on {address}: {error.strerror or error}", "choose another port"
            ) from error
        threading.Thread(target=self._server.serve_forever, name="prometheus", daemon=True).start()
        log.info("metrics at http://%s/metrics", address)

    def close(self) -> None:
        """Stop serving."""
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
        ages = self._liveness.ages()
        hanging = [name for name, age in ages.items() if age.hangs]
        status = "503 Service Unavailable" if hanging else "200 OK"
        start(status, [("Content-Type", "application/json")])
        seconds = {name: round(age.age_s, 1) for name, age in ages.items()}
        return [json.dumps({"ok": not hanging, "hanging": hanging, "progress_age_s": seconds}).encode() + b"\n"]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_address = True


class _Quiet(WSGIRequestHandler):
    timeout = 10
    """A client that sends nothing does not keep its thread for ever."""

    def log_message(self, *_args: Any) -> None:
        """Log nothing: requests are not worth a line."""
