"""Files that an installation writes and an administrator may edit: their first line tells the one from the other."""

import hashlib
import re
from enum import Enum

SEAL = re.compile(r"# Written by transcribed service install \(([0-9a-f]{64})\)\. Edit it as you like\.\n")


class Present(Enum):
    """What a file is, compared with what would be written now."""

    CURRENT = "current"
    """The same, or edited since it was the same: there is nothing to write."""
    OLD = "old"
    """As an earlier installation left it: it may be replaced."""
    EDITED = "edited"
    """Made or edited by somebody, and what would be written is news to him."""


def sealed(text: str) -> str:
    """Return a text with a first line, a comment, that holds its checksum."""
    return f"# Written by transcribed service install ({_digest(text)}). Edit it as you like.\n{text}"


def is_untouched(content: str) -> bool:
    """Return whether a file is as an installation wrote it."""
    seal = SEAL.match(content)
    return seal is not None and seal[1] == _digest(content[seal.end() :])


def compare(content: str, text: str) -> Present:
    """Compare the content of a file with a text that would be written, not yet sealed."""
    seal = SEAL.match(content)
    if content == text or (seal is not None and seal[1] == _digest(text)):
        return Present.CURRENT
    return Present.OLD if is_untouched(content) else Present.EDITED


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
