"""The benchmark of the page: a small real run, with the fake engine in a real daemon."""

import json
from pathlib import Path

import pytest

from daemon.bench import web, workload
from daemon.bench.report import Report
from daemon.bench.studies import Bench
from daemon.bench.web import Sizes, add
from daemon.bench.workload import Item, Workload
from daemon.errors import Unavailable

FAKE = {"engine": "fake", "workers": 2, "cpu_threads": 1, "batch_size": 4}
SIZES = Sizes(memos=3, jobs=40, segments=4_000, watching=2, listeners=5)


def bench(folder: Path) -> Bench:
    return Bench({"name": "tiny.en", **FAKE}, folder, 1, iter)


def test_everything_is_measured_on_a_real_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSCRIBED_FAKE", json.dumps({"delay_s": 0.05}))
    small = {"RUNS": 3, "MEMO_S": 10.0, "RECORDING_BYTES": 20_000_000, "DONE_S": 60.0, "SETTLE_S": 0.2}
    for name, value in small.items():
        monkeypatch.setattr(web, name, value)
    report = web.web(bench(tmp_path), SIZES)
    rows = {row["measured"]: row for row in report.rows}
    kinds = [
        "s for 3 memos, nobody watching", "s for 3 memos, 2 watching", "% of the throughput kept with 2 watching",
        "s to the first words of 0.166667 min, dropped", "s to the first words of 0.166667 min, sent to /v1",
        "ms for / of 40 jobs, 4000 segments", "ms for /search, a rare word", "ms for /api/search, a phrase",
        "ms for / while 20 take a recording slowly", "ms for / while 5 listen", "MB of the page at most, 5 listeners",
    ]  # fmt: skip
    for kind in kinds:
        (row,) = [row for name, row in rows.items() if name.startswith(kind)]
        assert 0 < row["median"] <= row["p95"] <= row["worst"] and row["runs"] >= 1, row
    assert {len(each["values"]) for each in report.runs if each["measured"].startswith("ms")} == {3}
    assert "5 of 5 listeners were accepted" in report.notes
    (fetched,) = [note for note in report.notes if "fetched the queue" in note]
    assert int(fetched.split(" times")[0].split()[-1]) >= SIZES.watching, "they did watch"
    assert json.loads(report.to_json(None))["workloads"][0]["recordings"] == 3


@pytest.mark.faults
def test_a_recording_that_is_not_transcribed_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSCRIBED_FAKE", json.dumps({"unready_after": 0}))
    monkeypatch.setattr(workload, "memos", broken)
    with pytest.raises(Unavailable, match="a recording of the benchmark is rejected"):
        web.web(bench(tmp_path), SIZES)


def broken(folder: Path, count: int) -> Workload:
    """Recordings that are none."""
    items = []
    for number in range(count):
        (path := folder / f"{number}.wav").write_bytes(b"no sound")
        items.append(Item(path, None, 1.0))
    return Workload("broken ones", tuple(items), "")


def test_a_row_has_the_median_the_95th_percentile_and_the_worst() -> None:
    report = Report("web", "tiny.en", [], ["measured", "runs", "median", "p95", "worst"])
    add(report, "ms for /", [float(each) for each in range(100, 0, -1)])
    add(report, "s", [1.234], 2)
    assert report.rows == [
        {"measured": "ms for /", "runs": 100, "median": 50.5, "p95": 95.0, "worst": 100.0},
        {"measured": "s", "runs": 1, "median": 1.23, "p95": 1.23, "worst": 1.23},
    ]
