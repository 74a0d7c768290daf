"""Jobs whose recording has given way to another one."""

from sqlalchemy import ColumnElement, exists

from daemon.store.schema import DONE, jobs


def replaced() -> ColumnElement[bool]:
    """Return the condition that a newer version of a recording is done."""
    newer = jobs.alias()
    # Only the index on paths may be used: SQLite takes that on states otherwise, and reads every job that is done.
    same = (newer.c.root == jobs.c.root, newer.c.path_bytes == jobs.c.path_bytes)
    return exists().where(*same, newer.c.state.concat("") == DONE, newer.c.id > jobs.c.id).correlate(jobs)
