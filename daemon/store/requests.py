"""What people ask of the daemon on the command line, and why it pauses."""

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from daemon.store.access import Access
from daemon.store.records import timestamp
from daemon.store.schema import pauses, requests


class Requests(Access):
    """Requests, taken by the dispatcher; pauses, shown to people and kept over a restart."""

    def take_requests(self) -> list[tuple[str, int | None]]:
        """What people asked for on the command line, oldest first: (command, job id if it is about
        one). Each is handed out once."""
        if not self._read(lambda db: db.execute(select(requests.c.id).limit(1)).first()):
            return []
        return self._write(
            lambda db: [
                (row.command, row.job_id)
                for row in sorted(db.execute(delete(requests).returning(requests)), key=lambda row: row.id)
            ]
        )

    def pauses(self) -> dict[str, str]:
        """Cause -> reason of the pauses that are on."""
        return {row.cause: row.reason for row in self._read(lambda db: db.execute(select(pauses)).all())}

    def pause(self, cause: str, reason: str) -> None:
        """A pause begins, or its reason changes."""
        self._write(
            lambda db: db.execute(
                upsert(pauses)
                .values(cause=cause, reason=reason, since=timestamp())
                .on_conflict_do_update(index_elements=["cause"], set_={"reason": reason})
            )
        )

    def resume(self, cause: str) -> None:
        """A pause ends."""
        self._write(lambda db: db.execute(delete(pauses).where(pauses.c.cause == cause)))
