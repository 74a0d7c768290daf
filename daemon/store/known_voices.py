"""How speakers are called, and the voices that are known by a name in all recordings, where that is switched on."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, bindparam, delete, exists, func, insert, select, update
from typing_extensions import TypedDict

from daemon.store.reading import Reading
from daemon.store.records import timestamp
from daemon.store.schema import DONE, jobs
from daemon.store.speaker_tables import IS_RENAMED, known_voices, speakers, voices
from daemon.voice import KnownVoice

KNOWN = select(known_voices.c.name, known_voices.c.embedding).where(known_voices.c.model == bindparam("heard_with"))
RENAMED = select(func.max(speakers.c.renamed_at)).where(speakers.c.job_id == bindparam("job"), IS_RENAMED)


@dataclass(frozen=True, slots=True)
class Sample:
    """A voice as it is in one recording."""

    embedding: bytes
    source: str
    """The recording, for people."""


@dataclass(frozen=True, slots=True)
class Given:
    """A name that a speaker has been given."""

    is_kept: bool
    """Whether the voice is known by it in other recordings from now on."""
    has_voice: bool
    """Whether anything is known of the voice."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What there was of a name."""

    recordings: int
    """In which somebody was called so; their transcripts are written again."""
    samples: int
    """Of the voice, that were kept for other recordings."""


class KnownRow(TypedDict):
    """A name under which voices are known."""

    name: str
    recordings: int
    since: str


class KnownVoices(Reading):
    """Reads of the voices that are known."""

    def known_voices(self, model: str) -> list[KnownVoice]:
        """Return the voices that are known, those that a model has heard: as `known_as` calls it."""
        return [KnownVoice(*row) for row in self._read(lambda db: db.execute(KNOWN, {"heard_with": model}).all())]

    def known_names(self) -> list[KnownRow]:
        """Return the names under which voices are known, in their order."""
        columns = (known_voices.c.name, func.count(), func.min(known_voices.c.added_at))
        statement = select(*columns).group_by(known_voices.c.name).order_by(known_voices.c.name)
        rows = self._read(lambda db: db.execute(statement).all())
        return [{"name": name, "recordings": count, "since": since} for name, count, since in rows]

    def renamed(self, job_id: int) -> str | None:
        """Return when a name in a recording was last changed that its files do not have yet; None if they have all."""
        return self._read(lambda db: db.execute(RENAMED, {"job": job_id}).scalar())


def give_name(db: Connection, job_id: int, speaker: str, name: str, *, keep: bool) -> Given | None:
    """Give a speaker of a job that is done a name, or take it away with ""; return None if there is no such one.

    Args:
        db: The transaction.
        job_id: The job.
        speaker: As its lines have them.
        name: What they are called.
        keep: Whether the voice is to be known by that name from now on.
    """
    this = (speakers.c.job_id == job_id, speakers.c.speaker == speaker)
    found = db.execute(
        select(speakers.c.name, speakers.c.embedding, speakers.c.model, jobs.c.path)
        .join(jobs, jobs.c.id == speakers.c.job_id)
        .where(*this, jobs.c.state == DONE)
    ).first()
    if found is None:
        return None
    now = timestamp()
    db.execute(update(speakers).where(*this).values(name=name or None, recognized=None, renamed_at=now))
    db.execute(
        delete(known_voices).where(
            known_voices.c.job_id == job_id, _sample_of(job_id, speaker, found.name, found.embedding)
        )
    )
    is_kept = bool(keep and name and found.embedding and found.model)
    if is_kept:
        row = {"name": name, "embedding": found.embedding, "model": found.model, "source": found.path}
        db.execute(insert(known_voices).values(job_id=job_id, added_at=now, **row))
    return Given(is_kept, found.embedding is not None)


def enroll(db: Connection, name: str, model: str, samples: Sequence[Sample]) -> None:
    """Let a voice be known by a name, as a model has heard it; what was known of it from the same files gives way."""
    same = (known_voices.c.name == name, known_voices.c.source.in_([sample.source for sample in samples]))
    db.execute(delete(known_voices).where(*same, known_voices.c.job_id.is_(None)))
    row = {"name": name, "model": model, "added_at": timestamp()}
    db.execute(insert(known_voices), [{**row, "embedding": each.embedding, "source": each.source} for each in samples])


def forget_name(db: Connection, name: str) -> Forgotten:
    """Drop all that is kept of a voice under its name; those who were called so are again called by their labels."""
    called = speakers.c.name == name
    db.execute(delete(voices).where(voices.c.job_id.in_(select(speakers.c.job_id).where(called))))
    recordings = db.execute(select(func.count(speakers.c.job_id.distinct())).where(called)).scalar() or 0
    nobody = {"name": None, "recognized": None, "embedding": None, "renamed_at": timestamp()}
    db.execute(update(speakers).where(called).values(nobody))
    return Forgotten(recordings, db.execute(delete(known_voices).where(known_voices.c.name == name)).rowcount)


def is_known(name: str) -> ColumnElement[bool]:
    """Return the condition that a voice is still known by a name."""
    return exists().where(known_voices.c.name == name)


def _sample_of(job_id: int, speaker: str, name: str | None, embedding: bytes | None) -> ColumnElement[bool]:
    """Return the condition that a voice of a job is that of one of its speakers, as it is or as it was before a retry.

    After a retry the voice is nearly the same and may have another label, but it still has its name, unless another
    speaker of the recording has that, too.
    """
    others = exists().where(speakers.c.job_id == job_id, speakers.c.speaker != speaker, speakers.c.name == name)
    return (known_voices.c.embedding == embedding) | ((known_voices.c.name == name) & ~others)
