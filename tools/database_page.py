"""Write below each query of docs/database.md what it gives on the example database: `python -m tools.database_page`."""

import re
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from tests import example

PAGE = Path(__file__).parent.parent / "docs" / "database.md"
QUERY = re.compile(r"^```sql\n(?P<sql>(?:.*\n)*?)```\n(?:\n(?:\|.*\n)+)?", re.MULTILINE)


def queries(page: str) -> list[str]:
    """Return the queries of a page, in their order."""
    return [found["sql"] for found in QUERY.finditer(page)]


def filled(page: str, database: Path) -> str:
    """Return a page with what each of its queries gives below it."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        return QUERY.sub(lambda found: f"```sql\n{found['sql']}```\n\n{_table(db.execute(found['sql']))}", page)


def _table(rows: sqlite3.Cursor) -> str:
    """Return rows as a table of Markdown, aligned so that it can be read as text, too."""
    cells = [[name for name, *_ in rows.description], *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [" | ".join(map(str.ljust, row, widths)) for row in cells]
    lines.insert(1, " | ".join("-" * width for width in widths))
    return "".join(f"| {line} |\n" for line in lines)


def _cell(value: object) -> str:
    return "" if value is None else str(value).replace("|", "\\|")


def main() -> None:
    """Bring the page up to date."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "jobs.db"
        example.create(database)
        PAGE.write_text(filled(PAGE.read_text("utf-8"), database), "utf-8")


if __name__ == "__main__":
    main()
