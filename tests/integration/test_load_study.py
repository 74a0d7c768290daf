"""The benchmark of one daemon under load: a small run of the real thing."""

import json
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest

from daemon.bench.load import study
from daemon.bench.load.study import COLUMNS, load
from daemon.bench.load.tree import DAEMON, DECODERS, ENGINES, Tree
from daemon.errors import Unavailable


@pytest.mark.timeout(120)
def test_everything_is_measured_on_a_real_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "WARM_UP_S", 0.5)
    told: list[str] = []
    report = load(tmp_path, ["memos", "hours"], [2], 2.0, 1, told.append)
    assert told == ["1 of 2: memos, engines: 2", "2 of 2: hours, engines: 2"]
    memos, hours = report.rows
    assert list(memos) == list(hours) == list(COLUMNS)
    assert (memos["recordings"], hours["recordings"], hours["engines"]) == ("memos", "hours", 2)
    for row in report.rows:
        assert 0 < row["chunks/s"] < 1.5 * 2 * study.ENGINE.chunks_per_s, "no more than the engines do"
        assert all(row[name] > 0 for name in ("daemon ms/chunk", "daemon %", "database kB/h")), row
        assert 50 < row["daemon MB"] < row["all MB"] + 100 < 2000, row
    assert memos["recordings/s"] > 0
    assert hours["daemon ms/chunk"] < memos["daemon ms/chunk"], "a memo takes more than its chunk"
    assert len(report.runs) == 2 and json.loads(report.to_json(None))["table"] == report.rows
    assert list(tmp_path.iterdir()) == [], "nothing is left"


def test_a_daemon_that_transcribes_nothing_is_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "FIRST_S", 0.5)
    monkeypatch.setattr(study.Feeder, "feed", lambda *_: True)
    with pytest.raises(Unavailable, match="nothing is transcribed"):
        load(tmp_path, ["hours"], [1], 1.0, 1, print)


def test_a_tree_that_has_only_its_root() -> None:
    # The kernel counts in hundredths of a second.
    busy = "import time\nwhile time.process_time() < 0.05: pass\nprint(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", busy], stdin=PIPE, stdout=PIPE) as alone:
        assert alone.stdout is not None and alone.stdout.readline()
        look = Tree(alone.pid).look()
        alone.communicate(b"\n")
    assert look.cpu_s[DAEMON] > 0 and look.cpu_s[ENGINES] == look.cpu_s[DECODERS] == 0
    assert 0 < look.tree_mb <= look.peak_mb + 1
