"""Monitor, maintenance, scheduler and endpoint, built and joined to the parts that they look at."""

import time
from collections.abc import Sequence
from pathlib import Path

from daemon.config.settings import Settings
from daemon.maintenance.scheduler import Scheduler
from daemon.maintenance.tasks import Maintenance
from daemon.monitor.counters import WINDOW_S, Counters, Ending
from daemon.monitor.sampling import Monitor, Sources
from daemon.processes.decoder_pool import DecoderPool
from daemon.processes.engine_pool import EnginePool
from daemon.store.monitoring import History
from daemon.transcribe.autotune import Autotuner
from daemon.transcribe.dispatcher import Dispatcher
from daemon.transcribe.pauses import TEMPERATURE
from daemon.watch.scanner import Scanner

MAINTENANCE_FIRST_S, MAINTENANCE_S = 300.0, 86_400.0
"""After the start, which has enough to do; then daily."""
DUE_S = 3600.0
"""Whether a backup or a verification is due is looked at this often."""
DISPATCHER_SILENT_S, SCANNER_SILENT_S = 30.0, 60.0
"""They beat every second, and every few seconds even within a comparison; silent this long they hang."""
MONITOR_SILENT_INTERVALS, MONITOR_SLACK_S = 3.0, 30.0


def counters_of(history: History) -> Counters:
    """The counts, with the endings of the last hour."""
    now = time.monotonic()
    return Counters(
        Ending(now - ago, good, audio_s, processing_s)
        for ago, good, audio_s, processing_s in history.ended_since(WINDOW_S)
    )


class Upkeep:
    """Everything of the daemon that looks at the daemon.

    Args:
        config_file: where the settings are from; for the verification, which is a process of its own.

    Raises:
        Unavailable: the address for Prometheus is taken.
    """

    def __init__(
        self,
        settings: Settings,
        config_file: Path | None,
        history: History,
        counters: Counters,
        dispatcher: Dispatcher,
        scanner: Scanner,
        engines: EnginePool,
        decoders: DecoderPool,
        tuner: Autotuner,
    ) -> None:
        self._engines, self._decoders, self._tuner = engines, decoders, tuner
        self._scanner = scanner
        self._monitor_silent_s = (
            MONITOR_SILENT_INTERVALS * settings.monitor.interval_seconds
            + settings.monitor.probe_timeout_seconds
            + MONITOR_SLACK_S
        )
        pauses = dispatcher.pauses
        self.monitor = Monitor(
            settings,
            history,
            counters,
            Sources(
                children=self._children,
                restarts=self._restarts,
                missing_roots=lambda: scanner.missing,
                paused=lambda: pauses.reason,
                hold=lambda reason: pauses.hold(TEMPERATURE, reason),
                release=lambda: pauses.release(TEMPERATURE),
            ),
        )
        self._maintenance = Maintenance(settings, config_file, history, lambda: dispatcher.idle)
        self._endpoint = None
        if settings.monitor.prometheus:
            # Who does not ask for metrics does not pay for the library.
            from daemon.monitor.prometheus import Endpoint

            self._endpoint = Endpoint(settings.monitor.prometheus, self.monitor, counters, self.ages)
        self._scheduler = Scheduler()
        self._scheduler.every(settings.monitor.interval_seconds, "monitor", self.monitor.tick)
        self._scheduler.every(MAINTENANCE_S, "maintenance", self._tidy, first_s=MAINTENANCE_FIRST_S)
        self._scheduler.every(DUE_S, "backup", self._maintenance.back_up, first_s=MAINTENANCE_FIRST_S)
        self._scheduler.every(DUE_S, "verify", self._maintenance.verify, first_s=MAINTENANCE_FIRST_S)
        self._turned_at = time.monotonic()

    def start(self) -> None:
        self._scheduler.start()

    def turn(self) -> None:
        """In every turn of the dispatcher."""
        now = time.monotonic()
        elapsed_s, self._turned_at = now - self._turned_at, now
        self._scheduler.keep_time()
        self.monitor.watch_silence(elapsed_s)

    @property
    def alive(self) -> bool:
        """Whether the loops besides the dispatcher's, which asks, make progress."""
        ages = self.ages()
        return all(age_s <= limit_s for name, (age_s, limit_s) in ages.items() if name != "dispatcher")

    def ages(self) -> dict[str, tuple[float, float]]:
        """(seconds since it last made progress, seconds after which it hangs) of every loop."""
        now = time.monotonic()
        return {
            "dispatcher": (now - self._turned_at, DISPATCHER_SILENT_S),
            "scanner": (now - self._scanner.beat, SCANNER_SILENT_S),
            "monitor": (now - self.monitor.looked_at, self._monitor_silent_s),
        }

    def end(self) -> None:
        """Nothing of this begins any more."""
        self._scheduler.end()
        self._maintenance.end()
        if self._endpoint is not None:
            self._endpoint.end()
        self.monitor.end()

    def _tidy(self) -> None:
        self.monitor.model_cache_mb = self._maintenance.tidy()

    def _children(self) -> Sequence[tuple[str, int]]:
        engines = [
            (f"engine {engine.load.device}", child.pid)
            for engine in list(self._engines.engines)
            if (child := engine.child) is not None
        ]
        decoders = [("decoder", child.pid) for child in self._decoders.children]
        return [*engines, *decoders, *(("calibration", child.pid) for child in self._tuner.children)]

    def _restarts(self) -> dict[str, int]:
        return {
            **{f"engine {engine.load.device}": engine.restarts for engine in list(self._engines.engines)},
            "decoder": self._decoders.restarts,
            **{f"watcher:{folder}": count for folder, count in self._scanner.restarts.items()},
        }
