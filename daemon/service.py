"""The daemon: built, started, kept honest, stopped."""

import logging
import os
import signal
import time
from pathlib import Path
from types import FrameType

from daemon.config import reader
from daemon.config.settings import Settings
from daemon.errors import BadConfig, Unavailable
from daemon.monitor import alerts
from daemon.processes.decoder_pool import DecoderPool
from daemon.processes.engine_pool import EnginePool
from daemon.processes.limits import check_limits
from daemon.processes.load_order import load_order, setup_of
from daemon.store import database
from daemon.store.measurements import known_parallelism
from daemon.store.monitoring import History
from daemon.store.queries import Queries
from daemon.store.records import timestamp
from daemon.store.store import Store
from daemon.systemd import notify
from daemon.transcribe.autotune import Autotuner
from daemon.transcribe.dispatcher import Dispatcher
from daemon.upkeep import Upkeep, counters_of
from daemon.watch.scanner import Scanner

log = logging.getLogger(__name__)

DONE, FAILED = 0, 1
DECODERS_MAX = 4
"""Working side by side; more would only wait for the engines."""
LOADING_EXTENSION_S = 30
"""Asked of systemd again and again while a model is loaded or downloaded."""


def read_settings(file: Path) -> Settings:
    """Read a configuration file and check all of it, before anything is started with it.

    Raises:
        BadConfig: the file, a limit of an alert or an address is of no use; the message names every such key.
    """
    settings = reader.load(file)
    alerts.check(settings.monitor)
    return settings


class Service:
    """One run of the daemon.

    Args:
        once: end when everything in the folders is done.
        config_file: where the settings are from.
    """

    def __init__(self, settings: Settings, *, once: bool, config_file: Path | None = None) -> None:
        self._settings = settings
        self._config_file = config_file
        self._once = once
        self._stops = 0
        self._hung_up = False
        self.again = False
        """SIGHUP asked for the configuration to be read anew, and it is good: the caller starts the program again."""
        self._trouble: str | None = None
        self._announced = False
        self._pinged_at = 0.0
        self._began = timestamp()

    def run(self) -> int:
        """Run until a signal (or, with `once`, until nothing is left); the exit code.

        Raises:
            AlreadyRunning: another daemon holds the database.
            Unavailable: the model, the device, the database or a thread of ours is not to be had.
        """
        check_limits()
        path = self._settings.database_path
        with database.lock(path):
            # The children load their libraries and the model while the database is brought up to date.
            self._setup = setup_of(self._settings.model)
            layout = None if self._setup is None else known_parallelism(path, self._setup)
            self._untried = layout is None and not self._once
            decoders, engines = DecoderPool(_decoder_count()), EnginePool(load_order(self._settings.model, layout))
            try:
                engines.keep_alive()
                decoders.warm_up()
                # Not at the top: Alembic's modules would hold up the children by a tenth of a second.
                from daemon.store.migrate import migrate

                migrate(path)
                self._store = Store(path, self._keep_waiting)
                # The monitor gives up at once where the database cannot be written; its next look comes soon.
                history = History(path, lambda _reason: False)
                try:
                    return self._run(decoders, engines, history)
                finally:
                    history.close()
                    self._store.close()
            finally:
                decoders.end()
                engines.end()

    def _run(self, decoders: DecoderPool, engines: EnginePool, history: History) -> int:
        if resumed := self._store.release_orphans():
            log.info("resumed %d jobs that were running when the daemon last ended", resumed)
        tuner = Autotuner(self._store, engines, self._setup, untried=self._untried)
        counters = counters_of(history)
        self._dispatcher = Dispatcher(self._store, decoders, engines, tuner, self._settings.jobs, counters)
        self._scanner = Scanner(self._settings, self._store, self._dispatcher.wake)
        self._upkeep = Upkeep(
            self._settings, self._config_file, history, counters,
            self._dispatcher, self._scanner, engines, decoders, tuner,
        )  # fmt: skip
        self._handle_signals()
        self._scanner.start()
        self._upkeep.start()
        try:
            self._dispatcher.run(self._progress)
            if not self.again:
                notify("STOPPING=1")
            # The order of the stop: the scanner first, for it makes new work; then the batches in flight, which
            # are paid for; then the children, which have nothing left to do.
            self._scanner.stop()
            self._dispatcher.drain(hurry=lambda: self._stops > 1)
        finally:
            tuner.end()
            self._upkeep.end()
            self._scanner.stop()
            self._scanner.join(timeout=10)
        if self._scanner.failure is not None:
            raise Unavailable(f"the scanner failed: {self._scanner.failure}", "see the log above")
        if self._once and self._failed():
            return FAILED
        return DONE

    def _progress(self) -> bool:
        """Once per turn of the dispatcher: tell systemd, and whether to stop."""
        if self._dispatcher.ready and not self._announced:
            self._announced = True
            folders = ", ".join(str(watch.path) for watch in self._settings.watch)
            log.info("ready: drop recordings into %s; transcripts appear beside them", folders)
            notify("READY=1")
        self._ping()
        if self._scanner.failure is not None:
            return True
        if self._hung_up:
            self._hung_up = False
            self.again = self._is_good()
        return bool(self._stops) or self.again or (self._once and self._finished())

    def _is_good(self) -> bool:
        """Whether the configuration as it is now can be used; the old one stays in force where it cannot."""
        if self._config_file is None:
            return False
        try:
            read_settings(self._config_file)
        except BadConfig as error:
            log.error("SIGHUP: the configuration is not taken, the old one stays:\n%s", error)
            return False
        log.info("SIGHUP: starting again with the new configuration")
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        return True

    def _finished(self) -> bool:
        if not (self._scanner.compared and self._dispatcher.idle):
            return False
        if self._store.nothing_left():
            return True
        if held_up := self._store.held_up():
            raise Unavailable(f"cannot go on: {held_up}", "the work that is left is kept for the next run")
        return False

    def _failed(self) -> bool:
        with Queries(self._settings.database_path) as queries:
            return queries.failed_since(self._began) > 0

    def _ping(self) -> None:
        """Tell systemd that we live, if every loop has made progress."""
        now = time.monotonic()
        if now - self._pinged_at < 1.0:
            return
        self._pinged_at = now
        self._upkeep.turn()
        if not self._announced:
            notify(f"EXTEND_TIMEOUT_USEC={LOADING_EXTENSION_S * 1_000_000}")
        if self._upkeep.alive:
            notify("WATCHDOG=1")

    def _keep_waiting(self, reason: str) -> bool:
        """The database cannot be written just now; the work waits until it can."""
        if reason != self._trouble:
            self._trouble = reason
            log.error("the database cannot be written, everything waits: %s", reason)
        notify("WATCHDOG=1")
        return not self._stops

    def _handle_signals(self) -> None:
        def stop(number: int, _frame: FrameType | None) -> None:
            self._stops += 1
            log.info("%s: stopping%s", signal.Signals(number).name, " now" if self._stops > 1 else "")

        def hang_up(_number: int, _frame: FrameType | None) -> None:
            self._hung_up = True

        signal.set_wakeup_fd(self._dispatcher.wake_fd, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGHUP, hang_up)
        # Blocked by the program before us, if it was SIGHUP that started us: another one meanwhile is not lost.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])
        # The kernel breaks our read lease with SIGIO when somebody opens the file for writing just then; the
        # default action would end the daemon.
        signal.signal(signal.SIGIO, signal.SIG_IGN)


def _decoder_count() -> int:
    """Decoding takes a tenth of what the engine takes on a CPU; a GPU needs more of it at once."""
    return max(1, min(DECODERS_MAX, len(os.sched_getaffinity(0)) // 2))
