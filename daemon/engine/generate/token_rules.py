"""Which tokens may follow, and how likely each of them is (runs in the engine child).

The rules are openai/whisper's `ApplyTimestampRules` as CTranslate2 applies them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from daemon.engine.generate.decoder import FORBIDDEN, Floats, Integers, Likely


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Where the special tokens of a model are: text, `<|endoftext|>`, other special tokens, then time stamps."""

    end: int
    """`<|endoftext|>`, the first token that is not text."""
    start: int
    """`<|startoftranscript|>`."""
    no_speech: int
    no_timestamps: int
    """The last token before the time stamps."""

    @property
    def timestamps(self) -> int:
        """The token of 0.00 s."""
        return self.no_timestamps + 1


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may follow a text."""

    text: bool = True
    end: bool = True
    """Whether the text may end, or a special token follow."""
    first: int = 0
    last: int | None = None
    """Time stamps from `first` to `last` are allowed, counted from 0.00 s; None: to 30 s."""
    preferred: bool = False
    """Whether a time stamp must follow if all of them together are likelier than any other token."""


NO_TIMESTAMP = -1


def allowed(tokens: Sequence[int], timestamps: int, max_initial: int) -> Allowed:
    """Return what may follow these tokens.

    A text begins with a time stamp. Time stamps stand in pairs, except before the end of the text, and do not go back.
    """
    if not tokens:
        return Allowed(text=False, end=False, last=max_initial)
    if tokens[-1] >= timestamps:
        if len(tokens) == 1 or tokens[-2] >= timestamps:
            return Allowed(last=NO_TIMESTAMP)
        return Allowed(text=False, first=tokens[-1] - timestamps, preferred=True)
    before = next((token for token in reversed(tokens) if token >= timestamps), None)
    return Allowed(first=0 if before is None else before - timestamps + 1, preferred=True)


def candidates(
    likely: Likely, rules: Sequence[Allowed], vocabulary: Vocabulary, suppressed: Floats, best: int
) -> tuple[Integers, Floats]:
    """Return tokens that may follow, and their log-probabilities, both of shape (rows, candidates).

    Of text, special tokens and time stamps the `best` likeliest each. `suppressed` is added to special tokens' logits.
    """
    special = vocabulary.timestamps - vocabulary.end
    text, total = likely.logits.copy(), likely.total.copy()
    others, times = likely.others[:, :special] + suppressed, likely.others[:, special:].copy()
    for row, rule in enumerate(rules):
        if not rule.text:
            text[row] = total[row] = FORBIDDEN
        if not rule.end:
            others[row] = FORBIDDEN
        times[row, : rule.first] = FORBIDDEN
        if rule.last is not None:
            times[row, rule.last + 1 :] = FORBIDDEN
    of_others, of_times = log_sum(others), log_sum(times)
    only = np.array([rule.preferred for rule in rules]) & (of_times > np.maximum(text[:, 0], others.max(axis=1)))
    text[only], total[only], others[only], of_others[only] = FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN
    sums = np.logaddexp(np.logaddexp(total, of_others), of_times)
    which, when = _best(others, best), _best(times, best)
    tokens = np.concatenate([likely.tokens, which + vocabulary.end, when + vocabulary.timestamps], axis=1)
    logits = np.concatenate(
        [text, np.take_along_axis(others, which, axis=1), np.take_along_axis(times, when, axis=1)], axis=1
    )
    return tokens, logits - sums[:, None]


def log_sum(logits: Floats) -> Floats:
    """Return the logarithm of the sum of the exponentials of each row."""
    largest = logits.max(axis=1)
    return np.asarray(largest + np.log(np.exp(logits - largest[:, None]).sum(axis=1)), np.float32)


def _best(logits: Floats, count: int) -> Integers:
    if count == 1:
        return np.asarray(logits.argmax(axis=1)[:, None])
    return np.asarray(np.argpartition(-logits, min(count, logits.shape[1]) - 1, axis=1)[:, :count])
