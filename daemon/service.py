"""The daemon: its parts, made in order and closed in reverse, and the rounds of its main thread."""

import logging
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path

from daemon.chunk import BESIDE
from daemon.config import reader
from daemon.config.settings import Settings
from daemon.errors import BadConfig, Unavailable
from daemon.head_start import HeadStart
from daemon.hooks.postman import Postman
from daemon.maintenance.scheduler import Scheduler
from daemon.maintenance.tasks import Maintenance
from daemon.monitor.counters import Counters, counters_of
from daemon.monitor.liveness import Liveness, liveness_of
from daemon.monitor.notifications import is_known
from daemon.monitor.sampling import Monitor
from daemon.monitor.sources import Sources
from daemon.once import Once
from daemon.processes.cluster import Cluster
from daemon.processes.load_order import join_order
from daemon.processes.model_pools import ModelPools
from daemon.processes.website import Website
from daemon.publish.relocation import take_along
from daemon.signals import Signals, Wakeup
from daemon.store.monitoring import History
from daemon.store.queries import Queries
from daemon.store.store import Store
from daemon.systemd import notify
from daemon.transcribe.autotune import Autotuner
from daemon.transcribe.children import Children
from daemon.transcribe.dispatcher import Dispatcher
from daemon.transcribe.pauses import Pauses
from daemon.watch.resolver import Resolver
from daemon.watch.scanner import Scanner

log = logging.getLogger(__name__)

LOADING_EXTENSION_S = 30
"""Asked of systemd again and again while a model is loaded or downloaded."""
LOOK_S = 1.0
"""Between two looks at the clock, the monitor and the loops."""
MAINTENANCE_FIRST_S, MAINTENANCE_S = 300.0, 86_400.0
"""Maintenance begins some time after the start, which has enough to do; then daily."""
DUE_S = 3600.0
"""How often the scheduler looks whether a backup or a verification is due."""


class Result(Enum):
    """How a run of the daemon ended."""

    DONE = "done"
    FAILED = "failed"
    """With `once`: a recording could not be transcribed."""
    GAVE_UP = "gave up"
    """With `once`: only others can end what it waits for."""
    RELOAD = "reload"
    """SIGHUP asked for a new configuration, which is good: the caller starts the program again."""


@dataclass(slots=True)
class Service:
    """One run of the daemon."""

    settings: Settings
    config_file: Path | None
    """Where the settings are from."""
    once: Once | None
    """Tells when everything in the folders is done, if that is to be the end."""
    signals: Signals
    store: Store
    dispatcher: Dispatcher
    scanner: Scanner
    postman: Postman
    monitor: Monitor
    scheduler: Scheduler
    liveness: Liveness
    website: Website
    began: str
    announced: bool = False
    reload: Settings | None = None
    """What SIGHUP asked for, checked: the settings of the program that takes this one's place."""
    looked_at: float = 0.0

    def run(self) -> Result:
        """Run until a signal or, with `once`, until nothing is left.

        Raises:
            Unavailable: the model, the device, the database or a thread of the daemon is not available.
        """
        self.scanner.start()
        self.postman.start()
        self.scheduler.start()
        self.looked_at = time.monotonic()
        self.dispatcher.run(self._stops)
        if self.reload is None or self.signals.stops:
            notify("STOPPING=1")
        # The order of the stop: the scanner first, for it makes new work; then the batches in flight, which
        # are paid for; then, when the parts are closed, the children, which have nothing left to do. A command of
        # the hooks may go on meanwhile.
        self.scanner.stop()
        self.postman.stop()
        self.dispatcher.drain(self._hurries)
        self.scanner.close()
        if self.scanner.failure is not None:
            raise Unavailable(f"the scanner failed: {self.scanner.failure}", "see the log above")
        if self.reload is not None and not self.signals.stops:
            return Result.RELOAD
        if self.once is None:
            return Result.DONE
        if self.once.gave_up is not None:
            log.error("gave up waiting: %s", self.once.gave_up)
            return Result.GAVE_UP
        return Result.FAILED if self._any_failed() else Result.DONE

    def _stops(self) -> bool:
        """Look after everything besides the work, and return whether to stop; called in every round."""
        if self.dispatcher.ready and not self.announced:
            self.announced = True
            folders = ", ".join(str(watch.path) for watch in self.settings.watch)
            mirrored = any(watch.output != BESIDE for watch in self.settings.watch)
            where = "beside them, or below the output folder" if mirrored else "beside them"
            log.info("ready: drop recordings into %s; transcripts appear %s", folders, where)
            notify("READY=1")
        if (elapsed_s := time.monotonic() - self.looked_at) >= LOOK_S:
            self.looked_at += elapsed_s
            self._look(elapsed_s)
        if self.signals.take_hang_up():
            self.reload = self._changed_settings()
        stopped = bool(self.signals.stops) or self.scanner.failure is not None
        return stopped or self.reload is not None or (self.once is not None and self.once.finished())

    def _hurries(self) -> bool:
        return self.signals.stops > 1

    def _look(self, elapsed_s: float) -> None:
        """Notice a clock that was set, a silent monitor and a request; tell systemd that every loop makes progress."""
        self.scheduler.tick()
        self.website.tick()
        self.monitor.watch_silence(elapsed_s)
        if self.store.take_compare():
            self.scanner.compare_everything()
        self.scanner.complete(self.store.take_complete())
        if not self.announced:
            notify(f"EXTEND_TIMEOUT_USEC={LOADING_EXTENSION_S * 1_000_000}")
        if not self.liveness.hanging:
            notify("WATCHDOG=1")

    def _changed_settings(self) -> Settings | None:
        """Return the configuration as it is now; None where it cannot be used, and the old one stays in force."""
        if self.config_file is None:
            return None
        try:
            settings = reader.load(self.config_file, is_known)
        except BadConfig as error:
            log.error("SIGHUP: the configuration has errors, the old one stays in force:\n%s", error)
            return None
        log.info("SIGHUP: starting again with the new configuration")
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        return settings

    def _any_failed(self) -> bool:
        with Queries(self.settings.database_path) as queries:
            return queries.failed_since(self.began) > 0


class Patience:
    """What a writer does while the database cannot be written: wait, say so once, and stop when asked to."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._told: str | None = None

    def __call__(self, reason: str) -> bool:
        """Return whether to go on waiting."""
        if reason != self._told:
            self._told = reason
            log.error("the database cannot be written, everything waits: %s", reason)
        notify("WATCHDOG=1")
        return not self._signals.stops


@contextmanager
def build(begun: HeadStart, *, once_s: float | None = None, config_file: Path | None = None) -> Iterator[Service]:
    """Make the parts of the daemon in the order in which they need each other, and close them in reverse.

    Args:
        begun: the children, which load their libraries and the model meanwhile.
        once_s: end when all is done, or after so many seconds of waiting for others; None to go on for ever.
        config_file: where the settings are from; needed for SIGHUP and for verifications.

    Raises:
        Unavailable: the database cannot be used, or the address for Prometheus is taken.
    """
    settings, engines, decoders = begun.settings, begun.engines, begun.decoders
    path = settings.database_path
    with ExitStack() as parts:
        _migrate(path)
        wakeup = parts.enter_context(closing(Wakeup()))
        signals = parts.enter_context(closing(Signals(wakeup)))
        store = parts.enter_context(closing(Store(path, Patience(signals))))
        # The monitor gives up at once where the database cannot be written; its next look comes soon.
        history = parts.enter_context(closing(History(path, lambda _reason: False)))
        _pick_up(store, settings)
        tuner = parts.enter_context(
            closing(Autotuner(store, engines.main, begun.setup, untried=begun.known is None and once_s is None))
        )
        cluster = parts.enter_context(closing(_cluster(settings, engines))) if settings.cluster.address else None
        website = parts.enter_context(closing(Website(config_file, settings.web.listen if once_s is None else "")))
        children = Children(engines, decoders, tuner, cluster, website)
        pauses = Pauses(store, settings.jobs.between, wakeup)
        counters, resolver = counters_of(history), Resolver(settings)
        dispatcher = Dispatcher(store, children, pauses, wakeup, resolver, counters)
        scanner = parts.enter_context(closing(Scanner(resolver, store, wakeup, partial(take_along, store))))
        postman = parts.enter_context(closing(Postman(store, resolver, take_along)))
        maintenance = parts.enter_context(closing(Maintenance(settings, config_file, history, dispatcher)))
        sources = Sources(
            (engines, decoders, tuner, website, *([] if cluster is None else [cluster])),
            scanner,
            pauses,
            maintenance,
            engines.main,
            None if cluster is None else cluster.machines,
        )
        monitor = parts.enter_context(closing(Monitor(settings, history, counters, sources)))
        liveness = liveness_of(settings.monitor, dispatcher, scanner, monitor)
        if address := settings.monitor.prometheus:
            parts.enter_context(_endpoint(address, monitor, counters, liveness))
        scheduler = parts.enter_context(closing(_scheduler(settings, monitor, maintenance)))
        once = None if once_s is None else Once(store, dispatcher, pauses, scanner, postman, once_s)
        yield Service(
            settings, config_file, once, signals, store, dispatcher, scanner, postman, monitor, scheduler, liveness,
            website, begun.began,
        )  # fmt: skip


def _pick_up(store: Store, settings: Settings) -> None:
    """Go on where the last daemon ended."""
    if resumed := store.release_orphans():
        log.info("resumed %d jobs that were running when the daemon last ended", resumed)
    store.try_again()
    if left := store.leave_unwatched([str(watch.path) for watch in settings.watch]):
        log.info("%d jobs wait in folders that are not watched any more; they go on when these are again", left)


def _cluster(settings: Settings, engines: ModelPools) -> Cluster:
    falls_back = settings.cluster.fallback == "local" and not settings.has_engine_here
    return Cluster(join_order(settings), engines.main, falls_back=falls_back)


def _migrate(path: Path) -> None:
    # Not at the top: Alembic's modules would hold up the children by a tenth of a second.
    from daemon.store.migrate import migrate

    migrate(path)


def _endpoint(address: str, monitor: Monitor, counters: Counters, liveness: Liveness) -> AbstractContextManager[object]:
    # Who does not ask for metrics does not pay for the library.
    from daemon.monitor.prometheus import Endpoint

    return closing(Endpoint(address, monitor, counters, liveness))


def _scheduler(settings: Settings, monitor: Monitor, maintenance: Maintenance) -> Scheduler:
    scheduler = Scheduler()
    scheduler.every(settings.monitor.interval_seconds, "monitor", monitor.tick)
    scheduler.every(MAINTENANCE_S, "maintenance", maintenance.tidy, first_s=MAINTENANCE_FIRST_S)
    scheduler.every(DUE_S, "backup", maintenance.back_up, first_s=MAINTENANCE_FIRST_S)
    scheduler.every(DUE_S, "verify", maintenance.verify, first_s=MAINTENANCE_FIRST_S)
    return scheduler
