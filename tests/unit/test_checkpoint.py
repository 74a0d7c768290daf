"""Checkpoints of PyTorch are read without it, and nothing in them is called."""

import os
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon.speakers.checkpoint import BadCheckpoint, read
from tests.checkpoints import Stored, checkpoint

MATRIX = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_tensors_are_read_as_they_were_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = OrderedDict(weight=Stored(MATRIX), count=Stored(np.array(7)), part=Stored(MATRIX[1:]))
    found = read(checkpoint(tmp_path / "model.pt", content, monkeypatch))
    assert list(found) == ["weight", "count", "part"]
    assert np.array_equal(found["weight"], MATRIX) and found["weight"].dtype == np.float32
    assert found["count"].shape == () and found["count"] == 7
    assert np.array_equal(found["part"], MATRIX[1:])


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("/nowhere/at/all",)


class Nested:
    """A name with dots would reach into a module that may be named."""

    def __reduce__(self) -> Any:
        return os.path.join, ("a", "b")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"weight": Evil()}, "posix.mkdir"),
        ({"weight": Nested()}, "posixpath.join"),
        ({"weight": 7}, "weight is no tensor"),
        ({3: Stored(MATRIX)}, "the name 3"),
        ([Stored(MATRIX)], "something else"),
        ({"weight": Stored(MATRIX, strides=(1, 2))}, "strides"),
        ({"weight": Stored(MATRIX, offset=1)}, "reshape"),
    ],
)
def test_what_is_not_tensors_alone_is_refused(
    content: Any, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadCheckpoint, match=reason):
        read(checkpoint(tmp_path / "model.pt", content, monkeypatch))


def test_a_tensor_that_lacks_numbers_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadCheckpoint, match="6 numbers instead of 9"):
        read(checkpoint(tmp_path / "model.pt", {"weight": Stored(MATRIX)}, monkeypatch, count=9))


def test_a_damaged_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = checkpoint(tmp_path / "model.pt", {"weight": Stored(MATRIX)}, monkeypatch).read_bytes()
    broken = tmp_path / "broken.pt"
    for size in range(0, len(whole), 7):
        broken.write_bytes(whole[:size])
        with pytest.raises(BadCheckpoint):
            read(broken)
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("readme", "no index")
    with pytest.raises(BadCheckpoint, match=r"no data\.pkl"):
        read(broken)


def test_an_index_that_is_no_pickle_is_refused(tmp_path: Path) -> None:
    for index in (b"", b"no pickle", b"\x80\x02]q\x00(K\x01K", b"."):
        with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
            archive.writestr("archive/data.pkl", index)
        with pytest.raises(BadCheckpoint):
            read(tmp_path / "model.pt")
