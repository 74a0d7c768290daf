"""transcribed: drop a recording in a folder, get a transcript beside it."""


def __getattr__(name: str) -> str:
    """Look `__version__` up when it is asked for: every child starts through this module, and few need it."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version("transcribed")
