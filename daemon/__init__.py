"""transcribed: drop a recording in a folder, get a transcript beside it."""

from importlib.metadata import version

__version__ = version("transcribed")
