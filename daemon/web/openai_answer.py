"""Answers in the shapes of OpenAI's API, from what a job has stored. Pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from types import MappingProxyType
from typing import Any

from daemon.chunk import ENGLISH, Segment
from daemon.config.language_names import name_of
from daemon.publish.formats import rendered, transcript_of
from daemon.publish.scripts import joined
from daemon.publish.spelling import spellings
from daemon.store.records import Job, StoredChunk
from daemon.store.versions import Version
from daemon.web.openai_request import Wanted

TYPES = {"text": "text/plain", "srt": "application/x-subrip", "vtt": "text/vtt"}
JSON = "application/json"
MEASURES = ("avg_logprob", "no_speech_prob", "compression_ratio", "temperature")
"""What OpenAI's lines say of how sure the model was."""


def answer(
    job: Job,
    segments: Sequence[Segment],
    wanted: Wanted,
    version: Version | None = None,
    names: Mapping[str, str] = MappingProxyType({}),
) -> tuple[bytes, str]:
    """Return the body of the answer for a job that is done, and its type.

    Args:
        job: The job.
        segments: What was said, as it is stored.
        wanted: What was asked for.
        version: The version that the segments are, if somebody has saved them.
        names: The names that people have given to speakers, by their labels.
    """
    transcript = transcript_of(job, segments, version=version, names=names)
    if wanted.form in ("srt", "vtt"):
        return rendered(transcript, [wanted.form])[wanted.form], f"{TYPES[wanted.form]}; charset=utf-8"
    document = json.loads(rendered(transcript, ["json"])["json"])
    if wanted.form == "text":
        return f"{document['text']}\n".encode(), f"{TYPES['text']}; charset=utf-8"
    short = {"text": document["text"], "usage": {"type": "duration", "seconds": ceil(job.duration_s or 0)}}
    values = short if wanted.form == "json" else _verbose(job, document, wanted) | short
    return json.dumps(values, ensure_ascii=False).encode(), JSON


def _verbose(job: Job, document: Mapping[str, Any], wanted: Wanted) -> dict[str, Any]:
    is_english = job.options.task == "translate"
    values: dict[str, Any] = {
        "task": job.options.task,
        "language": name_of(ENGLISH if is_english else document["language"]),
        "duration": job.duration_s or 0.0,
    }
    if wanted.has_words:
        values["words"] = [_word(word) for line in document["segments"] for word in line.get("words") or ()]
    if wanted.has_segments:
        values["segments"] = [_segment(line) for line in document["segments"]]
    return values


def _word(word: Mapping[str, Any]) -> dict[str, Any]:
    return {"word": word["word"].strip(), "start": word["start_s"], "end": word["end_s"]}


def _segment(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return a line as OpenAI has it; `seek` is in hundredths of a second, and no tokens are kept.

    Its clients want numbers even where no model says how sure it is, as of what somebody has corrected.
    """
    return {
        "id": line["id"],
        "seek": round(line["start_s"] * 100),
        "start": line["start_s"],
        "end": line["end_s"],
        "text": line["text"],
        "tokens": [],
        **{name: line.get(name) or 0.0 for name in MEASURES},
    }


def event(values: Mapping[str, Any]) -> bytes:
    """Return a server-sent event."""
    return f"data: {json.dumps(values, ensure_ascii=False)}\n\n".encode()


class Said:
    """What a client has been told of a text that is still being written.

    Chunks end in any order, and a client can only add to what it has: so it is told the text up to the first chunk that
    is not done, each time that this has become longer. Where the beginning changes, as when a job starts over, it is
    told nothing more until the text is done, which it gets as a whole.
    """

    def __init__(self) -> None:
        self.text = ""
        self.chunks = 0
        """How many chunks of it are known."""

    def more(self, job: Job, chunks: Sequence[StoredChunk]) -> str:
        """Return what comes after the text so far.

        Args:
            job: The job.
            chunks: Those that are done, from number `self.chunks` on.
        """
        spelling, texts = _spelling(job), [self.text]
        for chunk in chunks:
            if chunk.idx != self.chunks:
                break
            self.chunks += 1
            texts += [spelling(line) for line in chunk.segments]
        return self._until(joined(texts))

    def rest(self, whole: str) -> str:
        """Return what is still to come of the whole text; "" if it begins in another way than what was told."""
        return self._until(whole)

    def _until(self, text: str) -> str:
        if not text.startswith(self.text):
            return ""
        more, self.text = text[len(self.text) :], text
        return more


def _spelling(job: Job) -> Callable[[Segment], str]:
    spell, is_english = spellings(job.options), job.options.task == "translate"
    return lambda line: spell(line, ENGLISH if is_english else line.language).text
