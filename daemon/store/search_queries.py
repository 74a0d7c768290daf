"""Queries over what was said, for `transcribed search`."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Table,
    column,
    exists,
    func,
    literal_column,
    select,
    table,
    tuple_,
)

from daemon.store.full_text import BREAK
from daemon.store.job_queries import WHOLE_PATH, below
from daemon.store.read_access import ReadAccess
from daemon.store.replaced import replaced
from daemon.store.schema import VANISHED, corrected, jobs, segments, versions
from daemon.store.versions import IS_CURRENT

OPEN, CLOSE = "\x02", "\x03"
"""What stands around the words that were found, while their places are looked up."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for."""

    query: str
    """As `full_text.query` writes it."""
    folder: str | None = None
    """Only recordings below this folder."""
    since: str | None = None
    """Only what was transcribed at this time or later."""
    until: str | None = None
    """Only what was transcribed at this time or earlier."""
    limit: int = 20
    within: tuple[str, ...] = ()
    """Only recordings below one of these folders; empty for all."""
    language: str | None = None
    """Only what was said in this language."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A line in which something was found."""

    job_id: int
    path: str
    """Of the recording."""
    start_s: float
    end_s: float
    channel: int
    """From 1; 0 where the channels were mixed."""
    text: str
    highlights: list[tuple[int, int]] = field(default_factory=list)
    """Where in the text the words are: the first character, and the one behind the last."""
    before: str = ""
    """The line before it."""
    after: str = ""
    """The line after it."""


class SearchQueries(ReadAccess):
    """Reads lines by their words."""

    def search(self, asked: Asked) -> list[Hit]:
        """Return the lines that have all phrases, those that were transcribed last first.

        What was said in an earlier version of a recording that has been done since is left out, and so is the machine's
        text where somebody has corrected it.
        """
        # The two indexes number their lines each for itself, and that of corrections as they were saved.
        found = [row for said in (corrected, segments) for row in self._rows(_lines_with(asked, said))]
        newest = sorted(found, key=lambda row: row.at or "", reverse=True)
        return [_hit(row) for row in newest[: asked.limit]]


def _lines_with(asked: Asked, said: Table) -> Select[Any]:
    """Return the query for what is looked for in one of the tables that have an index of words."""
    name = f"{said.name}_fts"
    index = table(name, column("rowid", Integer))
    marked: ColumnElement[str] = literal_column(f"highlight({name}, 0, char({ord(OPEN)}), char({ord(CLOSE)}))")
    # What runs, or waits to be done again, has no end, and was transcribed after it had started.
    at = func.coalesce(jobs.c.finished_at, jobs.c.started_at)
    statement = (
        select(
            said.c.job_id, WHOLE_PATH.label("path"), said.c.start_s, said.c.end_s, said.c.channel, at.label("at"),
            marked.label("marked"), _neighbour(said, later=False).label("before"),
            _neighbour(said, later=True).label("after"),
        )
        .select_from(index)
        .join(said, said.c.id == index.c.rowid)
        .join(jobs, jobs.c.id == said.c.job_id)
        .where(literal_column(name).op("MATCH")(asked.query), jobs.c.state != VANISHED, ~replaced())
        .order_by(index.c.rowid.desc())
        .limit(asked.limit)
    )  # fmt: skip
    if said is segments:
        statement = statement.where(~exists().where(versions.c.job_id == said.c.job_id, IS_CURRENT))
    if asked.folder is not None:
        statement = statement.where(below([asked.folder]))
    if asked.within:
        statement = statement.where(below(asked.within))
    if asked.language is not None:
        statement = statement.where(said.c.language == asked.language)
    if asked.since is not None:
        statement = statement.where(at >= asked.since)
    if asked.until is not None:
        statement = statement.where(at <= asked.until)
    return statement


def _hit(row: Any) -> Hit:
    text, highlights = _places(row.marked)
    return Hit(
        row.job_id, row.path, row.start_s, row.end_s, row.channel, text, highlights, row.before or "", row.after or ""
    )


def _neighbour(said: Table, *, later: bool) -> ColumnElement[Any]:
    """Return the text of the line of the same channel before or after one."""
    other = said.alias()
    here, there = tuple_(said.c.chunk, said.c.idx), tuple_(other.c.chunk, other.c.idx)
    mine = (other.c.job_id == said.c.job_id, other.c.channel == said.c.channel)
    order = (other.c.chunk, other.c.idx) if later else (other.c.chunk.desc(), other.c.idx.desc())
    text = select(other.c.text).where(*mine, there > here if later else there < here).order_by(*order).limit(1)
    return text.correlate(said).scalar_subquery()


def _places(marked: str) -> tuple[str, list[tuple[int, int]]]:
    """Return a text without its marks, and where they were; neighbours are one."""
    text, places, start = "", [], 0
    for char in marked.replace(BREAK, ""):
        if char == OPEN:
            start = len(text)
        elif char == CLOSE:
            places.append((start, len(text)))
        else:
            text += char
    joined = places[:1]
    for (_, end), (begin, until) in pairwise(places):
        if begin == end:
            joined[-1] = (joined[-1][0], until)
        else:
            joined.append((begin, until))
    return text, joined
