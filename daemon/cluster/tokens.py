"""The token of a cluster: a file that its machines have in common, and whoever has it can run code on all of them."""

import os
import secrets
import stat
from pathlib import Path

from daemon.errors import BadConfig, Unavailable

MODE = 0o600
OTHERS = 0o077
BYTES = 32
CHARACTERS_MIN, CHARACTERS_MAX = 16, 4096
MAKE = "`transcribed engine head` makes one; copy it from there"


def make(path: Path) -> bool:
    """Make the file of a token that nobody else can read; return False where there is a file already.

    Raises:
        Unavailable: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists():
            return False
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    except OSError as error:
        raise Unavailable(
            f"the token cannot be written to {path}: {error.strerror}", "name another file with --token-file"
        ) from error
    with os.fdopen(descriptor, "w") as file:
        # As Ray reads it, without a line break.
        file.write(secrets.token_hex(BYTES))
    return True


def check(path: Path) -> None:
    """See that a token is there, and that nobody else on this machine can read it.

    Raises:
        BadConfig: It is not there, is none, or is open to others.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(CHARACTERS_MAX + 1)
    except FileNotFoundError as error:
        raise BadConfig(f"there is no token at {path}", f"{MAKE}, and name it with --token-file") from error
    except OSError as error:
        raise BadConfig(
            f"the token in {path} cannot be read: {error.strerror}", "it must belong to the user who runs this command"
        ) from error
    if stat.S_IMODE(mode) & OTHERS:
        raise BadConfig(
            f"{path} is open to others (mode {stat.S_IMODE(mode):04o}), who could run code on all of the cluster",
            f"chmod 600 {path}",
        )
    token = content.strip()
    if not CHARACTERS_MIN <= len(token) <= CHARACTERS_MAX or not token.isascii() or len(token.split()) != 1:
        raise BadConfig(f"{path} holds no token: one word of at least {CHARACTERS_MIN} characters", MAKE)
