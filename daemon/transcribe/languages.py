"""The stage `languages`: how many words were said in each language, and for how long. Pure."""

import re
from typing import TypedDict

from daemon.store.records import StoredChunk

UNSPACED = re.compile(
    "["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u0f00-\u109f"  # Tibetan, Burmese
    "\u1780-\u17ff"  # Khmer
    "\u3005-\u3007\u3040-\u312f\u31f0-\u31ff\uff66-\uff9d"  # kana, bopomofo, and signs that stand for characters
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # Chinese characters
    "]"
)
"""Characters of the scripts of `WITHOUT_SPACES` (blocks of Unicode 16): how many words they make, no space tells."""


class Spoken(TypedDict):
    """What has been said in one language."""

    words: int
    speaking_s: float


class Language(TypedDict):
    """A language of a recording, as transcript and database have it."""

    language: str
    words: int
    speaking_s: float


class State(TypedDict):
    """What the chunks so far come to."""

    until_s: float
    """Where in the recording the speech counted so far ends: no moment is counted twice."""
    spoken: dict[str, Spoken]


def begin() -> State:
    """Return the state before the first chunk."""
    return {"until_s": 0.0, "spoken": {}}


def step(state: State, chunk: StoredChunk) -> State:
    """Return the state after one more chunk."""
    until_s, spoken = state["until_s"], dict(state["spoken"])
    for segment in chunk.segments:
        before = spoken.get(segment.language, {"words": 0, "speaking_s": 0.0})
        spoken[segment.language] = {
            "words": before["words"] + count_words(segment.text),
            "speaking_s": before["speaking_s"] + max(0.0, segment.end_s - max(segment.start_s, until_s)),
        }
        until_s = max(until_s, segment.end_s)
    return {"until_s": until_s, "spoken": spoken}


def result(state: State) -> list[Language]:
    """Return the languages of the recording, the one spoken longest first."""
    found: list[Language] = [
        {"language": language, "words": each["words"], "speaking_s": round(each["speaking_s"], 3)}
        for language, each in state["spoken"].items()
    ]
    return sorted(found, key=lambda each: (-each["speaking_s"], each["language"]))


def count_words(text: str) -> int:
    """Count what stands between spaces and has a letter or digit in it.

    Chinese, Japanese, Thai and others have no spaces between words: each of their letters counts. The script decides,
    not the language, because a translation is in English whatever was spoken, and texts mix scripts.
    """
    tokens = (text if text.isascii() else UNSPACED.sub(r" \g<0> ", text)).split()
    return sum(token.isalnum() or any(map(str.isalnum, token)) for token in tokens)
