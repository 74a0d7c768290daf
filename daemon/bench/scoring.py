"""How well a text matches what was said: word error rate on normalized text."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from daemon.errors import Unavailable


def wer(references: Sequence[str], texts: Sequence[str]) -> float:
    """Return the word error rate in percent over all texts together.

    It is (substitutions + deletions + insertions) / words, ignoring case, punctuation and variants of English
    spelling. It exceeds 100 where more is made up than was said.

    Raises:
        Unavailable: The extra `bench` is not installed.
    """
    jiwer, normalize = _tools()
    wanted = [normalize(text) for text in references]
    found = [normalize(text) for text in texts]
    pairs = [pair for pair in zip(wanted, found, strict=True) if pair[0]]
    made_up = sum(len(text.split()) for reference, text in zip(wanted, found, strict=True) if not reference)
    if not pairs:
        return 100.0 if made_up else 0.0
    counts = jiwer.process_words([reference for reference, _ in pairs], [text for _, text in pairs])
    words = counts.hits + counts.substitutions + counts.deletions
    errors = counts.substitutions + counts.deletions + counts.insertions + made_up
    return float(100.0 * errors / words)


def agreement(references: Sequence[str], texts: Sequence[str]) -> float:
    """Return the percentage of one model's words that another gives, too: 100 less the word error rate, at least 0."""
    return max(0.0, 100.0 - wer(references, texts))


@lru_cache(maxsize=1)
def _tools() -> tuple[Any, Any]:
    try:
        import jiwer
        from whisper_normalizer.english import EnglishTextNormalizer
    except ImportError as error:
        raise Unavailable(
            f"counting errors needs the package {error.name}", "pip install 'transcribed[bench]'"
        ) from error
    return jiwer, EnglishTextNormalizer()
