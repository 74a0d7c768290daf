"""Every block of code on README, CONTRIBUTING and the pages of docs/ is run, or checked as far as it can be."""

import io
import json
import re
import shlex
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from daemon.cli.app import main
from daemon.config import reader
from daemon.config.folder_settings import OPTIONS
from daemon.config.validation import validate
from daemon.errors import BadConfig
from daemon.store.migrate import migrate
from daemon.store.outbox import Lane, Order
from daemon.store.records import Output
from daemon.store.store import Store
from tests.commands import problem
from tests.example import FOLDER
from tests.pages import PAGES, Block, blocks, build, lived_in
from tests.support import ROOT, queue

BLOCKS = list(blocks())
ELSEWHERE = {"mermaid": "tests/integration/test_database_page.py"}
"""Languages that another test checks."""
NOT_RUN = {
    "run": "does not end",
    "doctor": "looks at this machine, for half a minute",
    "service": "changes this machine",
    "engine": "does not end",
    "web": "does not end, or asks for a password",
}
"""Commands of transcribed that have tests of their own; here only their options are looked at."""
SPEAKERS = (["speakers", "install"], ["speakers", "enroll"])
"""Likewise: the one fetches 81 MB, and the other needs that and voices."""
FOREIGN = frozenset(
    {
        "apt",
        "cp",
        "curl",
        "datasette",
        "docker",
        "jq",
        "ls",
        "mkdir",
        "pip",
        "python3",
        "systemctl",
        "useradd",
        "usermod",
    }
)
"""Programs that change the machine, need the network or may not be here: of these the files that are named must exist."""
ASSIGNMENT = re.compile(r"[A-Z_]+=")
EXTRA = re.compile(r"\[(\w+)\]")
WORD = re.compile(r"[a-z_]{3,}", re.IGNORECASE)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    build(folder)
    return folder


@pytest.fixture
def house(built: Path, tmp_path: Path) -> Iterator[Path]:
    with lived_in(built, tmp_path) as folder:
        yield folder


class Typed(io.StringIO):
    """A terminal at which somebody says yes to everything."""

    def isatty(self) -> bool:
        return True


class Bench:
    """What the checks need of a test."""

    def __init__(self, house: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.house, self.monkeypatch, self._capsys = house, monkeypatch, capsys

    def command(self, words: list[str]) -> str:
        """Run a command of transcribed, which must not fail; return what it prints, at the place that the pages tell of."""
        self.monkeypatch.setattr(sys, "argv", ["transcribed", *words])
        self.monkeypatch.setattr(sys, "stdin", Typed("y\n" * 9))
        with pytest.raises(SystemExit) as ended:
            main()
        shown = self._capsys.readouterr()
        assert not ended.value.code, (words, shown)
        return shown.out.replace(str(self.house), str(Path(FOLDER).parent))


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_of_code_is_right(
    block: Block, house: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if block.language not in ELSEWHERE:
        assert block.language in CHECKS, f"nobody checks blocks of {block.language or 'no language'}"
        CHECKS[block.language](block, Bench(house, monkeypatch, capsys))


WRONG = [
    ("toml", '[[watch]]\nlanguages = "de"\n'),
    ("toml", '# /srv/.transcribed.toml\noutput = "/srv"\n'),
    ("json", '{"stages": [{"name": "languages", "done": 1}]}'),
    ("json", '{"stages": [ … ]}'),
    ("sql", "SELECT path FROM jobs; SELECT paths FROM jobs;"),
    ("python", "import sqlite3\nsqlite3.connect("),
    ("python", "import sqlite3\nsqlite3.connect('var/jobs.db').execute('SELECT paths FROM jobs')"),
    ("sh", "transcribed jobs lists"),
    ("sh", "sudo -u me /opt/transcribed/bin/transcribed doctor --jsn"),
    ("sh", "transcribed export 12 --format vtt"),
    ("sh", "make everything"),
    ("sh", "sqlite3 var/jobs.db 'SELECT * FROM fails'"),
    ("sh", "pip install '.[small]'"),
    ("sh", "docker compose -f docs/docker/absent.yaml up"),
    ("sh", "frobnicate"),
    ("sh", "echo 'one"),
    ("sh", "TRANSCRIBED_MODEL__NAMES=base"),
    ("console", "$ transcribed reconcile\n6 found"),
    ("text", "$ transcribed run"),
]
"""(language, what a block of it must not be)."""


@pytest.mark.parametrize(("language", "text"), WRONG)
def test_a_block_that_is_wrong_is_noticed(
    language: str, text: str, house: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises((AssertionError, BadConfig, SyntaxError, ValueError, sqlite3.Error, subprocess.SubprocessError)):
        CHECKS[language](Block("docs/jobs.md", 1, language, text), Bench(house, monkeypatch, capsys))


def test_every_block_of_a_page_is_found() -> None:
    for page in PAGES:
        fences = re.findall(r"^ *(?:```|~~~)", page.read_text("utf-8"), re.MULTILINE)
        assert len(fences) == 2 * sum(block.page == str(page.relative_to(ROOT)) for block in BLOCKS), page


def _toml(block: Block, bench: Bench) -> None:
    if block.text.partition("\n")[0].endswith("/.transcribed.toml"):
        assert validate(OPTIONS, tomllib.loads(block.text), bench.house)[1] == {}
        return
    text = block.text if "[[watch]]" in block.text else f"[[watch]]\n{block.text}"
    if "path =" not in text:
        text = text.replace("[[watch]]", '[[watch]]\npath = "inbox"', 1)
    file = bench.house / "page.toml"
    file.write_text(text)
    reader.load(file)


def _json(block: Block, bench: Bench) -> None:
    shown, real = json.loads(block.text), {"docs/hooks.md": _letter, "docs/jobs.md": _job}[block.page](bench)
    assert _strange(shown, real) == []


def _job(bench: Bench) -> Any:
    return json.loads(bench.command(["jobs", "show", "1", "--json"]))


def _letter(bench: Bench) -> Any:
    """What a command is told of a job that is done."""
    lane, path = Lane("webhook", "hooks.webhook_url"), bench.house / "letter.db"
    migrate(path)
    with closing(Store(path)) as store:
        queue(store, "a.wav")
        (job,) = store.claim(1)
        store.plan_outputs(job.id, [Output("txt", b"/root/a.txt", "00", 5)])
        store.finish(job.id, orders=[Order(lane, "done")])
        (letter,) = store.due(lane, 1)
    return letter.payload


def _strange(shown: Any, real: Any) -> list[str]:
    """Return the keys of an example that are none of the real thing."""
    if isinstance(shown, list) and isinstance(real, list) and real:
        return [each for item in shown for each in _strange(item, real[0])]
    if not isinstance(shown, dict):
        return []
    strange = [key for key in shown if key not in real]
    return strange + [each for key in shown.keys() & real.keys() for each in _strange(shown[key], real[key])]


def _sql(block: Block, bench: Bench) -> None:
    with closing(sqlite3.connect(f"file:{bench.house}/var/jobs.db?mode=ro", uri=True)) as db:
        for statement in block.text.split(";"):
            db.execute(statement)


def _python(block: Block, bench: Bench) -> None:
    """Run the code of a page up to the end of the block, for it goes on with what stands above."""
    above = [each for each in BLOCKS if (each.page, each.language) == (block.page, "python") and each.line < block.line]
    codes = [each.text for each in (*above, block)]
    for number, code in enumerate(codes, 1):
        compile(code, f"{block.page}, block {number}", "exec")
    for package in re.findall(r"^import (pandas|duckdb)$", "".join(codes), re.MULTILINE):
        pytest.importorskip(package)
    bench.command(["export", "--format", "parquet", "--output", "segments.parquet"])
    names: dict[str, Any] = {}
    for code in codes:
        exec(code, names)


def _sh(block: Block, bench: Bench) -> None:
    subprocess.run(["bash", "-n"], input=block.text, text=True, check=True, timeout=60)
    lines = [line for line in block.text.splitlines() if line.strip()]
    if all(ASSIGNMENT.match(line) for line in lines) and not any(_command(line) for line in lines):
        for name, _, value in (shlex.split(line, comments=True)[0].partition("=") for line in lines):
            bench.monkeypatch.setenv(name, value)
        reader.load(bench.house / "config.toml")
        return
    for line in lines:
        _run(line, bench)


def _console(block: Block, bench: Bench) -> None:
    """Run what stands after each `$`; the words that stand below it must be among those that it prints."""
    shown = ""
    for line in block.text.splitlines():
        if line.startswith("$ "):
            shown = _run(line[2:], bench)
        elif shown and "…" not in line:
            assert set(WORD.findall(line)) <= set(WORD.findall(shown)), (line, shown)


def _command(line: str) -> list[str]:
    """Return the words of a command, without what stands before and after it: assignments, sudo, a pipe, a comment."""
    words = shlex.split(re.sub(r"\$\([^)]*\)", "0", line), comments=True)
    words = words[next((at for at, word in enumerate(words) if not ASSIGNMENT.match(word)), len(words)) :]
    if words[:1] == ["sudo"]:
        words = words[3:] if words[1] == "-u" else words[1:]
    return words[: next((at for at, word in enumerate(words) if word in ("|", ">", "&&")), len(words))]


def _run(line: str, bench: Bench) -> str:
    """Run the command of a line, or see whether what it names exists; return what it prints."""
    program, *words = _command(line)
    name = Path(program).name
    if name == "transcribed":
        assert problem(" ".join(words)) is None
        return "" if words[0] in NOT_RUN or words[:2] in SPEAKERS else bench.command(words)
    if name == "sqlite3":
        with closing(sqlite3.connect(f"file:{words[-2]}?mode=ro", uri=True)) as db:
            db.execute(words[-1])
    elif name == "make":
        assert set(words) <= set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    else:
        assert name in FOREIGN, f"nobody knows whether {name!r} is right"
        assert [word for word in words if word.startswith("docs/") and not (ROOT / word).exists()] == []
        assert "constraints.txt" not in words or (ROOT / "constraints.txt").is_file()
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
        assert {extra for word in words for extra in EXTRA.findall(word)} <= set(extras)
    return ""


def _text(block: Block, _bench: Bench) -> None:
    """A drawing or a line of a log: nothing that somebody would type."""
    assert not re.search(r"^(\$ |transcribed |make |sudo |sqlite3 )", block.text, re.MULTILINE)


CHECKS: dict[str, Callable[[Block, Bench], None]] = {
    "console": _console,
    "json": _json,
    "python": _python,
    "sh": _sh,
    "sql": _sql,
    "text": _text,
    "toml": _toml,
}
"""How blocks of a language are checked."""
