"""Every transcript format, declared once: the configuration, scanner, benchmarks and renderers use this list."""

from collections.abc import Collection

from daemon.chunk import BOTH, ENGLISH

FORMATS = ("txt", "srt", "vtt", "ass", "tsv", "lrc", "md", "rttm", "json")
"""The formats by name, which is also the extension of their files, in the order in which the files are published: the
JSON comes last, so that a program that waits for it finds the whole set."""

LIVE = f"live.{FORMATS[0]}"
"""Of the file with the text so far of a recording that still goes on."""

WHOLE = ("rttm", "json")
"""The formats of which there is one file even with `task = "both"`: the JSON holds both texts, and rttm holds none."""

TRANSLATED = f"{ENGLISH}."
"""Stands before the format of a translation that lies beside the original: `en.srt`, of the file talk.en.srt."""


def files_of(task: str, formats: Collection[str]) -> tuple[str, ...]:
    """Return what distinguishes the files of a transcript, in the order in which they are published.

    Args:
        task: What the job does; with `both`, each format that is not among `WHOLE` has two files.
        formats: The formats that are wanted, or what this function returned for them.
    """
    wanted = {form.removeprefix(TRANSLATED) for form in formats}
    return tuple(
        file
        for form in FORMATS
        if form in wanted
        for file in ((form, TRANSLATED + form) if task == BOTH and form not in WHOLE else (form,))
    )


EXTENSIONS = frozenset(f".{name}" for name in FORMATS)
"""The extensions of transcript files, in lower case."""
