"""The benchmark of a large database, on a small one."""

from pathlib import Path

from daemon.bench.database import database


def test_every_query_finds_what_was_put_there(tmp_path: Path) -> None:
    report = database(jobs=40, segments=4_000, folder=tmp_path)
    found = {row["query"]: row["found"] for row in report.rows}
    assert found["status"] == found["reconcile"] == 40
    assert found["search: the most frequent word"] == 20, "the limit of a search"
    assert found["search: a word that nobody said"] == 0
    assert found["search: two frequent words"] > 0 and found["jobs list --path"] > 0
    assert all(0 < row["median ms"] <= row["slowest ms"] for row in report.rows)
    assert report.notes[0].startswith("40 jobs, 4000 segments")
