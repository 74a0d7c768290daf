"""Every transcript format, declared once: the configuration, scanner, benchmarks and renderers use this list."""

FORMATS = ("txt", "srt", "vtt", "ass", "tsv", "lrc", "md", "json")
"""The formats by name, which is also the extension of their files, in the order in which the files are published: the
JSON comes last, so that a program that waits for it finds the whole set."""

EXTENSIONS = frozenset(f".{name}" for name in FORMATS)
"""The extensions of transcript files, in lower case."""
