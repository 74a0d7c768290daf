"""Recordings whose file is touched, renamed or moved while its content stays the same."""

from sqlalchemy import Connection, and_, delete, not_, select, update

from daemon.store.access import Access
from daemon.store.schema import DONE, RUNNING, jobs, outputs


class Moves(Access):
    """Jobs that go on although their file looks like another one."""

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
            published = select(outputs.c.job_id).where(outputs.c.job_id == job_id).exists()
            mine = and_(jobs.c.id == job_id, jobs.c.state == RUNNING, not_(jobs.c.retried), not_(published))
            touched = db.execute(
                select(jobs.c.root, jobs.c.path_bytes, jobs.c.fingerprint, jobs.c.size_bytes).where(mine)
            ).first()
            if touched is None:
                return None
            before = db.execute(
                select(jobs.c.id, jobs.c.content_hash)
                .where(jobs.c.root == touched.root, jobs.c.path_bytes == touched.path_bytes, jobs.c.state == DONE)
                .order_by(jobs.c.finished_at.desc(), jobs.c.id.desc())
                .limit(1)
            ).first()
            if before is None or before.content_hash != content_hash:
                return None
            db.execute(delete(jobs).where(jobs.c.id == job_id))
            seen = {"fingerprint": touched.fingerprint, "size_bytes": touched.size_bytes}
            db.execute(update(jobs).where(jobs.c.id == before.id).values(**seen))
            return int(before.id)

        return self._write(work)
