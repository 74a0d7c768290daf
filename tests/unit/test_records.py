"""Paths for people, and options of other versions."""

import pytest

from daemon.chunk import Options
from daemon.store.records import options_from_json, readable


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"new\nline.wav", r"new\nline.wav"),
        (b"\xff.wav", r"\xff.wav"),
        ("ü 中.wav".encode(), "ü 中.wav"),
        (b"\x1b[2J", r"\x1b[2J"),
    ],
)
def test_paths_are_shown_on_one_line(name: bytes, shown: str) -> None:
    assert readable(name) == shown


def test_options_of_another_version_are_read_as_far_as_they_go() -> None:
    assert options_from_json('{"language": "de", "formats": ["txt"], "from_the_future": 1}') == Options(
        language="de", formats=("txt",)
    )
