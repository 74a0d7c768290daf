"""The blocks of code on the pages, and a house in which their commands run: a folder, a configuration, a database."""

import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from unittest.mock import patch

from daemon.filesystem import fingerprint
from daemon.store import database, records
from tests import example
from tests.support import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
BLOCK = re.compile(r"^( *)```([^\n]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
GONE = "memos/milk (copy).opus"
"""A recording that is done and no longer there."""
TODAY = datetime(2026, 3, 3, 15, tzinfo=UTC)
"""A moment after everything in the example database."""
CONFIGURATION = '[[watch]]\npath = "inbox"\nlanguage = "de"\n\n[model]\nname = "base"\npreset = "rtx3090"\n'
CHANGES = """
UPDATE jobs SET path = 'talk.mp3', path_bytes = CAST('talk.mp3' AS BLOB) WHERE id = 3;
UPDATE jobs SET model = 'base, de: small' WHERE id = 4;
UPDATE jobs SET path = '2026/side-a.wav', path_bytes = CAST('2026/side-a.wav' AS BLOB) WHERE id = 8;
INSERT INTO outbox (job_id, delivery, kind, address, event, payload, command, moved_to, state, reason, attempts,
                    wanted_at, due_at) VALUES
(12, 'a', 'command', '', 'done', '{"path": "talk.mp3"}', '["mail-it"]', NULL, 'failed',
 'exit code 1: mail-it: no such user', 1, '2026-03-03T14:00:00.000Z', '2026-03-03T14:00:00.000Z'),
(12, 'b', 'recording', '', 'move', '{"path": "talk.mp3"}', NULL, CAST('done/2026/talk.mp3' AS BLOB), 'done',
 'moved to done/2026/talk.mp3', 1, '2026-03-03T14:00:00.000Z', '2026-03-03T14:00:00.000Z'),
(12, 'c', 'webhook', '', 'done', '{"path": "talk.mp3"}', NULL, NULL, 'waiting',
 'no answer from the webhook: timed out', 1, '2026-03-03T14:00:00.000Z', '2026-03-03T16:00:00.000Z');
"""
"""What the pages talk of and the example database has not."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code on a page."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks() -> Iterator[Block]:
    """Yield the blocks of all pages."""
    for page in PAGES:
        text = page.read_text("utf-8")
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield Block(str(page.relative_to(ROOT)), line, match[2].strip(), match[3])


class _Today(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "_Today":
        return cls.combine(TODAY.date(), TODAY.time(), tz)


def build(folder: Path) -> None:
    """Make a folder as the pages have it in mind: config.toml, inbox/, var/jobs.db."""
    path = folder / "var" / "jobs.db"
    path.parent.mkdir()
    example.create(path)
    with closing(sqlite3.connect(path)) as db:
        db.executescript(CHANGES)
    (folder / "config.toml").write_text(CONFIGURATION)
    (folder / "names.txt").write_text("Ada Lovelace\n")


@contextmanager
def lived_in(built: Path, folder: Path) -> Iterator[Path]:
    """Stand in a copy of a house, on the day of its database and with its daemon running; yield the copy."""
    house = folder / "house"
    shutil.copytree(built, house)
    with closing(sqlite3.connect(house / "var" / "jobs.db")) as db, db:
        _put_files(db, house / "inbox")
    before = Path.cwd()
    with ExitStack() as stack:
        stack.callback(os.chdir, before)
        os.chdir(house)
        stack.enter_context(patch.object(records, "datetime", _Today))
        stack.enter_context(database.lock(house / "var" / "jobs.db"))
        yield house


def _put_files(db: sqlite3.Connection, inbox: Path) -> None:
    """Put the recordings of a database and their transcripts into a folder, as the database knows them."""
    db.execute("UPDATE jobs SET root = ?", [str(inbox)])
    for job_id, path in db.execute("SELECT id, path FROM jobs WHERE path != ?", [GONE]).fetchall():
        (inbox / path).parent.mkdir(parents=True, exist_ok=True)
        (inbox / path).touch()
        version = fingerprint((inbox / path).stat())
        db.execute("UPDATE jobs SET fingerprint = ? WHERE id = ?", [version, job_id])
    for job_id, form, path in db.execute("SELECT job_id, format, path FROM outputs").fetchall():
        file = inbox / Path(path).relative_to(example.FOLDER)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        place = [str(file), bytes(file), job_id, form]
        db.execute("UPDATE outputs SET path = ?, path_bytes = ? WHERE job_id = ? AND format = ?", place)
