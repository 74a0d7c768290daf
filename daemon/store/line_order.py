"""The order in which the lines of a transcript are read."""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, case, func


def in_order(lines: FromClause) -> tuple[ColumnElement[Any], ...]:
    """Return the order of the lines of a job: as they were cut; by time if its channels were transcribed apart."""
    channels = func.max(lines.c.channel).over(partition_by=lines.c.job_id)
    by_time = case((channels > 0, lines.c.start_s), else_=0.0)
    return by_time, lines.c.chunk, lines.c.idx
