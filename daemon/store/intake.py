"""What the scanner records: paths as they appear, settle, queue up and vanish."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, exists, not_, or_, select, update
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.dialects.sqlite import insert as upsert

from daemon.chunk import Options
from daemon.filesystem import file_of
from daemon.store.access import Access, moved
from daemon.store.records import Known, Seen, options_columns, seen_columns, timestamp
from daemon.store.schema import (
    CANCELLED,
    DONE,
    IGNORED,
    PENDING,
    QUEUED,
    RECORDING,
    REJECTED,
    RUNNING,
    SETTLING,
    UNSETTLED,
    VANISHED,
    jobs,
    versions,
)

# Statements that run for every file are made once: SQLAlchemy takes longer to make one than SQLite to run it. What they
# ask of a file, `_of` gives.
AT_PATH = and_(jobs.c.root == bindparam("at_root"), jobs.c.path_bytes == bindparam("at_path"))
THIS_VERSION = jobs.c.fingerprint == bindparam("as_it_is")
GROWS = jobs.c.state == RECORDING
UNWANTED = and_(
    jobs.c.state == CANCELLED,
    jobs.c.queued_at.is_(None),
    # What is smaller is another file, even with the inode of one that was deleted.
    jobs.c.fingerprint.startswith(bindparam("same_file")),
    jobs.c.size_bytes <= bindparam("up_to_bytes"),
)
"""The file was cancelled while it grew, and is larger now."""
SAME = select(jobs.c.id).where(AT_PATH, THIS_VERSION)
SAME_AT_REST = SAME.where(not_(or_(GROWS, UNWANTED)))
OF_GROWING = update(jobs).where(AT_PATH, GROWS)
OF_UNWANTED = update(jobs).where(AT_PATH, UNWANTED)
OF_SETTLING = update(jobs).where(AT_PATH, jobs.c.state.in_(UNSETTLED), not_(THIS_VERSION))
IS_VANISHED = jobs.c.state == VANISHED
MAY_QUEUE = jobs.c.state.in_((SETTLING, VANISHED))
MAY_BE_LEFT = jobs.c.state.in_((*UNSETTLED, VANISHED))
VERSION = [jobs.c.root, jobs.c.path_bytes, jobs.c.fingerprint]


class Intake(Access):
    """Paths on their way into the queue."""

    def known(self, root: str, versions: Mapping[bytes, str]) -> dict[bytes, Known]:
        """Return what is known of some files: the version that is there now or, if it is not known, the newest other.

        Args:
            root: The watched folder.
            versions: Path and fingerprint of at most a few hundred files.
        """
        statement = (
            select(jobs.c.path_bytes, jobs.c.id, jobs.c.fingerprint, jobs.c.state)
            .where(jobs.c.root == root, jobs.c.path_bytes.in_(versions))
            .order_by(jobs.c.id)
        )
        found: dict[bytes, Known] = {}
        for path, *rest in self._read(lambda db: db.execute(statement).all()):
            # A job that was moved here may be older than one of an earlier file of this name.
            if path not in found or found[path].fingerprint != versions[path]:
                found[path] = Known(*rest)
        return found

    def settle(self, seen: Iterable[Seen]) -> None:
        """Move (new) | vanished → settling: recordings that may still be written to; recording → recording."""
        values = {"state": SETTLING, "reason": "waiting until nothing changes any more", "finished_at": None}
        self._add(((item, values, {}) for item in seen), when=IS_VANISHED)

    def set_aside(self, refused: Iterable[tuple[Seen, str, str]]) -> None:
        """Add as (new) → ignored | rejected, with a reason: paths that are no recordings."""
        self._add(
            (seen, {"state": state, "reason": reason, "finished_at": timestamp()}, None)
            for seen, state, reason in refused
        )

    def queue(self, ready: Iterable[tuple[Seen, Options, int]]) -> None:
        """Move settling | recording → queued, with the options and the priority resolved now.

        What has been transcribed while it was recorded keeps those that it has.
        """
        queued = {"state": QUEUED, "reason": None, "queued_at": timestamp()}
        rows = (
            (seen, {**queued, **options_columns(options), "priority": priority}, queued)
            for seen, options, priority in ready
        )
        self._add(rows, when=MAY_QUEUE)

    def leave_alone(self, ready: Iterable[tuple[Seen, Options, int]], reason: str) -> None:
        """Move settling | recording → done without work: recordings that came with a transcript of their own.

        A row of an earlier version that was left alone, too, is replaced, unless somebody has written a transcript for
        it. `jobs retry` transcribes them after all.
        """
        items = list(ready)

        def work(db: Connection) -> None:
            for seen, options, priority in items:
                earlier = and_(
                    jobs.c.root == seen.root,
                    jobs.c.path_bytes == seen.path_bytes,
                    jobs.c.state == DONE,
                    jobs.c.content_hash.is_(None),
                    not_(exists().where(versions.c.job_id == jobs.c.id)),
                )
                db.execute(delete(jobs).where(earlier))
                db.execute(OF_UNWANTED, _of(seen) | {"queued_at": timestamp()})
                values = {
                    **options_columns(options),
                    "state": DONE,
                    "reason": reason,
                    "priority": priority,
                    "finished_at": timestamp(),
                }
                _insert_version(db, seen, values, MAY_BE_LEFT)

        if items:
            self._write(work)

    def still_settling(self, root: str, path: bytes, reason: str) -> None:
        """Keep settling → settling, with the reason why it takes so long."""
        self._write(
            lambda db: db.execute(
                update(jobs)
                .where(jobs.c.root == root, jobs.c.path_bytes == path, jobs.c.state == SETTLING)
                .values(reason=reason)
            )
        )

    def waiting(self, root: str) -> list[tuple[int, bytes, str, bool]]:
        """Return (id, path, fingerprint, whether it is recorded) of the jobs of a root that wait to settle or run."""
        columns = (jobs.c.id, jobs.c.path_bytes, jobs.c.fingerprint, jobs.c.state == RECORDING)
        statement = select(*columns).where(jobs.c.root == root, jobs.c.state.in_(PENDING))
        return [tuple(row) for row in self._read(lambda db: db.execute(statement).all())]

    def forget_unwanted(self, root: str, still: Callable[[bytes], bool]) -> None:
        """Keep cancelled → cancelled: recordings that were cancelled while they grew, and are gone.

        Args:
            root: The watched folder.
            still: Tells whether a path still exists.
        """
        unwanted = (jobs.c.root == root, jobs.c.state == CANCELLED, jobs.c.queued_at.is_(None))
        rows = self._read(lambda db: db.execute(select(jobs.c.id, jobs.c.path_bytes).where(*unwanted)).all())
        self._move([job_id for job_id, path in rows if not still(path)], (CANCELLED,), queued_at=timestamp())

    def leave_unwatched(self, roots: Collection[str]) -> int:
        """Move whatever waits → vanished: jobs in folders that are no longer watched; return how many.

        They settle again when their folder is watched again.
        """
        statement = moved(*PENDING).where(jobs.c.root.not_in(roots))
        statement = statement.values(
            state=VANISHED, reason="its folder is not watched any more", finished_at=timestamp()
        )
        return self._write(lambda db: db.execute(statement).rowcount)

    def forget_refused(self, root: str, still: Callable[[bytes], bool]) -> None:
        """Remove ignored | rejected → (no row): paths that `set_aside` added, and for which `still` is no longer true.

        Args:
            root: The watched folder.
            still: Tells whether a path still exists and still is no recording.
        """
        refused = or_(jobs.c.state == IGNORED, and_(jobs.c.state == REJECTED, jobs.c.error_kind.is_(None)))
        statement = select(jobs.c.id, jobs.c.path_bytes).where(jobs.c.root == root, refused)
        gone = [job_id for job_id, path in self._read(lambda db: db.execute(statement).all()) if not still(path)]
        if gone:
            self._write(lambda db: db.execute(delete(jobs).where(jobs.c.id.in_(gone))))

    def vanish(self, job_ids: Sequence[int], reason: str) -> None:
        """Move whatever waits or runs → vanished: the file or its folder is not there."""
        self._move(job_ids, (*PENDING, RUNNING), state=VANISHED, reason=reason, finished_at=timestamp())

    def _add(self, rows: Iterable[tuple[Seen, dict[str, Any], dict[str, Any] | None]], when: Any = None) -> None:
        """Add versions of recordings.

        Args:
            rows: Each with its values, and with those for a row of its path that is `recording`; None for the same.
            when: Which rows of the very same version get these values.
        """
        items = list(rows)

        def work(db: Connection) -> None:
            for seen, values, grown in items:
                if grown is None:
                    end_recording(db, seen, "what has its name now is no recording")
                if grown is None or not _grow(db, seen, grown):
                    _insert_version(db, seen, values, when)

        if items:
            self._write(work)


def _grow(db: Connection, seen: Seen, values: dict[str, Any]) -> bool:
    """Have the row of a path that is still being recorded become this version; return whether there is one.

    One that was cancelled while its file grew stays so, and once that is complete it is as others that are cancelled.
    """
    if db.execute(SAME_AT_REST, _of(seen)).first() is not None:
        end_recording(db, seen, "an earlier recording has come back to its place")
        return False
    complete = {name: value for name, value in values.items() if name == "queued_at"}
    for statement, new in ((OF_GROWING, values), (OF_UNWANTED, complete)):
        if db.execute(statement, _of(seen) | seen_columns(seen) | new).rowcount:
            return True
    return False


def _of(seen: Seen) -> dict[str, Any]:
    """Return what the statements above ask of a file."""
    return {
        "at_root": seen.root,
        "at_path": seen.path_bytes,
        "as_it_is": seen.fingerprint,
        "same_file": f"{file_of(seen.fingerprint)}:",
        "up_to_bytes": seen.size_bytes,
    }


def end_recording(db: Connection, seen: Seen, reason: str, but_for: int = 0) -> None:
    """Move recording → vanished: there is something else at its path, perhaps the recording of the job `but_for`."""
    ended = {"state": VANISHED, "reason": reason, "finished_at": timestamp()}
    db.execute(OF_GROWING.where(jobs.c.id != but_for), _of(seen) | ended)


def _insert_version(db: Connection, seen: Seen, values: dict[str, Any], when: Any) -> None:
    """Insert a row for this version unless there is one; an existing row changes only if `when` holds for it.

    A row of another version of the same path that has not settled becomes this version: it is the same file, still
    being written.
    """
    new = seen_columns(seen) | values
    if db.execute(SAME, _of(seen)).first() is None and db.execute(OF_SETTLING, _of(seen) | new).rowcount:
        return
    db.execute(_inserting(tuple(values), when), new)


@lru_cache
def _inserting(names: tuple[str, ...], when: ColumnElement[bool] | None) -> Insert:
    """Return the statement that inserts a version, and changes one that is there, in these columns, if `when` holds."""
    statement = upsert(jobs)
    if when is None:
        return statement.on_conflict_do_nothing(index_elements=VERSION)
    changed = {name: statement.excluded[name] for name in names}
    return statement.on_conflict_do_update(index_elements=VERSION, set_=changed, where=when)
