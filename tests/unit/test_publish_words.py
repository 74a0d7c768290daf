"""The pieces of a text that are never broken, in the scripts of the world."""

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.publish.words import WIDE_WORD_COLUMNS, words

BLANK = " \u200b"


def split(text: str) -> str:
    return "|".join(text[slice(*span)] for span in words(text))


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("And so my fellow", "And|so|my|fellow"),
        ("今日は天気がいいですね。", "今日は|天気が|いいですね。"),
        ("iPhoneを買いに", "iPhoneを|買いに"),
        ("我昨天买了一台MacBook Pro电脑，花了12.5元。", "我|昨天|买|了|一|台|MacBook|Pro|电脑，|花|了|12.5元。"),
        ("我说 hello world 今天", "我|说|hello|world|今天"),
        ("「東京タワー」へ行った（本当に）", "「東京タワー」へ|行った|（本当に）"),
        ("三千多人，其中", "三千多|人，|其中"),
        ("สำคัญมาก", "สำคัญ|มาก"),
        ("កម្ពុជា\u200bនិង", "ក|ម្ពុ|ជា|និង"),
        ("ພາສາລາວ", "ພາ|ສາ|ລາວ"),
        ("မြန်မာနိုင်ငံ", "မြန်|မာ|နိုင်|ငံ"),
        ("བོད་སྐད་", "བོད་|སྐད་"),
        ("« Oui ! » dit-il ; et puis", "« Oui ! »|dit-il ;|et|puis"),
        ("Yes. - No. Well – maybe", "Yes.|- No.|Well –|maybe"),
        ("안녕하세요 여러분", "안녕하세요|여러분"),
        ("家族👨‍👩‍👧の写真", "家族👨‍👩‍👧の|写真"),
    ],
)
def test_a_line_may_break_between(text: str, pieces: str) -> None:
    assert split(text) == pieces


def test_a_latin_word_or_a_number_stays_whole_whatever_it_is_in() -> None:
    text = "然后他说 internationalization 和 https://example.org/中文 还有12,345.67和Straßenbahnhaltestelle。"
    assert all(word in split(text).split("|") or word in split(text) for word in ("internationalization", "12,345.67"))
    assert "Straßenbahnhaltestelle。" in split(text)


def test_what_has_no_break_of_its_own_is_cut_between_characters_that_readers_see() -> None:
    pieces = split("あ" * 40).split("|")
    assert max(map(len, pieces)) * 2 <= WIDE_WORD_COLUMNS


@settings(deadline=None)
@given(st.text(alphabet="ab1 .-。、日本กำကြွក្ស່ເ་👍🏽\u200d\u200b「」", max_size=40))
def test_no_character_that_readers_see_is_cut_and_none_is_lost(text: str) -> None:
    spans = words(text)
    borders = {match.start() for match in regex.finditer(r"\X", text)} | {len(text)}
    blank = {at for at, char in enumerate(text, 1) if char in BLANK}  # a mark behind a space is a character of its own
    assert {at for span in spans for at in span} <= borders | blank
    kept = "".join(text[slice(*span)] for span in spans)
    assert [char for char in kept if char not in BLANK] == [char for char in text if char not in BLANK]
