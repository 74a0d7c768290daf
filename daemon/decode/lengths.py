"""How long a recording is, as its container says (runs in the decoder child)."""

import os
from typing import Any

import av

from daemon.decode.parts import Part

STATED = frozenset("wav w64 aiff flac caf au mov matroska ogg asf".split())
"""Containers that state their length. Of the others, FFmpeg estimates it from the bit rate or the last time stamps."""
UNKNOWN_LENGTH_BYTES = 0x7FFF0000
"""Sizes in a header from here on mean "not known yet" (FFmpeg writes 0xFFFFFFFF, SoX 0x7FFFFFFF and less)."""
XING_BYTES = 256
"""Within so many bytes of the first frame of an MP3, its length is stated."""


def is_any_of(container: Any, kinds: frozenset[str]) -> bool:
    """Return whether a container is of one of these kinds, by FFmpeg's names for them."""
    return not kinds.isdisjoint(container.format.name.split(","))


def lengths_s(container: Any, stream: Any, fd: int, part: Part) -> tuple[float | None, float | None]:
    """Return (plausible, promised): the length of the recording as far as is known, and when it was complete.

    Only a length that the container states counts. For raw samples, FFmpeg also trusts the file's size rather than
    a header that promises more. Such a file was cut short, unless the promise is what programs write that do not
    know the length yet.
    """
    duration = stream.duration and float(stream.duration * stream.time_base)
    if not duration and len(container.streams) == 1 and container.duration:
        # Matroska states where the file ends, and no track's length.
        duration = (container.duration - (container.start_time or 0)) / av.time_base
    stated = is_any_of(container, STATED) or (container.format.name == "mp3" and _states_length(fd, part))
    if not stated or not duration or part.patches:
        return None, None
    codec = stream.codec_context
    bytes_per_s = (codec.bit_rate or 0) / 8
    if not codec.name.startswith("pcm_") or not bytes_per_s:
        return duration, duration
    promised_s = None
    if container.format.name == "wav":
        riff_bytes = int.from_bytes(os.pread(fd, 4, part.start + 4), "little")
        promised_s = riff_bytes / bytes_per_s if riff_bytes < UNKNOWN_LENGTH_BYTES else None
    return min(duration, (part.end - part.start) / bytes_per_s), promised_s


def _states_length(fd: int, part: Part) -> bool:
    """Tell whether an MP3 begins with a frame that states its length, written by most encoders (Xing, LAME, VBRI)."""
    head = os.pread(fd, 10, part.start)
    # The size of an ID3 tag has seven bits in each byte.
    size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=False))
    first = os.pread(fd, XING_BYTES, part.start + (10 + size if head[:3] == b"ID3" else 0))
    return any(name in first for name in (b"Xing", b"Info", b"VBRI"))
