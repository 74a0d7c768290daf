"""What is read back of a transcript: its lines, its chunks, and what was left out."""

from collections.abc import Sequence
from dataclasses import fields
from itertools import groupby
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import Connection, bindparam, func, select

from daemon.chunk import CHUNK_MAX_S, Segment, Suppressed
from daemon.store.line_order import in_order
from daemon.store.reading import Reading
from daemon.store.records import StoredChunk
from daemon.store.rows import SpeakerRow
from daemon.store.schema import chunks, lines, segments, suppressed, translations, waveforms
from daemon.store.speaker_tables import speakers, speaking
from daemon.store.versions import AS_LINE, Line, line_of, words_of

AS_SEGMENT = [field.name for field in fields(Segment)]
"""The columns of a line, in the order of its fields."""
# Every job runs these queries at least once. Building them once, here, halves the time they take.
SOME_CHUNKS = (
    select(chunks.c.idx, chunks.c.start_s, chunks.c.end_s)
    .where(chunks.c.job_id == bindparam("job"))
    .order_by(chunks.c.idx)
    .offset(bindparam("skipped"))
    .limit(bindparam("most"))
)
LINES, HEARD_LINES, TRANSLATED_LINES = (
    select(*(each.c[name] for name in names)).where(each.c.job_id == bindparam("job")).order_by(*in_order(each))
    for each, names in ((lines, AS_LINE), (segments, AS_SEGMENT), (translations, AS_SEGMENT))
)
LEFT_OUT_S = select(func.sum(suppressed.c.end_s - suppressed.c.start_s)).where(suppressed.c.job_id == bindparam("job"))
MUTE_S = select(func.sum(func.min(chunks.c.end_s - chunks.c.start_s, CHUNK_MAX_S))).where(
    chunks.c.job_id == bindparam("job"),
    *(
        chunks.c.idx.not_in(select(table.c.chunk).where(table.c.job_id == bindparam("job")))
        for table in (segments, suppressed)
    ),
)
LINES_OF = (
    select(segments.c.chunk, *(segments.c[name] for name in AS_SEGMENT))
    .where(segments.c.job_id == bindparam("job"), segments.c.chunk.between(bindparam("from"), bindparam("to")))
    .order_by(segments.c.chunk, segments.c.idx)
)

LINES_OF_CHUNKS, ENGLISH_LINES_OF_CHUNKS = (
    select(each.c.chunk, *(each.c[name] for name in AS_SEGMENT))
    .where(each.c.job_id == bindparam("job"))
    .order_by(each.c.chunk, each.c.idx)
    for each in (segments, translations)
)
SPEAKING = (
    select(speaking)
    .where(speaking.c.job_id == bindparam("job"))
    .order_by(func.length(speaking.c.speaker), speaking.c.speaker)
)
NAMES = select(speakers.c.speaker, speakers.c.name).where(
    speakers.c.job_id == bindparam("job"), speakers.c.name.is_not(None)
)
RECOGNIZED = select(speakers.c.speaker, speakers.c.recognized).where(
    speakers.c.job_id == bindparam("job"), speakers.c.recognized.is_not(None)
)


class Transcripts(Reading):
    """Reads of what a job has stored."""

    def transcript(self, job_id: int) -> list[Line]:
        """Return the lines of a job in the order of the recording, those of all channels together.

        As people have corrected them, or else as the machine heard them.
        """
        return [line_of(row) for row in self._read(lambda db: db.execute(LINES, {"job": job_id}).all())]

    def machine_lines(self, job_id: int) -> list[Segment]:
        """Return the lines of a job as the machine heard them, likewise."""
        return [_segment(row) for row in self._read(lambda db: db.execute(HEARD_LINES, {"job": job_id}).all())]

    def translation(self, job_id: int) -> list[Segment]:
        """Return the English text of a job that is to have both, likewise."""
        return [_segment(row) for row in self._read(lambda db: db.execute(TRANSLATED_LINES, {"job": job_id}).all())]

    def chunk_lines(self, job_id: int, *, english: bool = False) -> list[tuple[int, list[Segment]]]:
        """Return the lines of each chunk of a job that has some, as the machine heard them, or in English."""
        statement = ENGLISH_LINES_OF_CHUNKS if english else LINES_OF_CHUNKS
        rows = self._read(lambda db: db.execute(statement, {"job": job_id}).all())
        return [(chunk, [_segment(row[1:]) for row in lines]) for chunk, lines in groupby(rows, itemgetter(0))]

    def speaking(self, job_id: int) -> list[SpeakerRow]:
        """Return who speaks in a recording, in the order in which they first do."""
        rows = self._read(lambda db: db.execute(SPEAKING, {"job": job_id}).all())
        return [cast(SpeakerRow, {name: row._mapping[name] for name in SpeakerRow.__annotations__}) for row in rows]

    def names(self, job_id: int) -> dict[str, str]:
        """Return how the speakers of a recording are called that have a name, by their labels."""
        return {row.speaker: row.name for row in self._read(lambda db: db.execute(NAMES, {"job": job_id}).all())}

    def recognized(self, job_id: int) -> dict[str, float]:
        """Return by which cosine the speakers were recognized whose name nobody has confirmed, by their labels."""
        return dict(map(tuple, self._read(lambda db: db.execute(RECOGNIZED, {"job": job_id}).all())))

    def unheard(self, job_id: int) -> tuple[float, float]:
        """Return the seconds of speech for which there is no text: of text that was left out, of chunks without any."""
        job = {"job": job_id}
        left_out, mute = self._read(lambda db: [db.execute(each, job).scalar() for each in (LEFT_OUT_S, MUTE_S)])
        return left_out or 0.0, mute or 0.0

    def stored_chunks(self, job_id: int, first: int, limit: int) -> list[StoredChunk]:
        """Return at most `limit` finished chunks of a job in the order of the recording, from number `first` on."""

        def work(db: Connection) -> list[StoredChunk]:
            found = db.execute(SOME_CHUNKS, {"job": job_id, "skipped": first, "most": limit}).all()
            if not found:
                return []
            texts: dict[int, list[Segment]] = {row.idx: [] for row in found}
            for chunk, *row in db.execute(LINES_OF, {"job": job_id, "from": found[0].idx, "to": found[-1].idx}):
                texts[chunk].append(_segment(row))
            return [StoredChunk(*row, tuple(texts[row.idx])) for row in found]

        return self._read(work)

    def waveform(self, job_id: int) -> bytes:
        """Return the peak of every twentieth of a second of a recording, 255 at full scale; b"" if it is not known."""
        levels = select(waveforms.c.levels).where(waveforms.c.job_id == job_id)
        return self._read(lambda db: db.execute(levels).scalar()) or b""

    def suppressed(self, job_id: int) -> list[Suppressed]:
        """Return the text that was left out of a job's transcript, in the order of the recording."""
        names = Suppressed.__dataclass_fields__
        statement = select(*(suppressed.c[name] for name in names)).where(suppressed.c.job_id == job_id)
        rows = self._read(lambda db: db.execute(statement.order_by(suppressed.c.chunk, suppressed.c.id)).all())
        return [Suppressed(*row) for row in rows]


def _segment(row: Sequence[Any]) -> Segment:
    *measured, words, channel, beam_size, speaker = row
    return Segment(*(*measured, words_of(words), channel, beam_size, speaker or ""))
