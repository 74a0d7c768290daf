"""What the model is told before it hears a chunk."""

from types import SimpleNamespace
from typing import Any

import pytest

from daemon.engine.prompt import PROMPT_MAX, PROMPT_STEP, prompt
from tests.builders import chunk

PREV, START = 1001, 1002


def encode(text: str) -> list[int]:
    """One token for each word and for each comma; a command is one beyond those of words."""
    numbers = {",": 0, "<|en|>": 1003}
    return [numbers.get(word, len(word)) for word in text.replace(",", " , ").split()]


def tokens(**values: Any) -> list[int]:
    tokenizer: Any = SimpleNamespace(encode=encode, eot=1000, sot_prev=PREV, sot_sequence=[START])
    return prompt(chunk(**values), tokenizer)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, [START]),
        ({"previous": "too short to count"}, [START]),
        ({"hotwords": ("four", "a bc")}, [PREV, 4, 0, 1, 2, START]),
        ({"initial_prompt": " a bcd "}, [PREV, 1, 3, START]),
        ({"initial_prompt": "a", "hotwords": ("bc",)}, [PREV, 2, 1, START]),
        ({"initial_prompt": "a", "previous": "xyz " * PROMPT_STEP}, [PREV, 1, *[3] * PROMPT_STEP, START]),
        ({"initial_prompt": "a <|en|> b"}, [PREV, 1, 1, START]),
    ],
)
def test_the_model_is_told(told: dict[str, Any], expected: list[int]) -> None:
    assert tokens(**told) == expected


@pytest.mark.parametrize("previous", ["", "word " * 1000])
def test_a_prompt_is_cut_at_what_the_model_takes(previous: str) -> None:
    long = tokens(initial_prompt="first " + "bc " * 500, hotwords=("four",), previous=previous)
    assert long == [PREV, *[2] * PROMPT_MAX, START]


def test_hotwords_that_do_not_fit_are_left_out_whole_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    words = tuple(f"two {'x' * (number % 7 + 1)}" for number in range(200))
    for _ in range(2):
        told = tokens(hotwords=words, initial_prompt="the end")
        assert len(told) <= PROMPT_MAX + 2 and told[-3:] == [3, 3, START]
        assert told.count(0) == (PROMPT_MAX - 2 + 1) // 3 - 1
    assert [record.message for record in caplog.records] == [
        "the model is not told 126 of 200 hotwords: its prompt holds no more"
    ]


def test_the_text_before_takes_the_room_that_is_left() -> None:
    told = tokens(hotwords=("four",), previous="xyz " * 300)
    assert told == [PREV, 4, *[3] * (PROMPT_MAX - 1), START]


def test_a_word_that_is_too_long_does_not_keep_the_others_out() -> None:
    assert tokens(hotwords=("bc " * 300, "four")) == [PREV, 4, START]
