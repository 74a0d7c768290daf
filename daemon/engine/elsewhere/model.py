"""A model on another machine: chunks → segments, a request for each (runs in the engine child)."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from daemon.chunk import BOTH, ENGLISH, Chunk, Decoded
from daemon.engine.elsewhere.answer import Malformed, decoded
from daemon.engine.elsewhere.client import Client
from daemon.engine.elsewhere.failures import broken, refused
from daemon.engine.elsewhere.request import form
from daemon.engine.registry import FailedElsewhere

TRANSCRIPTIONS, TRANSLATIONS = "/audio/transcriptions", "/audio/translations"
ANSWER_S, ANSWER_PER_AUDIO_S = 60.0, 8.0
"""An answer may take so long, and so many times as long as its audio: five minutes for a chunk of 30 s. The daemon
itself would wait for a quarter of an hour."""
DETECT = "auto"
"""What whisper.cpp's server wants to be told so that it finds out the language; others are told nothing."""


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
        """Ask for one text of a chunk; whether a failure is the chunk's own, the clip tells, heard after it."""
        try:
            return self._sent(chunk)
        except FailedElsewhere as failure:
            if failure.is_away or self.is_well is None:
                raise
            is_well = False
            with suppress(FailedElsewhere):
                is_well = self.is_well()
            if is_well:
                raise
            raise FailedElsewhere(failure.message, failure.hint, is_away=True) from failure

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
        host = self.client.host
        if answer.status != 200:
            failure = refused(self.client.server, host, answer.status, answer.headers, answer.body, datetime.now(UTC))
            raise FailedElsewhere(
                self.client.hidden(failure.message), failure.hint, is_away=failure.is_away, wait_s=failure.wait_s
            )
        try:
            return decoded(answer.body, chunk)
        except Malformed as error:
            raise broken(host, str(error)) from error
