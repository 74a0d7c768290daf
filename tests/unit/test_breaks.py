"""Where a line may end well."""

import pytest

from daemon.publish.breaks import CLAUSE, LEANING, PHRASE, SENTENCE, WORD, breaks
from daemon.publish.phrase_words import PHRASE_WORDS
from daemon.publish.utterances import utterances
from tests.builders import segment


def costs(text: str, language: str) -> list[float]:
    (utterance,) = utterances([segment(text, language=language)])
    return breaks(utterance)[1:-1]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Yes. We think", "en", [SENTENCE, WORD]),
        ("well, that depends", "en", [CLAUSE, LEANING]),
        ("walked into the house", "en", [PHRASE, LEANING, LEANING]),
        ("Mr. Smith of J. Brown", "en", [LEANING, PHRASE, LEANING, WORD]),
        ("about … three things", "en", [WORD, WORD]),
        ("am 3. mai gesagt", "de", [WORD, WORD, WORD]),
        ("Das Haus des Mannes", "de", [LEANING, WORD, LEANING]),
        ("Elle part avec sa sœur", "fr", [WORD, PHRASE, LEANING, LEANING]),
        ("мы живём в доме", "ru", [WORD, PHRASE, LEANING]),
        ("我们的生活。因为", "zh", [LEANING, WORD, SENTENCE]),
        ("今日は天気がいい。だから", "ja", [WORD, WORD, SENTENCE]),
        ("go to the house", "zh", [PHRASE, LEANING, LEANING]),
        ("เรา มา", "th", [CLAUSE]),
        ("xx yy", "eu", [WORD]),
    ],
)
def test_the_cost_of_each_break(text: str, language: str, expected: list[float]) -> None:
    assert costs(text, language) == expected


def test_a_break_costs_more_the_less_it_follows_the_sense() -> None:
    assert SENTENCE < CLAUSE < PHRASE < WORD < LEANING


def test_the_small_words_are_lower_case_and_in_one_list_only() -> None:
    for language, small in PHRASE_WORDS.items():
        assert not small.openers & small.determiners, language
        for word in small.openers | small.determiners | small.titles:
            assert word == word.lower(), (language, word)
        assert all("." in title for title in small.titles), language
