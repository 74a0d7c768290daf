"""Tables as other programs read them, and files that appear when they are complete."""

import csv
import errno
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.cli.tables import ROWS_AT_ONCE, destination, write_csv, write_jsonl, write_parquet
from daemon.errors import TranscribedError, Unavailable

KINDS = {"id": int, "sure": float, "again": bool, "text": str}
ROWS: list[tuple[Any, ...]] = [
    (1, -0.25, True, 'Grüße, "Ü"\nzwei Zeilen'),
    (2, None, False, None),
    (3, -1.0, False, "=HYPERLINK(1)"),
]


def rows() -> Iterator[tuple[Any, ...]]:
    return iter(ROWS)


def test_csv_is_read_back_as_it_was() -> None:
    out = io.BytesIO()
    assert write_csv(out, KINDS, rows()) == 3
    read = list(csv.reader(io.StringIO(out.getvalue().decode("utf-8"), newline="")))
    assert read == [
        ["id", "sure", "again", "text"],
        ["1", "-0.25", "1", 'Grüße, "Ü"\nzwei Zeilen'],
        ["2", "", "0", ""],
        ["3", "-1.0", "0", "'=HYPERLINK(1)"],
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\n=1"])
def test_what_a_spreadsheet_would_compute_is_text(text: str) -> None:
    out = io.BytesIO()
    write_csv(out, {"text": str}, iter([(text,), (f"so {text}",)]))
    _, first, second = csv.reader(io.StringIO(out.getvalue().decode(), newline=""))
    assert (first, second) == ([f"'{text}"], [f"so {text}"])


def test_a_row_is_one_row_whatever_line_ends_are_in_it() -> None:
    out = io.BytesIO()
    write_csv(out, {"text": str}, iter([("a\rb",), ("a\r\nb",), ("a\nb",)]))
    assert list(csv.reader(io.StringIO(out.getvalue().decode(), newline=""))) == [["text"], *[["a\nb"]] * 3]


def test_jsonl_has_an_object_in_each_line() -> None:
    out = io.BytesIO()
    assert write_jsonl(out, KINDS, rows()) == 3
    lines = out.getvalue().decode("utf-8").splitlines()
    assert [tuple(json.loads(line).values()) for line in lines] == ROWS and "Grüße" in lines[0]


def test_parquet_is_read_back_as_it_was(tmp_path: Path) -> None:
    from pyarrow import parquet

    with (tmp_path / "rows.parquet").open("wb") as out:
        assert write_parquet(out, KINDS, rows()) == 3
    table = parquet.read_table(tmp_path / "rows.parquet")
    assert [tuple(row.values()) for row in table.to_pylist()] == ROWS
    assert [str(kind) for kind in table.schema.types] == ["int64", "double", "bool", "string"]


def test_a_long_parquet_file_is_written_in_groups() -> None:
    from pyarrow import BufferReader, parquet

    out = io.BytesIO()
    assert write_parquet(out, {"id": int}, ((number,) for number in range(ROWS_AT_ONCE + 1))) == ROWS_AT_ONCE + 1
    assert parquet.ParquetFile(BufferReader(out.getvalue())).num_row_groups == 2
    out = io.BytesIO()
    assert write_parquet(out, {"id": int}, iter(())) == 0
    assert parquet.read_table(BufferReader(out.getvalue())).num_rows == 0


def test_without_pyarrow_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Unavailable, match="pyarrow") as raised:
        write_parquet(io.BytesIO(), KINDS, rows())
    assert raised.value.hint == "pip install 'transcribed[parquet]'"


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    with destination(file) as out:
        out.write(b"whole")
        assert not file.exists()
    assert file.read_bytes() == b"whole" and list(tmp_path.iterdir()) == [file]
    assert file.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_file_that_is_there_is_replaced_only_by_force(tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    file.write_text("mine")
    with pytest.raises(TranscribedError, match="is there already"), destination(file):
        raise AssertionError("not reached")
    with destination(file, force=True) as out:
        out.write(b"new")
    assert file.read_bytes() == b"new" and list(tmp_path.iterdir()) == [file]


def test_a_file_that_appears_meanwhile_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    with pytest.raises(TranscribedError, match="is there already"), destination(file) as out:
        out.write(b"new")
        file.write_text("mine")
    assert file.read_text() == "mine" and list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("force", [False, True])
def test_what_is_no_file_is_never_replaced(tmp_path: Path, force: bool) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(TranscribedError, match="no file"), destination(name, force=force):
            raise AssertionError("not reached")


def test_nothing_is_left_of_what_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="wrong"), destination(tmp_path / "out.csv") as out:
        out.write(b"half")
        raise ValueError("wrong")
    with pytest.raises(Unavailable, match="No space left"), destination(tmp_path / "out.csv"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Unavailable, match="No such file"), destination(tmp_path / "no" / "out.csv"):
        raise AssertionError("not reached")


def test_where_there_are_no_hard_links_it_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **_folders: object) -> None:
        raise OSError(errno.EPERM, "not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with destination(tmp_path / "out.csv") as out:
        out.write(b"whole")
    assert (tmp_path / "out.csv").read_bytes() == b"whole"
    with pytest.raises(TranscribedError, match="is there already"), destination(tmp_path / "other.csv") as out:
        (tmp_path / "other.csv").write_text("mine")
    assert (tmp_path / "other.csv").read_text() == "mine"
