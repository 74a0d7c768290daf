"""Tables for other programs: rows written as csv, jsonl or parquet, to standard output or into a new file."""

import codecs
import csv
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from daemon.errors import TranscribedError, Unavailable
from daemon.filesystem import give_new_name

Kinds = Mapping[str, type]
"""The columns of a table, and the type of the values of each."""
Rows = Iterator[tuple[Any, ...]]

FORMULA = tuple("=+-@\t\n")
"""A spreadsheet takes a text that begins with one of these for a formula, which may be somebody's trap."""
ROWS_AT_ONCE = 20_000
"""Rows of a group of a parquet file."""


def write_csv(out: BinaryIO, kinds: Kinds, rows: Rows) -> int:
    """Write rows as csv, with the names of the columns first, and return how many there were.

    A text that a spreadsheet would take for a formula gets an apostrophe in front, by which spreadsheets know text.
    """
    writer = csv.writer(codecs.getwriter("utf-8")(out), lineterminator="\n")
    writer.writerow(kinds)
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007
        writer.writerow([_cell(value) for value in row])
    return count


def write_jsonl(out: BinaryIO, kinds: Kinds, rows: Rows) -> int:
    """Write rows as objects of JSON, one in each line, and return how many there were."""
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007
        out.write(json.dumps(dict(zip(kinds, row, strict=True)), ensure_ascii=False).encode() + b"\n")
    return count


def write_parquet(out: BinaryIO, kinds: Kinds, rows: Rows) -> int:
    """Write rows as a parquet file, and return how many there were.

    Raises:
        Unavailable: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise Unavailable(
            "parquet is written by pyarrow, which is not installed", "pip install 'transcribed[parquet]'"
        ) from error
    types = {int: pyarrow.int64(), float: pyarrow.float64(), bool: pyarrow.bool_(), str: pyarrow.string()}
    schema = pyarrow.schema([(name, types[kind]) for name, kind in kinds.items()])
    count = 0
    with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
        while group := list(islice(rows, ROWS_AT_ONCE)):
            columns = [
                pyarrow.array(column, kind) for column, kind in zip(zip(*group, strict=True), schema.types, strict=True)
            ]
            writer.write_batch(pyarrow.record_batch(columns, schema=schema))
            count += len(group)
    return count


WRITERS: Mapping[str, Callable[[BinaryIO, Kinds, Rows], int]] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
    "parquet": write_parquet,
}
"""What writes a table in each format, and returns how many rows there were."""
BINARY = frozenset({"parquet"})
"""Formats that are not for the eye."""


@contextmanager
def destination(file: Path | None, *, force: bool = False) -> Iterator[BinaryIO]:
    """Open standard output, or a new file that appears under its name only when it is complete and on the disk.

    Args:
        file: Its name; None for standard output.
        force: Whether it may replace a file.

    Raises:
        TranscribedError: There is something of that name.
        Unavailable: It cannot be written.
    """
    if file is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    _refuse(file, force)
    partial = file.with_name(f".transcribed-{os.getpid()}.tmp")
    try:
        with partial.open("xb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        if force:
            partial.replace(file)
        else:
            give_new_name(partial, file)
    except OSError as error:
        _refuse(file, force)  # somebody may have made it meanwhile
        raise Unavailable(f"{file} cannot be written: {error.strerror}", "name another file, or free space") from error
    finally:
        with suppress(OSError):
            partial.unlink()


def _refuse(file: Path, force: bool) -> None:
    if file.exists() and not file.is_file():
        raise TranscribedError(f"{file} is no file that could be replaced", "name a file")
    if os.path.lexists(file) and not force:
        raise TranscribedError(f"{file} is there already", "name another file, or replace it with --force")


def _cell(value: Any) -> Any:
    match value:
        case bool():
            return int(value)
        case str():
            text = value.replace("\r\n", "\n").replace("\r", "\n")  # the writer quotes the one, not the other
            return f"'{text}" if text.startswith(FORMULA) else text
    return value
