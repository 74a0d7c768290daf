"""Chunks out, results in: what is handed to which engine, and what becomes of the answers."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

from daemon.chunk import Chunk
from daemon.errors import FailedRecording
from daemon.monitor.counters import Counters
from daemon.processes.engine import BatchEnded, Engine, LostBatches
from daemon.processes.model_pools import ModelPools
from daemon.processes.protocol import BatchDone, BatchFailed
from daemon.store.records import Batch, Result
from daemon.store.store import Store
from daemon.transcribe.batcher import Batcher
from daemon.transcribe.copies import Copies, worth_copying
from daemon.transcribe.owner import Owner
from daemon.transcribe.policies import POLICIES, Policy
from daemon.transcribe.shares import by_speed

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InferenceOutcome:
    """What a batch has come to, for the jobs whose chunks were in it."""

    failed: tuple[tuple[int, FailedRecording], ...] = ()
    """Jobs that are to blame for the death of an engine, or whose speech it cannot take."""
    shrunk: Engine | None = None
    """The engine whose batches had to become smaller because it ran out of memory."""


class Inference:
    """The batcher and the engines, for the jobs of the dispatcher.

    Args:
        running: the dispatcher's running jobs, and its guests; results of others are ignored.
    """

    def __init__(
        self,
        store: Store,
        engines: ModelPools,
        running: Mapping[int, Owner],
        counters: Counters,
    ) -> None:
        self._store = store
        self._engines = engines
        self._running = running
        self._counters = counters
        self._batchers = defaultdict[str, Batcher](Batcher)
        """The chunks that wait for each model."""
        self._copies = Copies()
        self._holds = True
        """Whether no batch may begin just now."""
        self._finished: list[Result] = []
        """What `save` is to save, and what it ran in."""
        self._ran: list[Batch] = []
        self._languages: dict[int, tuple[str, float]] = {}
        self.held_s = 0.0
        """Seconds of audio that wait for a batch."""

    def drop(self, job_id: int) -> list[Chunk]:
        """Forget the waiting chunks of a job, and return them."""
        dropped = [chunk for batcher in self._batchers.values() for chunk in batcher.drop(job_id)]
        self.held_s -= sum(chunk.duration_s for chunk in dropped)
        return dropped

    def submit(self, running: Owner, chunks: Sequence[Chunk], *, first: bool = False, at_once: bool = False) -> None:
        """Put chunks of a job in the queue, as `Batcher.submit` does."""
        for chunk in chunks:
            self.held_s += chunk.duration_s
            self._batchers[running.model].submit(chunk, running.priority, first=first, at_once=at_once)

    def hold(self) -> None:
        """Hand out nothing until the next `hand_out`: the daemon ends or pauses."""
        self._holds = True

    def hand_out(self) -> None:
        """Begin batches on the workers that are idle, queue full ones ahead on others, and copy what is late."""
        self._holds = False
        self._fill_workers()
        self._copy_what_is_late()

    @property
    def in_flight(self) -> int:
        """How many batches are waited for: all that the engines have, but for those that others have answered."""
        count = self._engines.in_flight
        if self._copies:
            engines = [engine for _, pool in self._engines.in_turn() for engine in pool.engines]
            count -= sum(self._copies.is_void(batch) for engine in engines for batch in engine.batches.values())
        return count

    def _fill_workers(self) -> None:
        for model, pool in self._engines.in_turn():
            if not self._holds and len(self._batchers[model]):
                self._fill(pool.engines, self._batchers[model])

    def _fill(self, engines: Sequence[Engine], batcher: Batcher) -> None:
        """Give the engines of a model what waits: one batch each, and again, as long as one takes any."""
        takers = [(at, engine) for at, engine in enumerate(engines) if engine.room > 0]
        if not takers:
            return
        shares = by_speed(engines, len(batcher), self.held_s / sum(map(len, self._batchers.values())))
        idle = sum(max(0, engine.idle_workers) for _, engine in takers)
        gave = True
        while gave:
            gave = False
            for at, engine in takers:
                if not len(batcher) or engine.room <= 0 or not self._engines.has_room(engine):
                    continue
                share = -(-len(batcher) // max(1, idle)) if shares is None else shares.get(at, 0)
                size = max(1, min(engine.takes_most, share))
                alone = batcher.next_is_alone(size)
                # None waits ahead of an engine while there is not enough for those that are idle.
                full = (
                    size == engine.batch_size
                    and len(batcher) >= (idle + 1) * size
                    and batcher.full(size, new_apart=engine.is_serial)
                )
                if (share or alone) and engine.may_take(alone=alone, full=full):
                    idle -= engine.idle_workers > 0
                    chunks = batcher.take(size, new_apart=engine.is_serial)
                    if shares is not None:
                        shares[at] = max(0, share - len(chunks))
                    self._run(engine, chunks)
                    gave = True

    def _run(self, engine: Engine, chunks: Sequence[Chunk]) -> None:
        self.held_s -= sum(chunk.duration_s for chunk in chunks)
        self._give(engine, chunks)

    def _give(self, engine: Engine, chunks: Sequence[Chunk]) -> None:
        self._engines.run(engine, chunks)
        engine.look(given=True)

    def _copy_what_is_late(self) -> None:
        """Give engines that are idle, where nothing waits, what others of their model will not have done for long."""
        for model, pool in self._engines.in_turn():
            if len(pool.engines) > 1 and not len(self._batchers[model]):
                for engine, chunks in worth_copying(pool.engines, self._may_copy):
                    if not self._engines.has_room(engine):
                        break
                    self._copies.made(chunks)
                    self._give(engine, chunks)

    def _may_copy(self, chunk: Chunk) -> bool:
        return not chunk.alone and chunk not in self._copies and self._of(chunk) is not None

    def receive(self, event: BatchEnded | LostBatches) -> InferenceOutcome:
        """Take what an engine has made of its chunks."""
        match event:
            case BatchEnded(engine, BatchDone() as answer, chunks):
                engine.learn(answer.batch_id, answer.run_s, sum(chunk.duration_s for chunk in chunks))
                engine.look()
                return self._batch_done(engine, answer, chunks)
            case BatchEnded(engine, BatchFailed() as answer, chunks):
                engine.look()
                return self._batch_failed(engine, answer, chunks)
            case LostBatches():
                return self._batches_lost(event, "the engine died")
        raise AssertionError(event)

    def save(self) -> tuple[int, ...]:
        """Save the chunks that were finished since the last time, in one commit, and return the jobs that they are of.

        What a batch costs the disk, and the index of the words, is then paid once for many batches: those that end
        while the last commit is under way.
        """
        if not self._ran:
            return ()
        finished, ran, languages = self._finished, self._ran, self._languages
        self._finished, self._ran, self._languages = [], [], {}
        self._store.save(finished, *ran, languages=languages)
        return tuple(dict.fromkeys(each.job_id for each in finished))

    def _batch_done(self, engine: Engine, answer: BatchDone, chunks: Sequence[Chunk]) -> InferenceOutcome:
        audio_s = sum(chunk.duration_s for chunk in chunks)
        counts = self._copies.answered(chunks)
        for chunk, result in compress(zip(chunks, answer.results, strict=True), counts):
            running = self._of(chunk)
            if running is None:
                continue
            detecting = running.detects
            more, done = running.take(chunk, result, answer.run_s * chunk.duration_s / audio_s, _policy_of(engine))
            if detecting and not running.detects:
                self._languages[chunk.job_id] = (running.language, running.language_probability or 0.0)
            self.submit(running, more, first=done is None)
            if done is not None:
                self._finished.append(done)
        # The device need not wait for the disk.
        self._fill_workers()
        if any(counts):
            self._ran.append(_as_it_ran(engine, answer, list(compress(chunks, counts)), audio_s))
            self._counters.batch(sum(counts), engine.batch_size)
        return InferenceOutcome()

    def _batch_failed(self, engine: Engine, answer: BatchFailed, chunks: Sequence[Chunk]) -> InferenceOutcome:
        if answer.away:
            self._again(chunks)
            return InferenceOutcome()
        if answer.out_of_memory and len(chunks) > 1:
            self._engines.shrink(engine, len(chunks) // 2)
            self._again(chunks)
            return InferenceOutcome(shrunk=engine)
        log.warning("a batch of %d failed on %s: %s", len(chunks), engine.name, answer.message)
        lost = [tuple(chunks)]
        if answer.out_of_memory:
            # Not even one fits: a fresh process has all of the memory, and a chunk that fails alone there is too much.
            lost += self._engines.kill(engine, "out of memory for a single chunk").batches
        elif engine.load.device.startswith("cuda"):
            # Results after a CUDA error can be garbage while calls still return (docs/facts.md, fact 9).
            lost += self._engines.kill(engine, "a CUDA error").batches
        blamed = chunks[0].alone or not (answer.out_of_memory or answer.elsewhere)
        return self._batches_lost(LostBatches(tuple(lost), "", blamed), answer.message)

    def _again(self, chunks: Sequence[Chunk]) -> None:
        """Put chunks back as they are: their batch says nothing about them."""
        for chunk in self._copies.lost(chunks, blamed=False):
            if (running := self._of(chunk)) is not None:
                self.submit(running, [chunk], at_once=True)

    def _batches_lost(self, lost: LostBatches, why: str) -> InferenceOutcome:
        """Run what was lost again, each chunk alone, so that only the one that is to blame pays.

        What was lost with a machine goes out as it was, before all others of its priority.
        """
        if lost.with_its_machine:
            for batch in lost.batches:
                self._again(batch)
            return InferenceOutcome()
        failed: list[tuple[int, FailedRecording]] = []
        for batch in lost.batches:
            for chunk in self._copies.lost(batch, blamed=lost.blamed):
                running = self._of(chunk)
                if running is None:
                    continue
                if lost.blamed and len(batch) == len(lost.batches) == 1:
                    how = f" ({lost.how})" if lost.how else ""
                    error = FailedRecording(f"{why} on its speech at {chunk.start_s:.0f} s{how}")
                    failed += running.charged(chunk, error)
                else:
                    self.submit(running, [replace(chunk, alone=True)], first=True)
        return InferenceOutcome(failed=tuple(failed))

    def _of(self, chunk: Chunk) -> Owner | None:
        """Return the running job of a chunk, or None if it has ended or begun again."""
        running = self._running.get(chunk.job_id)
        return running if running is not None and running.run == chunk.run else None


def _as_it_ran(engine: Engine, answer: BatchDone, counted: Sequence[Chunk], audio_s: float) -> Batch:
    """Return what is kept of a batch, without the chunks, and the time for them, that another engine answered first."""
    counted_s = sum(chunk.duration_s for chunk in counted)
    return Batch(
        device=engine.ready.device if engine.ready else engine.load.device,
        size=len(counted),
        capacity=engine.batch_size,
        recordings=len({chunk.job_id for chunk in counted}),
        audio_s=round(counted_s, 3),
        run_s=round(answer.run_s * counted_s / audio_s, 4),
    )


def _policy_of(engine: Engine) -> Policy | None:
    """Return what is done with bad results of an engine: those elsewhere have rules of their own."""
    return POLICIES[engine.ready.policy] if engine.ready is not None else None
