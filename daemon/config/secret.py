"""Secrets in files of their own, so that config.toml holds no password: for webhooks, and keys of other servers."""

import base64
import binascii
from pathlib import Path

BYTES_MIN, BYTES_MAX = 16, 4096
PREFIX = b"whsec_"
"""How secrets begin that are written in base64, as the libraries of Standard Webhooks take them."""


def read_secret(path: Path) -> bytes:
    """Return the secret in a file: its content without the line break at its end, decoded if it begins with PREFIX.

    Raises:
        ValueError: It cannot be read, or is too short or too long to be a secret.
    """
    content = _content(path)
    try:
        encoded = content.startswith(PREFIX)
        secret = base64.b64decode(content.removeprefix(PREFIX), validate=True) if encoded else content
    except binascii.Error as error:
        raise ValueError(f"{path} is not base64 after {PREFIX.decode()}") from error
    if not BYTES_MIN <= len(secret) <= BYTES_MAX:
        raise ValueError(f"{path} must hold a secret of {BYTES_MIN} to {BYTES_MAX} bytes")
    return secret


def read_key(path: Path) -> str:
    """Return the key in a file: its content without the white space around it.

    Raises:
        ValueError: It cannot be read, or holds what can be no key.
    """
    content = _content(path)
    key = content.decode("ascii", "replace")
    if not 0 < len(content) <= BYTES_MAX or not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError(f"{path} must hold a key and nothing else, in one line of up to {BYTES_MAX} ASCII characters")
    return key


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(BYTES_MAX + 1).strip()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
