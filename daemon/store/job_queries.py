"""Queries about jobs: lists, filters, pages, and single jobs."""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, Select, Text, cast, func, or_, select

from daemon.filesystem import fingerprint
from daemon.store.line_order import in_order
from daemon.store.records import readable
from daemon.store.rows import DeliveryRow, JobDetail, JobPage, JobRow, OutputRow, SegmentRow
from daemon.store.schema import DEAD, REJECTED, VANISHED, jobs, lines, outbox, outputs
from daemon.store.stage_queries import StageQueries

START = "START"
"""The cursor of the first page."""
BEFORE = "before-"
"""Other cursors are this, followed by the id of the last job of the previous page."""


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are wanted; an empty field matches all jobs."""

    states: tuple[str, ...] = ()
    root: str | None = None
    """A watched folder, with links resolved as in the configuration."""
    path: bytes | None = None
    """A shell pattern for the path below the root or for the whole path; `*` also matches slashes."""
    within: tuple[str, ...] = ()
    """Only recordings below one of these folders; empty for all."""
    suspect: bool = False
    """Only those whose transcript comes with warnings, or whose recording was damaged."""


ROOT = func.rtrim(jobs.c.root, "/") + "/"
WHOLE_PATH = ROOT + jobs.c.path
WHOLE_BYTES = cast(ROOT.concat(cast(jobs.c.path_bytes, Text)), LargeBinary)
"""Names are looked up as they are on the disk; `path` has some of their characters escaped."""
CURRENT = (jobs.c.id, jobs.c.root, jobs.c.path_bytes, jobs.c.fingerprint, jobs.c.state)


class JobQueries(StageQueries):
    """Reads about jobs."""

    def jobs(self, wanted: JobFilter | None = None, *, limit: int = 50, offset: int = 0) -> list[JobRow]:
        """List jobs, the newest first, leaving out the first `offset`."""
        return self._listed(_ids(wanted).limit(limit).offset(offset))

    def page(self, wanted: JobFilter | None = None, *, limit: int = 50, cursor: str = START) -> JobPage:
        """List the jobs that come after those of an earlier page, the newest first.

        The position is kept by id, not by number: whatever is added or forgotten meanwhile, no job comes twice, and
        no job that existed at the first page is skipped. Newer jobs appear when the listing starts over.

        Raises:
            ValueError: The cursor is not valid.
        """
        before = _id_of(cursor)
        ids = _ids(wanted).limit(limit + 1)
        rows = self._listed(ids if before is None else ids.where(jobs.c.id < before))
        has_more = len(rows) > limit
        return {"jobs": rows[:limit], "next": f"{BEFORE}{rows[limit - 1]['id']}" if has_more else None}

    def job(self, job_id: int) -> JobDetail | None:
        """Return everything about one job: its row, files and text, what its stages have found, and what followed."""
        rows = self._typed(JobRow, select(jobs).where(jobs.c.id == job_id))
        if not rows:
            return None
        files = select(outputs).where(outputs.c.job_id == job_id)
        said = select(lines).where(lines.c.job_id == job_id)
        orders = select(outbox).where(outbox.c.job_id == job_id)
        return {
            **rows[0],
            "outputs": self._typed(OutputRow, files),
            "stages": self.stages(job_id),
            "segments": self._typed(SegmentRow, said.order_by(*in_order(lines))),
            "deliveries": self._typed(DeliveryRow, orders.order_by(outbox.c.id)),
        }

    def newest(self, root: str, path: bytes, version: str | None) -> JobRow | None:
        """Return the job of a version of a path below a watched folder, or else that of the newest, or None."""
        mine = select(jobs).where(jobs.c.root == root, jobs.c.path_bytes == path)
        # A job that was moved here may be older than one of an earlier file of this name.
        order = ((jobs.c.fingerprint == (version or "")).desc(), jobs.c.id.desc())
        return next(iter(self._typed(JobRow, mine.order_by(*order).limit(1))), None)

    def existing(self, job_ids: Sequence[int]) -> list[int]:
        """Return those of these jobs that there are."""
        return self.among(job_ids, ())

    def among(self, job_ids: Sequence[int], within: Sequence[str]) -> list[int]:
        """Return those of these jobs whose recordings are below one of some folders; with no folders, all there are."""
        allowed = [below(within)] if within else []
        found = self._rows_of(
            sorted(job_ids), lambda ids: select(jobs.c.id).where(jobs.c.id.in_(ids), *allowed).order_by(jobs.c.id)
        )
        return [row.id for row in found]

    def states(self, job_ids: Sequence[int]) -> dict[int, str]:
        """Return the states of those of these jobs that there are."""
        found = self._rows_of(sorted(job_ids), lambda ids: select(jobs.c.id, jobs.c.state).where(jobs.c.id.in_(ids)))
        return {row.id: row.state for row in found}

    def matching(self, wanted: JobFilter) -> list[int]:
        """Return the ids of all jobs that a filter matches, the oldest first."""
        return [row.id for row in self._rows(select(jobs.c.id).where(*conditions(wanted)).order_by(jobs.c.id))]

    def newest_matching(self, wanted: JobFilter) -> list[int]:
        """Return the id of the current job of each recording that a filter matches, the oldest first."""
        return current(self._rows(select(*CURRENT).where(*conditions(wanted))))

    def failed_since(self, since: str) -> int:
        """Return how many jobs have ended as dead or rejected since a time."""
        ended = select(func.count()).where(jobs.c.state.in_((DEAD, REJECTED)), jobs.c.finished_at >= since)
        return int(self._one(ended))

    def _listed(self, ids: Select[Any]) -> list[JobRow]:
        # SQLite sorts the jobs of a state by id on an index alone and then reads only those that are listed. With
        # 100 000 jobs this takes 30 ms rather than 360.
        statement = select(jobs).where(jobs.c.id.in_(ids.scalar_subquery()))
        return self._typed(JobRow, statement.order_by(jobs.c.id.desc()))


def current(rows: Iterable[Any]) -> list[int]:
    """Return the id of one job of each recording: of the file as it is now, else of the newest version.

    A job that was moved to a path may be older than one of an earlier file of this name.

    Args:
        rows: The columns CURRENT of jobs.
    """
    paths: dict[tuple[str, bytes], list[Any]] = {}
    for row in rows:
        paths.setdefault((row.root, row.path_bytes), []).append(row)
    return sorted(_current(root, path, jobs_).id for (root, path), jobs_ in paths.items())


def _current(root: str, path: bytes, rows: Sequence[Any]) -> Any:
    version = ""
    if len(rows) > 1:
        with suppress(OSError):
            version = fingerprint(os.lstat(os.path.join(os.fsencode(root), path)))
    return max(rows, key=lambda row: (row.fingerprint == version, row.state != VANISHED, row.id))


def _ids(wanted: JobFilter | None) -> Select[Any]:
    return select(jobs.c.id).where(*conditions(wanted or JobFilter())).order_by(jobs.c.id.desc())


def conditions(wanted: JobFilter) -> list[ColumnElement[bool]]:
    """Return the conditions that a filter stands for."""
    found: list[ColumnElement[bool]] = []
    if wanted.states:
        found.append(jobs.c.state.in_(wanted.states))
    if wanted.root is not None:
        found.append(jobs.c.root == wanted.root)
    if wanted.within:
        found.append(below(wanted.within))
    if wanted.suspect:
        found.append(or_(jobs.c.warnings.is_not(None), jobs.c.damaged > 0))
    if wanted.path is not None:
        found.append(_named(wanted.path))
    return found


def below(folders: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition that a recording is below one of these folders."""
    starts = [os.fsencode(folder.rstrip("/") + "/") for folder in folders]
    return or_(*(func.substr(WHOLE_BYTES, 1, len(start)) == start for start in starts))


def _named(path: bytes) -> ColumnElement[bool]:
    """Return the condition that the path below the root or the whole path equals the given one or matches it.

    Equality is tested so that a name with brackets finds itself. The database holds readable text, so a pattern that
    is not UTF-8, as a shell completes it from such a name, is made readable in the same way.
    """
    text = readable(path)
    pattern = sqlite_glob(text)
    return or_(
        *(column == text for column in (jobs.c.path, WHOLE_PATH)),
        *(column.op("GLOB")(pattern) for column in (jobs.c.path, WHOLE_PATH)),
    )


def sqlite_glob(pattern: str) -> str:
    """Translate a shell pattern for SQLite's GLOB, which knows `[^a]` but not `[!a]`, and no `[` on its own."""
    out, at = "", 0
    while at < len(pattern):
        if pattern[at] != "[":
            out, at = out + pattern[at], at + 1
            continue
        inside = at + 2 if pattern[at + 1 : at + 2] in ("!", "^") else at + 1
        end = pattern.find("]", inside + 1)  # a bracket that comes first is one of the characters
        if end < 0:
            out, at = out + "[[]", at + 1
        else:
            out += "[" + ("^" if inside == at + 2 else "") + pattern[inside : end + 1]
            at = end + 1
    return out


def _id_of(cursor: str) -> int | None:
    """Return the id below which a page starts, or None for the first page."""
    if cursor == START:
        return None
    number = cursor.removeprefix(BEFORE)
    if number == cursor or not (number.isascii() and number.isdigit() and len(number) < 19):
        raise ValueError(f"{cursor!r} is not a cursor: begin with {START} and continue with the page's `next`")
    return int(number)
