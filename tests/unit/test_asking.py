"""A child that is asked one question: it answers, hangs, dies, or has last words."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.processes import asking
from daemon.processes.asking import NoAnswer, ask
from daemon.processes.protocol import FindModel, Unready

Ask = Callable[[str], object]
ANSWERS = "from daemon.processes.protocol import Unready\ndef main(conn):\n    conn.send(Unready(conn.recv().name, ''))\n    conn.recv()\n"


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Ask a child that runs a program of ours."""
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}")

    def asked(program: str, limit_s: float = 60.0) -> object:
        (tmp_path / "program.py").write_text(program)
        return ask("program", FindModel("base"), limit_s)

    return asked


def test_an_answer(say: Ask) -> None:
    assert say(ANSWERS) == Unready("base", "")


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import os\ndef main(conn):\n    conn.recv()\n    os.abort()\n", "it died (signal 6)"),
        ("import os\ndef main(conn):\n    conn.recv()\n    os._exit(3)\n", "it died (exit 3)"),
        ("def main(conn):\n    conn.recv()\n    conn.send(print)\n", "it died (signal 9)"),
    ],
    ids=["aborts", "exits", "talks nonsense"],
)
def test_one_that_dies(say: Ask, program: str, why: str) -> None:
    answer = say(program)
    assert isinstance(answer, NoAnswer) and answer.why.startswith(why) and not answer.hangs


def test_one_that_hangs_is_ended(say: Callable[[str, float], object]) -> None:
    answer = say("import time\ndef main(conn):\n    time.sleep(60)\n", 0.2)
    assert answer == NoAnswer("no answer within 0.2 s", hangs=True)


def test_its_last_words_are_told_where_they_go_to_a_file(say: Ask, capfd: pytest.CaptureFixture[str]) -> None:
    """pytest captures the descriptor 2 into a file, as the examiner has it."""
    os.write(2, b"earlier words\n")
    program = "import os\ndef main(conn):\n    conn.recv()\n    os.write(2, b'Could not load library libx.so\\n\\n')\n    os.abort()\n"
    answer = say(program)
    assert isinstance(answer, NoAnswer) and answer.why == "it died (signal 6): Could not load library libx.so"
    answer = say("import os\ndef main(conn):\n    conn.recv()\n    os._exit(3)\n")
    assert isinstance(answer, NoAnswer) and answer.why == "it died (exit 3)", "of the first one, not of this"
    capfd.readouterr()


def test_where_errors_go_to_no_file_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    monkeypatch.setattr(asking, "STDERR", writer)
    assert asking._stderr_bytes() == 0 and asking._last_words(0) == ""
    os.close(reader)
    os.close(writer)
