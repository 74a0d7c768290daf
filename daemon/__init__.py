"""transcribed: drop a recording in a folder, get a transcript beside it."""


def __getattr__(name: str) -> str:
    """`__version__`, looked up when it is wanted: every child starts through this module and few ask."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version("transcribed")
