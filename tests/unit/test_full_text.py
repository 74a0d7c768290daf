"""What the full-text index is given and asked."""

import pytest

from daemon.store.full_text import BREAK, parted, query


@pytest.mark.parametrize("text", ["", "nothing to part here", "Ärger, naïve, Привет, שלום, مرحبا"])
def test_what_has_spaces_between_words_stays_as_it_is(text: str) -> None:
    assert parted(text) is None


@pytest.mark.parametrize("text", ["今天的预算", "第二 tests の予算", "ภาษาไทย", "예산은", "𠮷野家"])
def test_each_character_of_a_script_without_spaces_stands_on_its_own(text: str) -> None:
    found = parted(text)
    assert found is not None and found.replace(BREAK, "") == text
    inside = [word for word in found.replace(" ", BREAK).split(BREAK) if word]
    assert all(len(word) == 1 or word.isascii() for word in inside)


@pytest.mark.parametrize(
    ("phrases", "asked"),
    [
        (["budget"], '"budget"'),
        (["quarterly budget", "march"], '"quarterly budget" "march"'),
        (['say "no" AND'], '"say  no  AND"'),
        (["bud\udcffget\0s"], '"bud get s"'),
        (["budget* OR NOT -x ^y {a b}: c"], '"budget* OR NOT -x ^y {a b}: c"'),
        (["预算"], f'"{BREAK}预{BREAK}{BREAK}算{BREAK}"'),
    ],
)
def test_whatever_is_asked_for_is_a_phrase(phrases: list[str], asked: str) -> None:
    assert query(phrases) == asked


@pytest.mark.parametrize("phrase", ["", "  ", '"', "?!", "*"])
def test_without_a_letter_or_a_digit_there_is_nothing_to_find(phrase: str) -> None:
    with pytest.raises(ValueError, match="no letter and no digit"):
        query(["budget", phrase])
