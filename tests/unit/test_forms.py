"""Reading a form with a recording."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers

from daemon.errors import Unavailable
from daemon.web.forms import FIELD_BYTES_MAX, FIELDS_MAX, read_form
from daemon.web.problems import Problem

KIND = "multipart/form-data; boundary=x"


class Sink:
    """Keeps the recording."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun: list[tuple[str, str]] = []
        self.content = b""
        self.error = error

    async def begin(self, name: str, media_type: str) -> None:
        self.begun.append((name, media_type))
        if self.error is not None:
            raise self.error

    async def write(self, data: bytes) -> None:
        self.content += data


def part(name: str, content: bytes, more: str = "", kind: str = "") -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n'
    return head.encode() + (f"Content-Type: {kind}\r\n" if kind else "").encode() + b"\r\n" + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--x--\r\n"


FILE = part("file", b"sound", '; filename="talk.mp3"', "audio/mpeg")


def read(
    body: bytes,
    sink: Sink | None = None,
    *,
    step: int = 1000,
    kind: str = KIND,
    length: str | None = None,
    gb: float = 1,
) -> dict[str, list[str]]:
    read_so_far = []

    async def blocks() -> AsyncIterator[bytes]:
        for at in range(0, len(body), step):
            read_so_far.append(at)
            yield body[at : at + step]

    try:
        return asyncio.run(read_form(kind, length, blocks(), Sink() if sink is None else sink, gb))
    except Unavailable:
        assert len(read_so_far) == len(range(0, len(body), step)), "the rest is read before the answer"
        raise


@given(content=binary(max_size=300), step=integers(1, 50))
def test_wherever_the_blocks_end_the_recording_comes_byte_for_byte(content: bytes, step: int) -> None:
    sink = Sink()
    whole = form(
        part("model", b"whisper-1"), part("file", b"\r\n--y" + content, '; filename="a.wav"'), part("model", b"2")
    )
    assert read(whole, sink, step=step) == {"model": ["whisper-1", "2"]}
    assert sink.content == b"\r\n--y" + content and sink.begun == [("a.wav", "")]


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ('; filename="größe.wav"', "größe.wav"), ("; filename*=utf-8''gr%C3%B6%C3%9Fe.wav", "größe.wav"),
        ('; filename="a%22b%0A%20.wav"', 'a"b\n%20.wav'), ("", ""), ('; filename="C:\\dir\\a.wav"', "a.wav"),
    ],
)  # fmt: skip
def test_names_come_as_clients_write_them(more: str, name: str) -> None:
    sink = Sink()
    read(form(part("file", b"sound", more, "audio/wav")), sink)
    assert sink.begun == [(name, "audio/wav")]


def test_an_empty_recording_is_one() -> None:
    sink = Sink()
    read(form(part("file", b"", '; filename="a.wav"')), sink)
    assert sink.begun == [("a.wav", "")] and sink.content == b""


@pytest.mark.parametrize(
    ("body", "message", "param"),
    [
        (form(part("model", b"a")), "the recording is missing", "file"),
        (form(FILE, FILE), "one recording at a time", "file"),
        (form(part("audio", b"a", '; filename="a.mp3"')), "must be in the field 'file', not in 'audio'", "audio"),
        (FILE, "the form is not complete", None),
        (b"nonsense", "the form cannot be read", None),
        (b"", "the form is not complete", None),
        (form(FILE, part("prompt", b"\xff")), "the field 'prompt' is not UTF-8", "prompt"),
        (form(FILE, part("prompt", b"a" * (FIELD_BYTES_MAX + 1))), "a field may have at most", "prompt"),
        (form(*[part("model", b"a")] * (FIELDS_MAX + 1)), "more than 200 fields", None),
        (form(part("file", b"a", f'; filename="{"a" * 100_000}"')), "cannot be read|at most", None),
    ],
)
def test_what_is_wrong_with_a_form_is_told(body: bytes, message: str, param: str | None) -> None:
    with pytest.raises(Problem, match=message) as caught:
        read(body)
    assert caught.value.status_code == 400 and caught.value.param == param


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data", "multipart/mixed; boundary=x"])
def test_only_forms_are_read(kind: str) -> None:
    with pytest.raises(Problem, match="send a form as multipart/form-data"):
        read(form(FILE), kind=kind)


def test_what_the_sink_says_is_told_once_all_has_come() -> None:
    with pytest.raises(Unavailable, match="no daemon"):
        read(form(FILE, part("prompt", b"a" * 10_000)), Sink(Unavailable("no daemon")), step=100)


@pytest.mark.parametrize("length", [None, "999999999"])
def test_too_much_is_refused_at_once(length: str | None) -> None:
    with pytest.raises(Problem, match=r"at most 0\.001 GB \(web\.upload_max_gb\)") as caught:
        read(form(part("file", b"a" * 20_000_000, '; filename="a.wav"')), length=length, gb=0.001, step=1_000_000)
    assert caught.value.status_code == 413
