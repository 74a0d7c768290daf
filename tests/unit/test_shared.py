"""Answers that are made once for many."""

import threading
import time
from itertools import count

import pytest

from daemon.web import shared as room
from daemon.web.shared import ANSWERS_MAX, LASTS_S, Shared
from tests.fakes import FakeClock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    made = FakeClock()
    monkeypatch.setattr(room, "time", made)
    return made


def test_an_answer_is_made_again_after_a_change_or_a_while(clock: FakeClock) -> None:
    numbers, answers = count(), Shared()

    def ask(question: str, change: int) -> str:
        return answers.get(question, change, lambda: f"{question} {next(numbers)}")

    assert ask("all", 1) == ask("all", 1) == "all 0"
    assert ask("mine", 1) == "mine 1" and ask("all", 2) == "all 2"
    clock.now += LASTS_S
    assert ask("all", 2) == "all 3"


def test_those_who_ask_meanwhile_wait_for_it() -> None:
    answers, made = Shared(), []

    def make() -> str:
        time.sleep(0.2)
        made.append(1)
        return "an answer"

    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(answers.get("all", 1, make))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["an answer"] * 20 and len(made) == 1


def test_an_answer_that_cannot_be_made_is_tried_again() -> None:
    answers = Shared()

    def fail() -> str:
        raise OSError("not now")

    with pytest.raises(OSError, match="not now"):
        answers.get("all", 1, fail)
    assert answers.get("all", 1, lambda: "now") == "now"


def test_only_so_many_answers_are_kept(clock: FakeClock) -> None:
    answers = Shared()
    for number in range(ANSWERS_MAX + 20):
        answers.get(number, 1, lambda: "x")
    assert len(answers._answers) == ANSWERS_MAX and clock.now
