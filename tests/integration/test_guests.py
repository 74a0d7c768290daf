"""A real daemon with the fake engine and its page, to which others send chunks."""

import os
import signal
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from daemon.chunk import Chunk, Decoded
from daemon.engine.fake import POISON, text_of
from daemon.guests import abilities, answer
from daemon.guests.request import MEDIA_TYPE, Request, packed
from tests.builders import chunk
from tests.support import Daemon, MakeDaemon, children_of, wait_until, write_wav


def some(recording: int, count: int, first: bytes = b"") -> list[Chunk]:
    made = [chunk(recording, idx, 1.0, audio=os.urandom(32_000), language="en") for idx in range(count)]
    return (
        [*made, chunk(recording, count, 1.0, audio=first + bytes(32_000 - len(first)), language="en")]
        if first
        else made
    )


class Box:
    """A daemon that serves its page itself."""

    def __init__(self, make_daemon: MakeDaemon, **fake: object) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/v1/chunks"
        self.daemon: Daemon = make_daemon(fake=fake, web=f'listen = "127.0.0.1:{self.port}"')
        self.daemon.start().ready()
        wait_until(self.serves, 60, "the page being served")

    def serves(self) -> bool:
        try:
            return httpx.get(self.address).status_code == 200
        except httpx.TransportError:
            return False

    def post(self, chunks: Sequence[Chunk]) -> httpx.Response:
        body = packed(Request("fake:tiny.en", tuple(chunks)))
        return httpx.post(self.address, content=body, headers={"Content-Type": MEDIA_TYPE}, timeout=120)

    def heard(self, chunks: Sequence[Chunk]) -> list[str]:
        """The text of each chunk, or why there is none."""
        reply = self.post(chunks)
        assert reply.status_code == 200, reply.text
        found = answer.unpacked(reply.content, chunks)
        return [each.segments[0].text if isinstance(each, Decoded) else each for each in found]

    @property
    def page(self) -> int:
        assert self.daemon.process is not None
        children = children_of(self.daemon.process.pid)
        (pid,) = (each for each in children if b"--attached" in Path(f"/proc/{each}/cmdline").read_bytes())
        return pid


def test_chunks_of_several_clients_and_of_jobs_share_batches_and_leave_nothing(make_daemon: MakeDaemon) -> None:
    box = Box(make_daemon, workers=1, batch_size=4, delay_s=0.3)
    can = abilities.unpacked(httpx.get(box.address).content)
    assert can is not None and (can.name, can.languages, can.batch_size) == ("tiny.en", ("en",), 4)
    write_wav(box.daemon.inbox / "a.wav", 100.0)
    each = [some(1, 3), some(2, 3), some(3, 3)]
    with ThreadPoolExecutor() as pool:
        texts = list(pool.map(box.heard, each))
    assert texts == [[text_of(chunk.audio) for chunk in chunks] for chunks in each]
    box.daemon.wait_for({"a.wav": "done"})
    box.daemon.stop()
    assert len(box.daemon.states()) == 1 and {path.stem for path in box.daemon.inbox.iterdir()} == {"a"}
    batches = box.daemon.query("SELECT size, recordings FROM batches")
    assert max(recordings for _, recordings in batches) > 1, batches
    assert sum(size for size, _ in batches) >= 9 + 4
    assert box.daemon.query("SELECT count(*) FROM segments WHERE job_id < 0") == [(0,)]


def test_only_the_chunk_fails_that_kills_the_engine_and_a_page_that_dies_costs_a_job_nothing(
    make_daemon: MakeDaemon,
) -> None:
    box = Box(make_daemon, workers=1, batch_size=4, poison="kill")
    write_wav(box.daemon.inbox / "a.wav", 40.0)
    chunks = some(1, 2, first=POISON)
    found = box.heard(chunks)
    assert found[:2] == [text_of(each.audio) for each in chunks[:2]]
    assert found[2].startswith("the engine died on its speech at 2 s (signal 9")
    os.kill(box.page, signal.SIGKILL)
    wait_until(lambda: not box.serves(), 10, "the page being gone")
    wait_until(box.serves, 60, "the page being back")
    assert box.heard(chunks[:2]) == found[:2]
    box.daemon.wait_for({"a.wav": "done"})
    assert box.daemon.query("SELECT attempts FROM jobs") == [(1,)]
    box.daemon.stop()


@pytest.mark.parametrize("how", ["pause", "stop"])
def test_those_that_wait_are_sent_away(make_daemon: MakeDaemon, how: str) -> None:
    box = Box(make_daemon, workers=1, batch_size=1, delay_s=1.0)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(box.post, some(1, 20))
        wait_until(lambda: box.daemon.query("SELECT 1 FROM batches"), 30, "a batch")
        if how == "pause":
            assert box.daemon.run("pause").returncode == 0
        else:
            box.daemon.stop()
        answered = waiting.result(60)
    assert answered.status_code == 503 and answered.headers["Retry-After"] == "60"
    if how == "pause":
        assert "paused" in answered.text and box.post(some(2, 1)).status_code == 503
        assert box.daemon.run("resume").returncode == 0
        wait_until(lambda: box.post(some(2, 1)).status_code == 200, 30, "the end of the pause")
        box.daemon.stop()
    else:
        assert "the daemon stops" in answered.text
