"""A Whisper model on one device: a batch of chunks → segments (runs in the engine child).

The prompt, the thresholds and the search follow faster-whisper's sequential `transcribe()`, whose parts are
used; what differs is that every item of the batch may belong to another recording, language and task.
"""

import zlib
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens
from numpy.typing import NDArray

from daemon.chunk import Chunk, Decoded, Segment, Word

FRAMES_PER_S = 100
"""Mel frames of 10 ms."""
MAX_FRAMES = 3000
"""Mel frames in the 30 s that the encoder was trained on."""
TIMESTAMP_S = 0.02
"""Seconds per time-stamp token."""
MAX_INITIAL_TIMESTAMP = 50
"""The first text begins within 1 s, in units of TIMESTAMP_S; faster-whisper's default."""
MAX_TOKENS = 448
BEST_OF = 5
"""Samples drawn at temperatures above 0, of which the likeliest is kept; faster-whisper's default."""
LANGUAGE_SWITCH_PROBABILITY = 0.8
"""A chunk is transcribed in another language than its recording only if the model is this sure of it."""
PREPENDED = "\"'“¿([{-"
APPENDED = "\"'.。,，!！?？:：”)]}、"
"""Punctuation that belongs to the word after or before it; faster-whisper's defaults."""

Features = NDArray[np.float32]


class Whisper:
    """One CTranslate2 Whisper model; `workers` calls of `run` may be in progress at once on shared weights."""

    def __init__(self, path: Path, device: str, index: int, compute_type: str, workers: int, threads: int) -> None:
        self._model = WhisperModel(
            str(path),
            device=device,
            device_index=index,
            compute_type=compute_type,
            cpu_threads=threads,
            num_workers=workers,
            local_files_only=True,
        )
        self.multilingual: bool = self._model.model.is_multilingual
        self._tokenizer = lru_cache(maxsize=None)(self._make_tokenizer)

    def run(self, chunks: Sequence[Chunk]) -> tuple[Decoded, ...]:
        """Transcribe chunks that share a bucket: one encoder context, temperature and beam size.

        Raises:
            RuntimeError: CTranslate2 failed, for example out of device memory.
        """
        features = [self._features(chunk) for chunk in chunks]
        frames = [item.shape[1] for item in features]
        encoded = self._encode(features, round(chunks[0].context_s * FRAMES_PER_S))
        languages = self._languages(chunks, encoded)
        tokenizers = [
            self._tokenizer(chunk.task, language) for chunk, (language, _) in zip(chunks, languages, strict=True)
        ]
        generated = self._model.model.generate(
            encoded,
            [tokenizer.sot_sequence for tokenizer in tokenizers],
            max_length=MAX_TOKENS,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=list(get_suppressed_tokens(tokenizers[0], [-1])),
            max_initial_timestamp_index=MAX_INITIAL_TIMESTAMP,
            **_search(chunks[0]),
        )
        lines = [
            split(result.sequences_ids[0], tokenizer.timestamp_begin, count / FRAMES_PER_S)
            for result, tokenizer, count in zip(generated, tokenizers, frames, strict=True)
        ]
        words = self._words(chunks, lines, languages, encoded, frames)
        return tuple(
            _decoded(chunk, result, tokenizer, language, *line, words.get(position))
            for position, (chunk, result, tokenizer, language, line) in enumerate(
                zip(chunks, generated, tokenizers, languages, lines, strict=True)
            )
        )

    def _features(self, chunk: Chunk) -> Features:
        """Log-mel features, shape (n_mels, frames), float32; one frame is 10 ms."""
        samples = np.frombuffer(chunk.audio, dtype="<i2").astype(np.float32) / 32768.0
        features: Features = self._model.feature_extractor(samples)[:, :-1]
        return features[:, :MAX_FRAMES]

    def _encode(self, features: list[Features], context: int) -> Any:
        """Encoder output, shape (batch, context / 2, d_model), of features padded to `context` frames.

        On a CPU one item at a time: as fast, and the attention of the batch need not fit into memory at once.
        """
        if self._model.model.device != "cpu" or len(features) == 1:
            return self._model.model.encode(ctranslate2.StorageView.from_array(_stack(features, context)))
        outputs = [
            np.asarray(self._model.model.encode(ctranslate2.StorageView.from_array(_stack([item], context))))
            for item in features
        ]
        return ctranslate2.StorageView.from_array(np.concatenate(outputs))

    def _languages(self, chunks: Sequence[Chunk], encoded: Any) -> list[tuple[str, float]]:
        """(language, probability) of every chunk: as ordered, or detected from its own speech."""
        if not self.multilingual:
            return [("en", 1.0)] * len(chunks)
        if all(chunk.language != "auto" for chunk in chunks):
            return [(chunk.language, 1.0) for chunk in chunks]
        detected = [(ranking[0][0][2:-2], ranking[0][1]) for ranking in self._model.model.detect_language(encoded)]
        return [_language(chunk, *found) for chunk, found in zip(chunks, detected, strict=True)]

    def _make_tokenizer(self, task: str, language: str) -> Tokenizer:
        return Tokenizer(self._model.hf_tokenizer, self.multilingual, task=task, language=language)

    def _words(
        self,
        chunks: Sequence[Chunk],
        lines: list[tuple[list["Line"], float]],
        languages: list[tuple[str, float]],
        encoded: Any,
        frames: list[int],
    ) -> dict[int, list[list[Word]]]:
        """Per chunk that asks for it, per line, its words with times in seconds of the chunk's audio.

        Each chunk is aligned by itself: the aligner carries the end of speech from one item to the next.
        """
        wanted = [at for at, chunk in enumerate(chunks) if chunk.word_timestamps and lines[at][0]]
        if not wanted:
            return {}
        outputs = np.asarray(encoded.to_device(ctranslate2.Device.cpu))
        found: dict[int, list[list[Word]]] = defaultdict(list)
        for at in wanted:
            segments: list[dict[str, Any]] = [
                {"seek": 0, "start": start, "end": end, "tokens": tokens} for start, end, tokens in lines[at][0]
            ]
            self._model.add_word_timestamps(
                [segments],
                self._tokenizer(chunks[at].task, languages[at][0]),
                ctranslate2.StorageView.from_array(np.ascontiguousarray(outputs[at : at + 1])),
                frames[at],
                PREPENDED,
                APPENDED,
                last_speech_timestamp=0.0,
            )
            for segment in segments:
                found[at].append(
                    [
                        Word(float(word["start"]), float(word["end"]), word["word"], float(word["probability"]))
                        for word in segment.get("words", [])
                    ]
                )
        return found


Line = tuple[float, float, list[int]]
"""(start, end, tokens): seconds into the chunk's audio, and the tokens with their time stamps."""


def split(tokens: list[int], timestamp_begin: int, duration_s: float) -> tuple[list[Line], float]:
    """Cut a chunk's tokens at its time stamps.

    Returns the lines and how far they reach. As in faster-whisper, text after the last pair of time
    stamps is unfinished and left to the next part; unlike there, text closed by a single time stamp covers
    the audio only up to it, so that speech after it is noticed.
    """
    seconds = [(token - timestamp_begin) * TIMESTAMP_S if token >= timestamp_begin else None for token in tokens]
    seams = [at for at in range(1, len(tokens)) if seconds[at] is not None and seconds[at - 1] is not None]
    ends_with_one = len(tokens) > 1 and seconds[-1] is not None and seconds[-2] is None
    if not seams:
        stamps = [second for second in seconds if second]
        end = min(stamps[-1], duration_s) if stamps else duration_s
        return ([(0.0, end, tokens)] if tokens else []), (end if ends_with_one else duration_s)
    if ends_with_one:
        seams.append(len(tokens))
    lines: list[Line] = []
    for begin, end_at in zip([0, *seams], seams, strict=False):
        start, end = seconds[begin] or 0.0, seconds[end_at - 1] or 0.0
        lines.append((min(start, duration_s), min(end, duration_s), tokens[begin:end_at]))
    return lines, lines[-1][1]


def _decoded(
    chunk: Chunk,
    result: Any,
    tokenizer: Tokenizer,
    language: tuple[str, float],
    lines: list[Line],
    covered_s: float,
    words: list[list[Word]] | None,
) -> Decoded:
    tokens = result.sequences_ids[0]
    # CTranslate2 divides the summed log-probability by length ** length_penalty (here 1); the mean also
    # counts the end token, as in openai/whisper.
    avg_logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)
    ratio = compression_ratio(tokenizer.decode(tokens).strip())
    segments = []
    for number, (start, end, line_tokens) in enumerate(lines):
        text = tokenizer.decode(line_tokens)
        if not text.strip() or start == end:
            continue
        segments.append(
            Segment(
                start_s=round(chunk.in_recording(start), 3),
                end_s=round(chunk.in_recording(end, is_end=True), 3),
                text=text.strip(),
                avg_logprob=round(avg_logprob, 4),
                no_speech_prob=round(result.no_speech_prob, 4),
                compression_ratio=round(ratio, 3),
                temperature=chunk.temperature,
                language=language[0],
                words=_in_recording(chunk, words[number]) if words else None,
            )
        )
    return Decoded(
        segments=tuple(segments),
        avg_logprob=avg_logprob,
        no_speech_prob=result.no_speech_prob,
        compression_ratio=ratio,
        temperature=chunk.temperature,
        language=language[0],
        language_probability=round(language[1], 4),
        covered_s=covered_s,
    )


def _in_recording(chunk: Chunk, words: list[Word]) -> tuple[Word, ...]:
    return tuple(
        Word(
            round(chunk.in_recording(word.start_s), 3),
            round(chunk.in_recording(word.end_s, is_end=True), 3),
            word.word,
            round(word.probability, 4),
        )
        for word in words
    )


def compression_ratio(text: str) -> float:
    """Bytes of the text per byte of its zlib compression (openai/whisper's measure of repetition)."""
    raw = text.encode("utf-8")
    return len(raw) / len(zlib.compress(raw))


def _language(chunk: Chunk, detected: str, probability: float) -> tuple[str, float]:
    if chunk.language != "auto":
        return chunk.language, 1.0
    if chunk.fallback_language and probability < LANGUAGE_SWITCH_PROBABILITY:
        return chunk.fallback_language, probability
    return detected, probability


def _search(chunk: Chunk) -> dict[str, Any]:
    if chunk.temperature == 0:
        return {"beam_size": chunk.beam_size, "patience": 1}
    return {
        "beam_size": 1,
        "num_hypotheses": BEST_OF,
        "sampling_topk": 0,
        "sampling_temperature": chunk.temperature,
    }


def _stack(features: list[Features], context: int) -> Features:
    """Shape (batch, n_mels, context), padded at the end.

    The full context is padded with zeros, as faster-whisper does and the models are used to. A cut one is padded
    with the quietest value of the item: a model that does not hear 10 s of padding needs to hear silence to know
    that the speech is over (a fifth fewer errors than with zeros).
    """
    batch = np.zeros((len(features), features[0].shape[0], context), dtype=np.float32)
    for row, item in zip(batch, features, strict=True):
        if context < MAX_FRAMES:
            row[:] = item.min()
        row[:, : item.shape[1]] = item
    return batch
