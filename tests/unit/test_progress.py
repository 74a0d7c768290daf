"""How far something is, in figures, and that nothing is drawn where nobody looks."""

import io
import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from daemon.cli.progress import Run, busy, closed, downloads, figures, progress, through
from daemon.processes.protocol import Downloading
from daemon.store.schema import STATES


def counts(**of: int) -> dict[str, int]:
    return dict.fromkeys(STATES, 0) | of


def running(*percents: float | None) -> list[Any]:
    return [{"progress_percent": percent} for percent in percents]


def test_recordings_count_in_parts_and_those_of_earlier_runs_not_at_all() -> None:
    assert closed(counts(done=3, dead=1, ignored=2, paused=1, queued=9, running=1)) == 7
    now = counts(done=13, dead=1, queued=5, settling=1, running=2, failed=1)
    assert figures(now, running(50.0, None), before=10) == (4.5, 13)
    assert figures(counts(), [], before=0) == (0, 0)


def test_jobs_of_earlier_runs_that_are_forgotten_meanwhile_do_no_harm() -> None:
    assert figures(counts(done=1, queued=1), [], before=5) == (0, 1)


def test_nothing_is_shown_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    with progress(Run(tmp_path / "jobs.db", True, lambda: False, lambda: None)):
        logging.getLogger(__name__).debug("no line of the log goes elsewhere")
    with downloads() as tell, busy("looking", wanted=True):
        tell(Downloading("base", 1, 2))
    assert list(through([1, 2, 3], "counting", wanted=True)) == [1, 2, 3]
    assert stderr.getvalue() == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Standard error on a terminal; not a fixture, for pytest puts its own back before the test."""
    stderr = Terminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setenv("TERM", "xterm")
    return stderr


def test_a_terminal_shows_a_download_in_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = terminal(monkeypatch)
    with downloads() as tell:
        assert "downloading" not in stderr.getvalue()
        tell(Downloading("large-v3", 1_052_000_000, 3_090_000_000))
    assert "downloading large-v3: 1052 of 3090 MB" in stderr.getvalue()


def test_a_terminal_shows_what_is_gone_through_unless_it_is_for_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = terminal(monkeypatch)
    assert list(through([1, 2], "counting", wanted=False)) == [1, 2] and stderr.getvalue() == ""
    with busy("looking", wanted=True):
        pass
    assert list(through([1, 2], "counting", wanted=True)) == [1, 2]
    assert "looking" in stderr.getvalue() and "counting" in stderr.getvalue()
