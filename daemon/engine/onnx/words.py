"""Tokens with their times → words → timed lines (runs in the engine child). Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp
from statistics import fmean

TOKEN_MAX_S = 0.32
"""The last token of a word is said for this long at most: the longest duration that Parakeet-TDT knows is four frames
of 80 ms. onnx-asr tells when tokens begin, not when they end."""
PAUSE_S = 1.0
"""A line ends where nobody speaks for this long."""
SENTENCE_ENDS = tuple(".!?…。！？؟।॥")
CLOSING = "\"'”’»)]」』）"
"""What may stand between the end of a sentence and the next one."""
ABBREVIATION_MAX = 5
"""`Mr.`, `Prof.`: a stop behind so few characters, of which the first is a capital, ends a sentence only at a pause."""
ENDING = frozenset(".,;:!?…)]}。，、；：！？؟،؛।॥")
"""Marks that belong to the word before them, even where the model has put a space in between. Quotation marks are not
among them: with a space in front they open."""
NO_TEXT = re.compile(r"<\|.*\|>|<unk>|<blk>|<pad>")
"""Tokens that are no text."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A word, with times in seconds of the chunk's audio."""

    text: str
    """With the space in front of it."""
    start_s: float
    end_s: float
    logprobs: tuple[float, ...]
    """Of its tokens."""

    @property
    def probability(self) -> float:
        """The mean of its tokens' probabilities."""
        return fmean(map(exp, self.logprobs)) if self.logprobs else 0.0


def text_of(tokens: Iterable[str]) -> str:
    """Return the text of tokens that have no times."""
    return "".join(word for word, _ in _words(tokens)).strip()


def words(
    tokens: Sequence[str], times_s: Sequence[float], logprobs: Sequence[float], duration_s: float
) -> list[Spoken]:
    """Put tokens together to words.

    Args:
        tokens: Pieces of text; one that begins a word has a space in front.
        times_s: When each begins, in seconds of the audio.
        logprobs: The log-probability of each.
        duration_s: The length of the audio, which no word outlasts.
    """
    found = [(text, members) for text, members in _words(tokens) if members]
    starts = [min(times_s[members[0]], duration_s) for _, members in found]
    spoken = []
    for at, (text, members) in enumerate(found):
        following = starts[at + 1] if at + 1 < len(found) else duration_s
        end_s = min(max(starts[at], following), times_s[members[-1]] + TOKEN_MAX_S, duration_s)
        spoken.append(Spoken(text, starts[at], max(starts[at], end_s), tuple(logprobs[each] for each in members)))
    return spoken


def lines(spoken: Sequence[Spoken], gaps_s: Sequence[float]) -> Iterator[list[Spoken]]:
    """Cut words into lines, at the ends of sentences and at pauses.

    Args:
        spoken: The words.
        gaps_s: For each but the last one, how long nobody speaks after it, in the recording.
    """
    line = list(spoken[:1])
    for (word, following), gap_s in zip(pairwise(spoken), gaps_s, strict=True):
        if gap_s >= PAUSE_S or _ends_sentence(word.text.strip(), following.text.strip(), is_pause=gap_s > 0):
            yield line
            line = []
        line.append(following)
    if line:
        yield line


def _ends_sentence(text: str, following: str, *, is_pause: bool) -> bool:
    bare = text.rstrip(CLOSING)
    if not bare.endswith(SENTENCE_ENDS) or following[:1].islower():
        return False
    is_abbreviated = bare.endswith(".") and bare[0].isupper() and len(bare) <= ABBREVIATION_MAX
    return is_pause or not is_abbreviated


def _words(tokens: Iterable[str]) -> Iterator[tuple[str, list[int]]]:
    """Yield each word and the positions of its tokens.

    A mark that ends something belongs to the word before it.
    """
    text, members, is_apart = "", list[int](), True
    for at, token in enumerate(tokens):
        bare = token.strip()
        is_apart = is_apart or token[:1].isspace()
        if not bare or NO_TEXT.fullmatch(bare):
            continue
        if is_apart and not (text and bare[0] in ENDING):
            if text:
                yield text, members
            text, members = "", []
        text += bare if text else f" {bare}"
        members.append(at)
        is_apart = token[-1:].isspace()
    if text:
        yield text, members
