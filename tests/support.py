"""What the tests share: recordings, a real daemon process, and an oracle that reconciles disk and database."""

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from daemon.chunk import Options
from daemon.store.migrate import migrate
from daemon.store.store import Store
from tests import preloaded
from tests.builders import seen

ROOT = Path(__file__).parent.parent
SHARED_AUDIO = ROOT.parent / "shared" / "audio"
AHEAD = "from daemon.processes import ahead; ahead.start()"
"""What a daemon with the real engine begins with."""
ENDED = ("done", "dead", "rejected", "ignored", "cancelled", "vanished")


def write_wav(path: Path, seconds: float = 1.0, seed: int = 0, start: bytes = b"") -> Path:
    """A recording of quiet noise whose samples no other seed has; `start` are its first samples."""
    noise = Random(seed).randbytes(int(seconds * 16_000) * 2)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(start + noise[len(start) :])
    return path


def words(text: str) -> list[str]:
    """Words in lower case without punctuation, English spelling normalized, as WER is counted on."""
    from whisper_normalizer.english import EnglishTextNormalizer

    return str(EnglishTextNormalizer()(text)).split()


def monitored(
    processes: Sequence[tuple[str, int]] = (),
    restarts: Mapping[str, int] | None = None,
    watchers: Mapping[str, int] | None = None,
    held: list[str | None] | None = None,
    machines: Any = None,
) -> Any:
    """What a monitor looks at; the reason of each pause that it asks for goes into `held`, None when it ends."""
    from daemon.monitor.sources import Sources

    told: list[str | None] = [] if held is None else held
    pauses = SimpleNamespace(
        reason=None, hold=lambda _cause, reason: told.append(reason), release=lambda _cause: told.append(None)
    )
    pool = SimpleNamespace(processes=processes, restarts=restarts or {})
    folders = SimpleNamespace(missing={}, unlistable={}, restarts=watchers or {})
    return Sources(
        (pool,), folders, pauses, SimpleNamespace(model_cache_mb=None), SimpleNamespace(ready_count=1), machines
    )


def wait_until(condition: Callable[[], Any], timeout_s: float = 30.0, what: str = "condition") -> Any:
    """Poll until something is true; its value."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come true within {timeout_s} s")


class Daemon:
    """A real daemon process in a folder of its own, with `inbox/` and `var/jobs.db`.

    Args:
        fake: fields of the fake engine's plan; None for the real engine.
        patch: Python statements that the daemon runs before anything else, to change a constant in the module that uses it.
        settings: lines that replace whole tables of the small default configuration, by table name.
    """

    def __init__(self, folder: Path, *, fake: dict[str, Any] | None = None, patch: str = "", **settings: str) -> None:
        self.folder = folder
        self.fake = fake
        self.patch = patch
        self.preload = True
        """Whether it and its commands are forked from a process that has loaded the libraries."""
        self.inbox = folder / "inbox"
        self.inbox.mkdir(exist_ok=True)
        self.database = folder / "var" / "jobs.db"
        self.config = folder / "config.toml"
        tables = {
            "[watch]": 'path = "inbox"\nformats = ["txt", "srt", "json"]',
            "watching": "settle_seconds = 0.2\nrescan_seconds = 2",
            "jobs": "retry_backoff_seconds = 0.1\ndrain_seconds = 5",
            # A layout of its own, so that nobody measures one for the fake engine.
            "model": "workers = 2\ncpu_threads = 1\nbatch_size = 4" if fake is not None else "",
            "vad": "enabled = false" if fake is not None else "enabled = true",
            **settings,
        }
        if fake is not None:
            tables["model"] = f'engine = "fake"\n{tables["model"]}'
        self.config.write_text("".join(f"[{name}]\n{body}\n\n" for name, body in tables.items()))
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        if fake is not None:
            self.environment["TRANSCRIBED_FAKE"] = json.dumps(fake)
        self.process: subprocess.Popen[bytes] | preloaded.Process | None = None
        self.log = folder / "daemon.log"

    def command(self, *arguments: str) -> list[str]:
        # With the fake engine not by `-m daemon`, which would load the libraries of the real one meanwhile.
        patched = f"{self.patch}\nfrom daemon.cli.app import main; main()"
        program = ["-c", patched] if self.patch or self.fake is not None else ["-m", "daemon"]
        return [sys.executable, *program, *arguments, "--config", str(self.config)]

    def start(self, *arguments: str, **environment: str) -> "Daemon":
        everything = {**self.environment, **environment}
        with self.log.open("ab") as log:
            self.process = self._preloaded(
                "run", *arguments, environment=everything, streams=(1, log)
            ) or subprocess.Popen(self.command("run", *arguments), stderr=log, env=everything, cwd=self.folder)
        return self

    def _preloaded(
        self, *arguments: str, environment: dict[str, str], streams: preloaded.Streams
    ) -> preloaded.Process | None:
        if not self.preload:
            return None
        # As `-m daemon` does.
        ahead = AHEAD if self.fake is None and not self.patch and arguments[0] == "run" else ""
        arguments = (*arguments, "--config", str(self.config))
        return preloaded.start(
            preloaded.DAEMON, arguments, environment, self.folder, streams, patch=ahead or self.patch
        )

    def ready(self) -> "Daemon":
        """Wait until the daemon says where to drop recordings."""
        before = self.log_text().count("ready: drop")
        wait_until(lambda: self.log_text().count("ready: drop") > before or self.ended, 60, "the daemon being ready")
        return self

    @property
    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def once(self, timeout_s: float = 120) -> int:
        """Run with --once to its end; the exit code."""
        self.start("--once")
        assert self.process is not None
        return self.process.wait(timeout_s)

    def stop(self, timeout_s: float = 30) -> int:
        """SIGTERM, then the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def kill(self) -> None:
        """SIGKILL to the daemon alone; its children must notice by themselves."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command of the command line."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            started = self._preloaded(*arguments, environment=self.environment, streams=(out, err)) or subprocess.Popen(
                self.command(*arguments), stdout=out, stderr=err, env=self.environment, cwd=self.folder
            )
            try:
                code = started.wait(60)
            finally:
                started.kill()
                started.wait()
            said = []
            for stream in (out, err):
                stream.seek(0)
                said.append(stream.read().decode())
        return subprocess.CompletedProcess(arguments, code, *said)

    def query(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """SQL on the database, as a user would do it."""
        if not self.database.exists():
            return []
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)
        try:
            return connection.execute(statement, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error) or "unable to open" in str(error):
                return []
            raise
        finally:
            connection.close()

    def states(self) -> dict[str, str]:
        """path → state of its newest version."""
        return dict(self.query("SELECT path, state FROM jobs ORDER BY id"))

    def reasons(self) -> dict[str, str]:
        return dict(self.query("SELECT path, coalesce(reason, '') FROM jobs ORDER BY id"))

    def wait_for(self, expected: dict[str, str], timeout_s: float = 60) -> None:
        """Wait until these paths are in these states."""

        def there() -> bool:
            now = self.states()
            return all(now.get(path) == state for path, state in expected.items())

        try:
            wait_until(there, timeout_s)
        except AssertionError:
            raise AssertionError(f"expected {expected}, got {self.states()}\n{self.log_text()[-3000:]}") from None

    def wait_idle(self, count: int, timeout_s: float = 60) -> None:
        """Wait until this many jobs have ended and none is open."""

        def idle() -> bool:
            states = [state for (state,) in self.query("SELECT state FROM jobs")]
            return len(states) >= count and all(state in ENDED for state in states)

        try:
            wait_until(idle, timeout_s)
        except AssertionError:
            raise AssertionError(f"still open: {self.states()}\n{self.log_text()[-3000:]}") from None

    def log_text(self) -> str:
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""


MakeDaemon = Callable[..., Daemon]
"""The fixture `make_daemon`: takes what `Daemon` takes, but for its folder."""


def reconcile(
    daemon: Daemon, recordings: Sequence[Path], formats: Sequence[str] = ("txt", "srt", "json"), *, gone: bool = False
) -> None:
    """The oracle: every recording on the disk is in one state, every `done` has its whole set of files, each as
    recorded, with the text that the engine gave for this content, and nothing else lies about.

    Args:
        gone: whether recordings that are done may have been taken away since, with their transcripts.
    """
    states = daemon.states()
    for recording in recordings:
        assert str(recording.relative_to(daemon.inbox)) in states, f"{recording} is not accounted for"
    expected = set(recordings)
    for path, sha256, size in daemon.query(
        "SELECT outputs.path, sha256, bytes FROM outputs JOIN jobs ON jobs.id = job_id WHERE state = 'done'"
    ):
        if gone and not Path(path).exists():
            continue
        content = Path(path).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (sha256, size), f"{path} is not what was recorded"
        expected.add(Path(path))
    for job_id, path in daemon.query("SELECT id, path FROM jobs WHERE state = 'done'"):
        made = {form for (form,) in daemon.query("SELECT format FROM outputs WHERE job_id = ? AND published", job_id)}
        assert made == set(formats), f"{path} is done without {set(formats) - made}"
        if daemon.fake is not None and (daemon.inbox / path).exists():
            check_text(daemon, job_id, daemon.inbox / path)
    present = {path for path in daemon.inbox.rglob("*") if path.is_file()}
    assert present == expected, f"unexpected: {present ^ expected}"
    assert daemon.query("PRAGMA integrity_check") == [("ok",)]
    twice = daemon.query("SELECT job_id, chunk, idx FROM segments GROUP BY 1, 2, 3 HAVING count(*) > 1")
    assert not twice


def check_text(daemon: Daemon, job_id: int, recording: Path) -> None:
    """What is stored and what is written is what the fake engine hears in this recording's samples."""
    heard = fake_texts(recording)
    stored = daemon.query("SELECT text FROM segments WHERE job_id = ? ORDER BY chunk, idx", job_id)
    assert [text for (text,) in stored] == heard, f"{recording.name} has a text that is not its own"
    for (path,) in daemon.query("SELECT path FROM outputs WHERE job_id = ? AND format = 'txt'", job_id):
        assert Path(path).read_text().split() == " ".join(heard).split(), f"{path} has a text that is not its own"


def fake_texts(recording: Path) -> list[str]:
    """What the fake engine hears in a recording, chunk by chunk, without the VAD."""
    from daemon.chunk import Options
    from daemon.decode.chunker import Chunker
    from daemon.decode.media import Media, as_int16
    from daemon.decode.parts import Part
    from daemon.engine.fake import text_of

    with recording.open("rb") as file:
        media, chunker = Media(file.fileno(), Part(0, recording.stat().st_size)), Chunker(Options(vad=False))
        cuts = [cut for block in media.samples() for cut in chunker.feed(as_int16(block.mean(axis=1)))]
        cuts += chunker.finish()
        media.close()
    return [text_of(audio) for _, audio, *_ in cuts]


def children_of(pid: int) -> list[int]:
    """The process ids of a process's children."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def new_database(path: Path) -> None:
    """An empty database as the migrations make it; they run once, for that takes a tenth of a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_empty_database())


@cache
def _empty_database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        migrate(path := Path(folder) / "jobs.db")
        return path.read_bytes()


def queue(store: Store, *names: str | bytes, root: str = "/root", priority: int = 0) -> None:
    """Put recordings in the queue, with the default options."""
    store.queue([(seen(name, root=root), Options(), priority) for name in names])
