"""Links by which people without a login read a transcript: who made them, and until when they work."""

from sqlalchemy import Connection, delete, insert, select
from typing_extensions import TypedDict

from daemon.store.read_access import ReadAccess
from daemon.store.records import timestamp, timestamp_in
from daemon.store.schema import jobs, shares


class ShareRow(TypedDict):
    """A row of `shares`; the token of a link is kept nowhere, and its hash is no concern of those who read this."""

    id: int
    job_id: int
    created_by: str
    """"" for whoever is on this machine, where nobody has a password."""
    created_at: str
    expires_at: str
    with_recording: bool


class Shares(ReadAccess):
    """Reads links, makes and withdraws them. Those that have expired are as good as gone."""

    def shares(self, job_id: int) -> list[ShareRow]:
        """Return the links to a job, the newest first."""
        mine = select(shares).where(shares.c.job_id == job_id, shares.c.expires_at > timestamp())
        return self._typed(ShareRow, mine.order_by(shares.c.id.desc()))

    def share_of(self, token_hash: str) -> ShareRow | None:
        """Return the link whose token has this hash; None if there is none."""
        this = select(shares).where(shares.c.token_hash == token_hash, shares.c.expires_at > timestamp())
        return next(iter(self._typed(ShareRow, this)), None)

    def share(
        self, job_id: int, token_hash: str, *, created_by: str, lasts_s: float, with_recording: bool
    ) -> ShareRow | None:
        """Keep a new link to a job, and return it; None if there is no such job any more.

        Args:
            job_id: The job.
            token_hash: The SHA-256 of its token.
            created_by: The name of the user who makes it.
            lasts_s: For how long it works, in seconds.
            with_recording: Whether the recording can be heard by it, too.

        Raises:
            Unavailable: The database cannot be written.
        """
        made = {
            "token_hash": token_hash, "job_id": job_id, "created_by": created_by, "created_at": timestamp(),
            "expires_at": timestamp_in(lasts_s), "with_recording": with_recording,
        }  # fmt: skip

        def work(db: Connection) -> bool:
            if db.execute(select(jobs.c.id).where(jobs.c.id == job_id)).first() is None:
                return False
            db.execute(insert(shares).values(made))
            return True

        return self.share_of(token_hash) if self._write(work) else None

    def withdraw(self, job_id: int, share_id: int) -> bool:
        """End a link to a job, and return whether there was one.

        Raises:
            Unavailable: The database cannot be written.
        """
        this = delete(shares).where(shares.c.id == share_id, shares.c.job_id == job_id)
        return self._write(lambda db: db.execute(this).rowcount) > 0

    def withdraw_all_of(self, created_by: str) -> int:
        """End all links that a user has made, and return how many.

        Raises:
            Unavailable: The database cannot be written.
        """
        return self._write(lambda db: db.execute(delete(shares).where(shares.c.created_by == created_by)).rowcount)
