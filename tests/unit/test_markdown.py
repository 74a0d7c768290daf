from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from daemon.chunk import Options, Segment
from daemon.publish.markdown import PARAGRAPH_COLUMNS, PARAGRAPH_MAX_COLUMNS, PAUSE_MAX_S, PAUSE_S, markdown
from daemon.publish.transcript import Transcript
from tests.builders import segment
from tests.unit.test_publish_formats import job

PARSER = MarkdownIt("commonmark").enable(["strikethrough", "table"])


def said(text: str, start_s: float = 0.0, end_s: float | None = None, language: str = "en") -> Segment:
    return segment(text, start_s, start_s + 1.0 if end_s is None else end_s, language=language)


def rendered(*segments: Segment, **changes: Any) -> str:
    return markdown(Transcript(job(**changes), segments, ()))


def paragraphs(*segments: Segment, **changes: Any) -> list[str]:
    """The source of what follows heading and details."""
    return rendered(*segments, **changes).rstrip("\n").split("\n\n")[2:]


def shown(source: str) -> list[str]:
    """The plain text of every block that a reader sees; fails if a block is neither heading nor paragraph."""
    blocks = PARSER.parse(source)
    assert {block.type for block in blocks} <= {
        "heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline",
    }  # fmt: skip
    return ["".join(map(_text, block.children or [])) for block in blocks if block.type == "inline"]


def _text(token: Token) -> str:
    assert token.type in ("text", "text_special", "strong_open", "strong_close"), token
    return token.content


def test_a_pause_after_a_sentence_begins_a_paragraph_with_its_time() -> None:
    made = paragraphs(said("One.", 0, 1), said("Two.", 1.5, 2), said("Three.", 2 + PAUSE_S, 5), said("Four.", 3665.9))
    assert made == ["**[00:00:00]** One. Two.", "**[00:00:04]** Three.", "**[01:01:05]** Four."]


def test_within_a_sentence_only_a_long_pause_does() -> None:
    assert len(paragraphs(said("One,", 0, 1), said("and two.", 1 + PAUSE_MAX_S - 0.1))) == 1
    assert len(paragraphs(said("One,", 0, 1), said("and two.", 1 + PAUSE_MAX_S))) == 2


def test_a_long_paragraph_ends_with_a_sentence_and_at_last_without_one() -> None:
    sentence = "w" * 99 + "."
    made = paragraphs(*(said(sentence, at, at + 1) for at in range(12)))
    assert [text.count("w.") for text in made] == [PARAGRAPH_COLUMNS // 100] * 2 + [2]
    made = paragraphs(*(said("w" * 100, at, at + 1) for at in range(12)))
    assert [text.count("w" * 100) for text in made] == [PARAGRAPH_MAX_COLUMNS // 100, 2]


def test_a_quoted_sentence_is_one() -> None:
    assert len(paragraphs(said('He said "no."', 0, 1), said("So it was.", 1 + PAUSE_S))) == 2


def test_languages_without_spaces_are_joined_without_them_but_not_their_translation() -> None:
    segments = said("今天很好。", 0, 1, "zh"), said("是的。", 1, 2, "zh")
    assert paragraphs(*segments) == ["**[00:00:00]** 今天很好。是的。"]
    segments = said("Today is good.", 0, 1, "zh"), said("Yes.", 1, 2, "zh")
    translated = rendered(*segments, language="zh", options=Options(task="translate"))
    assert "language zh, translated into English" in translated and "Today is good. Yes." in translated


def test_details_that_are_not_known_are_left_out() -> None:
    assert rendered(language=None, duration_s=None, model=None) == "# talk.mp3\n\nModel tiny.en\n"


NASTY = [
    "# no heading", "1. no list", "- nor this", "> no quote", "a *b* _c_ **d** __e__", "`code` ``more``", "[a](b) ![c](d)",
    "[a]: http://b", "<b>html</b> <!-- gone -->", "http://a.b <http://a.b>", "AT&T &amp; &#35; &copy;", "~~gone~~", "a\\*b\\",
    "| a | b |\n|---|---|", "two\nlines\n\nand a third\n---", "    no code", "[x] no task", "$a$ ==b==", "\t\ttab",
]  # fmt: skip


@pytest.mark.parametrize("text", NASTY)
def test_what_is_said_is_no_markup(text: str) -> None:
    _heading, _details, paragraph = shown(rendered(said(text), path=f"{text.replace('/', '')}.wav"))
    assert paragraph == f"[00:00:00] {' '.join(text.split())}"


@given(st.text(alphabet="ab1 \n\t#*_`[]()<>!&;~\\|-+.=$:'\"", max_size=60).filter(str.strip))
def test_a_reader_sees_name_and_text_as_they_are(text: str) -> None:
    name = text.replace("/", "") + ".wav"
    heading, _details, paragraph = shown(rendered(said(text), path=name))
    assert heading == " ".join(name.split())
    assert paragraph == f"[00:00:00] {' '.join(text.split())}"
