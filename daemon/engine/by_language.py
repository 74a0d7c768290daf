"""A Whisper model that hears which language is spoken, and other models for some of the languages (engine child)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from daemon.chunk import BOTH, ENGLISH, Chunk, Decoded
from daemon.engine.whisper import Whisper


class ByLanguage:
    """Models on one device.

    Args:
        main: Tells the languages apart, translates, and transcribes those that have no model of their own.
        others: The models of languages, by their codes.
    """

    def __init__(self, main: Whisper, others: Mapping[str, Whisper]) -> None:
        self._main = main
        self._others = others

    def run(self, chunks: Sequence[Chunk]) -> tuple[Decoded, ...]:
        """Transcribe chunks that share a bucket, each with the model of its language.

        Raises:
            RuntimeError: CTranslate2 failed, for example out of device memory.
        """
        moved = {
            at: (chunk.language, 1.0)
            for at, chunk in enumerate(chunks)
            if chunk.task == "transcribe" and chunk.language in self._others
        }
        results = self._heard({at: chunk for at, chunk in enumerate(chunks) if at not in moved}, moved)
        for code in {language for language, _ in moved.values()}:
            members = [at for at, (language, _) in moved.items() if language == code]
            asked = [replace(chunks[at], task="transcribe", language=code) for at in members]
            for at, result in zip(members, self._others[code].run(asked), strict=True):
                results[at] = replace(result, language_probability=moved[at][1], translation=results.get(at))
        return tuple(results[at] for at in range(len(chunks)))

    def _heard(self, chunks: Mapping[int, Chunk], moved: dict[int, tuple[str, float]]) -> dict[int, Decoded]:
        """Return what the main model makes of chunks, by their place; note those that another one is to transcribe.

        Of these, it gives the translation, if there is to be one.
        """
        if not chunks:
            return {}
        heard = self._main.hear(list(chunks.values()))
        asked: dict[int, Chunk] = {}
        for position, (at, chunk) in enumerate(chunks.items()):
            language, probability = heard.languages[position]
            if language not in self._others or chunk.task == "translate":
                asked[position] = chunk
                continue
            moved[at] = (language, round(probability, 4))
            if chunk.task == BOTH and language != ENGLISH:
                asked[position] = chunk.translated  # `write` gives it the hotwords of its language
        places = list(chunks)
        written = self._main.write(list(asked.values()), heard.of(list(asked))) if asked else ()
        return {places[position]: result for position, result in zip(asked, written, strict=True)}
