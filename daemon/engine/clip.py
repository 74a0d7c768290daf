"""The clip of speech that every engine hears once it is loaded (runs in the engine child)."""

from typing import Any

from daemon.chunk import BYTES_PER_SECOND, Chunk
from daemon.clips import CANARY
from daemon.decode.media import samples
from daemon.engine.registry import Runner


def clip(**asked: Any) -> Chunk:
    """Return the clip as a chunk; `asked` are fields of it."""
    audio = samples(CANARY)
    spans = ((0.0, len(audio) / BYTES_PER_SECOND),)
    return Chunk(job_id=0, idx=0, spans=spans, audio=audio, **asked)


def hear_clip(model: Runner, **asked: Any) -> str:
    """Return what a model hears in the clip; what is missing shows now, and later starts can be compared with it.

    Args:
        model: It.
        asked: Fields of the chunk.
    """
    (heard,) = model.run((clip(**asked),))
    return " ".join(segment.text for segment in heard.segments)
