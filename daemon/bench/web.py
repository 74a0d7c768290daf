"""What the page costs the daemon, and how fast it is: people who watch, listen, search, send and read slowly."""

import json
import math
import os
import resource
import shutil
import socket
import sqlite3
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from daemon.bench import workload as workloads
from daemon.bench.contenders import config_text
from daemon.bench.database import large_database
from daemon.bench.report import Report
from daemon.bench.served import HOST, TIMEOUT_S, Page, Watchers, changes, page, transcribing, until
from daemon.bench.studies import Bench
from daemon.bench.workload import Workload
from daemon.errors import Unavailable
from daemon.filesystem import fingerprint

DONE_S = 3600.0
SETTLE_S = 2.0
"""The default of watching.settle_seconds, for which what is copied into a folder waits."""
RUNS = 50
"""Of each page that is timed."""
MEMO_S = 60.0
SLOW_READERS, SLOW_BYTES, SLOW_PAUSE_S = 20, 4096, 0.2
"""Each takes 20 kB/s."""
RECORDING_BYTES = 200_000_000
WARM_UP = 4
BOUNDARY = "bench"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large everything is."""

    memos: int
    """The recordings that are transcribed in each run."""
    jobs: int
    segments: int
    watching: int = 20
    """How many people have the queue's page open."""
    listeners: int = 1000
    """How many listen to events while nothing happens."""


def web(bench: Bench, sizes: Sizes) -> Report:
    """Measure the daemon's throughput with and without people who watch, and how fast the page answers under load.

    Raises:
        Unavailable: The daemon or the page does not come up, or a recording is not transcribed.
    """
    for name in ("memos", "memo", "throughput", "words", "large"):
        (bench.folder / name).mkdir()
    load = workloads.memos(bench.folder / "memos", sizes.memos)
    memo = workloads.meeting(bench.folder / "memo", MEMO_S, "memo")
    report = Report("web", bench.model["name"], [load, memo], ["measured", "runs", "median", "p95", "worst"])
    _throughput(report, bench, load, sizes.watching)
    _first_words(report, bench, memo)
    _large(report, bench.folder / "large", sizes)
    return report


def add(report: Report, measured: str, values: Sequence[float], digits: int = 1) -> None:
    """Add a row about some values, and keep them all."""
    ranked = sorted(values)
    p95 = ranked[math.ceil(0.95 * len(ranked)) - 1]
    figures = (round(each, digits) for each in (statistics.median(ranked), p95, ranked[-1]))
    report.rows.append(dict(zip(report.columns, (measured, len(values), *figures), strict=True)))
    report.runs.append({"measured": measured, "values": list(values)})


# -- what people who watch cost -------------------------------------------------------------------------------------


def _throughput(report: Report, bench: Bench, load: Workload, watching: int) -> None:
    """Transcribe the same recordings with nobody and with many watching, by turns, in one daemon."""
    folder = bench.folder / "throughput"
    (folder / "inbox").mkdir()
    (folder / "config.toml").write_text(config_text(folder, bench.model))
    alone: list[float] = []
    watched: list[float] = []
    looks = 0
    with transcribing(folder), page(folder) as served:
        _done_s(folder, load, "warm-up", WARM_UP)
        for number in range(bench.repeats):
            turns = [(0, alone), (watching, watched)]
            for people, times in turns if number % 2 == 0 else reversed(turns):
                with Watchers(served, people) as watchers:
                    times.append(_done_s(folder, load, f"{number}-{people}", len(load.items)))
                looks += watchers.looks
        peak_mb = served.peak_mb()
    add(report, f"s for {load.name}, nobody watching", alone, 2)
    add(report, f"s for {load.name}, {watching} watching", watched, 2)
    kept = [100 * one / other for one, other in zip(alone, watched, strict=True)]
    add(report, f"% of the throughput kept with {watching} watching", kept, 2)
    report.notes.append(f"those who watched fetched the queue {looks} times; the page had {peak_mb:.0f} MB at most")


def _done_s(folder: Path, load: Workload, name: str, count: int) -> float:
    """Drop recordings, and return the seconds from the beginning of the first to the end of the last."""
    for item in load.items[:count]:
        shutil.copy(item.path, folder / "inbox" / f"{name}-{item.path.name}")
    with closing(sqlite3.connect(f"file:{folder / 'jobs.db'}?mode=ro", uri=True)) as db:
        states = "SELECT state, count(*) FROM jobs WHERE path LIKE ? GROUP BY state"
        wanted = {"done": min(count, len(load.items))}

        def has_ended() -> bool:
            found = dict(db.execute(states, (f"{name}-%",)).fetchall())
            if bad := {"dead", "rejected", "ignored", "failed"} & found.keys():
                raise Unavailable(f"a recording of the benchmark is {', '.join(bad)}", f"see {folder / 'run.log'}")
            return found == wanted

        until(has_ended, DONE_S, f"the recordings {name} are not transcribed")
        took = "SELECT (julianday(max(finished_at)) - julianday(min(started_at))) * 86400 FROM jobs WHERE path LIKE ?"
        return float(db.execute(took, (f"{name}-%",)).fetchone()[0])


# -- first words ----------------------------------------------------------------------------------------------------


def _first_words(report: Report, bench: Bench, memo: Workload) -> None:
    """Send a memo as the page and as a program does, and wait for its first words."""
    folder = bench.folder / "words"
    (folder / "inbox").mkdir()
    (folder / "config.toml").write_text(config_text(folder, bench.model, SETTLE_S))
    content = memo.items[0].path.read_bytes()
    dropped, sent = [], []
    with transcribing(folder), page(folder) as served:
        _words_after_drop(served, "warm-up.wav", content)
        for number in range(bench.repeats):
            dropped.append(_words_after_drop(served, f"dropped-{number}.wav", content))
            sent.append(_words_after_request(served, f"sent-{number}.wav", content))
    what = f"s to the first words of {MEMO_S / 60:g} min"
    add(report, f"{what}, dropped on the page", dropped, 2)
    add(report, f"{what}, sent to /v1 and streamed", sent, 2)


def _words_after_drop(served: Page, name: str, content: bytes) -> float:
    """Look at the job after each change, as the page does, until there is text."""
    with closing(changes(served)) as changed:
        next(changed)
        began = served.send(name, content)
        for _ in changed:
            for job in json.loads(served.get(f"/api/jobs?{urlencode({'path': name})}"))["jobs"]:
                if json.loads(served.get(f"/api/jobs/{job['id']}"))["segments"]:
                    took_s = time.monotonic() - began
                    _end(served, job["id"])
                    return took_s
            if time.monotonic() - began > DONE_S:
                break
    raise Unavailable(f"{name} has no text after {DONE_S:g} s")


def _end(served: Page, job_id: int) -> None:
    """Wait until a job has ended, so that the next one does not share the machine with it."""
    until(
        lambda: json.loads(served.get(f"/api/jobs/{job_id}"))["state"] == "done", DONE_S, "the memo is not transcribed"
    )


def _words_after_request(served: Page, name: str, content: bytes) -> float:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="stream"\r\n\r\ntrue\r\n--{BOUNDARY}\r\n'
    head += f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: audio/wav\r\n\r\n'
    form = head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    with closing(served.connection()) as connection:
        began, took_s = time.monotonic(), 0.0
        connection.request("POST", "/v1/audio/transcriptions", form, headers)
        answer = connection.getresponse()
        while line := answer.readline():
            if line.startswith(b"data: "):
                event: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
                if event["type"] == "error":
                    raise Unavailable(f"{name} is not transcribed: {event['error']['message']}")
                took_s = took_s or time.monotonic() - began
    if not took_s:
        raise Unavailable(f"{name} has no text: the page answered {answer.status}")
    return took_s


# -- a large database, idle listeners, slow readers -----------------------------------------------------------------


def _large(report: Report, folder: Path, sizes: Sizes) -> None:
    words = large_database(folder, sizes.jobs, sizes.segments)
    (folder / "config.toml").write_text(config_text(folder, {}))
    of = f"of {sizes.jobs} jobs, {sizes.segments} segments"
    _add_recording(folder)
    with page(folder) as served:
        served.get("/")
        add(report, f"ms for / {of}", served.timed("/", RUNS))
        searches = {
            "a rare word": words[-1],
            "the most frequent word": words[0],
            "two frequent words": f"{words[1]} {words[2]}",
            "a phrase": f'"{words[3]} {words[7]}"',
        }
        for what, asked in searches.items():
            for address in ("/search", "/api/search"):
                times = served.timed(f"{address}?{urlencode({'q': asked})}", RUNS)
                add(report, f"ms for {address}, {what} {of}", times)
        with _slow_readers(served):
            add(report, f"ms for / while {SLOW_READERS} take a recording slowly", served.timed("/", RUNS))
        before_mb = served.peak_mb()
    with page(folder) as served, _listeners(served, sizes.listeners) as accepted:
        add(report, f"ms for / while {accepted} listen and nothing happens", served.timed("/", RUNS))
        report.notes.append(f"{accepted} of {sizes.listeners} listeners were accepted")
        add(report, f"MB of the page at most, {accepted} listeners", [served.peak_mb()])
    add(report, f"MB of the page at most, searches and {SLOW_READERS} slow readers", [before_mb])


def _add_recording(folder: Path) -> None:
    """Make the first of the empty recordings a large one."""
    with closing(sqlite3.connect(folder / "jobs.db")) as db, db:
        (name,) = db.execute("SELECT path FROM jobs WHERE id = 1").fetchone()
        os.truncate(folder / "inbox" / name, RECORDING_BYTES)
        version = fingerprint((folder / "inbox" / name).stat())
        db.execute("UPDATE jobs SET fingerprint = ?, size_bytes = ? WHERE id = 1", (version, RECORDING_BYTES))


def _dialled(served: Page, path: str) -> socket.socket:
    connection = socket.create_connection((HOST, served.port), TIMEOUT_S)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    return connection


@contextmanager
def _slow_readers(served: Page) -> Iterator[None]:
    """Have a recording read by people who take it slowly."""
    ended = threading.Event()
    with ExitStack() as stack:
        readers = [stack.enter_context(_dialled(served, "/api/jobs/1/recording")) for _ in range(SLOW_READERS)]
        for reader in readers:
            if not reader.recv(64).startswith(b"HTTP/1.1 200"):
                raise Unavailable("the recording is not served")

        def read() -> None:
            while not ended.wait(SLOW_PAUSE_S):
                for reader in readers:
                    with suppress(OSError):
                        reader.recv(SLOW_BYTES)

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


@contextmanager
def _listeners(served: Page, count: int) -> Iterator[int]:
    """Have so many listen to events; the value is how many of them heard one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with ExitStack() as stack:
        listeners = [stack.enter_context(_dialled(served, "/api/events")) for _ in range(count)]
        yield sum(map(_has_heard, listeners))


def _has_heard(listener: socket.socket) -> bool:
    heard = b""
    with suppress(OSError):
        while b"event: change" not in heard and (more := listener.recv(4096)):
            heard += more
    return heard.startswith(b"HTTP/1.1 200") and b"event: change" in heard
