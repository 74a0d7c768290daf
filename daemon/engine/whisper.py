"""A Whisper model on one device: a batch of chunks → segments (runs in the engine child).

The prompt, the thresholds and the search follow faster-whisper's sequential `transcribe()`, whose parts are
used; what differs is that every item of the batch may belong to another recording, language and task.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer

from daemon.chunk import BOTH, COVERAGE_GAP_S, ENGLISH, LANGUAGE_SWITCH_PROBABILITY, Chunk, Decoded, Word
from daemon.engine.encoder import FRAMES_PER_S, Encoder
from daemon.engine.generate.beam_search import Text
from daemon.engine.generate.generator import Generator, Speech
from daemon.engine.generate.model_bin import width_of
from daemon.engine.model_files import MODEL_FILE
from daemon.engine.search import Search, grouped
from daemon.engine.segments import Cut, covering, decoded, split

PREPENDED = "\"'“¿([{-"
APPENDED = "\"'.。,，!！?？:：”)]}、"
"""Punctuation that belongs to the word after or before it; faster-whisper's defaults."""
APART_S = 1000
"""Word times of the items of a batch are computed this far apart, so that none takes the speech of the item before
for speech just before its own (the aligner carries the end of the last word from one to the next)."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Chunks of a batch as the encoder heard them."""

    frames: list[int]
    """How many mel frames each has, of 10 ms."""
    speech: Speech
    languages: list[tuple[str, float]]
    """(code, probability) of each."""
    whole: bool
    """Whether the encoder heard all of the context."""

    def of(self, members: Sequence[int]) -> "Heard":
        """Return some of the chunks, of which there is one at least."""
        return Heard(
            [self.frames[at] for at in members],
            self.speech.of(members),
            [self.languages[at] for at in members],
            self.whole,
        )


class Whisper:
    """One CTranslate2 Whisper model; `workers` calls of `run` may be in progress at once on shared weights."""

    def __init__(
        self, path: Path, device: str, index: int, compute_type: str, workers: int, threads: int, decoder: str = "auto"
    ) -> None:
        self._model = WhisperModel(
            str(path),
            device=device,
            device_index=index,
            compute_type=compute_type,
            cpu_threads=threads,
            num_workers=workers,
            local_files_only=True,
        )
        self._multilingual: bool = self._model.model.is_multilingual
        self.languages: tuple[str, ...] = _languages_of(self._model)
        self._tokenizer = lru_cache(maxsize=None)(self._make_tokenizer)
        self._encoder = Encoder(self._model)
        self._generator = Generator(self._model, path, threads, decoder)
        self.decoder = self._generator.decoder
        self.width = width_of(path / MODEL_FILE)
        self._search = Search(self._generator)

    def run(self, chunks: Sequence[Chunk]) -> tuple[Decoded, ...]:
        """Transcribe chunks that share a bucket: one encoder context and temperature.

        Raises:
            RuntimeError: CTranslate2 failed, for example out of device memory.
        """
        return self.write(chunks, self.hear(chunks))

    def hear(self, chunks: Sequence[Chunk]) -> Heard:
        """Encode chunks that share a bucket, and tell which language each is in."""
        features = [self._encoder.features(chunk) for chunk in chunks]
        whole = chunks[0].whole_encoding or not chunks[0].is_cut or self._model.model.device != "cpu"
        encoded = self._encoder.encode(features, round(chunks[0].context_s * FRAMES_PER_S), whole=whole)
        frames, speech = [item.shape[1] for item in features], self._generator.speech(encoded)
        return Heard(frames, speech, self._languages(chunks, encoded), whole)

    def write(self, chunks: Sequence[Chunk], heard: Heard) -> tuple[Decoded, ...]:
        """Return what is said in chunks that were heard; where both are wanted, with its translation."""
        codes = [language for language, _ in heard.languages]
        chunks = [chunk.in_language(code) for chunk, code in zip(chunks, codes, strict=True)]
        results = self._texts([chunk.original for chunk in chunks], heard)
        members = [at for at, chunk in enumerate(chunks) if chunk.task == BOTH and codes[at] != ENGLISH]
        if members:
            texts = self._texts([chunks[at].translated for at in members], heard.of(members))
            for at, translation in zip(members, texts, strict=True):
                results[at] = replace(results[at], translation=translation)
        return tuple(results)

    def _texts(self, chunks: Sequence[Chunk], heard: Heard) -> list[Decoded]:
        frames, languages = heard.frames, heard.languages
        tokenizers = [
            self._tokenizer(chunk.task, language) for chunk, (language, _) in zip(chunks, languages, strict=True)
        ]
        found = self._search.run(chunks, tokenizers, heard.speech)
        cuts = [
            split(each.text.tokens, tokenizer.timestamp_begin, count / FRAMES_PER_S)
            for each, tokenizer, count in zip(found, tokenizers, frames, strict=True)
        ]
        words = self._words(chunks, [each.text for each in found], cuts, tokenizers, heard)
        cuts = [covering(cut, words.get(position)) for position, cut in enumerate(cuts)]
        asked = {position: times for position, times in words.items() if chunks[position].word_timestamps}
        return [
            replace(decoded(chunk, each, tokenizer, language, cut, asked.get(position)), whole_encoding=heard.whole)
            for position, (chunk, each, tokenizer, language, cut) in enumerate(
                zip(chunks, found, tokenizers, languages, cuts, strict=True)
            )
        ]

    def _languages(self, chunks: Sequence[Chunk], encoded: Any) -> list[tuple[str, float]]:
        """Return (language, probability) of every chunk: as ordered, or detected from its own speech."""
        if not self._multilingual:
            return [("en", 1.0)] * len(chunks)
        if all(chunk.language != "auto" for chunk in chunks):
            return [(chunk.language, 1.0) for chunk in chunks]
        detected = [(ranking[0][0][2:-2], ranking[0][1]) for ranking in self._model.model.detect_language(encoded)]
        return [_language(chunk, *found) for chunk, found in zip(chunks, detected, strict=True)]

    def _make_tokenizer(self, task: str, language: str) -> Tokenizer:
        return Tokenizer(self._model.hf_tokenizer, self._multilingual, task=task, language=language)

    def _words(
        self,
        chunks: Sequence[Chunk],
        texts: Sequence[Text],
        cuts: Sequence[Cut],
        tokenizers: Sequence[Tokenizer],
        heard: Heard,
    ) -> dict[int, list[list[Word]]]:
        """Return, for each chunk that needs them, the words of each line, with times in seconds of the chunk's audio.

        They are needed by those that ask for them, and where the time stamps leave out some of the speech.
        """
        lines = [found for found, _ in cuts]
        wanted = [
            at
            for at, chunk in enumerate(chunks)
            if lines[at] and (chunk.word_timestamps or chunk.duration_s - cuts[at][1] > COVERAGE_GAP_S)
        ]
        found: dict[int, list[list[Word]]] = {}
        for members in grouped(tuple(tokenizers[at].sot_sequence) for at in wanted).values():
            batch = [wanted[member] for member in members]
            segments: list[list[dict[str, Any]]] = [
                [
                    {"seek": APART_S * nth * FRAMES_PER_S, "start": start + APART_S * nth, "end": end + APART_S * nth,
                     "tokens": tokens}
                    for start, end, tokens in lines[at]
                ]
                for nth, at in enumerate(batch)
            ]  # fmt: skip
            self._timing(heard.speech, batch, [texts[at] for at in batch]).add_word_timestamps(
                segments,
                tokenizers[batch[0]],
                heard.speech.encoded(batch),
                [heard.frames[at] for at in batch],
                PREPENDED,
                APPENDED,
                last_speech_timestamp=-float(APART_S),
            )
            for nth, at in enumerate(batch):
                found[at] = [[_word(word, APART_S * nth) for word in line.get("words", [])] for line in segments[nth]]
        return found

    def _timing(self, speech: Speech, members: Sequence[int], texts: Sequence[Text]) -> WhisperModel:
        """Return what tells the times of words: faster-whisper, with our decoder in it where that found the texts."""
        aligner = self._generator.aligner(speech, members, texts)
        if aligner is None:
            return self._model
        timing = copy(self._model)
        timing.model = aligner
        return timing


def _languages_of(model: WhisperModel) -> tuple[str, ...]:
    """Return the languages of a model: of faster-whisper's list, those that its vocabulary has a token for.

    Without the token the model would not be told what is spoken, as with Cantonese before large-v3.
    """
    known = model.supported_languages
    if not model.model.is_multilingual:
        return tuple(known)
    return tuple(code for code in known if model.hf_tokenizer.token_to_id(f"<|{code}|>") is not None)


def _word(word: dict[str, Any], offset_s: float) -> Word:
    return Word(
        float(word["start"]) - offset_s, float(word["end"]) - offset_s, word["word"], float(word["probability"])
    )


def _language(chunk: Chunk, detected: str, probability: float) -> tuple[str, float]:
    if chunk.language != "auto":
        return chunk.language, 1.0
    if chunk.fallback_language and probability < LANGUAGE_SWITCH_PROBABILITY:
        return chunk.fallback_language, probability
    return detected, probability
