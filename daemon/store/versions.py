"""What people have made of transcripts: each version that was saved, and the lines of the one that counts."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    delete,
    insert,
    literal,
    literal_column,
    or_,
    select,
    union_all,
    update,
)

from daemon.chunk import Segment, Word
from daemon.store.full_text import parted
from daemon.store.reading import Reading
from daemon.store.records import timestamp
from daemon.store.replaced import replaced
from daemon.store.schema import VANISHED, corrected, jobs, versions
from daemon.store.speaker_tables import IS_RENAMED, speakers

MACHINE = 0
"""The number of the version that the machine made, which nobody has saved."""
MEASURES = ("avg_logprob", "no_speech_prob", "compression_ratio", "temperature", "beam_size")
"""What a model says of its own text, and of no other."""
NOT_EXPORTED = "not exported"
"""How the reason of a finished job begins of which further formats could not be written."""
GROUP = 20
"""Transcripts that are written again in one round."""
# SQLite takes an index of some rows only for a condition that is written as the index has it, and `published = 0`
# would have it read every version.
IS_CURRENT: ColumnElement[bool] = literal_column("versions.current")
"""The condition that a version counts."""
IS_LATE: ColumnElement[bool] = literal_column("NOT versions.published")
"""The condition that the files do not say yet what a version says."""
KEPT = ("start_s", "end_s", "text", "channel", "language", "speaker", "edited", "fixed")
"""What is kept of the lines of each version; words and measures only of the one that counts."""


@dataclass(frozen=True, slots=True)
class Line(Segment):
    """A line of a transcript that somebody has saved."""

    edited: bool = False
    """Whether the machine heard something else; then nothing is known of how sure it was."""
    fixed: bool = False
    """Whether somebody has said when it begins and ends: then subtitles begin and end there, too."""


AS_LINE = [field.name for field in fields(Line)]
"""The columns of the view `lines` that make a line, in their order."""


@dataclass(frozen=True, slots=True)
class Version:
    """A transcript as somebody has saved it."""

    number: int
    """From 1; later ones are larger."""
    saved_at: str
    author: str
    as_machine: bool
    """Whether it takes back what people have changed."""


class Superseded(Exception):
    """Somebody else has saved a version meanwhile.

    Args:
        newest: That version.
    """

    def __init__(self, newest: Version) -> None:
        super().__init__(f"version {newest.number} was saved meanwhile")
        self.newest = newest


class Versions(Reading):
    """Reads of what people have saved."""

    def saved_versions(self, job_id: int) -> list[Version]:
        """Return the versions of a transcript that people have saved, the newest first."""
        return [_version(row) for row in self._read(lambda db: db.execute(_saved(job_id)).all())]

    def edition(self, job_id: int) -> Version | None:
        """Return the version of a transcript that counts; None if it is the machine's."""
        newest = self._read(lambda db: _newest(db, job_id))
        return None if newest is None or newest.as_machine else newest

    def version_lines(self, job_id: int, number: int) -> list[Line] | None:
        """Return the lines of a version that somebody has saved, without words; None if there are none of its own."""
        mine = (versions.c.job_id == job_id, versions.c.number == number)
        found = self._read(lambda db: db.execute(select(versions.c.lines).where(*mine)).scalar())
        return None if found is None else [_line(values) for values in json.loads(found)]

    def unpublished(self, after: int = 0) -> list[int]:
        """Return the jobs whose files do not say yet what the newest version says, or how somebody is called now.

        Those of recordings that are gone are left out.

        Args:
            after: Only jobs with larger numbers than this, in their order, and at most `GROUP` of them.
        """
        return list(self._read(lambda db: db.execute(NEXT_UNPUBLISHED, {"after": after}).scalars().all()))


def unpublished() -> Select[Any]:
    """Return the query for the ids of those jobs."""
    late = union_all(select(versions.c.job_id).where(IS_LATE), select(speakers.c.job_id).where(IS_RENAMED))
    return select(jobs.c.id).where(jobs.c.id.in_(late), jobs.c.state != VANISHED, ~replaced())


NEXT_UNPUBLISHED = unpublished().where(jobs.c.id > bindparam("after")).order_by(jobs.c.id).limit(GROUP)


def line_of(row: Sequence[Any]) -> Line:
    """Return a line of the columns `AS_LINE` of the view `lines`."""
    # By position: reading an hour of speech is the most that publishing it takes, and names would double that.
    (start_s, end_s, text, avg_logprob, no_speech_prob, compression_ratio, temperature, language, words, channel,
     beam_size, speaker, edited, fixed) = row  # fmt: skip
    return Line(
        start_s, end_s, text, avg_logprob or 0.0, no_speech_prob or 0.0, compression_ratio or 0.0, temperature or 0.0,
        language or "", words_of(words), channel, beam_size, speaker or "", bool(edited), bool(fixed),
    )  # fmt: skip


def words_of(kept: str | None) -> tuple[Word, ...] | None:
    """Return the words of a line as the database has them; None if their times are not known."""
    return None if kept is None else tuple(Word(**word) for word in json.loads(kept))


def save(db: Connection, job_id: int, based_on: int, author: str, found: Sequence[Line] | None) -> Version:
    """Store a version of a transcript as the one that counts, in a transaction.

    Args:
        db: The transaction.
        job_id: The job.
        based_on: The number of the version that was changed.
        author: Who has changed it.
        found: Its lines; None to go back to the machine's.

    Raises:
        Superseded: There is a newer version than that.
        ValueError: There is no such version.
    """
    newest = _newest(db, job_id)
    if newest is not None and newest.number != based_on:
        raise Superseded(newest)
    if newest is None and based_on != MACHINE:
        raise ValueError(f"there is no version {based_on}")
    made = Version(based_on + 1, timestamp(), author, as_machine=found is None)
    # Of the others none changes: each would be written again with all of its lines.
    before = (versions.c.job_id == job_id, or_(IS_CURRENT, IS_LATE))
    db.execute(update(versions).where(*before).values(current=False, published=True))
    written = None if found is None else json.dumps([_kept(line) for line in found], ensure_ascii=False)
    row = {"number": made.number, "saved_at": made.saved_at, "author": author, "lines": written}
    db.execute(insert(versions).values(job_id=job_id, current=found is not None, published=False, **row))
    db.execute(delete(corrected).where(corrected.c.job_id == job_id))
    if found:
        db.execute(insert(corrected), [_row(job_id, idx, line) for idx, line in enumerate(found)])
    return made


def carry_over(db: Connection, job_id: int, source_id: int) -> None:
    """Let a job have what people have made of the same recording elsewhere, unless it has versions of its own."""
    if _newest(db, job_id) is not None:
        return
    for kept in (versions, corrected):
        names = [each.name for each in kept.columns if each.name not in ("job_id", "id")]
        copied = select(literal(job_id), *(kept.c[name] for name in names)).where(kept.c.job_id == source_id)
        db.execute(insert(kept).from_select(["job_id", *names], copied))


def _saved(job_id: int) -> Any:
    columns = (
        versions.c.number,
        versions.c.saved_at,
        versions.c.author,
        versions.c.lines.is_(None).label("as_machine"),
    )
    return select(*columns).where(versions.c.job_id == job_id).order_by(versions.c.number.desc())


def _newest(db: Connection, job_id: int) -> Version | None:
    row = db.execute(_saved(job_id).limit(1)).first()
    return None if row is None else _version(row)


def _version(row: Any) -> Version:
    return Version(row.number, row.saved_at, row.author, bool(row.as_machine))


def _kept(line: Line) -> dict[str, Any]:
    return {name: getattr(line, name) for name in KEPT}


def _line(values: dict[str, Any]) -> Line:
    return Line(avg_logprob=0.0, no_speech_prob=0.0, compression_ratio=0.0, temperature=0.0, **values)


def _row(job_id: int, idx: int, line: Line) -> dict[str, Any]:
    values = asdict(line) | (dict.fromkeys(MEASURES) if line.edited else {})
    words = None if line.words is None else json.dumps(values["words"], ensure_ascii=False)
    known = {"words": words, "speaker": line.speaker or None, "parted": parted(line.text)}
    return {**values, "job_id": job_id, "chunk": 0, "idx": idx, **known}
