"""The options file that the page writes beside a recording: it is for that one alone, and goes where it goes.

Any other `NAME.toml` is a user's own, and may be meant for whatever gets this name next. So the page's says in its
first line for which upload it was written, with a checksum of the rest: once somebody has edited it, it is theirs.
"""

import hashlib
import os
import re
from contextlib import suppress

from daemon.config.folder_settings import BYTES_MAX, RECORDING_SUFFIX
from daemon.filesystem import give_new_name, is_there, open_in

HEAD = "# Written by the page for one upload; unless you change it, it is moved or deleted with the recording: {} {}\n"
FIRST_LINE = re.compile(re.escape(HEAD).replace(r"\{\}", "([0-9a-f]+)", 2).encode())
HEAD_BYTES = len(HEAD) + 64


def signed(content: bytes, key: str) -> bytes:
    """Return options as the page writes them for an upload.

    Args:
        content: The options as TOML.
        key: The random part of the names of the upload's files.
    """
    return HEAD.format(key, _checksum(content)).encode() + content


def upload_of(content: bytes) -> str | None:
    """Return for which upload a file was written; None if that was somebody else, or has changed it."""
    found = FIRST_LINE.match(content)
    if found is None or found[2].decode() != _checksum(content[found.end() :]):
        return None
    return found[1].decode()


def remove_left(folder: int, name: bytes) -> bool:
    """Remove the options of a recording that has gone, if the page wrote them; return whether there were any.

    Args:
        folder: Descriptor of the folder that it was in.
        name: What it was called.

    Raises:
        OSError: The folder cannot be written.
    """
    key = _left(folder, name)
    return key is not None and remove(folder, name + RECORDING_SUFFIX, key)


def remove(folder: int, options: bytes, key: str) -> bool:
    """Remove options if the page wrote them for an upload; return whether it did.

    Args:
        folder: Descriptor of the folder that they are in.
        options: The name of the file.
        key: The random part of the names of the upload's files.

    Raises:
        FileNotFoundError: There are none.
        OSError: The folder cannot be written.
    """
    hidden = f".transcribed-{key}-options.tmp".encode()
    # Under that name nobody edits it between the last look and the end.
    os.rename(options, hidden, src_dir_fd=folder, dst_dir_fd=folder)
    if _read(folder, hidden) == key:
        os.unlink(hidden, dir_fd=folder)
        return True
    give_new_name(hidden, options, folder)
    with suppress(FileNotFoundError):
        os.unlink(hidden, dir_fd=folder)
    return False


def move_left(folder: int, name: bytes, target: int, new: bytes) -> bool:
    """Move the options of a recording that was moved, if the page wrote them; return whether there were any.

    Args:
        folder: Descriptor of the folder that it was in.
        name: What it was called.
        target: Descriptor of the folder that it is in.
        new: What it is called.

    Raises:
        OSError: A folder cannot be written, or there is a file of that name.
    """
    if (key := _left(folder, name)) is None:
        return False
    options, new_options = name + RECORDING_SUFFIX, new + RECORDING_SUFFIX
    give_new_name(options, new_options, folder, target)
    with suppress(FileNotFoundError):
        remove(folder, options, key)  # Somebody may have put their own there meanwhile.
    return True


def _left(folder: int, name: bytes) -> str | None:
    """Return for which upload the options were written that are there without their recording; None if none are."""
    key = _read(folder, name + RECORDING_SUFFIX)
    if key is None or is_there(folder, name):
        return None
    # The options are there before the recording has its name, and the hidden file until it has.
    return None if is_there(folder, f".upload-{key}.part".encode()) or is_there(folder, name) else key


def _read(folder: int, name: bytes) -> str | None:
    try:
        with os.fdopen(open_in(folder, name), "rb") as file:
            return upload_of(file.read(BYTES_MAX + 1))
    except OSError:
        return None


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
