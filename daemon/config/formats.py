"""Every transcript format, declared once: the configuration, the scanner, the benchmarks and the renderers go by it."""

FORMATS = ("txt", "srt", "vtt", "ass", "tsv", "lrc", "md", "json")
"""Their names, each of which is the extension of its files, too, in the order in which the files are published: the
JSON last, so that whoever waits for it finds the set whole."""

EXTENSIONS = frozenset(f".{name}" for name in FORMATS)
"""How the names of transcripts end, in lower case."""
