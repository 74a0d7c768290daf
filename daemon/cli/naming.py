"""The jobs that people name on the command line: by id, or by the path of a recording or a pattern for it."""

import os
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from daemon.store.job_queries import JobFilter

ID_DIGITS = 18
Names = Annotated[
    list[str] | None, typer.Argument(help="Jobs by id, or recordings by path or pattern, as `jobs list` shows them.")
]


def is_id(name: str) -> bool:
    """Return whether a name is the id of a job, and not of more digits than an id can have."""
    return name.isascii() and name.isdigit() and len(name) <= ID_DIGITS


def jobs_named(
    names: Sequence[str],
    by_ids: Callable[[Sequence[int]], Sequence[int]],
    by_path: Callable[[JobFilter], Sequence[int]],
) -> tuple[list[int], list[str]]:
    """Return the jobs that names stand for, and the names that stand for none.

    Args:
        names: What people wrote.
        by_ids: Returns those of some ids that count.
        by_path: Returns the jobs that count of the recordings that a filter matches.
    """
    found: dict[int, None] = {}
    unknown = []
    for name in names:
        if is_id(name):
            matched = by_ids([int(name)])
        else:
            whole = os.path.join(os.path.realpath(os.path.dirname(name)), os.path.basename(name))
            tried = (by_path(JobFilter(path=os.fsencode(path))) for path in (name, whole))
            matched = next(filter(None, tried), [])
        found |= dict.fromkeys(matched)
        unknown += [] if matched else [name]
    return list(found), unknown
