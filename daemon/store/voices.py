"""Who says what: how people sound while a job runs, and who speaks in it once that is known."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from daemon.chunk import Segment
from daemon.store import database
from daemon.store.access import Access
from daemon.store.known_voices import KnownVoices, is_known
from daemon.store.records import StageProgress
from daemon.store.results import Placed, insert_lines
from daemon.store.schema import segments, translations
from daemon.store.speaker_tables import IS_RENAMED, speakers, voices
from daemon.store.stages import keep_stages
from daemon.voice import TURNS, Recognized, Turn, Voice

ChunkLines = tuple[int, Sequence[Segment]]
"""The number of a chunk, and its lines, of which there are some."""

NEW_VOICES = upsert(voices).on_conflict_do_nothing()
LOG_S = 0.2
"""How long the dispatcher waits for those who read."""
OF_JOB, IS_HEARD = voices.c.job_id == bindparam("job"), voices.c.embedding != b""
VOICED = select(func.max(voices.c.chunk)).where(OF_JOB, IS_HEARD)
VOICES_OF = (
    select(voices.c.start_s, voices.c.end_s, voices.c.embedding)
    .where(OF_JOB, IS_HEARD)
    .order_by(voices.c.chunk, voices.c.idx)
)
UNHEARD_OF = select(voices.c.chunk, voices.c.start_s, voices.c.end_s).where(OF_JOB, ~IS_HEARD)


class Voices(KnownVoices, Access):
    """The rows of `voices` and `speakers`; `forget` drops them together with the chunks that they are of."""

    def keep_voices(self, found: Iterable[tuple[int, int, Sequence[Voice]]]) -> None:
        """Keep how people sound in chunks of running jobs: (job, chunk, voices)."""
        rows = [
            {
                "job_id": job_id, "chunk": chunk, "idx": idx,
                "start_s": each.start_s, "end_s": each.end_s, "embedding": each.embedding,
            }
            for job_id, chunk, heard in found
            for idx, each in enumerate(heard)
        ]  # fmt: skip
        if rows:
            self._write(lambda db: db.execute(NEW_VOICES, rows))

    def voiced(self, job_id: int) -> int:
        """Return up to which chunk, not included, the voices of a job are kept; they are found in order."""
        last = self._read(lambda db: db.execute(VOICED, {"job": job_id}).scalar())
        return 0 if last is None else last + 1

    def voices(self, job_id: int) -> list[Voice]:
        """Return how people sound in a recording, in the order in which its chunks were cut."""
        return [Voice(*row) for row in self._read(lambda db: db.execute(VOICES_OF, {"job": job_id}).all())]

    def on_channels(self, job_id: int) -> list[tuple[int, float, float]]:
        """Return when somebody speaks in the chunks of channels: (chunk, start_s, end_s), in no order."""
        rows = self._read(lambda db: db.execute(UNHEARD_OF, {"job": job_id}).all())
        return [(chunk, start_s, end_s) for chunk, start_s, end_s in rows]

    def names_written(self, job_id: int, until: str) -> None:
        """Note that the files of a job have the names that its speakers had at some time."""
        old = update(speakers).where(speakers.c.job_id == job_id, IS_RENAMED, speakers.c.renamed_at <= until)
        self._write(lambda db: db.execute(old.values(renamed_at=None)))

    def empty_log(self) -> bool:
        """Leave nothing in the database's log of what was deleted; return False if others kept it from that."""
        with self._turn:
            return database.empty_log(self._engine, LOG_S)

    def tell_speakers(
        self,
        job_id: int,
        said: Sequence[ChunkLines],
        english: Sequence[ChunkLines],
        who: Mapping[str, bytes | None],
        model: str = "",
        names: Mapping[str, Recognized] = MappingProxyType({}),
        turns: Sequence[Turn] = (),
    ) -> None:
        """Put the lines of a running job in the place of those that it had, each with its speaker.

        Args:
            job_id: The job.
            said: The lines of its chunks.
            english: Those of the translation, if there are two texts.
            who: The mean of the voices of each speaker, float16; None where they were told apart by channel.
            model: Which one has heard them, as `known_as` calls it; "" if that is not known.
            names: Those of them who were recognized; a name that was forgotten meanwhile is not brought back.
            turns: Who speaks when, to the pause, in order of time; none where that is not known.
        """

        def work(db: Connection) -> None:
            for table in (segments, translations):
                db.execute(delete(table).where(table.c.job_id == job_id))
            insert_lines(db, _placed(job_id, said), _placed(job_id, english))
            db.execute(delete(speakers).where(speakers.c.job_id == job_id))
            if who:
                db.execute(
                    insert(speakers),
                    [
                        {"job_id": job_id, "speaker": label, "embedding": mean, "model": model or None}
                        for label, mean in who.items()
                    ],
                )
            if turns:
                keep_stages(db, job_id, [StageProgress(TURNS, len(said), None, list(map(asdict, turns)))])
            for label, found in names.items():
                this = (speakers.c.job_id == job_id, speakers.c.speaker == label, is_known(found.name))
                db.execute(update(speakers).where(*this).values(name=found.name, recognized=found.likeness))

        self._write(work)


def _placed(job_id: int, chunks: Sequence[ChunkLines]) -> list[Placed]:
    return [(job_id, chunk, lines[0].channel, lines) for chunk, lines in chunks]
