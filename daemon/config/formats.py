"""The formats that a transcript may have, by name; each is also the extension of its files.

Configuration, scanner, renderers and tests go by this list.
"""

from collections.abc import Iterable

FORMATS = ("txt", "srt", "vtt", "json", "tsv", "lrc", "ass", "md")


def extensions(formats: Iterable[str] = FORMATS) -> frozenset[str]:
    """Return the extensions, each with its dot, of files in these formats."""
    return frozenset(f".{name}" for name in formats)
