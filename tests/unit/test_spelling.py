"""Words that are replaced or left out when a transcript is published."""

import json

import pytest

from daemon.chunk import Options, Word
from daemon.publish.formats import render
from daemon.publish.spelling import Spelling
from tests.builders import job, segment

RULES = {"jason": "JSON", "van gogh": "Van Gogh", "harbor": "harbour", "colour": "color", "van": "Van", "北京": "Beijing", "C++": "Rust", "can": "tin", "20": "twenty", "iphone": "iPhone", "full stop": "."}  # fmt: skip


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("A jason file, Jason.", "A JSON file, JSON."),
        ("Jasonville and pyjason stay.", "Jasonville and pyjason stay."),
        ("Harbor, the harbor and HARBOR.", "Harbour, the harbour and Harbour."),
        ("A van gogh in a van.", "A Van Gogh in a Van."),
        ("他在北京很好", "他在Beijing很好"),
        ("I write C++ and C++.", "I write Rust and Rust."),
        ("I, um, think so.", "I, think so."),
        ("Um, you know, we go.", "We go."),
        ("Well, um.", "Well."),
        ("Album of drums", "Album of drums"),
        ("Um.", ""),
        ("", ""),
        ("Um. Yes I know.", "Yes I know."),
        ("Um... I think so.", "I think so."),
        ("Well, um. I think so.", "Well. I think so."),
        ("Go. Um, you know. Go.", "Go. Go."),
        ("Um-hum, right.", "Um-hum, right."),
        ("Um's", "Um's"),
        ('"Um, yes," he said.', '"Yes," he said.'),
        ("- Um, yes.", "- Yes."),
        ("yes (um) no", "yes no"),
        ("um so we go", "so we go"),
        ("嗯，我觉得，嗯。", "我觉得。"),
        ("a\u0308hm, ja", "ja"),
        ("Jason's jason-file, can't.", "JSON's JSON-file, can't."),
        ("C++11, 20.50 and 20", "C++11, 20.50 and twenty"),
        ("Iphone and IPHONE", "iPhone and iPhone"),
        ("Um ßa", "ßa"),
        ("Full stop", "."),
    ],
)
def test_a_text_is_spelled(heard: str, written: str) -> None:
    spelling = Spelling.of(Options(replace=RULES, suppress_words=("um", "you know", "ähm", "嗯")))
    assert spelling.spelled(segment(heard)).text == written


def test_words_that_are_replaced_together_become_one() -> None:
    said = tuple(Word(at, at + 0.5, text, 0.9) for at, text in enumerate([" A", " van", " gogh,", " um,", " here"]))
    spelled = Spelling.of(Options(replace=RULES, suppress_words=("um",))).spelled(
        segment("A van gogh, um, here", words=said)
    )
    assert spelled.text == "A Van Gogh, here"
    assert spelled.words is not None
    assert [(word.start_s, word.end_s, word.word) for word in spelled.words] == [
        (0, 0.5, " A"), (1, 2.5, " Van Gogh,"), (4, 4.5, " here"),
    ]  # fmt: skip


def test_the_machines_text_stays_in_the_json() -> None:
    options = Options(
        formats=("txt", "json"), replace={"jason": "JSON"}, suppress_words=("um",),
        languages={"de": {"replace": {"hafen": "Hafen"}}},
    )  # fmt: skip
    lines = [segment("A jason file."), segment("Um.", 10.0, 11.0), segment("Im hafen.", 11.0, 12.0, language="de")]
    files = render(job(options=options), lines)
    assert files["txt"].decode() == "A JSON file.\nIm Hafen.\n"
    document = json.loads(files["json"])
    assert document["text"] == "A JSON file. Im Hafen."
    assert [each.get("heard") for each in document["segments"]] == ["A jason file.", "Im hafen."]
    assert [(each["text"], each["start_s"]) for each in document["suppressed"]] == [("Um.", 10.0)]
    unchanged = json.loads(render(job(options=Options(formats=("json",))), lines)["json"])
    assert [each["text"] for each in unchanged["segments"]] == [line.text for line in lines]
    assert not any("heard" in each for each in unchanged["segments"])
