"""How the model runs fastest on this machine, found once by trial while the daemon has nothing else to do."""

import logging
import os
import time
from dataclasses import asdict, replace

from daemon.config.parallelism import Parallelism, Setup, best
from daemon.processes.child import Child, ChildDied, Peer
from daemon.processes.engine import Engine
from daemon.processes.engine_pool import EnginePool
from daemon.processes.protocol import Calibrate, Calibrated
from daemon.store.store import Store

log = logging.getLogger(__name__)

MODULE = "daemon.engine.calibration"
IDLE_S = 5.0
"""Nothing has run this long: the trial is not in anybody's way. It is given up as soon as something does."""
DEADLINE_S = 600.0
ATTEMPTS = 3
"""A trial that dies this often (of too little memory, say) is not repeated until the next start."""


class Autotuner:
    """Runs the trial in a child of its own, keeps the outcome, and restarts the engines with it.

    Args:
        setup: what the parallelism is kept for; None where the configuration has settled all of it.
        untried: whether to try anything at all.
    """

    def __init__(self, store: Store, engines: EnginePool, setup: Setup | None, *, untried: bool) -> None:
        self._store = store
        self._engines = engines
        self._setup = setup
        self._untried = untried and setup is not None
        self._child: Child | None = None
        self._failures = 0
        self._busy_at = time.monotonic()

    @property
    def children(self) -> list[Child]:
        """The child in which the trial runs, if one does."""
        return [self._child] if self._child is not None else []

    @property
    def processes(self) -> list[tuple[str, int]]:
        """(name, process id) of the trial, for the monitor's thread."""
        return [("calibration", child.pid) for child in self.children]

    @property
    def restarts(self) -> dict[str, int]:
        """Nothing: a trial that dies is not started again at once."""
        return {}

    def tick(self, *, idle: bool) -> None:
        """Begin a trial once the dispatcher has been idle for a while; give it up when there is work."""
        if not idle:
            self._busy_at = time.monotonic()
            self.close()
        elif self._untried and self._child is None and time.monotonic() - self._busy_at > IDLE_S:
            self._begin()

    def receive(self, child: Peer) -> None:
        """Take the child's answer, or its end."""
        assert self._setup is not None
        try:
            answer = child.receive()
            if not isinstance(answer, Calibrated):
                raise ChildDied(f"an unexpected answer: {type(answer).__name__}")
        except ChildDied as error:
            self._failures += 1
            log.warning("the trial of workers, threads and batch sizes failed (%s; %s)", child.end(), error)
            self._child = None
            self._untried = self._failures < ATTEMPTS
            return
        self.close()
        chosen = best(list(answer.trials))
        for trial in answer.trials:
            log.info("%s: %.1f x real time", _text(trial.layout), trial.times_real_time)
        self._store.keep_parallelism(self._setup, chosen, [asdict(trial) for trial in answer.trials])
        self._untried = False
        log.info("from now on: %s", _text(chosen))
        self._engines.set_parallelism(chosen)

    def remember(self, engine: Engine) -> None:
        """Keep the batch size that an engine found its memory to be enough for, for later starts of this model here."""
        is_ours = engine.is_here and any(engine is each for each in self._engines.engines)
        if is_ours and self._setup is not None and engine.ready is not None:
            ready = engine.ready
            self._store.keep_parallelism(self._setup, replace(ready.layout, batch_size=engine.batch_size))

    def close(self) -> None:
        """End the child; what it has measured so far is lost, and measured again later."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def _begin(self) -> None:
        ready = self._engines.ready_here
        assert self._setup is not None
        if ready is None:
            return
        log.info("nothing to do: trying how %s runs fastest here (once for each machine and model)", ready.model)
        self._child = Child(MODULE)
        self._child.deadline = time.monotonic() + DEADLINE_S
        try:
            self._child.send(
                Calibrate(
                    replace(self._engines.engines[0].load, languages=()), ready.layout, len(os.sched_getaffinity(0))
                )
            )
        except ChildDied as error:
            log.debug("the trial does not listen: %s", error)


def _text(layout: Parallelism) -> str:
    return f"{layout.workers} workers x {layout.cpu_threads} threads, batches of {layout.batch_size}"
