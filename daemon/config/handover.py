"""Hands settings to the program that takes this one's place after SIGHUP: what was checked is what it uses."""

import os
from contextlib import suppress

from daemon.config.settings import Settings

VARIABLE = "TRANSCRIBED_CHECKED_SETTINGS"
"""In the environment of the new program: the descriptor of a file in memory with the settings, as JSON."""


def hand_over(settings: Settings) -> None:
    """Leave settings for the program that `os.execv` starts next.

    Raises:
        ValueError: They have a path that JSON cannot hold, for it is not UTF-8.
    """
    content = settings.model_dump_json(exclude_unset=True).encode()  # what was left out stays so
    fd = os.memfd_create("transcribed-settings", flags=0)  # without MFD_CLOEXEC: it outlives the exec
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(content)
    os.environ[VARIABLE] = str(fd)


def taken_over() -> Settings | None:
    """Return the settings that the program before left, once; None if there are none, or of another version."""
    left = os.environ.pop(VARIABLE, None)
    if left is None:
        return None
    with suppress(OSError, ValueError):
        fd = int(left)
        os.lseek(fd, 0, os.SEEK_SET)
        with os.fdopen(fd, "rb") as file:
            return Settings.model_validate_json(file.read())
    return None
