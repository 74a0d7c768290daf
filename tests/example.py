"""A small database as a daemon leaves it behind, the same every time: docs/database.md shows what its queries give."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from unittest.mock import patch

from daemon.chunk import Options
from daemon.config.parallelism import Parallelism, Setup
from daemon.config.settings import Settings
from daemon.monitor.metrics import row
from daemon.monitor.sample import Gpu, Probe, Work
from daemon.processes.decoder_pool import DecoderPool
from daemon.publish.corrections import Typed, corrected
from daemon.sound import RecordedAt, Sound, Track
from daemon.store import records
from daemon.store.known_voices import give_name
from daemon.store.migrate import migrate
from daemon.store.monitoring import History
from daemon.store.queries import Queries
from daemon.store.records import Batch, Job, MadeWith, Output, Result, Seen
from daemon.store.store import Store
from daemon.store.versions import MACHINE
from daemon.transcribe.active_job import ActiveJob
from daemon.transcribe.speakers import Speakers
from daemon.transcribe.stages import StageRunner
from tests.builders import host, result, sample, segment

FOLDER = "/home/me/inbox"
BATCH_SIZE = 4
TIMES_REAL_TIME = 20.0
SETTLED_S = 3.0
SPEECH = 0.8
"""The share of speech in a recording."""

Line = tuple[float, float, str, str, float]
"""Start and end in seconds, language, text, avg_logprob."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in a chunk."""

    lines: tuple[Line, ...]
    channel: int = 0
    attempts: int = 1
    fallbacks: int = 0


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording, and what comes of it."""

    path: str
    queued_at: str
    duration_s: float
    chunks: tuple[Heard, ...]
    damaged: int = 0
    warnings: tuple[str, ...] = ()


BOARD = Recording(
    "2026/board.m4a", "2026-03-02T09:05:00", 2471.0,
    (
        Heard(((0.4, 5.1, "en", "Good morning, everybody.", -0.11), (5.1, 11.8, "en", "Let us begin with the minutes.", -0.15))),
        Heard(
            (
                (2461.2, 2466.0, "en", "and that brings us to the last point.", -0.19),
                (2466.0, 2471.0, "en", "In March the quarterly budget will be on the table again.", -0.13),
            )
        ),
    ),
)  # fmt: skip
CALL = Recording(
    "calls/0417.wav", "2026-03-02T10:30:00", 31.0,
    (
        Heard(((0.6, 2.0, "en", "Smith and Sons, good morning.", -0.21),), channel=1),
        Heard(((2.3, 9.8, "en", "Hello, I am calling about the budget that you sent us.", -0.24),), channel=2),
        Heard(((10.2, 12.1, "en", "One moment, please.", -0.18),), channel=1),
        Heard(((12.9, 30.5, "en", "Of course. It is the one of the fifth of March.", -0.26),), channel=2),
    ),
)  # fmt: skip
MILK = Recording(
    "memos/milk.opus", "2026-03-02T18:12:00", 6.2,
    (Heard(((0.3, 5.9, "en", "Buy milk, and call the plumber.", -0.17),)),),
)  # fmt: skip
INTERVIEW = Recording(
    "interviews/zürich.mp3", "2026-03-03T08:00:00", 1804.0,
    (
        Heard(((0.5, 14.5, "de", "Herzlich willkommen in Zürich, schön, dass Sie da sind.", -0.22),)),
        Heard(((14.5, 25.0, "en", "Thank you very much, it is a pleasure to be here.", -0.16),)),
        Heard(((1790.0, 1803.0, "de", "Vielen Dank für das Gespräch.", -0.2),)),
    ),
)  # fmt: skip
LECTURE = Recording(
    "lectures/lecture-3.mkv", "2026-03-03T08:01:00", 3120.5,
    (
        Heard(((3.0, 29.0, "en", "the entropy of a of a source is", -0.94),), attempts=3, fallbacks=2),
        Heard(((31.0, 58.0, "en", "and so we can write it as a sum.", -0.61),), attempts=2, fallbacks=1),
    ),
    damaged=2,
    warnings=("2 places of the recording could not be decoded; the rest was transcribed",),
)  # fmt: skip
LONG = Recording(
    "interviews/long.wav", "2026-03-03T14:00:00", 5400.0,
    (Heard(((0.0, 24.0, "en", "Tell me how it all began.", -0.2),)), Heard(((24.0, 51.0, "en", "With a bicycle.", -0.3),))),
)  # fmt: skip
DONE = (BOARD, CALL, MILK, INTERVIEW, LECTURE)


class _Clock(datetime):
    """A clock that stands still where it is put."""

    moment = datetime.min

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "_Clock":
        return cls.combine(cls.moment.date(), cls.moment.time(), tz)


def _at(moment: str, later_s: float = 0.0) -> None:
    _Clock.moment = datetime.fromisoformat(moment) + timedelta(seconds=later_s)


@contextmanager
def _opened(path: Path) -> Iterator[Store]:
    store = Store(path)
    try:
        yield store
    finally:
        store.close()


def create(path: Path) -> None:
    """Create the database, as its daemon would have done in the first days of March 2026."""
    migrate(path)
    with _opened(path) as store, patch.object(records, "datetime", _Clock):
        for number, recording in enumerate(DONE):
            _finish(store, recording, number)
        _copy(store)
        _fail(store)
        _wait(store)
        store.keep_parallelism(Setup("cpu-4", "base", "auto", "auto"), Parallelism(4, 1, BATCH_SIZE))
    with patch.object(records, "datetime", _Clock):
        _correct(path)
    _monitor(path)


def _correct(path: Path) -> None:
    """Somebody has mended what the model has heard badly."""
    (number,) = [number for number, recording in enumerate(DONE, 1) if recording is LECTURE]
    with Queries(path) as queries:
        record, heard = queries.record(number), queries.transcript(number)
        assert record is not None
        typed = [Typed.of(line) for line in heard]
        typed[0] = replace(typed[0], text="The entropy of a source is the mean of what its signs tell us,")
        _at("2026-03-03T16:20:00")
        queries.save_version(number, MACHINE, "ada", corrected(typed, heard, record))


def _seen(path: str, number: int = 0, size: int = 1_000_000) -> Seen:
    return Seen(FOLDER, path.encode(), f"2049:{1000 + number}:{size}:0:0", size)


def _claim(store: Store, recording: Recording, number: int) -> Job:
    _at(recording.queued_at)
    size = round(recording.duration_s * 16_000)
    store.queue([(_seen(recording.path, number, size), Options(model="base"), 0)])
    _at(recording.queued_at, SETTLED_S)
    (job,) = store.claim(1)
    digest = hashlib.sha256(recording.path.encode()).hexdigest()
    store.begin(
        job.id, content_hash=digest, duration_s=recording.duration_s, made_with=MadeWith("base", "int8", "cpu"),
        language=None,
    )  # fmt: skip
    store.save([], languages={job.id: (recording.chunks[0].lines[0][2], 0.97)})
    return job


def _result(job_id: int, idx: int, heard: Heard, run_s: float) -> Result:
    lines = [
        segment(text, start, end, language=language, avg_logprob=logprob)
        for start, end, language, text, logprob in heard.lines
    ]
    start_s, end_s = lines[0].start_s, lines[-1].end_s
    return result(
        job_id, idx, start_s=start_s, end_s=end_s, segments=tuple(lines), channel=heard.channel,
        attempts=heard.attempts, fallbacks=heard.fallbacks, run_s=run_s,
    )  # fmt: skip


def _save(store: Store, job: Job, recording: Recording) -> None:
    count = len(recording.chunks)
    run_s = recording.duration_s / TIMES_REAL_TIME
    results = [_result(job.id, idx, heard, run_s / count) for idx, heard in enumerate(recording.chunks)]
    store.save(results, Batch("cpu", count, BATCH_SIZE, 1, recording.duration_s, run_s))


def _finish(store: Store, recording: Recording, number: int) -> None:
    job = _claim(store, recording, number)
    _at(recording.queued_at, SETTLED_S + recording.duration_s / TIMES_REAL_TIME)
    _save(store, job, recording)
    channels = tuple(sorted({heard.channel for heard in recording.chunks} - {0}))
    track = Track(1, "aac", max(1, len(channels)), 44_100, "", "", is_default=True)
    when = RecordedAt(recording.queued_at[:10], "file")
    store.decoded(
        job.id, chunks_total=len(recording.chunks), duration_s=recording.duration_s,
        speech_s=recording.duration_s * SPEECH,
        damaged=recording.damaged, sound=Sound((track,), (1,), channels, when, recording.warnings),
    )  # fmt: skip
    if channels:
        speakers = Speakers(store, DecoderPool(0), Settings())
        assert speakers.are_told(ActiveJob(replace(job, options=replace(job.options, speakers="auto")), detects=False))
    _publish(store, job, recording.warnings)
    if channels:
        store._write(lambda db: give_name(db, job.id, "S1", "Smith & Sons", keep=False))
        store.names_written(job.id, store.renamed(job.id) or "")


def _publish(store: Store, job: Job, warnings: tuple[str, ...] = ()) -> None:
    stem = f"{FOLDER}/{job.path}".rpartition(".")[0]
    formats = ("txt", "json") if job.path.startswith("memos/") else ("txt", "srt", "json")
    files = [
        Output(form, f"{stem}.{form}".encode(), hashlib.sha256(f"{stem}.{form}".encode()).hexdigest(), 400)
        for form in formats
    ]
    store.plan_outputs(job.id, files, StageRunner(store).advance(job.id) or ())
    store.finish(job.id, warnings)


def _copy(store: Store) -> None:
    """A recording with the content of another one, whose transcript it takes over."""
    copy = Recording("memos/milk (copy).opus", "2026-03-03T09:30:00", MILK.duration_s, MILK.chunks)
    job = _claim(store, copy, 5)
    (original,) = [number for number, recording in enumerate(DONE, 1) if recording is MILK]
    content = store.job(original).content_hash or ""
    store.begin(job.id, content_hash=content, duration_s=6.2, made_with=MadeWith("base", "int8", "cpu"), language=None)
    store.adopt(job.id, original)
    _publish(store, job)


def _fail(store: Store) -> None:
    """Recordings that cannot be transcribed, or not yet."""
    for number, path in enumerate(("upload/cut-off.mp4", "tapes/side-a.wav", "upload/call.amr"), 6):
        _at(f"2026-03-03T11:{number:02}:00")
        store.queue([(_seen(path, number), Options(model="base"), 0)])
        store.claim(1)
    store.reject(7, "NotMedia", "the index of the file is missing: the copy is not complete")
    store.fail(8, "EngineDied", "the engine died while it transcribed it (signal 9)", None)
    store.fail(9, "EngineDied", "the engine died while it transcribed it (signal 9)", 86_400.0)
    store.set_aside([(_seen("notes.pdf", 9), "ignored", "not an extension of recordings")])


def _wait(store: Store) -> None:
    """Recordings that run or wait."""
    job = _claim(store, LONG, 10)
    _at("2026-03-03T14:01:09")
    _save(store, job, LONG)
    _at("2026-03-03T14:02:00")
    store.queue([(_seen("memos/new.opus", 11, 48_000), Options(model="base"), 0)])
    store.queue([(_seen("urgent/statement.wav", 12, 9_600_000), Options(model="base"), 5)])
    store.settle([_seen("upload/big.mov", 13, 734_003_200)])


def _monitor(path: Path) -> None:
    """Two samples of a machine with a GPU, and an alert that has come and gone."""
    history = History(path, lambda _reason: False)
    try:
        for hour, temperature_c, used_mb in ((9, 71.0, 3120.0), (14, 88.0, 3480.0)):
            gpu = Gpu(0, "GPU-5f1c2a7e", "RTX 4090", 93.0, used_mb, 24_564.0, temperature_c, 310.0)
            now = f"2026-03-03T{hour:02}:00:00.000Z"
            history.sample(row(sample(Work(), sampled_at=now, probe=Probe((gpu,)), host=host())))
        with patch.object(records, "datetime", _Clock):
            for moment, state in (("2026-03-03T14:00:00", "firing"), ("2026-03-03T14:20:00", "resolved")):
                _at(moment)
                text = "GPU RTX 4090 is at 88 °C" if state == "firing" else "GPU RTX 4090 is at 79 °C again"
                history.change_alerts([("gpu_temperature", "RTX 4090", state, 88.0, text)])
    finally:
        history.close()
