"""What the dispatcher knows of a job while it runs: which chunks are out, which are finished. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from daemon.chunk import Chunk, Decoded, Segment
from daemon.quality import judge
from daemon.store.job import Job, Result


@dataclass(slots=True)
class _Progress:
    """One chunk between its first batch and its checkpoint."""

    start_s: float
    end_s: float
    segments: list[Segment] = field(default_factory=list)
    earlier: list[Decoded] = field(default_factory=list)
    """Results of the current part that were not good enough."""
    attempts: int = 0
    guards: int = 0
    fallbacks: int = 0
    rests: int = 0
    run_s: float = 0.0


@dataclass(slots=True)
class Running:
    """A job from claim to end.

    The language of a recording is detected on its first chunk with speech; until then its other chunks are
    held back, so that all of them know it.
    """

    job: Job
    detects: bool
    """Whether the language is yet to be found."""
    done: dict[int, tuple[float, float]] = field(default_factory=dict)
    """idx → (start_s, end_s) of the chunks that earlier runs have finished."""
    run: int = 0
    """Which claim of the job this is."""
    language: str = ""
    language_probability: float | None = None
    asked: bool = False
    """A window has been asked for and has not come yet."""
    decoded: bool = False
    """The last window has come."""
    chunks_total: int = 0
    _open: dict[int, _Progress] = field(default_factory=dict)
    _held: list[Chunk] = field(default_factory=list)
    _detecting: bool = False

    @property
    def complete(self) -> bool:
        """Every chunk of the recording has its checkpoint."""
        return self.decoded and not self._open and not self._held

    @property
    def open_chunks(self) -> int:
        """Chunks that are waiting, held back or in a batch."""
        return len(self._open) + len(self._held)

    def add(self, chunks: Iterable[Chunk]) -> list[Chunk] | None:
        """Take the chunks of a window; those to be submitted now, or None if the decoder cuts otherwise now."""
        for chunk in chunks:
            self.chunks_total += 1
            if chunk.idx in self.done:
                if self.done[chunk.idx] != (chunk.start_s, chunk.end_s):
                    return None
                continue
            self._held.append(chunk)
        return self._let_go()

    def take(self, chunk: Chunk, result: Decoded, run_s: float) -> tuple[list[Chunk], Result | None]:
        """Take the engine's result for a chunk.

        Args:
            run_s: the chunk's share of the time that its batch ran.

        Returns:
            The chunks to submit next (a repetition, a rest, chunks held back), and the checkpoint if this
            chunk is finished.
        """
        progress = self._open[chunk.idx]
        progress.attempts += 1
        progress.run_s += run_s
        verdict = judge(chunk, result, progress.earlier)
        if verdict.again is not None:
            if verdict.guarded:
                progress.guards += 1
            else:
                progress.fallbacks += 1
                progress.earlier.append(result)
            return [replace(verdict.again, language=result.language)], None
        assert verdict.accepted is not None
        progress.earlier.clear()
        progress.segments.extend(verdict.accepted.segments)
        if self.detects and verdict.accepted.segments:
            self.detects = False
            self.language, self.language_probability = result.language, result.language_probability
        if verdict.rest is not None:
            progress.rests += 1
            return [self._in_language(verdict.rest), *self._let_go()], None
        del self._open[chunk.idx]
        self._detecting = False
        finished = Result(
            job_id=self.job.id,
            idx=chunk.idx,
            start_s=progress.start_s,
            end_s=progress.end_s,
            attempts=progress.attempts,
            guards=progress.guards,
            fallbacks=progress.fallbacks,
            rests=progress.rests,
            segments=tuple(progress.segments),
            run_s=progress.run_s,
        )
        return self._let_go(), finished

    def _let_go(self) -> list[Chunk]:
        """The held chunks that need wait no longer."""
        if self.detects:
            if self._detecting or not self._held:
                return []
            self._detecting = True
            ready = [self._held.pop(0)]
        else:
            ready, self._held = self._held, []
        for chunk in ready:
            self._open[chunk.idx] = _Progress(chunk.start_s, chunk.end_s)
        return [self._in_language(chunk) for chunk in ready]

    def _in_language(self, chunk: Chunk) -> Chunk:
        return replace(chunk, fallback_language=self.language) if chunk.language == "auto" else chunk
