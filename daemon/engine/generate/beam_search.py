"""Looks for the likeliest text with a decoder: token by token, or with several beams (runs in the engine child).

What is found is what CTranslate2's `GreedySearch` and `BeamSearch` find, but for rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from typing import NamedTuple

import numpy as np

from daemon.engine.generate.decoder import FORBIDDEN, Decoder, Floats, Integers, Likely, Memory
from daemon.engine.generate.token_rules import Vocabulary, allowed, candidates, log_sum

HALF = log(0.5)


@dataclass(frozen=True, slots=True)
class Text:
    """A text as found."""

    tokens: list[int]
    """Without prompt and end."""
    avg_logprob: float
    """The mean log-probability of the tokens and of the end."""
    no_speech_prob: float
    each: tuple[float, ...] | None
    """The log-probability of each of them; None if CTranslate2 found the text, which does not tell."""

    @property
    def unlikely(self) -> float | None:
        """The share of them that are less likely than a half."""
        return None if self.each is None else sum(each < HALF for each in self.each) / len(self.each)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a search has to heed."""

    suppressed: tuple[int, ...]
    max_initial: int
    """The latest first time stamp, in units of 20 ms."""
    max_tokens: int


class _Beam(NamedTuple):
    """A text that is followed."""

    tokens: list[int]
    total: float = 0.0
    """The sum of its log-probabilities."""
    each: tuple[float, ...] = ()

    def and_then(self, token: int, total: float) -> "_Beam":
        return _Beam([*self.tokens, token], total, (*self.each, total - self.total))


@dataclass(slots=True)
class _Item:
    """The beams of one item of a batch."""

    beams: list[_Beam] = field(default_factory=lambda: [_Beam([])])
    ended: list[_Beam] = field(default_factory=list)
    """The last token of these may be the end."""

    def best(self, end: int, no_speech: float) -> Text:
        def length(beam: _Beam) -> int:
            return len(beam.tokens) - (beam.tokens[-1] == end)

        best = max(self.ended, key=lambda beam: beam.total / max(1, length(beam)))
        count = length(best) + 1
        return Text(best.tokens[: count - 1], best.total / count, no_speech, best.each)


class BeamSearch:
    """Searches with one decoder."""

    def __init__(self, decoder: Decoder, vocabulary: Vocabulary) -> None:
        self._decoder = decoder
        self._vocabulary = vocabulary

    def run(self, memory: Memory, prompts: Sequence[Sequence[int]], beams: int, rules: Rules) -> list[Text]:
        """Return what is said in each item of the memory; the prompts have one length."""
        best = 1 if beams == 1 else 2 * beams
        likely, no_speech = self._begin(memory, prompts, best)
        bias, special = self._decoder.bias(rules.suppressed), self._special(rules.suppressed)
        items = [_Item() for _ in prompts]
        alive = list(range(len(items)))
        for count in range(1, rules.max_tokens + 1):
            texts = [beam.tokens for at in alive for beam in items[at].beams]
            following = [allowed(text, self._vocabulary.timestamps, rules.max_initial) for text in texts]
            tokens, scores = candidates(likely, following, self._vocabulary, special, best)
            width = len(texts) // len(alive)
            kept, origins = [], []
            for nth, at in enumerate(alive):
                rows = slice(nth * width, (nth + 1) * width)
                came_from = self._extend(items[at], tokens[rows], scores[rows], beams, count == rules.max_tokens)
                if came_from is not None:
                    kept.append(nth)
                    origins += [nth * width + row for row in came_from]
            if not kept:
                break
            cache = likely.cache
            if origins != list(range(len(texts))):
                cache = self._decoder.keep(likely.cache, origins)
                likely.cache.clear()  # that of a batch of long texts takes hundreds of megabytes
            memory = memory.pick(kept)
            alive = [alive[nth] for nth in kept]
            newest = np.array([[beam.tokens[-1]] for at in alive for beam in items[at].beams])
            position = len(prompts[0]) + count - 1
            likely = self._decoder.step(newest, position, cache, memory, np.arange(len(newest)), bias, best)
        return [item.best(self._vocabulary.end, float(no_speech[at])) for at, item in enumerate(items)]

    def _begin(self, memory: Memory, prompts: Sequence[Sequence[int]], best: int) -> tuple[Likely, Floats]:
        """Decode the prompts; return what may follow, and the probability of `<|nospeech|>` after the start token."""
        items, length = len(prompts), len(prompts[0])
        places = dict.fromkeys((list(prompts[0]).index(self._vocabulary.start), length - 1))
        asked = np.array([item * length + place for place in places for item in range(items)])
        cache = self._decoder.start(items)
        likely = self._decoder.step(np.array(prompts), 0, cache, memory, asked, self._decoder.bias(()), best)
        others = likely.others[:items]
        logits = others[:, self._vocabulary.no_speech - self._vocabulary.end]
        no_speech = np.exp(logits - np.logaddexp(likely.total[:items], log_sum(others)))
        last = slice(len(asked) - items, None)
        return Likely(
            likely.tokens[last], likely.logits[last], likely.total[last], likely.others[last], likely.cache
        ), np.asarray(no_speech, np.float32)

    def _special(self, suppressed: Sequence[int]) -> Floats:
        vocabulary = self._vocabulary
        special = np.zeros(vocabulary.timestamps - vocabulary.end, np.float32)
        found = [token - vocabulary.end for token in suppressed if vocabulary.end <= token < vocabulary.timestamps]
        special[[*found, vocabulary.no_timestamps - vocabulary.end]] = FORBIDDEN
        return special

    def _extend(self, item: _Item, tokens: Integers, scores: Floats, beams: int, last: bool) -> list[int] | None:
        """Extend the beams of an item; return which beam each of them came from, or None if the item is done.

        Twice as many candidates are looked at as there are beams: in the place of those that end the next ones go on.
        """
        sums = (scores + np.array([[beam.total] for beam in item.beams], np.float32)).ravel()
        order = np.argsort(-sums, kind="stable")[: 1 if beams == 1 else 2 * beams]
        found = [
            (int(at) // tokens.shape[1], token, float(sums[at]))
            for at, token in zip(order, tokens.ravel()[order].tolist(), strict=True)
        ]
        spare = iter([each for each in found[beams:] if each[1] != self._vocabulary.end])
        going: list[tuple[int, int, float]] = []
        for each in found[:beams]:
            beam, token, total = each
            if token == self._vocabulary.end or last:
                item.ended.append(item.beams[beam].and_then(token, total))
                each = next(spare, each)
            going.append(each)
        if last or len(item.ended) >= beams:
            return None
        item.beams = [item.beams[beam].and_then(token, total) for beam, token, total in going]
        return [beam for beam, _, _ in going]
