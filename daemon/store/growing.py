"""Jobs of recordings that are still being recorded, and are transcribed meanwhile."""

from collections.abc import Collection

from sqlalchemy import Connection, case, delete, select, update

from daemon.chunk import Options
from daemon.config.formats import LIVE
from daemon.store.access import moved
from daemon.store.checkpoints import JOB_COLUMNS, forget, job_from
from daemon.store.intake import Intake
from daemon.store.records import Job, Output, Seen, options_columns, options_from_json
from daemon.store.schema import PENDING, RECORDING, RUNNING, SETTLING, jobs, outputs

GROWS = "still being recorded"
RECORDINGS = select(*JOB_COLUMNS).where(jobs.c.state == RECORDING).order_by(jobs.c.id)
MEANWHILE = f"{GROWS}, and transcribed meanwhile"


class Growing(Intake):
    """Paths on their way into the queue, those included whose files grow for a long time."""

    def record(self, seen: Seen, options: Options, priority: int) -> None:
        """Move settling → recording, with the options and the priority resolved now."""

        def work(db: Connection) -> None:
            row = (jobs.c.root == seen.root, jobs.c.path_bytes == seen.path_bytes, jobs.c.state == SETTLING)
            before = db.execute(select(jobs.c.id, jobs.c.options).where(*row)).first()
            if before is None:
                return
            if options_from_json(before.options) != options:
                forget(db, before.id)
            values = {"state": RECORDING, "reason": GROWS, "priority": priority, **options_columns(options)}
            db.execute(update(jobs).where(jobs.c.id == before.id).values(**values))

        self._write(work)

    def recordings(self) -> list[Job]:
        """Return the jobs that are `recording`, the oldest first."""
        return [job_from(row) for row in self._read(lambda db: db.execute(RECORDINGS).all())]

    def heard(self, job_id: int, duration_s: float) -> None:
        """Keep recording → recording: so much of it has been decoded by now."""
        self._move([job_id], (RECORDING,), duration_s=round(duration_s, 3), reason=MEANWHILE)

    def ended(self, job_ids: Collection[int], but_for: Collection[str] = ()) -> list[int]:
        """Return those of some jobs that are not recorded, do not wait and do not run any more.

        Args:
            job_ids: The jobs.
            but_for: Further states in which they are not meant.
        """
        if not job_ids:
            return []
        going = (*PENDING, RUNNING, *but_for)
        statement = select(jobs.c.id).where(jobs.c.id.in_(job_ids), jobs.c.state.in_(going))
        going_on = set(self._read(lambda db: db.execute(statement).scalars().all()))
        return [job_id for job_id in job_ids if job_id not in going_on]

    def with_live_file(self) -> set[int]:
        """Return the jobs that have a file with the text so far; this looks through all files of all jobs."""
        statement = select(outputs.c.job_id).where(outputs.c.format == LIVE)
        return set(self._read(lambda db: db.execute(statement).scalars()))

    def live_file(self, job_id: int) -> Output | None:
        """Return the file with the text so far of a recording, as it was last written; None if there is none."""
        columns = (outputs.c.format, outputs.c.path_bytes, outputs.c.sha256, outputs.c.bytes)
        statement = select(*columns).where(outputs.c.job_id == job_id, outputs.c.format == LIVE)
        row = self._read(lambda db: db.execute(statement).first())
        return None if row is None else Output(*row)

    def forget_live_file(self, job_id: int) -> None:
        """Forget that there is such a file."""
        this = (outputs.c.job_id == job_id, outputs.c.format == LIVE)
        self._write(lambda db: db.execute(delete(outputs).where(*this)))

    def left_growing(self, job_id: int, reason: str) -> None:
        """Move recording → settling: it cannot be read before it is complete; what has been transcribed stays."""
        state = case((jobs.c.chunks_done > 0, RECORDING), else_=SETTLING)
        self._write(lambda db: db.execute(moved(RECORDING, ids=[job_id]).values(state=state, reason=reason)))
