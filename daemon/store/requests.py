"""What people request on the command line, and why the daemon pauses."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, delete, not_, select
from sqlalchemy.dialects.sqlite import insert as upsert

from daemon.store.access import Access
from daemon.store.records import timestamp
from daemon.store.schema import PAUSABLE, PAUSED, PENDING, QUEUED, REVIVABLE, RUNNING, STATES, pauses, requests

EXPORT = "export"
COMPARE = "compare"
"""Asks the scanner to compare every watched folder now."""
EMPTY_LOG = "empty-log"
"""Asks the daemon to leave nothing in the database's log of what was deleted."""
COMPLETE = "complete"
"""Tells the scanner of a version of a file that whoever wrote it is done with it."""


def export_command(formats: Sequence[str]) -> str:
    """Return the command that asks for formats of a job: `export:vtt,lrc`."""
    return f"{EXPORT}:{','.join(formats)}"


def exported_formats(command: str) -> tuple[str, ...]:
    """Return the formats that a command asks for; none if it is no export."""
    name, _, formats = command.partition(":")
    return tuple(formats.split(",")) if name == EXPORT and formats else ()


BY_REQUEST = "request"
"""The cause of the pause that somebody has asked for."""
REFRESH = "retry:refresh"
"""Asks for a retry with the options that apply to the recording now."""
PRIORITY = "priority"
RETRANSCRIBE = "retranscribe"


def refreshes(command: str) -> bool:
    """Return whether a command asks for a retry with new options."""
    return command == REFRESH


def priority_command(priority: int) -> str:
    """Return the command that asks for a priority: `priority:5`."""
    return f"{PRIORITY}:{priority}"


def new_priority(command: str) -> int | None:
    """Return the priority that a command asks for; None if it asks for something else."""
    return _number(command, PRIORITY)


def retranscribe_command(priority: int) -> str:
    """Return the command that asks for a retry with new options and this priority: `retranscribe:-10`."""
    return f"{RETRANSCRIBE}:{priority}"


def retranscribe_priority(command: str) -> int | None:
    """Return the priority with which a command asks for new options and a retry; None if it asks for something else."""
    return _number(command, RETRANSCRIBE)


def _number(command: str, name: str) -> int | None:
    given, _, value = command.partition(":")
    return int(value) if given == name else None


def complete_command(version: str) -> str:
    """Return the command that tells that a version is complete: `complete:DEV:INO:SIZE:MTIME_NS`."""
    return f"{COMPLETE}:{version}"


def acts_on(command: str) -> tuple[str, ...]:
    """Return the states of the jobs for which a request has a meaning."""
    match command.partition(":")[0]:
        case "cancel":
            return (*PENDING, RUNNING)
        case "pause":
            return PAUSABLE
        case "resume":
            return (PAUSED,)
        case "priority":
            return PENDING
        case "retry":
            return (*REVIVABLE, QUEUED, PAUSED) if refreshes(command) else REVIVABLE
        case _:
            return STATES


TOLD_COMPLETE = requests.c.command.startswith(f"{COMPLETE}:")


class Requests(Access):
    """Requests, taken by the dispatcher; pauses, shown to people and kept over a restart."""

    def take_requests(self, limit: int = -1) -> list[tuple[str, int | None]]:
        """Take the requests for the dispatcher, oldest first: (command, id of the job if it is about one).

        Each request is returned once.

        Args:
            limit: How many are taken at most; -1 for all.
        """
        return self._take(and_(requests.c.command != COMPARE, not_(TOLD_COMPLETE)), limit)

    def take_compare(self) -> bool:
        """Return whether somebody has asked for a comparison of the folders since the last call."""
        return bool(self._take(requests.c.command == COMPARE, -1))

    def take_complete(self) -> list[str]:
        """Return the versions of files of which it was told since the last call that they are complete."""
        return [command.partition(":")[2] for command, _ in self._take(TOLD_COMPLETE, -1)]

    def _take(self, which: ColumnElement[bool], limit: int) -> list[tuple[str, int | None]]:
        if not self._read(lambda db: db.execute(select(requests.c.id).where(which).limit(1)).first()):
            return []
        oldest = select(requests.c.id).where(which).order_by(requests.c.id).limit(limit).scalar_subquery()
        statement = delete(requests).where(requests.c.id.in_(oldest)).returning(requests)
        return self._write(
            lambda db: [(row.command, row.job_id) for row in sorted(db.execute(statement), key=lambda row: row.id)]
        )

    def pauses(self) -> dict[str, str]:
        """Return the reasons of the pauses that are in effect, by cause."""
        return {row.cause: row.reason for row in self._read(lambda db: db.execute(select(pauses)).all())}

    def pause(self, cause: str, reason: str) -> None:
        """Begin a pause, or change its reason."""
        self._write(
            lambda db: db.execute(
                upsert(pauses)
                .values(cause=cause, reason=reason, since=timestamp())
                .on_conflict_do_update(index_elements=["cause"], set_={"reason": reason})
            )
        )

    def resume(self, cause: str) -> None:
        """End a pause."""
        self._write(lambda db: db.execute(delete(pauses).where(pauses.c.cause == cause)))
