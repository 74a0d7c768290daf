"""The daemon's engine children: one per device, batches in flight, restart after a death."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from daemon.chunk import Chunk
from daemon.config.engines import NO_DEVICE
from daemon.config.parallelism import Parallelism
from daemon.errors import ANOTHER_CTRANSLATE2, ASK_THE_DOCTOR, Unavailable
from daemon.processes import ahead
from daemon.processes.child import START_ATTEMPTS, Child, ChildDied
from daemon.processes.engine import BatchEnded, Engine, EngineEvent, EngineReady, LostBatches
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
RECYCLE_CHUNKS = 50_000
"""After this many (some 200 hours of speech) an engine is replaced between batches, whatever it looks like."""
SETTLED_CHUNKS = 32
"""Chunks after which an engine's buffers have their size; what it grows from then on is a leak."""
RECYCLE_GROWTH_BYTES = 1 << 30
"""An engine that has grown by this, and to twice what it had, is replaced between batches."""
LOADING_DIED = f"{ASK_THE_DOCTOR}; on CUDA, {ANOTHER_CTRANSLATE2}"
LOADING_KILLED = "the kernel does so when memory runs out, as dmesg says; take a smaller model, or fewer workers"
CANARY_LEAST = 0.8
"""Share of the words of its clip that an engine must hear again: sums on a GPU may round differently."""


class EnginePool:
    """Engines of one model on the configured devices, and those elsewhere that work beside them.

    Args:
        load: the model; `device` may name several (`cuda:0,1`), or none.
        called: what the monitor calls an engine, before the name of its device.
        canary: what an engine of this model had heard in its clip when it was loaded before.
        elsewhere: what the engines elsewhere are told.
    """

    def __init__(
        self, load: LoadModel, called: str = "engine", canary: str | None = None, elsewhere: Sequence[LoadModel] = ()
    ) -> None:
        self._load = load
        self._called = called
        name, _, indices = load.device.partition(":")
        first, *others = [f"{name}:{index}" for index in indices.split(",")] if indices else [name]
        devices = () if first == NO_DEVICE else (first, *others)
        self.engines = [*(Engine(replace(load, device=device)) for device in devices), *map(Engine, elsewhere)]
        self._next_batch = 1
        self._download_logged_s = -DOWNLOAD_LOG_S
        self.canary = canary
        """What the first engine of this machine that was ready had heard; None until then."""

    @property
    def children(self) -> list[Child]:
        """The children that live."""
        return [engine.child for engine in self.engines if engine.child is not None]

    @property
    def processes(self) -> list[tuple[str, int]]:
        """(name, process id) of the children, for the monitor's thread."""
        return [
            (f"{self._called} {each.load.device}", child.pid) for each in list(self.engines) if (child := each.child)
        ]

    @property
    def restarts(self) -> dict[str, int]:
        """Deaths of each engine since the daemon's start, for the monitor's thread."""
        return {f"{self._called} {each.load.device}": each.restarts for each in list(self.engines)}

    @property
    def here(self) -> list[Engine]:
        """The engines of this machine."""
        return [engine for engine in self.engines if not engine.is_elsewhere]

    @property
    def ready_here(self) -> Ready | None:
        """What one of the engines of this machine says of itself, once one is ready."""
        return next((engine.ready for engine in self.here if engine.ready is not None), None)

    @property
    def ready(self) -> Ready | None:
        """What one of the engines says of itself, once one is ready; one of this machine, if there is one.

        What they make together is made on the device of each kind: `cpu, gpubox:8642`. Those elsewhere say nothing
        before one of this machine has been ready: only then it is known what they have to share.
        """
        if self.canary is None and 0 < len(self.here) < len(self.engines):
            return None
        elsewhere = (each.ready for each in self.engines if each.is_elsewhere)
        found = [ready for ready in (self.ready_here, *elsewhere) if ready is not None]
        if len(found) < 2:
            return found[0] if found else None
        return replace(found[0], device=", ".join(ready.device for ready in found))

    @property
    def trouble(self) -> str:
        """Why no engine is ready, where there are only those elsewhere and one has said so; else ""."""
        is_well = self.here or self.ready is not None
        return "" if is_well else next((engine.trouble for engine in self.engines if engine.trouble), "")

    @property
    def download(self) -> Downloading | None:
        """How far an engine is that downloads the model; None while none does. For any thread."""
        return next((each for engine in list(self.engines) if (each := engine.download) is not None), None)

    @property
    def lost(self) -> bool:
        """Whether no engine is ready, and each has ended again and again while it loaded."""
        return all(engine.ready is None and engine.deaths >= START_ATTEMPTS for engine in self.engines)

    @property
    def in_flight(self) -> int:
        """How many batches the engines have."""
        return sum(len(engine.batches) for engine in self.engines)

    @property
    def capacity(self) -> int:
        """How many chunks all workers compute on at once; 0 before an engine is ready."""
        workers = self.ready_here.workers if self.ready_here is not None else 0
        elsewhere = sum(engine.workers * engine.batch_size for engine in self.engines if engine.is_elsewhere)
        return workers * sum(engine.batch_size for engine in self.here) + elsewhere

    def keep_alive(self) -> None:
        """Start every engine that does not live and whose wait is over; replace one that is due for it and idle."""
        for engine in self.engines:
            if engine.held_until is not None and time.monotonic() >= engine.held_until:
                engine.held_until = None
            if engine.recycle and not engine.batches and engine.child is not None:
                log.info("engine %d is replaced after %d chunks", engine.child.pid, engine.chunks_run)
                self._retire(engine)
            if engine.child is None and time.monotonic() >= engine.restart_at:
                engine.child = ahead.take(engine.load.engine) or Child(MODULE)
                engine.child.deadline = time.monotonic() + LOAD_DEADLINE_S
                try:
                    engine.child.send(engine.load)
                except ChildDied as error:
                    log.debug("engine does not listen: %s", error)

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

    def receive(self, child: Child) -> EngineEvent | None:
        """Return what an engine has to say, or LostBatches if it died or must be ended because it is overdue.

        Raises:
            Unavailable: the model cannot be loaded, and never could since the start.
        """
        engine = next(engine for engine in self.engines if engine.child is child)
        try:
            answer = child.receive()
        except ChildDied as error:
            return self.kill(engine, str(error) or "connection lost")
        match answer:
            case Ready():
                return self._loaded(engine, answer)
            case Downloading():
                self._downloads(engine, answer)
                return None
            case Unready() if self.canary is None and not engine.is_elsewhere:
                self._retire(engine)
                raise Unavailable(answer.message, answer.hint)
            case Unready():
                way_out = f"; {answer.hint}" if answer.hint and engine.is_elsewhere else ""
                engine.trouble = f"{answer.message}{way_out}"
                log.error("engine on %s cannot load: %s", engine.load.device, engine.trouble)
                self._retire(engine)
                self._wait(engine)
                return None
            case BatchDone() | BatchFailed():
                return self._batch_ended(engine, answer)
        return self.kill(engine, f"an unexpected answer: {type(answer).__name__}")

    def shrink(self, engine: Engine, batch_size: int) -> None:
        """Give an engine no more than so many chunks at once from now on: its memory holds no more."""
        engine.batch_size = max(1, batch_size)
        log.warning("out of memory on %s: batches of %d from now on", engine.load.device, engine.batch_size)

    def kill(self, engine: Engine, why: str) -> LostBatches:
        """End an engine's process; it is started again after a while.

        Raises:
            Unavailable: it died while loading, again and again, and never was ready.
        """
        assert engine.child is not None
        pid, how = engine.child.pid, engine.child.end()
        # One that only passes chunks on dies of none, unless it does so again.
        may_be_to_blame = not engine.is_elsewhere or all(batch[0].alone for batch in engine.batches.values())
        lost = LostBatches(tuple(engine.batches.values()), how, blamed=may_be_to_blame and not engine.child.unheard)
        log.warning("engine %d on %s died (%s; %s)", pid, engine.load.device, how, why)
        is_hopeless = self.canary is None and not engine.is_elsewhere
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

    def _check_growth(self, engine: Engine, chunks: int) -> None:
        """Count what an engine has done, and see whether it has grown."""
        assert engine.child is not None
        engine.chunks_run += chunks
        has_bytes = engine.child.rss_bytes
        if engine.chunks_run <= SETTLED_CHUNKS or not engine.settled_bytes:
            engine.settled_bytes = has_bytes
        grown_bytes = has_bytes - engine.settled_bytes
        if grown_bytes > max(RECYCLE_GROWTH_BYTES, engine.settled_bytes):
            log.warning("engine %d has grown by %d MB", engine.child.pid, grown_bytes >> 20)
            engine.recycle = True
        elif engine.chunks_run >= RECYCLE_CHUNKS:
            engine.recycle = True

    def _batch_ended(self, engine: Engine, answer: BatchDone | BatchFailed) -> BatchEnded | LostBatches:
        chunks = engine.batches.get(answer.batch_id, ())
        if not chunks or (isinstance(answer, BatchDone) and len(answer.results) != len(chunks)):
            return self.kill(engine, "an unexpected answer")
        if isinstance(answer, BatchDone):
            engine.batch_s = answer.run_s
            engine.deaths = 0
            self._check_growth(engine, len(chunks))
        elif answer.away:
            self._goes_away(engine, answer)
        del engine.batches[answer.batch_id]
        self._set_deadline(engine)
        return BatchEnded(engine, answer, chunks)

    def _goes_away(self, engine: Engine, answer: BatchFailed) -> None:
        """Give an engine elsewhere nothing for a while: as long as it asks for, or until it is found to work again."""
        if answer.wait_s:
            log.info("engine on %s is left alone for %.0f s: %s", engine.load.device, answer.wait_s, answer.message)
            engine.held_until = time.monotonic() + answer.wait_s
        elif not engine.recycle:
            log.warning("engine on %s is away: %s; its chunks go out again", engine.load.device, answer.message)
            engine.recycle = True
            self._wait(engine)

    def _loaded(self, engine: Engine, ready: Ready) -> EngineReady | LostBatches:
        if engine.is_elsewhere:
            return self._found_elsewhere(engine, ready)
        if self.canary is not None and not heard_again(self.canary, ready.canary):
            log.error("engine on %s hears %r, not %r", ready.device, ready.canary, self.canary)
            return self.kill(engine, "it no longer hears what is said in its clip")
        engine.ready, engine.deaths, engine.chunks_run, engine.settled_bytes = ready, 0, 0, 0
        engine.download = None
        self.canary = self.canary or ready.canary
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
        # Pinned: an engine that starts again on `auto` must not end up on the CPU because its GPU is gone.
        engine.load = replace(engine.load, device=ready.device)
        if self._load.device in ("auto", "cuda") and len(self.here) < ready.devices:
            self.engines += [Engine(replace(self._load, device=f"cuda:{index}")) for index in range(1, ready.devices)]
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


def heard_again(before: str, now: str) -> bool:
    """Tell whether two texts of the clip are the same but for some words; a model that hears nothing never does."""
    return not before or SequenceMatcher(None, before.split(), now.split()).ratio() >= CANARY_LEAST
