"""A page over a database with some recordings, without a daemon."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from daemon.chunk import Options, Segment, Suppressed, Word
from daemon.clips import CLIPS
from daemon.config import reader
from daemon.config.settings import Settings
from daemon.filesystem import fingerprint
from daemon.store.queries import Queries
from daemon.store.records import MadeWith, Seen
from daemon.store.store import Store
from daemon.web.application import make_app
from daemon.web.people import Users
from tests.builders import result, segment
from tests.support import new_database

BASE = "http://127.0.0.1:8642"
PASSWORD = "correct horse battery"
PEOPLE = '[web.users.ada]\nfolders = ["inbox/ada"]\n[web.users.bob]\nread_only = true\n'


class WebHouse:
    """Two folders: `inbox`, and `inbox/ada`, which is all that ada may see; bob may see everything, and change nothing.

    Args:
        folder: Where it is.
        web: Lines of the table [web].
    """

    def __init__(self, folder: Path, web: str = "") -> None:
        self.folder, self.inbox = folder, folder / "inbox"
        (self.inbox / "ada").mkdir(parents=True)
        self._web = web
        self.settings, self.users = self._load(f"[web]\n{web}\n{PEOPLE}" if web else "")
        new_database(self.settings.database_path)
        self.store = Store(self.settings.database_path)

    def _load(self, text: str) -> tuple[Settings, Users]:
        watch = '[[watch]]\npath = "inbox"\nformats = ["txt", "srt"]\n'
        (self.folder / "config.toml").write_text(watch + text)
        settings = reader.load(self.folder / "config.toml")
        return settings, Users(settings)

    def with_people(self) -> "WebHouse":
        """From now on it is for users; the clients that are made then know it."""
        self.settings, self.users = self._load(f"[web]\n{self._web}\n{PEOPLE}")
        return self

    def close(self) -> None:
        self.store.close()

    def client(self, host: str = "127.0.0.1", **options: Any) -> TestClient:
        """A browser that has not logged in."""
        return TestClient(
            make_app(self.settings, host),
            base_url=BASE,
            follow_redirects=False,
            client=("127.0.0.1", 50_000),
            **options,
        )

    def of(self, name: str) -> TestClient:
        """The browser of a user, who has logged in."""
        self.with_people().users.set_password(name, PASSWORD)
        client = self.client()
        assert client.post("/login", data={"name": name, "password": PASSWORD}).status_code == 303
        return client

    def add(self, name: str, *lines: Segment, state: str = "done", suppressed: Sequence[Suppressed] = ()) -> int:
        """A recording whose text has these lines."""
        (path := self.inbox / name).write_bytes((CLIPS / "memo-1.opus").read_bytes())
        status = path.stat()
        seen = Seen(str(self.inbox), os.fsencode(name), fingerprint(status), status.st_size)
        self.store.queue([(seen, Options(formats=("txt",), language="en"), 0)])
        if state == "queued":
            return self._newest
        (job,) = self.store.claim(1)
        self.store.begin(
            job.id, content_hash=None, duration_s=60.0, made_with=MadeWith("tiny.en", "int8", "cpu"), language="en"
        )
        channels = sorted({line.channel for line in lines} or {0})
        spoken = {channel: tuple(line for line in lines if line.channel == channel) for channel in channels}
        self.store.save(
            [
                result(
                    job.id, nth, segments=spoken[channel], suppressed=() if nth else tuple(suppressed), channel=channel
                )
                for nth, channel in enumerate(channels)
            ]
        )
        if state == "done":
            self.store.decoded(job.id, chunks_total=1, duration_s=60.0, speech_s=50.0, damaged=0)
            self.store.finish(job.id)
        elif state == "dead":
            self.store.fail(job.id, "FailedRecording", "the decoder died of it", None)
        return job.id

    @property
    def _newest(self) -> int:
        with Queries(self.settings.database_path) as queries:
            return queries.jobs(limit=1)[0]["id"]


def said(text: str, start_s: float, end_s: float, **fields: Any) -> Segment:
    """A line, with a time for each word if `timed` is true."""
    if fields.pop("timed", False):
        words, step = text.split(), (end_s - start_s) / len(text.split())
        fields["words"] = tuple(
            Word(start_s + nth * step, start_s + (nth + 1) * step, f" {word}" if nth else word, 0.9)
            for nth, word in enumerate(words)
        )
    return segment(text, start_s, end_s, **fields)
