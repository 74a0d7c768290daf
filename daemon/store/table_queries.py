"""Whole tables, row by row, for `transcribed export`: however many rows there are, few of them are in memory."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import select

from daemon.store.line_order import in_order
from daemon.store.read_access import ReadAccess
from daemon.store.rows import JobRow
from daemon.store.schema import jobs, lines

JOBS = tuple(jobs.c[name] for name in JobRow.__annotations__)
LINES = (
    lines.c.job_id, jobs.c.root, jobs.c.path, jobs.c.recorded_at, lines.c.chunk, lines.c.idx,
    lines.c.start_s, lines.c.end_s, lines.c.channel, lines.c.language, lines.c.text,
    lines.c.avg_logprob, lines.c.no_speech_prob, lines.c.compression_ratio, lines.c.temperature, lines.c.beam_size,
    lines.c.edited,
)  # fmt: skip
TABLES = {"segments": LINES, "jobs": JOBS}
"""The columns of each table, under the names that they have in the database."""
CHUNKS_AT_ONCE = 2_000
"""So many chunks, of some lines each, are read at once; those of one recording are never divided."""


def kinds(table: str) -> dict[str, type]:
    """Return the type of the values of each column of a table, besides None."""
    return {column.name: _kind(column.type.python_type) for column in TABLES[table]}


class TableQueries(ReadAccess):
    """Reads whole tables."""

    def table(self, name: str, job_ids: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a table that belong to some jobs, in the order of their ids; bytes are in hexadecimal.

        Each group of jobs is read in a transaction of its own: a reader who takes their time, such as a pager, does
        not keep the daemon from emptying its log.
        """
        rows = select(*TABLES[name])
        if name == "segments":
            said = lines.join(jobs, jobs.c.id == lines.c.job_id)
            rows = rows.select_from(said).order_by(lines.c.job_id, *in_order(lines))
            # Of the view SQLite reads only these jobs if they are named as it names them, else all there are.
            of = lines.c.job_id
        else:
            rows = rows.order_by(jobs.c.id)
            of = jobs.c.id
        for group in self._groups(job_ids):
            for row in self._rows(rows.where(of.in_(group))):
                yield tuple(value.hex() if isinstance(value, bytes) else value for value in row)

    def _groups(self, job_ids: Sequence[int]) -> Iterator[list[int]]:
        """Yield the ids in groups of jobs that have about as many chunks as may be read at once."""
        group: list[int] = []
        chunks = 0
        sizes = select(jobs.c.id, jobs.c.chunks_done).order_by(jobs.c.id)
        for row in self._rows_of(sorted(job_ids), lambda ids: sizes.where(jobs.c.id.in_(ids))):
            if group and chunks + row.chunks_done >= CHUNKS_AT_ONCE:
                yield group
                group, chunks = [], 0
            group.append(row.id)
            chunks += row.chunks_done + 1
        if group:
            yield group


def _kind(kind: type) -> type:
    return str if kind is bytes else kind
