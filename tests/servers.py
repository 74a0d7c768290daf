"""A server of OpenAI's API for transcriptions that says, or fails, as a test wants."""

import io
import json
import ssl
import threading
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.parser import BytesParser
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from daemon.clips import CANARY, references
from daemon.engine.clip import clip
from daemon.engine.fake import text_of
from daemon.processes.protocol import LoadModel, Server

MODELS = {"object": "list", "data": [{"id": "tiny.en", "object": "model", "owned_by": "somebody"}]}


@dataclass
class Asked:
    """A request."""

    path: str
    headers: dict[str, str]
    fields: dict[str, list[str]] = field(default_factory=dict)
    file: str = ""
    audio: bytes = b""
    body: bytes = b""
    """All of it, if it is no form."""

    @property
    def is_clip(self) -> bool:
        return self.audio == speech()


@dataclass
class Reply:
    """An answer."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    how: str = ""
    """`half`: it ends in the middle. `endless`: it never ends. `silent`: it never begins. `drop`: there is none."""


Answer = Callable[[Asked], Reply | None]
"""What is answered; None for the usual."""


@cache
def speech() -> bytes:
    """The samples of the clip that engines hear."""
    return clip().audio


def verbose(text: str, seconds: float = 2.0, **more: Any) -> Reply:
    """What Whisper's API answers for a text that is sure."""
    line = {
        "id": 0, "seek": 0, "start": 0.0, "end": seconds, "text": f" {text}", "tokens": [], "temperature": 0.0,
        "avg_logprob": -0.2, "compression_ratio": 1.1, "no_speech_prob": 0.01,
    }  # fmt: skip
    whole = {"task": "transcribe", "language": "english", "duration": seconds, "text": text, "segments": [line]}
    return Reply(json.dumps({**whole, **more}).encode())


class FakeServer:
    """It lists one model, hears the clip right, and of everything else the text of the fake engine."""

    def __init__(self, answer: Answer = lambda _asked: None, *, port: int = 0) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.at_once = self.at_once_max = 0
        self._lock = threading.Lock()
        self.closing = threading.Event()
        handler = type("Handler", (_Handler,), {"house": self})
        self._server = _Quiet(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.place = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.place}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wrap(self, context: ssl.SSLContext) -> None:
        """Speak TLS from now on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def order(self, **fields: Any) -> LoadModel:
        """What an engine for this server is told."""
        server = Server("engines[0]", self.url)
        values: dict[str, Any] = {
            "name": "", "device": self.place, "compute_type": "auto", "workers": 4, "cpu_threads": 1, "batch_size": 1,
            "engine": "elsewhere", "server": server,
        }  # fmt: skip
        return LoadModel(**{**values, **fields})

    @property
    def heard(self) -> Sequence[Asked]:
        """The requests for what is not the clip."""
        return [asked for asked in self.asked if asked.audio and not asked.is_clip]

    def reply(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            self.at_once += 1
            self.at_once_max = max(self.at_once_max, self.at_once)
        try:
            return self.answer(asked) or self._usual(asked)
        finally:
            with self._lock:
                self.at_once -= 1

    def _usual(self, asked: Asked) -> Reply:
        if asked.path == "/v1/models":
            return Reply(json.dumps(MODELS).encode())
        if not asked.path.startswith("/v1/audio/"):
            return Reply(b'{"error": {"message": "not here"}}', 404)
        if not asked.audio:
            return Reply(b'{"error": {"message": "no file"}}', 400)
        text = references()[CANARY] if asked.is_clip else text_of(asked.audio)
        return verbose(text, len(asked.audio) / 32_000)


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Clients that go away are what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    house: FakeServer

    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        self._answer(Asked(self.path, dict(self.headers)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = Asked(self.path, dict(self.headers), body=body)
        whole = BytesParser().parsebytes(b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n" + body)
        for part in whole.get_payload() if whole.is_multipart() else ():
            content: Any = part.get_payload(decode=True)  # type: ignore[union-attr]
            name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
            if name == "file":
                asked.file = part.get_filename() or ""  # type: ignore[union-attr]
                with wave.open(io.BytesIO(content)) as file:
                    asked.audio = file.readframes(file.getnframes())
            else:
                asked.fields.setdefault(str(name), []).append(content.decode())
        self._answer(asked)

    def _answer(self, asked: Asked) -> None:
        reply = self.house.reply(asked)
        if reply.how == "silent":
            self.house.closing.wait(30)
        if reply.how in ("silent", "drop"):
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        long = len(reply.body) + (10 if reply.how == "half" else 1 << 30 if reply.how == "endless" else 0)
        self.send_header("Content-Length", str(long))
        self.end_headers()
        self.wfile.write(reply.body)
        while reply.how == "endless" and not self.house.closing.wait(0.02):
            try:
                self.wfile.write(b" ")
                self.wfile.flush()
            except OSError:
                return
