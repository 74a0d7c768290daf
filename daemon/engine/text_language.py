"""Which language a text is in, for models that do not say what they have heard (runs in the engine child)."""

from collections.abc import Sequence

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from daemon.chunk import LANGUAGE_SWITCH_PROBABILITY


class TextLanguage:
    """Tells the languages of a model apart by what is written."""

    def __init__(self, languages: Sequence[str]) -> None:
        self._first = languages[0]
        self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        self._identifier.set_languages(sorted(set(languages) & set(self._identifier.labels)) or None)

    def tell(self, text: str, fallback: str) -> tuple[str, float]:
        """Return a code and how probable it is, from 0 to 1.

        Args:
            text: What was heard; of none, nothing can be told.
            fallback: What the recording is in, as far as that is known; else "".
        """
        if not any(map(str.isalpha, text)):
            return fallback or self._first, 0.0
        language, probability = self._identifier.classify(text)
        if fallback and probability < LANGUAGE_SWITCH_PROBABILITY:
            return fallback, float(probability)
        return str(language), float(probability)
