"""Looks for the likeliest text with a decoder: token by token, or with several beams (runs in the engine child).

What is found is what CTranslate2's `GreedySearch` and `BeamSearch` find, but for rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from daemon.engine.decoder import FORBIDDEN, Decoder, Floats, Integers, Likely, Memory
from daemon.engine.token_rules import Vocabulary, allowed, candidates, log_sum


@dataclass(frozen=True, slots=True)
class Found:
    """A text as found; the names are those of CTranslate2's WhisperGenerationResult."""

    sequences_ids: list[list[int]]
    """Its tokens, without prompt and end."""
    scores: list[float]
    """The sum of its log-probabilities, the end's among them, divided by the number of tokens."""
    no_speech_prob: float


@dataclass(frozen=True, slots=True)
class Rules:
    """What a search has to heed."""

    suppressed: tuple[int, ...]
    max_initial: int
    """The latest first time stamp, in units of 20 ms."""
    max_tokens: int


@dataclass(slots=True)
class _Item:
    """The beams of one item of a batch."""

    texts: list[list[int]] = field(default_factory=lambda: [[]])
    sums: Floats = field(default_factory=lambda: np.zeros(1, np.float32))
    ended: list[tuple[float, list[int]]] = field(default_factory=list)

    def best(self, no_speech: float) -> Found:
        score, text = max(((total / max(1, len(text)), text) for total, text in self.ended), key=lambda found: found[0])
        return Found([text], [float(score)], no_speech)


class Search:
    """Searches with one decoder."""

    def __init__(self, decoder: Decoder, vocabulary: Vocabulary) -> None:
        self._decoder = decoder
        self._vocabulary = vocabulary

    def run(self, memory: Memory, prompts: Sequence[Sequence[int]], beams: int, rules: Rules) -> list[Found]:
        """Return what is said in each item of the memory; the prompts have one length."""
        best = 1 if beams == 1 else 2 * beams
        likely, no_speech = self._begin(memory, prompts, best)
        bias, special = self._decoder.bias(rules.suppressed), self._special(rules.suppressed)
        items = [_Item() for _ in prompts]
        alive = list(range(len(items)))
        for count in range(1, rules.max_tokens + 1):
            texts = [text for at in alive for text in items[at].texts]
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
                cache = self._decoder.keep(cache, origins)
            memory = memory.pick(kept)
            alive = [alive[nth] for nth in kept]
            newest = np.array([[text[-1]] for at in alive for text in items[at].texts])
            position = len(prompts[0]) + count - 1
            likely = self._decoder.step(newest, position, cache, memory, np.arange(len(newest)), bias, best)
        return [item.best(float(no_speech[at])) for at, item in enumerate(items)]

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
        sums = (scores + item.sums[:, None]).ravel()
        order = np.argsort(-sums, kind="stable")[: 1 if beams == 1 else 2 * beams]
        found = [
            (float(sums[at]), int(at) // tokens.shape[1], token)
            for at, token in zip(order, tokens.ravel()[order].tolist(), strict=True)
        ]
        spare = iter([each for each in found[beams:] if each[2] != self._vocabulary.end])
        going: list[tuple[float, int, int]] = []
        for each in found[:beams]:
            score, beam, token = each
            if token == self._vocabulary.end or last:
                text = item.texts[beam]
                item.ended.append((score, text if token == self._vocabulary.end else [*text, token]))
                each = next(spare, each)
            going.append(each)
        if last or len(item.ended) >= beams:
            return None
        item.texts = [[*item.texts[beam], token] for _, beam, token in going]
        item.sums = np.array([score for score, _, _ in going], np.float32)
        return [beam for _, beam, _ in going]
