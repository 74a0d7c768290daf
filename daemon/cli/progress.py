"""A bar on the terminal that shows how far `transcribed run --once` is."""

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from daemon.cli.show import length
from daemon.errors import TranscribedError
from daemon.store.queries import Queries
from daemon.store.rows import Progress as JobProgress
from daemon.store.schema import RUNNING, WAITING

INTERVAL_S = 1.0


@contextmanager
def progress(path: Path, *, wanted: bool) -> Iterator[None]:
    """Show how far the jobs of a database are, below the lines of the log, until the block ends.

    Args:
        path: The database.
        wanted: False does nothing; neither is anything done where standard error is no terminal.
    """
    if not wanted or not sys.stderr.isatty():
        yield
        return
    ended = Event()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=2, transient=True) as bar, _log_above():
        thread = Thread(target=_follow, args=(bar, path, ended), name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


@contextmanager
def _log_above() -> Iterator[None]:
    """Let the log write where Rich has put itself in the place of standard error, so that lines go above the bar."""
    handlers = [each for each in logging.getLogger().handlers if isinstance(each, logging.StreamHandler)]
    streams = [handler.setStream(sys.stderr) for handler in handlers]
    try:
        yield
    finally:
        for handler, stream in zip(handlers, streams, strict=True):
            if stream is not None:
                handler.setStream(stream)


def _follow(bar: Progress, path: Path, ended: Event) -> None:
    task = bar.add_task("recordings", total=None)
    with suppress(TranscribedError), Queries(path) as queries:
        before = closed(queries.counts())
        while not ended.wait(INTERVAL_S):
            counts, running = queries.counts(), queries.running()
            done, total = figures(counts, running, before)
            eta_s = queries.backlog()["eta_s"]
            left = f", about {length(eta_s)} left" if eta_s else ""
            bar.update(
                task, completed=done, total=total or None, description=f"{int(done)} of {total} recordings{left}"
            )


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
