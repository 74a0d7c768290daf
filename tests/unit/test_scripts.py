"""What scripts ask of a line."""

import pytest

from daemon.publish.scripts import RIGHT_TO_LEFT_MARK, columns, directed, is_right_to_left, joined


@pytest.mark.parametrize(
    ("text", "width"),
    [("plain", 5), ("naïve", 5), ("nai\u0308ve", 5), ("日本、", 6), ("한국", 4), ("ที่นี่", 2), ("a\u200bb", 2), ("", 0)],
)
def test_the_columns_of_a_text(text: str, width: int) -> None:
    assert columns(text) == width


@pytest.mark.parametrize(
    ("texts", "whole"),
    [
        (["One.", " Two. "], "One. Two."),
        (["我们今天", "在这里。", "因为"], "我们今天在这里。因为"),
        (["我们", "hello", "你好"], "我们 hello 你好"),
        (["สวัสดี", "ครับ"], "สวัสดีครับ"),
        (["안녕", "하세요"], "안녕 하세요"),
        (["", "  ", "a"], "a"),
        ([], ""),
    ],
)
def test_texts_are_joined_as_their_scripts_want(texts: list[str], whole: str) -> None:
    assert joined(texts) == whole


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("plain", False),
        ("مرحبا بالعالم", True),
        ("שלום עולם Google", True),
        ("the word שלום", False),
        ("2025", False),
        ("é", False),
    ],
)
def test_the_direction_of_a_text(text: str, answer: bool) -> None:
    assert is_right_to_left(text) == answer


@pytest.mark.parametrize("line", ["Google ستفتح", "2025 وسوف", "«٣ شهور»"])
def test_a_line_that_begins_with_latin_or_digits_is_marked(line: str) -> None:
    assert directed(line) == RIGHT_TO_LEFT_MARK + line


@pytest.mark.parametrize("line", ["مرحبا Google", "«مرحبا»", "...", ""])
def test_another_line_is_not(line: str) -> None:
    assert directed(line) == line
