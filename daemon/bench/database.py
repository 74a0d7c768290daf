"""How fast a large jobs.db answers: search, lists, the status, and the comparison with the disk."""

import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from random import Random

from daemon.bench.report import Report
from daemon.config.settings import Database, Settings, Watch
from daemon.filesystem import fingerprint
from daemon.store.full_text import parted, query
from daemon.store.job_queries import JobFilter
from daemon.store.migrate import migrate
from daemon.store.queries import Queries
from daemon.store.records import timestamp
from daemon.store.search_queries import Asked
from daemon.watch.reconciliation import reconcile

WORDS = 20_000
"""Different words; the second is half as frequent as the first, and so on, as in any language (Zipf)."""
LINE_WORDS = (6, 14)
CHINESE = "的一是不了人在有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里预算"
CHINESE_SHARE, CHINESE_CHARS = 0.02, 14
FOLDER_JOBS = 500
RUNS = 21
"""Of each query; a comparison with the disk runs once."""


def database(jobs: int, segments: int, folder: Path) -> Report:
    """Make a database of finished recordings with made-up texts, and measure what people ask of it."""
    inbox, path = folder / "inbox", folder / "jobs.db"
    words = large_database(folder, jobs, segments)
    settings = Settings(watch=(Watch(path=inbox, formats=("txt",)),), database=Database(url=f"sqlite:///{path}"))
    report = Report("database", "", [], ["query", "found", "median ms", "slowest ms"])
    with Queries(path) as queries:

        def search(*phrases: str, below: Path | None = None) -> Callable[[], int]:
            asked = Asked(query(phrases), None if below is None else str(below))
            return lambda: len(queries.search(asked))

        asked: dict[str, tuple[Callable[[], int], int]] = {
            "search: a rare word": (search(words[-1]), RUNS),
            "search: the most frequent word": (search(words[0]), RUNS),
            "search: a rare and a frequent word": (search(words[5_000], words[0]), RUNS),
            "search: two frequent words": (search(words[1], words[2]), RUNS),
            "search: a phrase": (search(f"{words[3]} {words[7]}"), RUNS),
            "search: two characters of Chinese": (search("预算"), RUNS),
            "search: a frequent word in one folder": (search(words[20], below=inbox / "0"), RUNS),
            "search: a word that nobody said": (search("xxxx"), RUNS),
            "jobs list --path": (lambda: len(queries.jobs(JobFilter(path=b"*/7*.wav"))), RUNS),
            "status": (lambda: queries.status()["counts"]["done"], RUNS),
            "reconcile": (lambda: reconcile(settings, queries).states["done"], 1),
        }
        for name, (ask, runs) in asked.items():
            found, times_ms = 0, []
            for _ in range(runs):
                began = time.perf_counter()
                found = ask()
                times_ms.append(1000 * (time.perf_counter() - began))
            row = (name, found, round(statistics.median(times_ms), 1), round(max(times_ms), 1))
            report.rows.append(dict(zip(report.columns, row, strict=True)))
    report.notes.append(f"{jobs} jobs, {segments} segments, {path.stat().st_size / 1e6:.0f} MB")
    return report


def large_database(folder: Path, jobs: int, segments: int) -> list[str]:
    """Make `inbox/` and `jobs.db` of finished recordings in a folder; return the words, the most frequent one first."""
    inbox, path = folder / "inbox", folder / "jobs.db"
    inbox.mkdir()
    migrate(path)
    words = _words(Random(0))
    _fill(path, inbox, jobs, segments, words)
    return words


def _words(random: Random) -> list[str]:
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvw" for vowel in "aeiou"]
    found: dict[str, None] = {}
    while len(found) < WORDS:
        found["".join(random.choices(syllables, k=random.randint(2, 5)))] = None
    return list(found)


def _fill(path: Path, inbox: Path, jobs: int, segments: int, words: list[str]) -> None:
    """Insert what the daemon would have stored, and put the recordings and transcripts on the disk."""
    now, random = timestamp(), Random(1)
    weights = list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA synchronous = OFF")
        files = list(_files(inbox, jobs))
        db.executemany(
            "INSERT INTO jobs(id, root, path, path_bytes, size_bytes, fingerprint, content_hash, state, model, "
            "duration_s, finished_at) VALUES (?, ?, ?, CAST(? AS BLOB), 0, ?, 'x', 'done', 'tiny.en', 60, ?)",
            ((job_id, str(inbox), name, name, version, now) for job_id, name, version in files),
        )
        db.executemany(
            "INSERT INTO outputs(job_id, format, path, path_bytes, sha256, bytes, published) "
            "VALUES (?1, 'txt', ?2, CAST(?2 AS BLOB), 'x', 0, 1)",
            ((job_id, str(inbox / name.replace(".wav", ".txt"))) for job_id, name, _ in files),
        )
        db.executemany(
            "INSERT INTO segments(job_id, chunk, idx, start_s, end_s, text, parted, channel, avg_logprob) "
            "VALUES (?, ?, 0, ?, ?, ?, ?, 0, -0.3)",
            (
                (1 + job, chunk, 5.0 * chunk, 5.0 * chunk + 5, text, parted(text))
                for number, text in enumerate(_lines(segments, words, weights, random))
                for chunk, job in [divmod(number, jobs)]
            ),
        )


def _lines(count: int, words: list[str], weights: list[float], random: Random) -> Iterator[str]:
    for _ in range(count):
        if random.random() < CHINESE_SHARE:
            yield "".join(random.choices(CHINESE, k=CHINESE_CHARS))
        else:
            yield " ".join(random.choices(words, cum_weights=weights, k=random.randint(*LINE_WORDS)))


def _files(inbox: Path, count: int) -> Iterator[tuple[int, str, str]]:
    """Make empty recordings and transcripts; yield the id, the path and the version of each."""
    for number in range(count):
        name = f"{number // FOLDER_JOBS}/{number}.wav"
        file = inbox / name
        if number % FOLDER_JOBS == 0:
            file.parent.mkdir()
        file.touch()
        file.with_suffix(".txt").touch()
        yield number + 1, name, fingerprint(file.stat())
