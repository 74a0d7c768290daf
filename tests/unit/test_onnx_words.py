"""Tokens with their times become words and lines, by a table."""

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.engine.onnx.words import Spoken, lines, text_of, words


def spoken(*texts: str) -> list[Spoken]:
    """Words of half a second each, one after another."""
    return [Spoken(f" {text}", at / 2, at / 2 + 0.5, (-0.1,)) for at, text in enumerate(texts)]


def cut(texts: str, *gaps_s: float) -> list[str]:
    said = spoken(*texts.split())
    return ["".join(word.text for word in line).strip() for line in lines(said, gaps_s or [0.0] * (len(said) - 1))]


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ([" Good", " morn", "ing", "."], "Good morning."),
        ([" Hola", ".", " ¿", "Qué", " tal", "?"], "Hola. ¿Qué tal?"),
        ([" so", " ,", " then", " ?"], "so, then?"),
        ([" he", " said", ' "', "yes", '"', "."], 'he said "yes".'),
        ([" it", "'s", " (", "half", ")", " 5", " %"], "it's (half) 5 %"),
        (["<|pnc|>", " yes", "<unk>", " no", "<blk>"], "yes no"),
        ([" ", "a", " ", "b"], "a b"),
        (["no", "space"], "nospace"),
        ([], ""),
    ],
)
def test_tokens_become_text_with_the_spaces_that_belong_there(tokens: list[str], text: str) -> None:
    assert text_of(tokens) == text


def test_a_word_lasts_to_the_next_one_but_no_longer_than_a_token_can_or_the_audio_does() -> None:
    tokens, times = [" one", " t", "wo", " three"], [0.0, 0.16, 0.24, 2.0]
    found = words(tokens, times, [log(0.5), log(0.8), log(0.6), log(1.0)], duration_s=2.1)
    assert [(word.text, word.start_s, round(word.end_s, 2)) for word in found] == [
        (" one", 0.0, 0.16),
        (" two", 0.16, 0.56),
        (" three", 2.0, 2.1),
    ]
    assert [round(word.probability, 6) for word in found] == [0.5, 0.7, 1.0]


def test_what_is_said_past_the_end_of_the_audio_is_put_at_its_end() -> None:
    (word,) = words([" late"], [3.2], [-0.1], duration_s=3.0)
    assert (word.start_s, word.end_s) == (3.0, 3.0)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ("Good morning. How are you?", ["Good morning.", "How are you?"]),
        ("no marks at all", ["no marks at all"]),
        ("about … well", ["about … well"]),
        ("Mr. Smith saw Prof. Jones. He left", ["Mr. Smith saw Prof. Jones.", "He left"]),
        ('He said "no." Then', ['He said "no."', "Then"]),
        ("the 3. of May", ["the 3. of May"]),
        ("", []),
    ],
)
def test_lines_end_where_sentences_do(texts: str, expected: list[str]) -> None:
    assert cut(texts) == expected


def test_lines_end_at_a_long_pause_and_an_abbreviation_at_any() -> None:
    assert cut("one two three", 0.99, 1.0) == ["one two", "three"]
    assert cut("I am. You are", 0.0, 0.1, 0.0) == ["I am.", "You are"]
    assert cut("say No. Then go", 0.0, 0.0, 0.0) == ["say No. Then go"]
    assert cut("say No. Then go", 0.0, 0.1, 0.0) == ["say No.", "Then go"]


@given(st.lists(st.tuples(st.text(max_size=4), st.floats(0, 30)), max_size=20))
def test_whatever_the_tokens_words_and_lines_keep_the_text_and_the_order(found: list[tuple[str, float]]) -> None:
    tokens = [token for token, _ in found]
    times = sorted(time for _, time in found)
    said = words(tokens, times, [-0.1] * len(tokens), duration_s=20.0)
    assert "".join(word.text for word in said).strip() == text_of(tokens)
    assert all(0 <= word.start_s <= word.end_s <= 20 for word in said)
    assert [word.start_s for word in said] == sorted(word.start_s for word in said)
    together = [word for line in lines(said, [0.5] * max(0, len(said) - 1)) for word in line]
    assert together == said
