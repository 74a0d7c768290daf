"""What is delivered after a job, by the real parts: a database, threads, servers and programs."""

import json
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from daemon.config.settings import Settings
from daemon.hooks.carrier import Pace
from daemon.hooks.orders import orders_for
from daemon.hooks.postman import Postman
from daemon.publish.relocation import take_along
from daemon.store.store import Store
from daemon.watch.resolver import Resolver
from tests.builders import settings
from tests.support import Daemon, MakeDaemon, queue, wait_until, write_wav

FAST = Pace(first_wait_s=0.05, wait_max_s=0.2)


class Server(ThreadingHTTPServer):
    """Takes JSON, and answers with the first of `statuses` until that is the last."""

    daemon_threads = True

    def __init__(self, *statuses: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses = list(statuses)
        self.asked = 0
        self.taken: list[dict[str, Any]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked += 1
        status = self.server.statuses.pop(0) if len(self.server.statuses) > 1 else self.server.statuses[0]
        if status == 200:
            self.server.taken.append(body)
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def make(*statuses: int) -> Server:
        made.append(Server(*statuses or (200,)))
        return made[-1]

    yield make
    for server in made:
        server.close()


def hook(folder: Path, program: str) -> str:
    """A program written in Python, as `on_done` names it."""
    path = folder / "hook.py"
    path.write_text(program)
    return f'on_done = ["{sys.executable}", "{path}"]'


def webhook_to(folder: Path, port: int) -> str:
    (folder / "secret").write_text("0123456789abcdef")
    return f'webhook_url = "http://127.0.0.1:{port}/"\nwebhook_secret_file = "secret"\n'


class Post:
    """A postman on a store, and jobs that end."""

    def __init__(self, folder: Path, store: Store, text: str) -> None:
        self.store = store
        self.settings: Settings = settings(folder, text)
        self.resolver = Resolver(self.settings)
        self.postman = Postman(store, self.resolver, take_along, FAST)

    def end(self, *names: str) -> None:
        root = str(self.settings.watch[0].path)
        for name in names:
            queue(self.store, name, root=root)
            (job,) = self.store.claim(1)
            afterwards = self.resolver.afterwards(job.root, job.path_bytes)
            self.store.finish(job.id, orders=orders_for("done", afterwards, self.settings.hooks))

    def wait(self) -> None:
        wait_until(lambda: self.store.undelivered() is None, 30, "everything delivered")


def rows(store: Store) -> list[tuple[str, str, int]]:
    from sqlalchemy import select

    from daemon.store.schema import outbox

    columns = select(outbox.c.kind, outbox.c.state, outbox.c.attempts).order_by(outbox.c.id)
    return [tuple(row) for row in store._read(lambda db: db.execute(columns).all())]


@pytest.mark.guarantee(30)
def test_a_webhook_that_is_down_gets_everything_afterwards_in_order_and_nothing_else_stops(
    tmp_path: Path, store: Store, serve: Callable[..., Server]
) -> None:
    server, people = serve(503, 503, 500, 200), serve()
    ran = tmp_path / "ran"
    program = hook(tmp_path, f"import json, sys; open({str(ran)!r}, 'a').write(json.load(sys.stdin)['path'] + '\\n')")
    text = f'[[watch]]\npath = "inbox"\n{program}\n[hooks]\n{webhook_to(tmp_path, server.server_port)}'
    post = Post(tmp_path, store, f'{text}notify = ["json://127.0.0.1:{people.server_port}"]\nnotify_seconds = 3600')
    post.end("a.wav", "b.wav", "c.wav")
    post.postman.start()
    wait_until(lambda: len(server.taken) == 3, 30, "all of it arriving")
    wait_until(lambda: people.taken, 30, "people being told")
    post.postman.hurry()
    post.wait()
    post.postman.close()
    assert ran.read_text().split() == ["a.wav", "b.wav", "c.wav"]
    assert sorted(each["path"] for each in server.taken) == ["a.wav", "b.wav", "c.wav"]
    assert len({each["delivery"] for each in server.taken}) == 3
    assert {state for _, state, _ in rows(store)} == {"done"} and server.asked == 6


def test_many_jobs_are_one_message(tmp_path: Path, store: Store, serve: Callable[..., Server]) -> None:
    people = serve()
    post = Post(tmp_path, store, f'[hooks]\nnotify = ["json://127.0.0.1:{people.server_port}"]\nnotify_on = ["done"]')
    post.end(*(f"{number}.wav" for number in range(40)))
    post.postman.start()
    post.wait()
    post.postman.close()
    assert [each["title"] for each in people.taken] == ["transcribed: 40 done"]


@pytest.mark.guarantee(30)
def test_a_command_that_runs_at_the_stop_is_run_again(tmp_path: Path, store: Store) -> None:
    ran = tmp_path / "ran"
    program = hook(tmp_path, f"import time\nopen({str(ran)!r}, 'a').write('x')\ntime.sleep(600)")
    post = Post(tmp_path, store, f'[[watch]]\npath = "inbox"\n{program}')
    post.end("a.wav")
    post.postman.start()
    wait_until(lambda: ran.exists() and ran.read_text(), 30, "the command")
    post.postman.close()
    assert rows(store) == [("command", "waiting", 0)]
    again = Post(tmp_path, store, "")
    again.postman.start()
    wait_until(lambda: ran.read_text() == "xx", 30, "the command as it was when the job ended")
    again.postman.close()


@pytest.mark.guarantee(30)
def test_a_command_that_ends_the_daemon_is_not_run_for_ever(tmp_path: Path, store: Store) -> None:
    post = Post(tmp_path, store, f'[[watch]]\npath = "inbox"\n{hook(tmp_path, "pass")}')
    post.end("a.wav")
    for _ in range(3):  # as if it had been killed each time
        store.begin_delivery(1)
    post.postman.start()
    post.wait()
    post.postman.close()
    assert rows(store) == [("command", "failed", 3)]


HOOK = """
import json, os, sys, time
told = json.load(sys.stdin)
with open(os.environ["HOME"] + "/ran", "a") as file:
    file.write(told["event"] + " " + told["path"] + "\\n")
while os.path.exists(os.environ["HOME"] + "/hold"):
    time.sleep(0.05)
"""


@pytest.mark.guarantee(30)
def test_after_a_kill_everything_is_delivered_and_a_recording_that_is_done_is_moved(
    make_daemon: MakeDaemon, tmp_path: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon is killed while the first command runs: the job has ended, and nothing else is delivered yet."""
    monkeypatch.setenv("HOME", str(tmp_path))
    server = serve()
    (tmp_path / "hold").touch()
    program = hook(tmp_path, HOOK)
    watch = f'path = "inbox"\n{program}\n{program.replace("on_done", "on_failed")}\nafter_success = "move"\nformats = ["txt"]'
    daemon: Daemon = make_daemon(fake={}, **{"[watch]": watch}, hooks=webhook_to(tmp_path, server.server_port))
    (daemon.inbox / "sub").mkdir()
    for name in ("sub/a.wav", "b.wav"):
        write_wav(daemon.inbox / name, seed=len(name))
    (daemon.inbox / "bad.wav").write_text("no recording")
    daemon.start()
    daemon.wait_for({"sub/a.wav": "done", "b.wav": "done", "bad.wav": "rejected"})
    wait_until((tmp_path / "ran").exists, 30, "the first command")
    daemon.kill()
    (tmp_path / "hold").unlink()
    told_before = [each["path"] for each in server.taken]
    assert daemon.once() == 0
    lines = (tmp_path / "ran").read_text().splitlines()
    assert set(lines) == {"done sub/a.wav", "done b.wav", "failed bad.wav"} and len(lines) == 4, "the first one twice"
    assert told_before == []
    assert sorted(each["path"] for each in server.taken) == ["bad.wav", "done/b.wav", "done/sub/a.wav"]
    for each in server.taken:
        assert all(os.path.isfile(file["path"]) for file in each["transcripts"])
    assert daemon.states() == {"done/sub/a.wav": "done", "done/b.wav": "done", "bad.wav": "rejected"}
    there = sorted(str(path.relative_to(daemon.inbox)) for path in daemon.inbox.rglob("*") if path.is_file())
    assert there == ["bad.wav", "done/b.txt", "done/b.wav", "done/sub/a.txt", "done/sub/a.wav"]
    assert {state for (state,) in daemon.query("SELECT state FROM outbox")} == {"done"}
    assert stat.S_IMODE((daemon.inbox / "done").stat().st_mode) == stat.S_IMODE(daemon.inbox.stat().st_mode)
    assert daemon.once() == 0 and len((tmp_path / "ran").read_text().splitlines()) == 4, "nothing is new"


def test_a_run_with_once_waits_for_what_is_to_be_delivered_but_not_for_ever(
    make_daemon: MakeDaemon, tmp_path: Path
) -> None:
    daemon: Daemon = make_daemon(fake={}, hooks=webhook_to(tmp_path, 1))
    write_wav(daemon.inbox / "a.wav")
    daemon.start("--once", "--wait", "1")
    assert daemon.process is not None and daemon.process.wait(60) == 0
    assert daemon.query("SELECT kind, state FROM outbox") == [("webhook", "waiting")]
    assert "left for the next run: 1 delivery: no answer from the webhook" in daemon.log_text()
