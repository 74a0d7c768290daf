"""The rows of finished chunks, many at once: the statements are made once, and each runs for all rows of a table."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Connection, bindparam, insert, update
from sqlalchemy.dialects.sqlite import insert as upsert

from daemon.chunk import Segment
from daemon.store.access import OF_JOB
from daemon.store.full_text import parted
from daemon.store.records import Result
from daemon.store.schema import DONE, chunks, jobs, segments, suppressed, translations

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
    said = [row for each in fresh for row in rows_of(each.job_id, each.idx, each.segments, each.channel)]
    english = [row for each in fresh for row in rows_of(each.job_id, each.idx, each.translation, each.channel)]
    left_out = [
        {"job_id": each.job_id, "chunk": each.idx, **asdict(line)} for each in fresh for line in each.suppressed
    ]
    rows = (
        (NEW_SEGMENTS, [row | {"parted": parted(row["text"])} for row in said]),
        (NEW_TRANSLATIONS, english),
        (NEW_SUPPRESSED, left_out),
        (PROGRESS, _progress(fresh)),
    )
    for statement, values in rows:
        if values:
            db.execute(statement, values)


def _is_new(db: Connection, result: Result) -> bool:
    row = {name: getattr(result, name) for name in OF_CHUNK}
    return bool(db.execute(NEW_CHUNK, {"state": DONE, **row}).rowcount)


def rows_of(job_id: int, chunk: int, lines: Sequence[Segment], channel: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of the lines of a chunk, in `segments` without `parted`, or in `translations`."""
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
