"""The daemon's engine children: one per device, batches in flight, restart after a death."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from daemon.chunk import Chunk
from daemon.config.engines import NO_DEVICE, qualified
from daemon.config.parallelism import Parallelism
from daemon.errors import ANOTHER_CTRANSLATE2, ASK_THE_DOCTOR, Unavailable
from daemon.processes import ahead
from daemon.processes.child import START_ATTEMPTS, Child, ChildDied, Peer
from daemon.processes.cluster_protocol import EngineEnded, Place
from daemon.processes.engine import BatchEnded, Engine, EngineEvent, EngineReady, LostBatches
from daemon.processes.engines import Engines
from daemon.processes.protocol import BatchDone, BatchFailed, Downloading, LoadModel, Ready, RunBatch, Unready

log = logging.getLogger(__name__)

MODULE = "daemon.engine.worker"
BATCH_DEADLINE_S = 120.0
BATCH_DEADLINE_PER_AUDIO_S = 30.0
"""A batch may take this many seconds per second of its audio (large-v3 on an old laptop: about 5), plus the above."""
LOAD_DEADLINE_S = 3600.0
"""A model may have to be downloaded first; what an engine tells of that counts as a new beginning."""
DOWNLOAD_LOG_S = 60.0
"""How often the log says how far a download is."""
RESTART_S = (0.0, 1.0, 5.0, 15.0, 60.0)
"""Wait before the first, second … restart in a row. One that has heard its clip right starts again at the first: its
device works, and whatever ends it then is a recording, which pays."""
LOADING_DIED = f"{ASK_THE_DOCTOR}; on CUDA, {ANOTHER_CTRANSLATE2}"
LOADING_KILLED = "the kernel does so when memory runs out, as dmesg says; take a smaller model, or fewer workers"


class EnginePool(Engines):
    """Engines of one model on the configured devices, and those elsewhere that work beside them.

    Args:
        load: the model; `device` may name several (`cuda:0,1`), or none.
        called: what the monitor calls an engine, before the name of its device.
        canary: what an engine of this model had heard in its clip when it was loaded before.
        elsewhere: what the engines elsewhere are told.
        on_cluster: what engines on machines of a cluster are told, but for their device.
    """

    def __init__(
        self,
        load: LoadModel,
        called: str = "engine",
        canary: str | None = None,
        elsewhere: Sequence[LoadModel] = (),
        on_cluster: LoadModel | None = None,
    ) -> None:
        name, _, indices = load.device.partition(":")
        first, *others = [f"{name}:{index}" for index in indices.split(",")] if indices else [name]
        devices = () if first == NO_DEVICE else (first, *others)
        here = (Engine(replace(load, device=device)) for device in devices)
        super().__init__([*here, *map(Engine, elsewhere)], called, canary)
        self._load = load
        self._on_cluster = on_cluster or load
        self._next_batch = 1
        self._download_logged_s = -DOWNLOAD_LOG_S

    def keep_alive(self) -> None:
        """Start every engine that does not live and whose wait is over; replace one that is due for it and idle."""
        for engine in list(self.engines):
            if engine.leaving and not engine.batches:
                self._retire(engine)
                self.engines.remove(engine)
                continue
            if engine.held_until is not None and time.monotonic() >= engine.held_until:
                engine.held_until = None
            if engine.recycle and not engine.batches and engine.child is not None:
                log.info("engine %s is replaced after %d chunks", engine.child, engine.chunks_run)
                self._retire(engine)
            if engine.child is None and time.monotonic() >= engine.restart_at:
                engine.child = engine.attach() if engine.attach else ahead.take(engine.load.engine) or Child(MODULE)
                engine.child.deadline = time.monotonic() + LOAD_DEADLINE_S
                try:
                    engine.child.send(engine.load)
                except ChildDied as error:
                    log.debug("engine does not listen: %s", error)

    def offer(self, place: Place, attach: Callable[[], Peer]) -> None:
        """Have an engine at a place of a cluster; `attach` has it started there."""
        self.engines.append(Engine(replace(self._on_cluster, device=place.device), place, attach))

    def withdraw(self, number: int) -> None:
        """Do without an engine whose place is gone, once it has said what became of its batches."""
        for engine in self.engines:
            engine.leaving |= engine.place is not None and engine.place.number == number

    def stand_in(self, *, wanted: bool) -> None:
        """Have an engine of this machine, which has none otherwise, work while the cluster is away."""
        now = [engine for engine in self.engines if engine.stands_in and not engine.leaving]
        if wanted and not now:
            self.engines.append(Engine(replace(self._load, device="auto"), stands_in=True))
        for engine in [] if wanted else now:
            engine.leaving = True

    def run(self, engine: Engine, chunks: Sequence[Chunk]) -> None:
        """Hand a batch to a ready engine; the answer is BatchDone, BatchFailed or LostBatches."""
        assert engine.child is not None
        batch_id = self._next_batch
        self._next_batch += 1
        engine.batches[batch_id] = tuple(chunks)
        self._set_deadline(engine)
        try:
            engine.child.send(RunBatch(batch_id, tuple(chunks)))
        except ChildDied as error:
            log.debug("engine does not listen: %s", error)

    def receive(self, child: Peer) -> EngineEvent | None:
        """Return what an engine has to say, or LostBatches if it died or must be ended because it is overdue.

        Raises:
            Unavailable: the model cannot be loaded, and never could since the start.
        """
        engine = next(engine for engine in self.engines if engine.child is child)
        try:
            answer = child.receive()
        except ChildDied as error:
            # On a cluster, the link closes the connection; what is late, or makes no sense, is the engine's doing.
            by_itself = engine.place is None or not child.hung_up
            return self.kill(engine, str(error) or "connection lost", by_itself=by_itself)
        match answer:
            case EngineEnded(how, by_itself):
                return self.kill(engine, how, by_itself=by_itself)
            case Ready():
                return self._loaded(engine, answer)
            case Downloading():
                self._downloads(engine, answer)
                return None
            case Unready() if self.canary is None and engine.is_needed:
                self._retire(engine)
                raise Unavailable(answer.message, answer.hint)
            case Unready():
                way_out = f"; {answer.hint}" if answer.hint and not engine.is_here else ""
                trouble = f"{answer.message}{way_out}"
                if engine.is_here or trouble != engine.trouble:
                    log.error("engine on %s cannot load: %s", engine.name, trouble)
                engine.trouble = trouble
                self._retire(engine)
                self._wait(engine)
                return None
            case BatchDone() | BatchFailed():
                return self._batch_ended(engine, answer)
        return self.kill(engine, f"an unexpected answer: {type(answer).__name__}")

    def shrink(self, engine: Engine, batch_size: int) -> None:
        """Give an engine no more than so many chunks at once from now on: its memory holds no more."""
        engine.batch_size = max(1, batch_size)
        log.warning("out of memory on %s: batches of %d from now on", engine.name, engine.batch_size)

    def kill(self, engine: Engine, why: str, *, by_itself: bool = True) -> LostBatches:
        """End an engine's process; it is started again after a while.

        Args:
            engine: whose process it is.
            why: for the log; of one on a cluster, it is also how its process has ended.
            by_itself: whether it may have been what it was given, and not its machine, or the way to it.

        Raises:
            Unavailable: it died while loading, again and again, and never was ready.
        """
        assert engine.child is not None
        called, how = str(engine.child), engine.child.end()
        # One that only passes chunks on dies of none, unless it does so again.
        may_be_to_blame = not engine.is_elsewhere or all(batch[0].alone for batch in engine.batches.values())
        may_be_to_blame = may_be_to_blame and by_itself and not engine.child.unheard
        batches = tuple(engine.batches.values())
        told = how if engine.place is None else why
        lost = LostBatches(batches, told, blamed=may_be_to_blame, with_its_machine=not by_itself)
        log.warning("engine %s on %s died (%s; %s)", called, engine.name, how, why)
        is_hopeless = self.canary is None and engine.is_needed
        if engine.ready is None and engine.deaths + 1 >= START_ATTEMPTS and is_hopeless:
            raise Unavailable(
                f"the engine on {engine.load.device} died {START_ATTEMPTS} times while loading ({how})",
                LOADING_KILLED if how == "signal 9" else LOADING_DIED,
            )
        engine.child, engine.ready, engine.batches, engine.recycle, engine.download = None, None, {}, False, None
        self._wait(engine)
        return lost

    def set_parallelism(self, layout: Parallelism) -> None:
        """Restart the engines of this machine whose parallelism is another one; nothing may be in flight."""
        for engine in self.here:
            ready = engine.ready
            engine.load = replace(
                engine.load, workers=layout.workers, cpu_threads=layout.cpu_threads, batch_size=layout.batch_size
            )
            if ready is None or ready.layout != layout:
                engine.batch_size = 0
                self._retire(engine)

    def close(self) -> None:
        """End all children."""
        for engine in self.engines:
            if engine.child is not None:
                engine.child.end()
                engine.child = None

    def _retire(self, engine: Engine) -> None:
        """End a child that has nothing in flight; another one is started at once."""
        if engine.child is not None:
            engine.child.end(gently=True)
        engine.child, engine.ready, engine.recycle, engine.download = None, None, False, None

    def _downloads(self, engine: Engine, progress: Downloading) -> None:
        """Note how far an engine's download is, log it now and then, and give it more time."""
        assert engine.child is not None
        engine.download = progress
        engine.child.deadline = (now := time.monotonic()) + LOAD_DEADLINE_S
        if now - self._download_logged_s >= DOWNLOAD_LOG_S:
            self._download_logged_s = now
            megabytes = progress.total_bytes / 1e6
            log.info("downloading the model %s: %d %% of %.0f MB", progress.model, progress.percent, megabytes)

    def _wait(self, engine: Engine) -> None:
        """Put off the next start of an engine that has not worked, the longer the more often that was so."""
        engine.restart_at = time.monotonic() + RESTART_S[min(engine.deaths, len(RESTART_S) - 1)]
        engine.deaths += 1
        engine.restarts += 1

    def _batch_ended(self, engine: Engine, answer: BatchDone | BatchFailed) -> BatchEnded | LostBatches:
        chunks = engine.batches.get(answer.batch_id, ())
        if not chunks or (isinstance(answer, BatchDone) and len(answer.results) != len(chunks)):
            return self.kill(engine, "an unexpected answer")
        if isinstance(answer, BatchDone):
            engine.batch_s = answer.run_s
            engine.deaths = 0
            engine.recycle = engine.has_grown(len(chunks)) or engine.recycle
        elif answer.away:
            self._goes_away(engine, answer)
        del engine.batches[answer.batch_id]
        self._set_deadline(engine)
        return BatchEnded(engine, answer, chunks)

    def _goes_away(self, engine: Engine, answer: BatchFailed) -> None:
        """Give an engine elsewhere nothing for a while: as long as it asks for, or until it is found to work again."""
        if answer.wait_s:
            log.info("engine on %s is left alone for %.0f s: %s", engine.name, answer.wait_s, answer.message)
            engine.held_until = time.monotonic() + answer.wait_s
        elif not engine.recycle:
            log.warning("engine on %s is away: %s; its chunks go out again", engine.name, answer.message)
            engine.recycle = True
            self._wait(engine)

    def _loaded(self, engine: Engine, ready: Ready) -> EngineReady | LostBatches:
        if engine.is_elsewhere:
            return self._found_elsewhere(engine, ready)
        if engine.place is not None:
            # Its folder may have another name there, and its device is one of many.
            model = qualified(self._on_cluster.models, self._on_cluster.engine)
            ready = replace(ready, model=model, device=engine.name)
        if not self.hears(ready.canary):
            log.error("engine on %s hears %r, not %r", ready.device, ready.canary, self.canary)
            return self.kill(engine, "it no longer hears what is said in its clip")
        engine.ready, engine.deaths, engine.chunks_run, engine.settled_bytes = ready, 0, 0, 0
        engine.download = None
        engine.batch_size = min(engine.batch_size or ready.batch_size, ready.batch_size)
        assert engine.child is not None
        engine.child.deadline = None
        log.info(
            "engine ready: %s on %s, %s%s, %d workers x %d threads, batches of %d, loaded in %.1f s",
            ready.model, ready.device, ready.compute_type, ready.decoder and f" with {ready.decoder}",
            ready.workers, ready.cpu_threads,
            engine.batch_size, ready.load_s,
        )  # fmt: skip
        if ready.word_fault:
            log.error("engine on %s: %s; recordings that ask for them wait", ready.device, ready.word_fault)
        if engine.place is None:
            # Pinned: an engine that starts again on `auto` must not end up on the CPU because its GPU is gone.
            engine.load = replace(engine.load, device=ready.device)
        if self._load.device in ("auto", "cuda") and len(self.here) < ready.devices:
            self.engines.extend(Engine(replace(self._load, device=f"cuda:{each}")) for each in range(1, ready.devices))
        return EngineReady()

    def _found_elsewhere(self, engine: Engine, ready: Ready) -> EngineReady:
        """Trust an engine elsewhere, which has heard its clip right: what it hears differs from one model to another.

        One that hears the clip and then fails at everything else is not started again at once.
        """
        assert engine.child is not None
        engine.ready, engine.chunks_run, engine.settled_bytes, engine.trouble = ready, 0, 0, ""
        engine.batch_size, engine.child.deadline = ready.batch_size, None
        log.info("engine ready: %s on %s, up to %d chunks at once", ready.model, ready.device, ready.workers)
        return EngineReady()

    def _set_deadline(self, engine: Engine) -> None:
        assert engine.child is not None
        audio_s = sum(chunk.duration_s for batch in engine.batches.values() for chunk in batch)
        allowed_s = BATCH_DEADLINE_S + BATCH_DEADLINE_PER_AUDIO_S * audio_s
        engine.child.deadline = time.monotonic() + allowed_s if engine.batches else None
