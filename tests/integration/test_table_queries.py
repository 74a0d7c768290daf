"""`transcribed export --format csv` and its like, on the example database."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from typer.testing import CliRunner

from daemon.cli.app import app
from daemon.store import table_queries
from daemon.store.queries import Queries
from daemon.store.rows import JobRow
from daemon.store.table_queries import kinds
from tests import example


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("example")
    (made / "inbox").mkdir()
    (made / "config.toml").write_text('[[watch]]\npath = "inbox"\n[database]\nurl = "sqlite:///jobs.db"\n')
    example.create(made / "jobs.db")
    return made


def export(folder: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["export", *arguments, "--config", str(folder / "config.toml")])


def lines(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    done = export(folder, "--format", "jsonl", *arguments)
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_all_that_was_said_is_a_table(folder: Path) -> None:
    done = export(folder, "--format", "csv")
    assert done.exit_code == 0, done.stderr
    table = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    assert list(table[0]) == list(kinds("segments"))
    assert {row["path"] for row in table} == {*(each.path for each in example.DONE), "memos/milk (copy).opus"}
    assert [row["text"] for row in table if row["path"] == example.MILK.path] == ["Buy milk, and call the plumber."]
    assert lines(folder)[0]["avg_logprob"] == float(table[0]["avg_logprob"]) == -0.11


def test_lines_of_channels_stand_in_the_order_of_the_talk(folder: Path) -> None:
    said = [(row["channel"], row["start_s"]) for row in lines(folder, "--path", "calls/*")]
    assert said == [(1, 0.6), (2, 2.3), (1, 10.2), (2, 12.9)]


def test_the_jobs_are_a_table(folder: Path) -> None:
    table = lines(folder, "--table", "jobs")
    assert [row["id"] for row in table] == list(range(1, 15))
    assert list(table[0]) == list(JobRow.__annotations__) and set(kinds("jobs").values()) == {int, float, str, bool}
    assert bytes.fromhex(table[3]["path_bytes"]).decode() == "interviews/zürich.mp3"


def test_the_table_has_the_jobs_that_are_wanted(folder: Path) -> None:
    assert [row["id"] for row in lines(folder, "--table", "jobs", "--state", "queued")] == [12, 13]
    assert {row["path"] for row in lines(folder, "--suspect")} == {"lectures/lecture-3.mkv"}
    assert {row["job_id"] for row in lines(folder, "--state", "running")} == {11}
    assert {row["job_id"] for row in lines(folder, "11", "memos/milk.opus")} == {3, 11}
    assert lines(folder, "--path", "nothing*") == []
    done = export(folder, "--format", "jsonl", "3", "99", "nobody.wav")
    assert (done.exit_code, done.stdout.count("\n")) == (1, 1)
    assert done.stderr.splitlines() == ["transcribed: there is no job 99", "transcribed: there is no job nobody.wav"]


def test_tables_are_read_in_groups_of_jobs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Queries(folder / "jobs.db") as queries:
        ids = queries.existing(range(1, 15))
        whole = list(queries.table("segments", ids))
        assert len(list(queries._groups(ids))) == 1
        monkeypatch.setattr(table_queries, "CHUNKS_AT_ONCE", 4)
        groups = list(queries._groups(ids))
        assert len(groups) > 3 and [job_id for group in groups for job_id in group] == ids
        assert list(queries.table("segments", ids)) == whole


def test_no_lines_are_read_but_those_of_the_jobs_that_are_wanted(folder: Path) -> None:
    asked: list[tuple[str, Any]] = []
    with Queries(folder / "jobs.db") as queries:
        event.listen(
            queries._engine,
            "before_cursor_execute",
            lambda _db, _cursor, statement, parameters, _context, _many: asked.append((statement, parameters)),
        )
        assert list(queries.table("segments", [1, 2]))
        ((statement, parameters),) = [each for each in asked if "FROM lines" in each[0]]
        with queries._engine.connect() as db:
            plan = [row[3] for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    for table in ("segments", "corrected"):
        assert [step for step in plan if step.startswith(f"SEARCH {table} USING INDEX")], plan


def test_a_table_is_written_into_a_file(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "said.csv"
    done = export(folder, "--format", "csv", "--output", str(file))
    assert done.stdout == f"15 rows written to {file}\n" and len(file.read_text().splitlines()) == 16
    again = export(folder, "--format", "csv", "--output", str(file), "--json")
    assert again.exit_code == 1 and "is there already" in str(again.exception)
    forced = export(folder, "--format", "csv", "--table", "jobs", "--output", str(file), "--force", "--json")
    assert json.loads(forced.stdout) == {"output": str(file), "table": "jobs", "rows": 14, "missing": []}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--format", "csv", "--format", "txt"), "one table"),
        (("--format", "csv", "--missing"), "one table"),
        (("--format", "csv", "--json"), "--output FILE"),
        (("--format", "csv", "--force"), "--output FILE"),
        (("--format", "txt", "1", "--output", "x"), "go with --format csv"),
        (("--format", "csv", "1", "--state", "done"), "choose them with"),
    ],
)
def test_what_does_not_go_together_is_bad_usage(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    done = export(folder, *arguments)
    assert done.exit_code == 2 and said in done.stderr, done.stderr


def test_formats_beside_the_recordings_can_be_chosen_by_filter(folder: Path) -> None:
    done = export(folder, "--format", "vtt", "--path", "memos/*", "--json")
    assert json.loads(done.stdout)["requested"] == [{"formats": ["vtt"], "jobs": [3, 6]}]
    assert export(folder, "--format", "vtt", "--path", "nothing*").stdout == "no finished jobs match\n"
