"""A model on another machine: chunks → segments, a request for each (runs in the engine child)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from daemon.chunk import BOTH, ENGLISH, Chunk, Decoded
from daemon.engine.elsewhere.answer import Malformed, decoded
from daemon.engine.elsewhere.client import Client
from daemon.engine.elsewhere.failures import broken
from daemon.engine.elsewhere.request import form
from daemon.engine.registry import FailedElsewhere

TRANSCRIPTIONS, TRANSLATIONS = "/audio/transcriptions", "/audio/translations"
ANSWER_S, ANSWER_PER_AUDIO_S = 60.0, 8.0
"""An answer may take so long, and so many times as long as its audio: five minutes for a chunk of 30 s. The daemon
itself would wait for a quarter of an hour."""
DETECT = "auto"
"""What whisper.cpp's server wants to be told so that it finds out the language; others are told nothing."""


@contextmanager
def whose_fault(is_well: Callable[[], bool] | None) -> Iterator[None]:
    """Have a failure be the server's own, unless it hears its clip after it: then what it was sent may be the reason.

    Args:
        is_well: Tells whether the server hears its clip, as it did; None while that is found out.
    """
    try:
        yield
    except FailedElsewhere as failure:
        if failure.is_away or is_well is None:
            raise
        hears = False
        with suppress(FailedElsewhere):
            hears = is_well()
        if hears:
            raise
        raise FailedElsewhere(failure.message, failure.hint, is_away=True) from failure


@dataclass(frozen=True, slots=True)
class ElsewhereModel:
    """One model on one server; several calls of `run` may be in progress at once.

    Args:
        client: Speaks with the server.
        name: The model as the server names it.
        says_auto: Whether the server must be told to find out the language.
        is_well: Tells whether the server hears its clip, as it did; None while that is found out.
    """

    client: Client
    name: str
    says_auto: bool = False
    is_well: Callable[[], bool] | None = None

    def run(self, chunks: Sequence[Chunk]) -> tuple[Decoded, ...]:
        """Transcribe chunks, one after another.

        Raises:
            FailedElsewhere: The server, or the way to it, gives nothing that can be used.
        """
        return tuple(map(self._heard, chunks))

    def _heard(self, chunk: Chunk) -> Decoded:
        found = self._asked(chunk.original)
        if chunk.task != BOTH or found.language == ENGLISH:
            return found
        told = replace(chunk.translated, language=found.language)
        return replace(found, translation=self._asked(told))

    def _asked(self, chunk: Chunk) -> Decoded:
        with whose_fault(self.is_well):
            return self._sent(chunk)

    def _sent(self, chunk: Chunk) -> Decoded:
        is_translated = chunk.task == "translate"
        chunk = chunk if chunk.language == "auto" else chunk.in_language(chunk.language)
        language = "" if is_translated else chunk.language
        if language == "auto":
            language = DETECT if self.says_auto else ""
        answer = self.client.post(
            TRANSLATIONS if is_translated else TRANSCRIPTIONS,
            form(chunk, self.name, language=language, words=chunk.word_timestamps),
            ANSWER_S + ANSWER_PER_AUDIO_S * chunk.duration_s,
        )
        if answer.status != 200:
            raise self.client.refused(answer)
        try:
            return decoded(answer.body, chunk)
        except Malformed as error:
            raise broken(self.client.host, str(error)) from error
