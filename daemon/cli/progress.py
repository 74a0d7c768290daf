"""Bars on the terminal: how far `transcribed run` is, a download, and a command that goes through many jobs.

They are drawn on standard error, below the lines of the log, and only where that is a terminal.
"""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from daemon.cli.show import length
from daemon.errors import TranscribedError
from daemon.processes.protocol import Downloading
from daemon.store.queries import Queries
from daemon.store.rows import Progress as JobProgress
from daemon.store.schema import RUNNING, WAITING

INTERVAL_S = 1.0

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Run:
    """A daemon in this process, as the bars see it."""

    database: Path
    once: bool
    """Whether it ends when the recordings are done; otherwise only downloads are shown."""
    is_loaded: Callable[[], bool]
    """Whether it has its model."""
    download: Callable[[], Downloading | None]
    """How far the download of the model is, while there is one."""


@contextmanager
def progress(run: Run) -> Iterator[None]:
    """Show how far a daemon is, below the lines of the log, until the block ends."""
    if not sys.stderr.isatty():
        yield
        return
    ended = Event()
    thread = Thread(target=_follow, args=(run, ended), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def downloads() -> Iterator[Callable[[Downloading], None]]:
    """Yield what shows how far a download of this process is."""
    with _bars() as bars:
        task = bars.add_task("", total=None, visible=False)
        yield lambda download: _show_download(bars, task, download)


def through(items: Sequence[Item], description: str, *, wanted: bool) -> Iterator[Item]:
    """Yield items one by one, and show how many have been dealt with.

    Args:
        items: What is gone through.
        description: What is done with them.
        wanted: False shows nothing.
    """
    with _bars(wanted=wanted) as bars:
        yield from bars.track(items, description=description)


@contextmanager
def busy(description: str, *, wanted: bool) -> Iterator[None]:
    """Show that something is done of which nobody knows how far it is; `wanted` as for `through`."""
    with _bars(wanted=wanted) as bars:
        bars.add_task(description, total=None)
        yield


def _bars(*, wanted: bool = True) -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    hidden = not (wanted and sys.stderr.isatty())
    return Progress(*columns, console=Console(stderr=True), refresh_per_second=2, transient=True, disable=hidden)


@contextmanager
def _bars_below_the_log() -> Iterator[Progress]:
    """Draw bars, and let the log write where Rich has put itself in the place of standard error: above them."""
    with _bars() as bars:
        handlers = [each for each in logging.getLogger().handlers if isinstance(each, logging.StreamHandler)]
        streams = [handler.setStream(sys.stderr) for handler in handlers]
        try:
            yield bars
        finally:
            for handler, stream in zip(handlers, streams, strict=True):
                if stream is not None:
                    handler.setStream(stream)


def _follow(run: Run, ended: Event) -> None:
    with suppress(TranscribedError):
        if run.once:
            _follow_recordings(run, ended)
        else:
            _follow_download(run, ended)


def _follow_download(run: Run, ended: Event) -> None:
    """Show the download of the model, if there is one, until the model is loaded."""
    while not run.is_loaded() and not ended.wait(INTERVAL_S):
        if run.download() is None:
            continue
        with _bars_below_the_log() as bars:
            task = bars.add_task("", total=None, visible=False)
            while (download := run.download()) is not None and not ended.wait(INTERVAL_S):
                _show_download(bars, task, download)


def _follow_recordings(run: Run, ended: Event) -> None:
    with _bars_below_the_log() as bars, Queries(run.database) as queries:
        loading = bars.add_task("", total=None, visible=False)
        task = bars.add_task("recordings", total=None)
        before = closed(queries.counts())
        while not ended.wait(INTERVAL_S):
            _show_download(bars, loading, run.download())
            counts, running = queries.counts(), queries.running()
            done, total = figures(counts, running, before)
            eta_s = queries.backlog()["eta_s"]
            left = f", about {length(eta_s)} left" if eta_s else ""
            bars.update(
                task, completed=done, total=total or None, description=f"{int(done)} of {total} recordings{left}"
            )


def _show_download(bars: Progress, task: TaskID, download: Downloading | None) -> None:
    if download is None:
        bars.update(task, visible=False)
        return
    bars.update(
        task, description=described(download), completed=download.done_bytes, total=download.total_bytes, visible=True
    )


def described(download: Downloading) -> str:
    """Return how far a download is, in words."""
    return f"downloading {download.model}: {download.done_bytes / 1e6:.0f} of {download.total_bytes / 1e6:.0f} MB"


def closed(counts: Mapping[str, int]) -> int:
    """Return how many jobs have ended, or are held until somebody says otherwise."""
    return sum(count for state, count in counts.items() if state not in (*WAITING, RUNNING))


def figures(counts: Mapping[str, int], running: Sequence[JobProgress], before: int) -> tuple[float, int]:
    """Return how many recordings are done, in parts, too, and how many there are in all.

    Args:
        counts: The jobs by state.
        running: Those that run.
        before: How many had ended before.
    """
    ended = max(0, closed(counts) - before)
    parts = sum((row["progress_percent"] or 0.0) / 100 for row in running)
    return ended + parts, ended + sum(counts[state] for state in (*WAITING, RUNNING))
