"""A model of onnx-asr: a batch of chunks → segments (runs in the engine child)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx_asr.adapters import TimestampedResultsAsrAdapter
from onnx_asr.asr import TimestampedResult

from daemon.chunk import BOTH, ENGLISH, SAMPLE_RATE, Chunk, Decoded, Segment, Suppressed, Word
from daemon.engine.measures import compression_ratio, in_recording, loudest_db, pause_s, silence_db
from daemon.engine.onnx.words import Spoken, lines, text_of, words
from daemon.engine.ort_errors import is_about_memory
from daemon.engine.text_language import TextLanguage

SHORTEST = SAMPLE_RATE // 2
"""Samples: shorter audio is padded, as the features of a few frames have no mean and no deviation."""
UNHEARD_S = 2.0
"""Sound this long after the last word was left out, and is heard once more by itself."""


class OnnxModel:
    """One model on one device; several calls of `run` may be in progress at once on shared weights.

    Args:
        model: What onnx-asr has loaded.
        languages: The codes of what it knows.
        is_told: Whether it is told what is spoken and what to write, as Canary is.
    """

    def __init__(self, model: TimestampedResultsAsrAdapter, languages: Sequence[str], *, is_told: bool) -> None:
        self._model = model
        self._is_told = is_told
        self._languages = tuple(languages)
        self._by_text = TextLanguage(languages) if len(languages) > 1 and not is_told else None

    def run(self, chunks: Sequence[Chunk]) -> tuple[Decoded, ...]:
        """Transcribe chunks of any length, each up to 30 s.

        Raises:
            MemoryError: there is too little memory on the device.
        """
        results = self._texts([chunk.original for chunk in chunks])
        members = [at for at, chunk in enumerate(chunks) if chunk.task == BOTH and results[at].language != ENGLISH]
        texts = self._texts([chunks[at].translated for at in members])
        for at, translation in zip(members, texts, strict=True):
            results[at] = replace(results[at], translation=translation)
        return tuple(results)

    def _texts(self, chunks: Sequence[Chunk]) -> list[Decoded]:
        """Run the chunks that are told the same through the model as one call."""
        groups: dict[tuple[tuple[str, str], ...], list[int]] = defaultdict(list)
        for at, chunk in enumerate(chunks):
            groups[tuple(self._told(chunk).items())].append(at)
        found: dict[int, Decoded] = {}
        for told, members in groups.items():
            heard = self._recognize([_samples(chunks[at]) for at in members], dict(told))
            for at, result in zip(members, heard, strict=True):
                found[at] = self._decoded(chunks[at], result)
        return [found[at] for at in range(len(chunks))]

    def _told(self, chunk: Chunk) -> dict[str, str]:
        if not self._is_told:
            return {}
        language = self._languages[0] if chunk.language == "auto" else chunk.language
        return {"language": language, "target_language": ENGLISH if chunk.task == "translate" else language}

    def _recognize(self, audio: list[NDArray[np.float32]], told: Mapping[str, Any]) -> list[TimestampedResult]:
        try:
            return self._model.recognize([*audio], **told)
        except Exception as error:  # ONNX Runtime's errors have no common class
            if is_about_memory(error):
                raise MemoryError(f"out of memory: {error}") from error
            raise

    def _decoded(self, chunk: Chunk, result: TimestampedResult) -> Decoded:
        """Return the engine's answer for a chunk."""
        tokens, logprobs = result.tokens or [], result.logprobs or []
        text = text_of(tokens)
        language, probability = self._language(chunk, text)
        whole = Decoded(
            segments=(),
            avg_logprob=fmean(logprobs) if logprobs else 0.0,
            no_speech_prob=0.0,
            compression_ratio=compression_ratio(text),
            temperature=chunk.temperature,
            language=language,
            language_probability=round(probability, 4),
            covered_s=chunk.duration_s,
            pause_s=pause_s(chunk.audio),
        )
        if not text:
            return whole
        floor_db = silence_db(chunk)
        if result.timestamps is None:
            return _kept(whole, chunk, [_untimed(whole, chunk, text)], [(0.0, chunk.duration_s)], floor_db)
        spoken = words(tokens, result.timestamps, logprobs, chunk.duration_s)
        cut = list(lines(spoken, _gaps(chunk, spoken)))
        kept = _kept(
            whole, chunk, [_timed(whole, chunk, line) for line in cut],
            [(line[0].start_s, line[-1].end_s) for line in cut], floor_db,
        )  # fmt: skip
        return replace(kept, covered_s=_covered(chunk, spoken[-1].end_s, floor_db))

    def _language(self, chunk: Chunk, text: str) -> tuple[str, float]:
        if chunk.language != "auto":
            return chunk.language, 1.0
        if self._by_text is None:
            return self._languages[0], 1.0
        return self._by_text.tell(text, chunk.fallback_language)


def _samples(chunk: Chunk) -> NDArray[np.float32]:
    samples = np.frombuffer(chunk.audio, dtype="<i2").astype(np.float32) / 32768.0
    return np.pad(samples, (0, max(0, SHORTEST - len(samples))))


def _gaps(chunk: Chunk, spoken: Sequence[Spoken]) -> list[float]:
    """Return how long nobody speaks after each word but the last, in seconds of the recording."""
    return [
        max(0.0, chunk.in_recording(after.start_s) - chunk.in_recording(before.end_s, is_end=True))
        for before, after in pairwise(spoken)
    ]


def _covered(chunk: Chunk, end_s: float, floor_db: float) -> float:
    """Return how far into the audio the text reaches: to its end, unless there is much sound after the last word."""
    is_unheard = chunk.duration_s - end_s > UNHEARD_S and loudest_db(chunk.audio, end_s, chunk.duration_s) > floor_db
    return end_s if is_unheard else chunk.duration_s


def _kept(
    whole: Decoded, chunk: Chunk, found: Sequence[Segment], places: Sequence[tuple[float, float]], floor_db: float
) -> Decoded:
    """Return the lines that there is sound for, and the others aside."""
    segments, suppressed = [], []
    for line, (start_s, end_s) in zip(found, places, strict=True):
        if loudest_db(chunk.audio, start_s, end_s) <= floor_db:
            suppressed.append(Suppressed(line.start_s, line.end_s, line.text, "no sound there"))
        else:
            segments.append(line)
    return replace(whole, segments=tuple(segments), suppressed=tuple(suppressed))


def _timed(whole: Decoded, chunk: Chunk, line: Sequence[Spoken]) -> Segment:
    """Return a line of words with times, which are seconds in the recording from here on."""
    placed = in_recording(chunk, [Word(word.start_s, word.end_s, word.text, word.probability) for word in line])
    text = "".join(word.text for word in line).strip()
    return _segment(
        whole, text, (placed[0].start_s, max(placed[0].start_s, placed[-1].end_s)),
        fmean(each for word in line for each in word.logprobs), placed if chunk.word_timestamps else None,
    )  # fmt: skip


def _untimed(whole: Decoded, chunk: Chunk, text: str) -> Segment:
    return _segment(whole, text, (round(chunk.start_s, 3), round(chunk.end_s, 3)), whole.avg_logprob, None)


def _segment(
    whole: Decoded, text: str, times_s: tuple[float, float], avg_logprob: float, spoken: tuple[Word, ...] | None
) -> Segment:
    return Segment(
        start_s=times_s[0],
        end_s=times_s[1],
        text=text,
        avg_logprob=round(avg_logprob, 4),
        no_speech_prob=whole.no_speech_prob,
        compression_ratio=round(whole.compression_ratio, 3),
        temperature=whole.temperature,
        language=whole.language,
        words=spoken,
    )
