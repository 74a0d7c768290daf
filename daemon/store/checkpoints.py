"""What a running job stores as it goes: its content, language, chunks, segments and files."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, exists, func, insert, literal, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from daemon.sound import NOTHING_HEARD, Sound
from daemon.store.access import OF_JOB, Access
from daemon.store.records import (
    Batch,
    ChunkDone,
    Job,
    MadeWith,
    Output,
    Result,
    StageProgress,
    Written,
    options_from_json,
    options_to_json,
    readable,
    sound_from_json,
    sound_to_json,
    timestamp,
)
from daemon.store.results import save_results
from daemon.store.schema import (
    DONE,
    batches,
    chunks,
    jobs,
    outputs,
    segments,
    stages,
    suppressed,
    translations,
    versions,
    waveforms,
)
from daemon.store.speaker_tables import speakers, voices
from daemon.store.stages import keep_stages
from daemon.store.versions import IS_CURRENT, carry_over

JOB_COLUMNS = [jobs.c[name] for name in (*Job.__dataclass_fields__, "recorded_at", "warnings")]
STARTED_OVER = {
    "chunks_done": 0,
    "chunks_total": None,
    "processing_s": 0,
    "language": case((func.json_extract(jobs.c.options, "$.language") == "auto", None), else_=jobs.c.language),
    "language_probability": None,
}
"""What is set in the row of a job of which nothing is computed yet."""
COMPUTED = (chunks, segments, translations, suppressed, stages, waveforms, voices, speakers)
"""The tables of what was computed from a recording."""
# Statements that run for every recording are made once: SQLAlchemy takes longer to make one than SQLite to run it.
DETECTED = update(jobs).where(OF_JOB).values(language=bindparam("code"), language_probability=bindparam("sure"))
MADE_BEFORE = select(jobs.c.content_hash, jobs.c.retried, jobs.c.model, jobs.c.compute_type).where(OF_JOB)
BEGUN = (
    update(jobs)
    .where(OF_JOB)
    .values(
        {name: bindparam(name) for name in ("content_hash", "duration_s", "model", "compute_type", "device")}
        | {"language": func.coalesce(jobs.c.language, bindparam("only_language"))}
    )
)
CHUNKS_DONE = select(chunks.c.idx, chunks.c.start_s, chunks.c.end_s, chunks.c.digest).where(
    chunks.c.job_id == bindparam("of_job")
)
NEW_WAVEFORM = upsert(waveforms)
NEW_WAVEFORM = NEW_WAVEFORM.on_conflict_do_update(
    index_elements=["job_id"], set_={"levels": NEW_WAVEFORM.excluded.levels}
)
SAME_CONTENT = (
    select(jobs.c.id, jobs.c.root, jobs.c.path_bytes)
    .where(
        jobs.c.content_hash == bindparam("content"),
        jobs.c.model == bindparam("with_model"),
        jobs.c.state == DONE,
        jobs.c.id != bindparam("of_job"),
        jobs.c.options == bindparam("with_options"),
    )
    .order_by(jobs.c.id.desc())
)
JOB = select(*JOB_COLUMNS).where(OF_JOB)
NEW_OUTPUT = upsert(outputs)
NEW_OUTPUT = NEW_OUTPUT.on_conflict_do_update(
    index_elements=["job_id", "format"],
    set_={name: NEW_OUTPUT.excluded[name] for name in ("path", "path_bytes", "sha256", "bytes", "published")},
)
OWNER = (
    select(
        outputs.c.sha256,
        jobs.c.root,
        jobs.c.path_bytes,
        jobs.c.id,
        exists().where(versions.c.job_id == jobs.c.id, IS_CURRENT),
    )
    .join(jobs, jobs.c.id == outputs.c.job_id)
    .where(outputs.c.path_bytes == bindparam("at_path"))
    .order_by(outputs.c.job_id.desc())
    .limit(1)
)


class Checkpoints(Access):
    """Work in progress; every method keeps the job `running`, or `recording`."""

    def begin(
        self,
        job_id: int,
        *,
        content_hash: str | None,
        duration_s: float | None,
        made_with: MadeWith,
        language: str | None,
    ) -> None:
        """Record what is transcribed, and with what. What was done by another model, or before a retry, is dropped.

        What was done while the file still grew is kept: whether its chunks are still the same, their digests tell.

        Args:
            job_id: The job.
            content_hash: SHA-256 of the recording; None while it grows.
            duration_s: The length that the container states, until everything is decoded.
            made_with: The model that transcribes it.
            language: The only language that the model knows, or None.
        """

        def work(db: Connection) -> None:
            before = db.execute(MADE_BEFORE, {"of_job": job_id}).one()
            grew = before.content_hash is None and not before.retried
            by_same = (before.model, before.compute_type) == (made_with.model, made_with.compute_type)
            is_first = before.compute_type is None and not before.retried
            if not is_first and (not by_same or not (grew or before.content_hash == content_hash)):
                forget(db, job_id)
            found = {"content_hash": content_hash, "duration_s": duration_s, "only_language": language}
            db.execute(BEGUN, {"of_job": job_id, **found, **asdict(made_with)})

        self._write(work)

    def chunks_done(self, job_id: int) -> dict[int, ChunkDone]:
        """Return the chunks that are done, by their number."""
        rows = self._read(lambda db: db.execute(CHUNKS_DONE, {"of_job": job_id}).all())
        return {idx: ChunkDone(*row) for idx, *row in rows}

    def save(
        self, results: Sequence[Result], *ran: Batch, languages: Mapping[int, tuple[str, float]] | None = None
    ) -> None:
        """Save a checkpoint.

        Args:
            results: Finished chunks, which may be of any jobs, with their segments.
            ran: The batches that they come from.
            languages: The languages of recordings, detected in their first speech, and their probabilities, by job.
        """
        found = [{"of_job": job_id, "code": code, "sure": sure} for job_id, (code, sure) in (languages or {}).items()]
        now = timestamp()

        def work(db: Connection) -> None:
            save_results(db, results)
            if ran:
                db.execute(insert(batches), [{"finished_at": now, **asdict(batch)} for batch in ran])
            if found:
                db.execute(DETECTED, found)

        self._write(work)

    def decoded(
        self,
        job_id: int,
        *,
        chunks_total: int,
        duration_s: float,
        speech_s: float,
        damaged: int,
        sound: Sound = NOTHING_HEARD,
        waveform: bytes = b"",
    ) -> None:
        """Record that the whole recording has been decoded, and what that has shown."""
        found = {"chunks_total": chunks_total, "duration_s": duration_s, "speech_s": speech_s, "damaged": damaged}

        def work(db: Connection) -> None:
            db.execute(update(jobs).where(OF_JOB), {"of_job": job_id, **found, **sound_to_json(sound)})
            if waveform:
                db.execute(NEW_WAVEFORM, {"job_id": job_id, "levels": waveform})

        self._write(work)

    def same_content(self, job: Job, content_hash: str, model: str) -> list[tuple[int, str, bytes]]:
        """Return (id, root, path) of finished jobs with this content and these options, newest first."""
        same = {"content": content_hash, "with_model": model, "with_options": options_to_json(job.options)}
        return [tuple(row) for row in self._read(lambda db: db.execute(SAME_CONTENT, {"of_job": job.id, **same}).all())]

    def adopt(self, job_id: int, source_id: int) -> None:
        """Take over the chunks, segments and stages of a finished job with the same content, and what was corrected."""

        def work(db: Connection) -> None:
            forget(db, job_id)
            for table in COMPUTED:
                names = [column.name for column in table.columns if column.name not in ("job_id", "id")]
                copied = select(literal(job_id), *(table.c[name] for name in names))
                db.execute(insert(table).from_select(["job_id", *names], copied.where(table.c.job_id == source_id)))
            carry_over(db, job_id, source_id)
            carried = (
                "language", "language_probability", "model", "compute_type", "device", "duration_s", "speech_s",
                "chunks_total", "chunks_done", "damaged", "recorded_at", "sound", "warnings",
            )  # fmt: skip
            source = db.execute(select(*(jobs.c[name] for name in carried)).where(jobs.c.id == source_id)).one()
            db.execute(
                update(jobs)
                .where(jobs.c.id == job_id)
                .values(**source._mapping, reason=f"same content as job {source_id}")
            )

        self._write(work)

    def restart(self, job_id: int) -> None:
        """Drop the checkpoints because the decoder now cuts other chunks."""
        self._write(lambda db: forget(db, job_id))

    def job(self, job_id: int) -> Job:
        """Return the job as it is now."""
        return job_from(self._read(lambda db: db.execute(JOB, {"of_job": job_id}).one()))

    def plan_outputs(self, job_id: int, files: Sequence[Output], finished: Sequence[StageProgress] = ()) -> None:
        """Record the files about to be published and the finished stages, so that after a crash they count as ours."""
        rows = [
            {
                "job_id": job_id, "format": file.format, "path": readable(file.path_bytes),
                "path_bytes": file.path_bytes, "sha256": file.sha256, "bytes": file.size_bytes, "published": False,
            }
            for file in files
        ]  # fmt: skip

        def work(db: Connection) -> None:
            keep_stages(db, job_id, finished)
            if rows:
                db.execute(NEW_OUTPUT, rows)

        self._write(work)

    def output_formats(self, job_id: int) -> list[str]:
        """Return the formats in which the daemon has written the transcript of a job."""
        statement = select(outputs.c.format).where(outputs.c.job_id == job_id).order_by(outputs.c.format)
        return list(self._read(lambda db: db.execute(statement).scalars()))

    def owner(self, path: bytes) -> Written | None:
        """Return what the daemon last wrote at an absolute path, if it did."""
        row = self._read(lambda db: db.execute(OWNER, {"at_path": path}).first())
        return None if row is None else Written(*row)


def forget(db: Connection, job_id: int) -> None:
    """Drop the checkpoints of a job; its files stay recorded as the daemon's own."""
    for table in COMPUTED:
        db.execute(delete(table).where(table.c.job_id == job_id))
    db.execute(update(jobs).where(jobs.c.id == job_id).values(**STARTED_OVER))


def job_from(row: Any) -> Job:
    """Return the job in a row of JOB_COLUMNS."""
    values = dict(row._mapping)
    values["options"] = options_from_json(values["options"])
    values["sound"] = sound_from_json(values["sound"], values.pop("recorded_at"), values.pop("warnings"))
    return Job(**values)
