"""Reads a form that a program sends, with the recording in it going on to the disk block by block."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from daemon.errors import TranscribedError
from daemon.web.problems import Problem

FIELDS_MAX = 200
FIELD_BYTES_MAX = 65_536
"""Of a field, or of the headers of a part."""
FILE = "file"
EXTENDED = re.compile(r"filename\*=utf-8''([^;\s]+)", re.IGNORECASE)
ESCAPED = re.compile("%(?:0A|0D|22)")
"""What browsers escape in names: line ends and quotes (WHATWG, multipart/form-data)."""
IDLE_S = 60.0
"""When nothing comes for so long, the sender is away."""
GIGABYTE = 1_000_000_000


class Sink(Protocol):
    """What takes the recording."""

    async def begin(self, name: str, media_type: str) -> None:
        """Take a recording of this name and type, as the program tells them."""

    async def write(self, data: bytes) -> None:
        """Take more of it."""


@dataclass(slots=True)
class _Part:
    """A part of the form, as far as it has come."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: str = ""
    is_file: bool = False
    filename: str = ""
    content: bytearray = field(default_factory=bytearray)
    begun: bool = False


class _Form:
    """What the parser calls; the blocks of the recording wait in `blocks` until they are taken."""

    def __init__(self, boundary: bytes) -> None:
        self.fields: dict[str, list[str]] = {}
        self.files = 0
        self.blocks: list[tuple[_Part, bytes]] = []
        self.is_whole = False
        self._part = _Part()
        self._header, self._value = b"", b""
        self._count = 0
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._on_header,
                "on_header_value": self._on_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._on_data,
                "on_part_end": self._end,
                "on_end": self._end_all,
            },
        )

    def _begin(self) -> None:
        self._part = _Part()
        self._count += 1
        if self._count > FIELDS_MAX:
            raise Problem(400, f"the form has more than {FIELDS_MAX} fields")

    def _on_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        _limited(len(self._header))

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        _limited(len(self._value))

    def _end_header(self) -> None:
        self._part.headers[self._header.lower()] = self._value
        _limited(sum(map(len, self._part.headers.values())))
        self._header, self._value = b"", b""

    def _end_headers(self) -> None:
        part = self._part
        disposition = part.headers.get(b"content-disposition", b"")
        _, options = parse_options_header(disposition)
        part.name = options.get(b"name", b"").decode("utf-8", "replace")
        plain = ESCAPED.sub(lambda found: unquote(found[0]), options.get(b"filename", b"").decode("utf-8", "replace"))
        part.filename = plain or _extended(disposition)
        part.is_file = part.name == FILE
        if part.is_file:
            self.files += 1
            self.blocks.append((part, b""))
        elif part.filename:
            raise Problem(400, f"the recording must be in the field {FILE!r}, not in {part.name!r}", part.name)

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._part.is_file:
            self.blocks.append((self._part, data[start:end]))
            return
        self._part.content += data[start:end]
        _limited(len(self._part.content), self._part.name)

    def _end(self) -> None:
        part = self._part
        if not part.is_file:
            try:
                self.fields.setdefault(part.name, []).append(part.content.decode())
            except UnicodeDecodeError as error:
                raise Problem(400, f"the field {part.name!r} is not UTF-8", part.name) from error

    def _end_all(self) -> None:
        self.is_whole = True


async def read_form(
    content_type: str, length: str | None, blocks: AsyncIterator[bytes], sink: Sink, limit_gb: float
) -> dict[str, list[str]]:
    """Return the fields of a form; the recording goes to the sink.

    What is wrong is told once all has come, as clients read an answer only when they have sent everything.

    Args:
        content_type: That of the request.
        length: Its content length, if it is told.
        blocks: Its body.
        sink: Takes the recording.
        limit_gb: What the recording may have.

    Raises:
        Problem: It is no such form, without a recording, or too much.
        TranscribedError: What the sink raises.
    """
    limit = int(limit_gb * GIGABYTE) + FIELDS_MAX * FIELD_BYTES_MAX
    too_large = Problem(413, f"a recording may have at most {limit_gb:g} GB (web.upload_max_gb)", FILE)
    if length is not None and length.isdigit() and int(length) > limit:
        raise too_large
    trouble: Problem | TranscribedError | None = None
    form, came = None, 0
    try:
        form = _Form(_boundary(content_type))
    except Problem as error:
        trouble = error
    except FormParserError as error:
        trouble = Problem(400, f"the form cannot be read: {error}")
    while (block := await _next(blocks)) is not None:
        came += len(block)
        if came > limit:
            raise too_large
        if form is None or trouble is not None:
            continue
        try:
            form.parser.write(block)
            await _take(form, sink)
        except FormParserError as error:
            trouble = Problem(400, f"the form cannot be read: {error}")
        except (Problem, TranscribedError) as error:
            trouble = error
    if trouble is not None:
        raise trouble
    assert form is not None
    if not form.is_whole:
        raise Problem(400, "the form is not complete: its end is missing")
    if not form.files:
        raise Problem(400, f"the recording is missing: send it in the field {FILE!r}", FILE)
    return form.fields


async def _next(blocks: AsyncIterator[bytes]) -> bytes | None:
    """Return the next block, or None at the end.

    Raises:
        Problem: The sender is away.
    """
    try:
        async with asyncio.timeout(IDLE_S):
            return await anext(blocks, None)
    except TimeoutError as error:
        raise Problem(408, f"nothing has come for {IDLE_S:.0f} s", again=True) from error


async def _take(form: _Form, sink: Sink) -> None:
    if form.files > 1:
        raise Problem(400, "send one recording at a time", FILE)
    blocks, form.blocks = form.blocks, []
    for part, data in blocks:
        if not part.begun:
            part.begun = True
            await sink.begin(part.filename, part.headers.get(b"content-type", b"").decode("latin-1"))
        if data:
            await sink.write(data)


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise Problem(400, f"send a form as multipart/form-data, not {content_type[:100]!r}")
    return options[b"boundary"]


def _extended(disposition: bytes) -> str:
    """Return the name that stands as `filename*`: no client should send it, but some do where it is not ASCII."""
    found = EXTENDED.search(disposition.decode("latin-1"))
    return unquote(found[1]) if found else ""


def _limited(size: int, name: str | None = None) -> None:
    if size > FIELD_BYTES_MAX:
        raise Problem(400, f"a field may have at most {FIELD_BYTES_MAX} bytes", name)
