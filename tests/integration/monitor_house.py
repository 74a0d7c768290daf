"""A monitor with fake nvidia-smi programs and a clock that the test moves."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.config import reader
from daemon.monitor.counters import Counters
from daemon.monitor.sampling import Monitor
from daemon.processes.cluster import Machines
from daemon.store.monitoring import History
from tests.support import monitored, new_database

MINUTE_S = 60.0
A, B = "RTX 4090 GPU-aaaaaaaa", "RTX 4090 GPU-bbbbbbbb"
T, M, GONE, PROBE = "gpu_temperature", "gpu_memory", "gpu_gone", "probe_failing"
SMI = "nvidia-smi"


def line(temperature: object = 60, *, gpu: str = "a", name: str = "RTX 4090", total: object = 24564) -> str:
    uuid = f"GPU-{gpu * 8}-0000"
    index = "ab".index(gpu)
    return f"{index}, {uuid}, 45, {total}, 12000, 12564, 570.1, {name}, [N/A], Disabled, Disabled, {temperature}"


def says(*lines: str) -> str:
    return "#!/bin/sh\ncat <<'END'\n" + "\n".join(lines) + "\nEND\n"


def fails(code: int, text: str = "") -> str:
    return f"#!/bin/sh\nprintf '%s\\n' '{text}'\nexit {code}\n"


class Bench:
    """A monitor on a folder of its own, with a clock that the test moves and an nvidia-smi that it writes."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, extra: str = "", probe_s: float = 10.0) -> None:
        self.folder = folder
        (folder / "inbox").mkdir()
        file = folder / "config.toml"
        off = "\n".join(f"[monitor.rules.{rule}]\nenabled = false" for rule in ("memory", "disk_free"))
        file.write_text(f"[monitor]\ninterval_seconds = {MINUTE_S}\n{extra}\n{off}\n")
        settings = reader.load(file)
        monitor = settings.monitor.model_copy(update={"probe_timeout_seconds": probe_s})
        self.settings = settings.model_copy(update={"monitor": monitor})
        new_database(settings.database_path)
        self.history = History(settings.database_path, lambda _reason: False)
        self.counters = Counters()
        self.now = 1000.0
        self.held: list[str | None] = []
        self.machines = Machines()
        """Those of a cluster."""
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.sensors: Callable[[], dict] = dict
        monkeypatch.setattr("psutil.sensors_temperatures", lambda: self.sensors(), raising=False)
        monkeypatch.setenv("PATH", f"{self.programs}{os.pathsep}{os.environ['PATH']}")
        self.start()

    def start(self) -> None:
        self.monitor = Monitor(
            self.settings,
            self.history,
            self.counters,
            monitored(held=self.held, machines=self.machines),
            clock=lambda: self.now,
        )

    def program(self, text: str | bytes | None) -> None:
        """Put an nvidia-smi in place; None: there is none."""
        path = self.programs / SMI
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_bytes(text.encode() if isinstance(text, str) else text)
            path.chmod(0o755)

    def tick(self, *, after_s: float = MINUTE_S) -> list[tuple[str, str, str]]:
        self.now += after_s
        return [(event.rule, event.subject, event.state) for event in self.monitor.tick()]

    def job(self, state: str) -> None:
        """A recording in this state, queued now."""
        with sqlite3.connect(self.settings.database_path) as db:
            db.execute(
                "INSERT INTO jobs (root, path, path_bytes, size_bytes, fingerprint, state, queued_at)"
                " VALUES ('/r', 'a', 'a', 1, 'f', ?, strftime('%Y-%m-%dT%H:%M:%fZ'))", (state,),
            )  # fmt: skip

    def query(self, statement: str) -> list[tuple]:
        with sqlite3.connect(self.settings.database_path) as db:
            return db.execute(statement).fetchall()

    def end(self) -> None:
        self.monitor.close()
        self.history.close()


OK_LINE = says(line())
