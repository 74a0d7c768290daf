"""Recordings whose file is touched, renamed or moved while its content stays the same."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, not_, or_, select, update

from daemon.chunk import BESIDE
from daemon.filesystem import file_of, inode_of
from daemon.store.access import OF_JOB, Access
from daemon.store.checkpoints import forget
from daemon.store.intake import AT_PATH, end_recording
from daemon.store.records import (
    Moved,
    Output,
    Whereabouts,
    options_columns,
    options_from_json,
    readable,
    seen_columns,
    timestamp,
)
from daemon.store.schema import (
    DONE,
    FAILED,
    IGNORED,
    PAUSED,
    QUEUED,
    RECORDING,
    RUNNING,
    SETTLING,
    UNSETTLED,
    VANISHED,
    jobs,
    outputs,
)
from daemon.store.versions import NOT_EXPORTED

RESOLVED_AGAIN = (QUEUED, PAUSED, FAILED, VANISHED)
"""States in which a job takes the options of the place to which its file was moved."""


WHEREABOUTS = (
    jobs.c.id,
    jobs.c.root,
    jobs.c.path_bytes,
    jobs.c.fingerprint,
    jobs.c.state,
    func.coalesce(func.json_extract(jobs.c.options, "$.output"), BESIDE),
    jobs.c.options,
)


class Moves(Access):
    """Jobs that go on although their file looks like another one."""

    def by_inode(self, versions: Collection[str]) -> dict[str, list[Whereabouts]]:
        """Return the jobs of files that have these versions now, the newest first, for each that has any.

        They have the inode and the size that their file had when it was last seen; while it was recorded, it may have
        grown since then.

        Args:
            versions: Fingerprints of one to a few hundred files.
        """
        inodes = {inode_of(version) for version in versions}
        # All fingerprints of an inode begin with it and a colon; a semicolon comes next after that.
        ranges = [jobs.c.fingerprint.between(f"{inode}:", f"{inode};") for inode in inodes]
        same = select(*WHEREABOUTS).where(or_(*ranges), jobs.c.state.not_in((*UNSETTLED, IGNORED)))
        growing = select(*WHEREABOUTS).where(jobs.c.state == RECORDING)
        statement = growing.union_all(same)
        found = defaultdict[str, list[Whereabouts]](list)
        for row in self._read(lambda db: db.execute(statement.order_by(statement.selected_columns.id.desc())).all()):
            job = Whereabouts(*row)
            found[(file_of if job.state == RECORDING else inode_of)(job.fingerprint)].append(job)
        jobs_of = {each: [*found.get(file_of(each), ()), *found.get(inode_of(each), ())] for each in versions}
        return {version: known for version, known in jobs_of.items() if known}

    def whereabouts(self, job_id: int) -> tuple[Whereabouts, str] | None:
        """Return where the recording of a job was last seen, and when the job ended; None if there is no such job."""
        statement = select(jobs.c.finished_at, *WHEREABOUTS).where(jobs.c.id == job_id)
        row = self._read(lambda db: db.execute(statement).first())
        return None if row is None else (Whereabouts(*row[1:]), row.finished_at or "")

    def follow(self, moves: Sequence[Moved]) -> None:
        """Keep the state of jobs whose file has another path or fingerprint now, but for vanished → queued.

        Where the job waits, it takes the options of its new place; if they are others, it starts from the beginning.
        """

        def work(db: Connection) -> None:
            for moved in moves:
                _follow(db, moved)

        if moves:
            self._write(work)

    def files_of(self, job_id: int) -> list[Output]:
        """Return the files of the transcript that a job has published."""
        columns = (outputs.c.format, outputs.c.path_bytes, outputs.c.sha256, outputs.c.bytes)
        statement = select(*columns).where(outputs.c.job_id == job_id, outputs.c.published)
        return [Output(*row) for row in self._read(lambda db: db.execute(statement).all())]

    def merge_touched(self, job_id: int, content_hash: str) -> int | None:
        """Remove running → (no row) if the newest done job of the same path has this very content, which stays done.

        The done job takes over the fingerprint. A job that was retried, or has published before, is left alone.

        Args:
            job_id: The job of the new version.
            content_hash: SHA-256 of the recording now.

        Returns:
            The done job, or None if nothing was changed.
        """

        def work(db: Connection) -> int | None:
            touched = db.execute(MAY_BE_TOUCHED, {"of_job": job_id}).first()
            if touched is None:
                return None
            before = db.execute(NEWEST_DONE, {"at_root": touched.root, "at_path": touched.path_bytes}).first()
            if before is None or before.content_hash != content_hash:
                return None
            # With it go the versions in between, which were touched again before they had been opened.
            between = and_(jobs.c.id > before.id, jobs.c.state == VANISHED, not_(_published()))
            same_path = and_(jobs.c.root == touched.root, jobs.c.path_bytes == touched.path_bytes)
            db.execute(delete(jobs).where(or_(jobs.c.id == job_id, and_(same_path, between))))
            # That it had changed is why its corrections could not be written.
            reason = case((jobs.c.reason.startswith(NOT_EXPORTED), None), else_=jobs.c.reason)
            seen = {"fingerprint": touched.fingerprint, "size_bytes": touched.size_bytes, "reason": reason}
            db.execute(update(jobs).where(jobs.c.id == before.id).values(**seen))
            return int(before.id)

        return self._write(work)


def _published() -> ColumnElement[bool]:
    """Return the condition that a job has files of a transcript, in a query of jobs."""
    return select(outputs.c.job_id).where(outputs.c.job_id == jobs.c.id).correlate(jobs).exists()


MAY_BE_TOUCHED = select(jobs.c.root, jobs.c.path_bytes, jobs.c.fingerprint, jobs.c.size_bytes).where(
    OF_JOB, jobs.c.state == RUNNING, not_(jobs.c.retried), not_(_published())
)
NEWEST_DONE = (
    select(jobs.c.id, jobs.c.content_hash)
    .where(AT_PATH, jobs.c.state == DONE)
    .order_by(jobs.c.finished_at.desc(), jobs.c.id.desc())
    .limit(1)
)


def _follow(db: Connection, moved: Moved) -> None:
    before = db.execute(select(jobs.c.state, jobs.c.options).where(jobs.c.id == moved.job_id)).first()
    if before is None:
        return
    seen = moved.seen
    # What was on its way here under this name has been replaced.
    db.execute(
        delete(jobs).where(jobs.c.root == seen.root, jobs.c.path_bytes == seen.path_bytes, jobs.c.state == SETTLING)
    )
    end_recording(db, seen, "another recording has taken its place", but_for=moved.job_id)
    values: dict[str, Any] = seen_columns(seen)
    if moved.reason is not None:
        values["reason"] = moved.reason
    starts_over = False
    if before.state in RESOLVED_AGAIN:
        values["priority"] = moved.priority
        starts_over = options_from_json(before.options) != moved.options
    if before.state == VANISHED:
        values |= {
            "state": QUEUED,
            "reason": "found again",
            "attempts": 0,
            "queued_at": timestamp(),
            "finished_at": None,
        }
    if starts_over:
        values |= options_columns(moved.options)
    db.execute(update(jobs).where(jobs.c.id == moved.job_id).values(**values))
    if starts_over:
        forget(db, moved.job_id)
    for form, path in moved.files.items():
        db.execute(
            update(outputs)
            .where(outputs.c.job_id == moved.job_id, outputs.c.format == form)
            .values(path=readable(path), path_bytes=path)
        )
