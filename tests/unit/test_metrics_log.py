import json
from pathlib import Path

import pytest

from daemon.monitor import metrics_log
from daemon.monitor.metrics_log import Lines


def test_a_line_for_each_row_with_text_as_it_is(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "new" / "metrics.log")
    for number in range(3):
        lines.write({"number": number, "text": "Ü\n"})
    lines.close()
    written = (tmp_path / "new" / "metrics.log").read_text("utf-8").splitlines()
    assert [json.loads(line)["number"] for line in written] == [0, 1, 2] and "Ü\\n" in written[0]


def test_older_lines_move_on_and_the_oldest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_log, "LOG_BYTES", 50)
    monkeypatch.setattr(metrics_log, "LOG_FILES", 2)
    lines = Lines(tmp_path / "metrics.log")
    for number in range(9):
        lines.write({"number": number, "filler": "x" * 30})
    lines.close()
    kept = [json.loads((tmp_path / f"metrics.log{end}").read_text())["number"] for end in ("", ".1", ".2")]
    assert kept == [8, 7, 6] and len(list(tmp_path.iterdir())) == 3


def test_a_disk_that_takes_nothing_is_told_of_once_until_it_works_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "folder").write_text("a file where a folder should be")
    lines = Lines(tmp_path / "folder" / "metrics.log")
    for _ in range(3):
        lines.write({})
    assert caplog.text.count("cannot be written") == 1
    (tmp_path / "folder").unlink()
    lines.write({"number": 1})
    lines.close()
    assert (tmp_path / "folder" / "metrics.log").read_text() == '{"number": 1}\n'
