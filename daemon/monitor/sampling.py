"""One look at everything: sample, keep, judge, tell, pauses. The scheduler calls it; it never raises."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from daemon.config.alert_rules import SERVICE
from daemon.config.settings import Settings
from daemon.monitor import metrics
from daemon.monitor.alerts import AlertBook, or_none
from daemon.monitor.counters import Counters
from daemon.monitor.gpu import GpuProbe
from daemon.monitor.host import HostProbe
from daemon.monitor.machines import gpus_of
from daemon.monitor.metrics_log import Lines
from daemon.monitor.notifications import Notifier
from daemon.monitor.readings import Reader, configured
from daemon.monitor.rules import Event, Key, Reading
from daemon.monitor.sample import Gpu, Probe, Sample, Work
from daemon.monitor.sources import Sources
from daemon.store.monitoring import History
from daemon.store.queries import Queries
from daemon.store.records import timestamp

log = logging.getLogger(__name__)

NO_SAMPLE = "no_sample"
TEMPERATURE = "temperature"
"""The cause of the pause while a GPU is too hot."""
CLOCK_STEP_INTERVALS = 1.5
"""A gap between two looks counts for at most this many intervals: a suspended machine has not been hot meanwhile."""


@dataclass(frozen=True, slots=True)
class _Hot:
    """A GPU that is too hot."""

    node: str
    """The machine of the cluster that it is in; "" for this one."""
    why: str


class Monitor:
    """Samples, alerts, and the pause for the temperature.

    Args:
        history: gives up at once where the database cannot be written, so that it does not hold up the monitor.
        clock: monotonic, in seconds.
    """

    def __init__(
        self,
        settings: Settings,
        history: History,
        counters: Counters,
        sources: Sources,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        monitor = settings.monitor
        self._interval_s = monitor.interval_seconds
        self._model = settings.model.name
        self._history = history
        self._queries = Queries(settings.database_path)
        self._counters = counters
        self._sources = sources
        self._notifier = Notifier(monitor.notify)
        roots = [watch.path for watch in settings.watch]
        self._gpu_probe = GpuProbe(monitor.probe_timeout_seconds)
        self._host_probe = HostProbe([*roots, settings.database_path.parent])
        self._reader = Reader(_gpus_of(history.last_detail()))
        self._pause_c, self._resume_c = monitor.gpu_temperature_pause_c, monitor.resume_c
        self._hot: dict[str, _Hot] = {}
        self._lines = Lines(monitor.log_file)
        rules, before = configured(monitor), history.open_alerts()

        def book(*, silence: bool) -> AlertBook:
            return AlertBook(
                {name: rule for name, rule in rules.items() if (name == NO_SAMPLE) == silence},
                history,
                self._notifier,
                [each for each in before if (each[0] == NO_SAMPLE) == silence],
            )

        # Silence is judged on another thread than all the rest, for it is that thread which falls silent.
        self._alerts, self._silence = book(silence=False), book(silence=True)
        self._clock = clock
        self._ticked_at: float | None = None
        self._clock_s = 0.0
        self._seen_progress, self._stalled_s = counters.progress, 0.0
        self._oldest: tuple[int, float] | None = None
        self._silent_s, self._silence_clock_s = 0.0, 0.0
        self._silence_at = clock()
        self.last: Sample | None = None
        self.sampled_at = clock()
        """When the last good sample was taken, on the monotonic clock."""
        self.beat = clock()
        """When a tick last ended, with a good sample or without."""

    def tick(self) -> list[Event]:
        """Take a sample and return the changes of alerts; takes at most the probe's time and a second."""
        try:
            return self._tick()
        finally:
            self.beat = self._clock()

    def _tick(self) -> list[Event]:
        elapsed_s = self._advance()
        try:
            sample = self._sample(elapsed_s)
        except Exception:
            log.exception("the monitor could not take a sample")
            return []
        self.last = sample
        self.sampled_at = self._clock()
        row = metrics.row(sample)
        self._lines.write(row)
        or_none("keep a sample", lambda: self._history.sample(row))
        self._pauses(sample.probe)
        return self._alerts.take(self._reader.readings(sample, self._clock_s), self._clock_s)

    def watch_silence(self, elapsed_s: float) -> None:
        """Alert if no good sample comes; called about every second from another thread than the scheduler's.

        Args:
            elapsed_s: since the last call; of more than an interval, in which the caller was suspended, one counts.
        """
        elapsed_s = min(elapsed_s, self._interval_s)
        fresh = self.sampled_at >= self._silence_at
        self._silence_at = self._clock()
        self._silence_clock_s += elapsed_s
        self._silent_s = 0.0 if fresh else self._silent_s + elapsed_s
        if fresh or self._silent_s > self._interval_s:
            self._silence.take([Reading(NO_SAMPLE, SERVICE, self._silent_s)], self._silence_clock_s)

    @property
    def firing(self) -> list[Key]:
        """(rule, subject) of the alerts that fire."""
        return [*self._alerts.firing, *self._silence.firing]

    def close(self) -> None:
        """Let go of files and of messages on their way."""
        self._gpu_probe.close()
        self._notifier.close()
        self._lines.close()
        self._queries.close()

    def _advance(self) -> float:
        """Move the monitor's clock; return the seconds since the last tick, of which a suspended time counts little."""
        now = self._clock()
        elapsed_s = 0.0
        if self._ticked_at is not None:
            elapsed_s = min(now - self._ticked_at, CLOCK_STEP_INTERVALS * self._interval_s)
        self._ticked_at = now
        self._clock_s += elapsed_s
        return elapsed_s

    def _sample(self, elapsed_s: float) -> Sample:
        probe, sources = self._gpu_probe(), self._sources
        if sources.machines is not None:
            probe = replace(probe, gpus=probe.gpus + gpus_of(sources.machines.probes))
        return Sample(
            sampled_at=timestamp(),
            probe=probe,
            host=self._host_probe([process for pool in sources.children for process in pool.processes]),
            work=or_none("look at the queue", lambda: self._work(elapsed_s)) or Work(known=False),
            paused=sources.pauses.reason,
            restarts=sources.restarts(),
            missing_roots=sources.folders.missing,
            unlistable_folders=sources.folders.unlistable,
            accuracy_percent=or_none("read verifications", lambda: self._history.accuracy_percent(self._model)),
            engines_ready=sources.engines.ready_count,
            model_cache_mb=sources.models.model_cache_mb,
        )

    def _work(self, elapsed_s: float) -> Work:
        rates, counters = self._counters.rates(), self._counters
        queue = self._history.queue()
        backlog = self._queries.backlog()
        paused = self._sources.pauses.reason is not None
        moved = counters.progress != self._seen_progress
        self._seen_progress = counters.progress
        self._stalled_s = 0.0 if moved or paused or not queue.work_waits else self._stalled_s + elapsed_s
        return Work(
            done=counters.jobs["done"],
            failed=counters.jobs["dead"] + counters.jobs["rejected"],
            suspect=counters.suspect,
            audio_s=counters.audio_s,
            processing_s=counters.processing_s,
            ended_in_window=rates.ended,
            error_rate_percent=rates.error_rate_percent,
            real_time_factor_mean=rates.real_time_factor_mean,
            real_time_factor_p95=rates.real_time_factor_p95,
            files_per_hour=rates.files_per_hour,
            audio_hours_per_hour=rates.audio_hours_per_hour,
            batch_fill_percent=rates.batch_fill_percent,
            queue_files=queue.waiting,
            queue_audio_s=backlog["audio_s"],
            eta_s=backlog["eta_s"],
            oldest_waiting_s=self._waited_s(queue.oldest_id, queue.oldest_queued_at, elapsed_s),
            stalled_s=self._stalled_s,
        )

    def _waited_s(self, job_id: int | None, queued_at: str | None, elapsed_s: float) -> float:
        """Return how many seconds the oldest job has waited.

        The wall clock, which may be set, is believed only once for each job, and never that a job has waited longer
        than the one that was the oldest before it.
        """
        if job_id is None or queued_at is None:
            self._oldest = None
            return 0.0
        if self._oldest is not None and self._oldest[0] == job_id:
            waited_s = self._oldest[1] + elapsed_s
        else:
            waited_s = max(0.0, (datetime.now(UTC) - datetime.fromisoformat(queued_at)).total_seconds())
            if self.last is not None:
                waited_s = min(waited_s, (self._oldest[1] if self._oldest else 0.0) + elapsed_s)
        self._oldest = (job_id, waited_s)
        return waited_s

    def _pauses(self, probe: Probe) -> None:
        """Pause while a GPU is too hot; one that was, and cannot be read now, is taken to be hot still.

        One on a machine of a cluster holds up that machine alone.
        """
        if not self._pause_c:
            return
        there = {gpu.subject: gpu for gpu in probe.gpus}
        for subject, gpu in there.items():
            temperature = gpu.temperature_c
            if temperature is not None and temperature >= self._pause_c:
                why = f"{subject} is at {temperature:.0f} °C; goes on at {self._resume_c:g}"
                self._hot[subject] = _Hot(gpu.node, why)
            elif subject in self._hot and temperature is None:
                self._hot[subject] = _Hot(gpu.node, f"{subject} was too hot and its temperature cannot be read")
            elif temperature is not None and temperature <= self._resume_c:
                self._hot.pop(subject, None)
        if probe.error is None:
            self._hot = {subject: hot for subject, hot in self._hot.items() if subject in there}
        if here := [hot.why for hot in self._hot.values() if not hot.node]:
            self._sources.pauses.hold(TEMPERATURE, "; ".join(here))
        else:
            self._sources.pauses.release(TEMPERATURE)
        if self._sources.machines is not None:
            too_hot = {hot.node: hot.why for hot in self._hot.values() if hot.node}
            for node in too_hot.keys() - self._sources.machines.too_hot:
                log.warning("%s does nothing for now: %s", node, too_hot[node])
            self._sources.machines.too_hot = frozenset(too_hot)


def _gpus_of(detail: Mapping[str, Any]) -> list[Gpu]:
    known = Gpu.__dataclass_fields__
    return [
        Gpu(**{name: value for name, value in figures.items() if name in known}) for figures in detail.get("gpus", ())
    ]
