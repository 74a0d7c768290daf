"""What the dispatcher knows of a job while it runs: which chunks are out, which are finished. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from daemon.chunk import BOTH, Chunk, Decoded, Options, Segment, Suppressed
from daemon.errors import FailedRecording
from daemon.store.records import ChunkDone, Job, Result
from daemon.transcribe.placing import placed
from daemon.transcribe.policies import Policy
from daemon.transcribe.quality import PROMPT_RESET_TEMPERATURE, judge

PREVIOUS_CHARACTERS = 1000
"""Kept of the text before a chunk: more than the 223 tokens that a prompt can hold."""

OF_CHUNKS = ("initial_prompt", "hotwords", "beam_size")
"""The options of a language that its chunks carry; the others count when the transcript is published."""


@dataclass(slots=True)
class _Progress:
    """One chunk between its first batch and its checkpoint."""

    spans: tuple[tuple[float, float], ...]
    spoken: tuple[tuple[float, float], ...]
    segments: list[Segment] = field(default_factory=list)
    suppressed: list[Suppressed] = field(default_factory=list)
    earlier: list[Decoded] = field(default_factory=list)
    """Results of the current part that were not good enough."""
    attempts: int = 0
    guards: int = 0
    fallbacks: int = 0
    rests: int = 0
    run_s: float = 0.0
    finished: bool = False
    """Whether there is no more to come of this text."""
    translation: "_Progress | None" = None
    """The English text, if there are to be two; what is counted is counted with the original."""

    @property
    def complete(self) -> bool:
        """Whether the chunk has its texts."""
        return self.finished and (self.translation is None or self.translation.finished)


@dataclass(slots=True)
class ActiveJob:
    """A job from claim to end.

    The language of a recording is detected on its first chunk with speech; until then its other chunks are
    held back, so that all of them know it. With `condition_on_previous_text` they go one after another, each with
    the text so far.
    """

    job: Job
    detects: bool
    """Whether the language is yet to be found."""
    done: Mapping[int, ChunkDone] = field(default_factory=dict)
    """The chunks that earlier runs have finished, by their number."""
    run: int = 0
    """Which claim of the job this is."""
    model: str = ""
    """The model whose engines transcribe it."""
    policy: Policy = judge
    """What is done when a result of its engine is bad."""
    growing: bool = False
    """Whether it is still being recorded; then it does not end, however much of it is done."""
    language: str = ""
    language_probability: float | None = None
    asked: bool = False
    """A window has been asked for and has not come yet."""
    decoded: bool = False
    """The last window has come."""
    listening: bool = False
    """The voices of the newest window have not all come yet."""
    chunks_total: int = 0
    previous: str = ""
    """The newest text so far, where the next chunk is to know it."""
    _open: dict[int, _Progress] = field(default_factory=dict)
    _held: list[Chunk] = field(default_factory=list)
    _told: dict[str, Any] = field(init=False)
    """What the engine is told beforehand with every chunk."""

    def __post_init__(self) -> None:
        options = self.job.options
        of_languages = {
            code: {name: value for name, value in values.items() if name in OF_CHUNKS}
            for code, values in options.languages.items()
        }
        self._told = {
            "initial_prompt": options.initial_prompt, "hotwords": options.hotwords, "languages": of_languages,
        }  # fmt: skip

    @classmethod
    def begun(
        cls, job: Job, options: Options, run: int, model: str, policy: Policy, *, growing: bool = False
    ) -> "ActiveJob":
        """Return a job whose opening has been asked for.

        Args:
            job: as it was claimed, or found to be growing.
            options: those of the job, as far as the engine goes.
            run: which claim of the job this is.
            model: the model whose engines transcribe it.
            policy: what is done when a result of its engine is bad.
            growing: whether it is still being recorded.
        """
        return cls(
            job,
            detects=options.language == "auto" and job.language is None,
            run=run,
            model=model,
            policy=policy,
            growing=growing,
            language=job.language or "",
            language_probability=job.language_probability,
            asked=True,
        )

    @property
    def priority(self) -> int:
        """The priority of its chunks."""
        return self.job.priority

    @property
    def complete(self) -> bool:
        """Whether every chunk of the recording has its checkpoint, and its voices where they are listened to."""
        return self.decoded and not self.listening and not self.growing and not self._open and not self._held

    @property
    def open_chunks(self) -> int:
        """Chunks that are waiting, held back or in a batch."""
        return len(self._open) + len(self._held)

    def opened(self, done: Mapping[int, ChunkDone], lines: Iterable[Segment], given: int = 0) -> None:
        """Note that the decoder has opened the recording.

        Args:
            done: the chunks that earlier runs have finished.
            lines: their text, where the next chunk is to know it.
            given: how many of them the decoder does not cut again.
        """
        self.asked = False
        self.chunks_total = given
        self.done = done
        self.previous = ""
        for line in lines:
            self._remember(line.temperature, [line])

    def adopted(self) -> None:
        """Note that all of its chunks were taken over from a job with the same content."""
        self.asked = False
        self.decoded = True

    def ask(self) -> None:
        """Note that a window has been asked for."""
        self.asked = True

    def add(self, chunks: Iterable[Chunk], *, last: bool = False) -> list[Chunk] | None:
        """Take the chunks of a window; return those to submit now, or None if what is done is not of this recording.

        Args:
            chunks: the next ones of the recording, in their order.
            last: whether it is the last window of the recording.
        """
        self.asked = False
        self.decoded = last
        for chunk in chunks:
            self.chunks_total += 1
            if chunk.idx in self.done:
                if not self.done[chunk.idx].is_of(chunk):
                    return None
                continue
            self._held.append(chunk)
        if last and any(idx >= self.chunks_total for idx in self.done):
            return None
        return self._let_go()

    def take(
        self, chunk: Chunk, result: Decoded, run_s: float, policy: Policy | None = None
    ) -> tuple[list[Chunk], Result | None]:
        """Take the engine's result for a chunk.

        Args:
            chunk: as it was decoded.
            result: what came out of it.
            run_s: the chunk's share of the time that its batch ran.
            policy: what is done when this result is bad; None for what is done with the job's.

        Returns:
            The chunks to submit next (a repetition, a rest, chunks held back), and the checkpoint if this
            chunk is finished.
        """
        policy = policy or self.policy
        progress = self._open[chunk.idx]
        progress.attempts += 1
        progress.run_s += run_s
        english = progress.translation
        if chunk.task == BOTH and english is None:
            english = progress.translation = _Progress(chunk.spans, chunk.spoken)
        if chunk.task == "translate" and english is not None:
            more = self._judge(policy, chunk, result, english, progress)
        else:
            # Where English is spoken, the text counts twice, and the next part may be in another language.
            twice = chunk.task == BOTH and result.translation is None
            more = self._judge(policy, chunk if twice else chunk.original, result, progress, progress)
        if result.translation is not None and english is not None:
            translated = replace(chunk.translated, language=result.language)
            more += self._judge(policy, translated, result.translation, english, progress)
        if not progress.complete:
            return [*more, *self._let_go()], None
        del self._open[chunk.idx]
        finished = Result(
            job_id=self.job.id,
            idx=chunk.idx,
            start_s=progress.spans[0][0],
            end_s=progress.spans[-1][1],
            attempts=progress.attempts,
            guards=progress.guards,
            fallbacks=progress.fallbacks,
            rests=progress.rests,
            segments=placed(progress.segments, progress.spans, progress.spoken),
            suppressed=tuple(progress.suppressed),
            run_s=progress.run_s,
            channel=chunk.channel,
            translation=placed(self._translation(progress), progress.spans, progress.spoken),
            digest=chunk.digest,
        )
        return self._let_go(), finished

    def charged(self, _chunk: Chunk, error: FailedRecording) -> list[tuple[int, FailedRecording]]:
        """Return what a chunk that no engine can take ends: this job."""
        return [(self.job.id, error)]

    def _judge(self, policy: Policy, chunk: Chunk, result: Decoded, text: _Progress, counts: _Progress) -> list[Chunk]:
        """Take a result for one of the texts of a chunk; return what is to be decoded for it next.

        Args:
            policy: what is done when the result is bad.
            chunk: as it was decoded.
            result: what came out of it.
            text: the original or the translation, whichever this is.
            counts: where it is counted.
        """
        verdict = policy(chunk, result, text.earlier)
        if verdict.again is not None:
            if verdict.guarded:
                counts.guards += 1
            else:
                counts.fallbacks += 1
                text.earlier.append(result)
            return [replace(verdict.again, language=result.language)]
        assert verdict.accepted is not None
        text.earlier.clear()
        texts = [text]
        if chunk.task == BOTH and text.translation is not None:
            texts.append(text.translation)
        for each in texts:
            each.segments.extend(verdict.accepted.segments)
            each.finished = verdict.rest is None
        if text is counts:
            self._take_original(verdict.accepted)
            text.suppressed.extend(verdict.accepted.suppressed)
        if verdict.rest is None:
            return []
        counts.rests += 1
        return [self._prepared(verdict.rest) if text is counts else verdict.rest]

    def _take_original(self, accepted: Decoded) -> None:
        """Learn from what was said: the language of the recording, and the text for the next chunk."""
        self._remember(accepted.temperature, accepted.segments)
        if self.detects and accepted.segments:
            self.detects = False
            self.language, self.language_probability = accepted.language, accepted.language_probability

    def _translation(self, progress: _Progress) -> list[Segment]:
        """Return the English text of a chunk, if there is one; none of it from where nobody was found to speak."""
        lines = progress.translation.segments if progress.translation is not None else ()
        return [
            line
            for line in lines
            if any(line.start_s < said.end_s and said.start_s < line.end_s for said in progress.segments)
        ]

    def _let_go(self) -> list[Chunk]:
        """Return the held chunks that need wait no longer."""
        if self.detects or self.job.options.condition_on_previous_text:
            ready = [self._held.pop(0)] if self._held and not self._open else []
        else:
            ready, self._held = self._held, []
        for chunk in ready:
            self._open[chunk.idx] = _Progress(chunk.spans, chunk.spoken)
        return [self._prepared(chunk) for chunk in ready]

    def _remember(self, temperature: float, lines: Iterable[Segment]) -> None:
        """Keep the newest text as the prompt of the next chunk."""
        if temperature > PROMPT_RESET_TEMPERATURE:
            self.previous = ""
            return
        text = " ".join([self.previous, *(line.text for line in lines)]).strip()
        self.previous = text[-PREVIOUS_CHARACTERS:]

    def _prepared(self, chunk: Chunk) -> Chunk:
        """Return the chunk with what is known of its recording by now."""
        fallback = self.language if chunk.language == "auto" else ""
        previous = self.previous if self.job.options.condition_on_previous_text else ""
        known = {"fallback_language": fallback, "previous": previous, **self._told}
        if all(getattr(chunk, name) == value for name, value in known.items()):
            return chunk
        return replace(chunk, **known)
