"""The rows of finished chunks, many at once: the statements are made once, and each runs for all rows of a table."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, insert, update
from sqlalchemy.dialects.sqlite import insert as upsert

from daemon.chunk import Segment
from daemon.store.access import OF_JOB
from daemon.store.full_text import parted
from daemon.store.records import Result
from daemon.store.schema import DONE, chunks, jobs, segments, suppressed, translations

Placed = tuple[int, int, int, Sequence[Segment]]
"""The number of a job, that of a chunk and that of its channel, and the lines of the chunk."""

OF_CHUNK = ("job_id", "idx", "start_s", "end_s", "attempts", "guards", "fallbacks", "rests", "digest")
OF_LINE = [field.name for field in fields(Segment) if field.name not in ("words", "channel", "speaker")]

NEW_CHUNK = upsert(chunks).on_conflict_do_nothing()
NEW_SEGMENTS, NEW_TRANSLATIONS, NEW_SUPPRESSED = insert(segments), insert(translations), insert(suppressed)
PROGRESS = (
    update(jobs)
    .where(OF_JOB)
    .values(
        chunks_done=jobs.c.chunks_done + bindparam("more"),
        processing_s=jobs.c.processing_s + bindparam("took_s"),
    )
)


def save_results(db: Connection, results: Sequence[Result]) -> None:
    """Insert finished chunks and their lines, which may be of any jobs; a chunk that is there already stays."""
    fresh = [result for result in results if _is_new(db, result)]
    said, english = (
        [(each.job_id, each.idx, each.channel, getattr(each, text)) for each in fresh]
        for text in ("segments", "translation")
    )
    insert_lines(db, said, english)
    left_out = [
        {"job_id": each.job_id, "chunk": each.idx, **asdict(line)} for each in fresh for line in each.suppressed
    ]
    _execute(db, (NEW_SUPPRESSED, left_out), (PROGRESS, _progress(fresh)))


def insert_lines(db: Connection, said: Iterable[Placed], english: Iterable[Placed]) -> None:
    """Insert the lines of chunks that have none, as they were said and in English."""
    original = [row | {"parted": parted(row["text"])} for placed in said for row in _rows(*placed)]
    translated = [row for placed in english for row in _rows(*placed)]
    _execute(db, (NEW_SEGMENTS, original), (NEW_TRANSLATIONS, translated))


def _execute(db: Connection, *inserts: tuple[Executable, list[dict[str, Any]]]) -> None:
    for statement, rows in inserts:
        if rows:
            db.execute(statement, rows)


def _is_new(db: Connection, result: Result) -> bool:
    row = {name: getattr(result, name) for name in OF_CHUNK}
    return bool(db.execute(NEW_CHUNK, {"state": DONE, **row}).rowcount)


def _rows(job_id: int, chunk: int, channel: int, lines: Sequence[Segment]) -> Iterator[dict[str, Any]]:
    for idx, line in enumerate(lines):
        row = {name: getattr(line, name) for name in OF_LINE}
        words = None if line.words is None else json.dumps([asdict(word) for word in line.words], ensure_ascii=False)
        place = {"job_id": job_id, "chunk": chunk, "idx": idx, "channel": channel, "speaker": line.speaker or None}
        yield row | place | {"words": words}


def _progress(results: Sequence[Result]) -> list[dict[str, Any]]:
    took_s = defaultdict[int, list[float]](list)
    for result in results:
        took_s[result.job_id].append(result.run_s)
    return [{"of_job": job_id, "more": len(each), "took_s": sum(each)} for job_id, each in took_s.items()]
