"""How far `run --once` is, in figures."""

import io
import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from daemon.cli.progress import closed, figures, progress
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
    with progress(tmp_path / "jobs.db", wanted=True):
        logging.getLogger(__name__).debug("no line of the log goes elsewhere")
    assert stderr.getvalue() == ""
