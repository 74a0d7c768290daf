"""The queries of docs/database.md and of docs/datasette.json, on the example database."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from daemon.store.schema import metadata
from tests import example
from tests.support import ROOT
from tools.database_page import PAGE, filled, queries

DATASETTE = json.loads((ROOT / "docs" / "datasette.json").read_text("utf-8"))["databases"]["jobs"]
PARAMETERS = {"words": "budget", "job": 2}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("example") / "jobs.db"
    example.create(path)
    return path


@pytest.fixture
def db(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        yield connection


def test_every_query_of_the_page_gives_what_stands_below_it(database: Path) -> None:
    page = PAGE.read_text("utf-8")
    assert filled(page, database) == page, "run python -m tools.database_page"


def test_every_query_of_the_page_finds_something(db: sqlite3.Connection) -> None:
    statements = queries(PAGE.read_text("utf-8"))
    assert len(statements) >= 12
    assert [statement for statement in statements if not db.execute(statement).fetchall()] == []


def test_another_result_is_noticed(database: Path) -> None:
    page = "```sql\nSELECT 1 AS one, NULL AS none;\n```\n\n| one |\n|---|\n| 2 |\n\nmore\n"
    assert filled(page, database) == (
        "```sql\nSELECT 1 AS one, NULL AS none;\n```\n\n| one | none |\n| --- | ---- |\n| 1   |      |\n\nmore\n"
    )


@pytest.mark.parametrize("name", DATASETTE["queries"])
def test_every_canned_query_finds_something(db: sqlite3.Connection, name: str) -> None:
    query: dict[str, Any] = DATASETTE["queries"][name]
    assert set(re.findall(r":(\w+)", query["sql"])) == set(query.get("params", ()))
    assert db.execute(query["sql"], PARAMETERS).fetchall()


def test_what_datasette_is_told_of_tables_is_true(db: sqlite3.Connection) -> None:
    for name, told in DATASETTE["tables"].items():
        columns = metadata.tables[name].columns
        named = {
            *told.get("facets", ()),
            *(told[key] for key in ("label_column", "sort_desc", "fts_pk") if key in told),
        }
        assert named <= set(columns.keys()), name
        if "fts_table" in told:
            assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = ?", (told["fts_table"],)).fetchone() == (
                1,
            )


def test_the_diagram_has_every_table_and_what_belongs_to_what() -> None:
    (diagram,) = re.findall(r"^```mermaid\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    outline = re.sub(r"\{[^{}]*\n[^{}]*\}", "", diagram)
    drawn = {(one, other) for one, other in re.findall(r"^ +(\w+) \S+--\S+ (\w+) :", outline, re.MULTILINE)}
    keys = {(key.column.table.name, table.name) for table in metadata.tables.values() for key in table.foreign_keys}
    assert drawn == {*keys, ("segments", "segments_fts")}
    assert set(re.findall(r"\w+", outline)) >= set(metadata.tables)
    for name, columns in re.findall(r"^ +(\w+) \{\n(.*?)\}", diagram, re.MULTILINE | re.DOTALL):
        assert set(re.findall(r"^ +\w+ (\w+)", columns, re.MULTILINE)) <= set(metadata.tables[name].columns.keys()), (
            name
        )
