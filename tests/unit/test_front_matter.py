"""The properties at the beginning of a Markdown transcript."""

import json
from typing import Any

import pytest

from daemon.chunk import Options
from daemon.publish.front_matter import front_matter
from daemon.publish.markdown import markdown
from daemon.sound import RecordedAt, Sound
from tests.builders import transcript


def properties(**fields: Any) -> dict[str, Any]:
    """Read the front matter as a program would that knows JSON alone, one property on each line."""
    fields = {"options": Options(front_matter=True), **fields}
    lines = front_matter(transcript("hello", **fields)).splitlines()
    assert lines[0] == "---" and lines[-2:] == ["---", ""], lines
    return {key: json.loads(value) for key, _, value in (line.partition(": ") for line in lines[1:-2])}


def test_what_is_known_of_the_recording_is_there() -> None:
    found = properties(
        path="Calls/2026/Dr. Noë & Ann/ann.m4a", path_bytes="Calls/2026/Dr. Noë & Ann/ann.m4a".encode(), language="de",
        duration_s=3723.4, model="base", sound=Sound(recorded_at=RecordedAt("2026-11-28T10:00:00Z", "container")),
    )  # fmt: skip
    assert found == {
        "title": "ann.m4a", "date": "2026-11-28T10:00:00Z", "length": "01:02:03", "language": "de", "model": "base",
        "tags": ["Calls", "Dr-Noë-Ann"], "audio": "ann.m4a",
    }  # fmt: skip


def test_what_is_not_known_is_left_out() -> None:
    assert properties() == {"title": "a.wav", "model": "tiny.en", "tags": [], "audio": "a.wav"}


def test_a_translation_says_so() -> None:
    found = properties(options=Options(front_matter=True, task="translate"), language="de")
    assert (found["language"], found["translated"]) == ("de", "en")


@pytest.mark.parametrize(
    ("path", "output", "link"),
    [
        (b"sub/a b#1?.wav", "beside", "a%20b%231%3F.wav"),
        (b"sub/\xe9.wav", "beside", "%E9.wav"),
        ("sub/ü.wav".encode(), "/vault", "file:///r/sub/%C3%BC.wav"),
    ],
)
def test_the_link_leads_to_the_recording(path: bytes, output: str, link: str) -> None:
    found = properties(path_bytes=path, options=Options(front_matter=True, output=output))
    assert found["audio"] == link


@pytest.mark.parametrize(
    "name", ['"quoted"\n---\nkey: x.wav', "tab\there.wav", "line\u2028sep\x85.wav", "---", "{[&*!|>%@`"]
)
def test_no_name_breaks_out_of_its_line(name: str) -> None:
    assert properties(path=f"{name}/{name}")["title"] == name


def test_only_where_it_is_asked_for() -> None:
    assert markdown(transcript("hello", options=Options(front_matter=True))).startswith("---\ntitle: ")
    assert markdown(transcript("hello")).startswith("# ")
