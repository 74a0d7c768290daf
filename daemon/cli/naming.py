"""The jobs that people choose on the command line: by id, by path or pattern, by options."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from daemon.store.job_queries import JobFilter
from daemon.store.schema import STATES

ID_DIGITS = 18
Names = Annotated[
    list[str] | None, typer.Argument(help="Jobs by id, or recordings by path or pattern, as `jobs list` shows them.")
]

State = Enum("State", {state: state for state in STATES}, type=str)  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """The options that choose recordings."""

    root: Annotated[Path | None, typer.Option(help="Only recordings of this watched folder.")] = None
    suspect: Annotated[
        bool, typer.Option("--suspect", help="Only transcripts with warnings, or of damaged recordings.")
    ] = False
    path: Annotated[
        str | None,
        typer.Option(help="Only these paths, whole or below the watched folder: `*.wav`, `2026/*/talk-[0-9]?.*`."),
    ] = None

    @property
    def chosen(self) -> JobFilter:
        """The same for the queries: links in the folder's path resolved, the pattern as bytes."""
        return JobFilter(
            root=None if self.root is None else str(self.root.expanduser().resolve()),
            suspect=self.suspect,
            path=None if self.path is None else os.fsencode(self.path),
        )


@dataclass(frozen=True, slots=True)
class JobOptions(RecordingOptions):
    """The options that choose jobs."""

    state: Annotated[list[State] | None, typer.Option(help="Only jobs in this state; may be repeated.")] = None

    @property
    def chosen(self) -> JobFilter:
        """The same for the queries."""
        return replace(super(JobOptions, self).chosen, states=tuple(each.value for each in self.state or ()))


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
