"""Answers in the shapes of OpenAI's API."""

import json
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from daemon.chunk import Options, Word
from daemon.store.records import Job, StoredChunk
from daemon.store.versions import Line, Version
from daemon.web.openai_answer import MEASURES, Said, answer, event
from daemon.web.openai_request import Wanted
from tests.builders import MOMENT, job, segment

WORDS = (Word(0.5, 0.9, " Good", 0.9), Word(0.9, 1.4, " morning.", 0.8))
LINES = [segment("Good morning.", 0.5, 1.4, words=WORDS), segment("你好。", 2.0, 3.0, language="zh")]
DONE = job(duration_s=3.2, language="en")


def verbose(wanted: Wanted, done: Job = DONE) -> Any:
    body, kind = answer(done, LINES, wanted)
    assert kind == "application/json"
    return json.loads(body)


def test_the_short_ones() -> None:
    assert answer(DONE, LINES, Wanted("text")) == ("Good morning. 你好。\n".encode(), "text/plain; charset=utf-8")
    assert verbose(Wanted("json")) == {
        "text": "Good morning. 你好。",
        "usage": {"type": "duration", "seconds": 4},
    }
    assert answer(DONE, LINES, Wanted("vtt"))[0].startswith(b"WEBVTT")
    assert answer(DONE, LINES, Wanted("srt"))[0].decode().splitlines()[1] == "00:00:00,500 --> 00:00:01,400"


def test_a_verbose_one_has_every_segment() -> None:
    found = verbose(Wanted("verbose_json"))
    assert (found["task"], found["language"], found["duration"]) == ("transcribe", "english", 3.2)
    first, second = found["segments"]
    assert first == {
        "id": 0, "seek": 50, "start": 0.5, "end": 1.4, "text": "Good morning.", "tokens": [], "temperature": 0.0,
        "avg_logprob": -0.2, "compression_ratio": 1.0, "no_speech_prob": 0.0,
    }  # fmt: skip
    assert second["id"] == 1 and "words" not in found


def test_who_wants_numbers_gets_them_where_no_engine_has_said_any() -> None:
    stored: Any = None  # as NULL comes out of the database
    line = segment("Good morning.", avg_logprob=stored, no_speech_prob=stored)
    body, _ = answer(DONE, [line], Wanted("verbose_json"))
    (found,) = json.loads(body)["segments"]
    assert (found["avg_logprob"], found["no_speech_prob"], found["compression_ratio"]) == (0.0, 0.0, 1.0)


def test_words_are_listed_where_they_are_asked_for() -> None:
    found = verbose(Wanted("verbose_json", has_segments=False, has_words=True))
    assert found["words"] == [
        {"word": "Good", "start": 0.5, "end": 0.9},
        {"word": "morning.", "start": 0.9, "end": 1.4},
    ]
    assert "segments" not in found


def test_a_translation_is_english() -> None:
    translated = job(options=Options(task="translate"), language="de", duration_s=3.2)
    found = verbose(Wanted("verbose_json"), translated)
    assert (found["task"], found["language"]) == ("translate", "english")


def test_silence_has_an_empty_text() -> None:
    body, _ = answer(DONE, [], Wanted("verbose_json", has_words=True))
    found = json.loads(body)
    assert (found["text"], found["segments"], found["words"]) == ("", [], [])


def test_a_text_of_several_lines_is_one_event() -> None:
    assert event({"delta": "a\n\nb ü"}) == 'data: {"delta": "a\\n\\nb ü"}\n\n'.encode()


CHUNKS = [StoredChunk(idx, idx * 10.0, idx * 10.0 + 9, (segment(f"text {idx}"),)) for idx in range(4)]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_chunks_that_end_in_any_order_are_told_in_theirs(order: tuple[int, ...]) -> None:
    said, told, done = Said(), "", set[int]()
    for idx in order:
        done.add(idx)
        told += said.more(DONE, [chunk for chunk in CHUNKS if chunk.idx in done][said.chunks :])
        whole = next(number for number in range(5) if number not in done)
        assert told == " ".join(f"text {number}" for number in range(whole))
    assert said.rest(told) == ""


def test_what_is_told_is_spelled_and_joined_as_the_whole_is() -> None:
    chunks = [
        StoredChunk(0, 0, 1, (segment("um", 0, 1),)),
        StoredChunk(1, 1, 2, ()),
        StoredChunk(2, 2, 3, (segment("我们今天。", 2, 3, language="zh"),)),
        StoredChunk(3, 3, 4, (segment("明天见。", 3, 4, language="zh"), segment("comfyui", 4, 5))),
    ]
    spelled = job(options=Options(suppress_words=("um",), replace={"comfyui": "ComfyUI"}), duration_s=5.0)
    said = Said()
    told = [said.more(spelled, [chunk]) for chunk in chunks]
    assert told == ["", "", "我们今天。", "明天见。 ComfyUI"]
    whole, _ = answer(spelled, [line for chunk in chunks for line in chunk.segments], Wanted("text"))
    assert whole.decode() == f"{said.text}\n"


def test_of_a_text_that_begins_in_another_way_nothing_more_is_told() -> None:
    said = Said()
    said.more(DONE, CHUNKS[:1])
    assert said.rest("another text") == "" and said.rest("text 0, and more") == ", and more"


def test_what_somebody_has_corrected_is_not_spelled_again_and_has_all_numbers() -> None:
    line = Line(0.0, 1.0, "um, good mourning", -0.2, 0.1, 1.0, 0.0, "en", edited=True)
    spelled = replace(DONE, options=Options(replace={"mourning": "morning"}, suppress_words=("um",)))
    body, _ = answer(spelled, [line], Wanted("verbose_json", has_segments=True), Version(1, MOMENT, "ada", False))
    found = json.loads(body)
    assert found["text"] == "um, good mourning"
    (only,) = found["segments"]
    assert {only[name] for name in MEASURES} == {0.0}


def test_subtitles_name_who_speaks() -> None:
    named = [replace(line, speaker="S1") for line in LINES]
    assert b"Ada: Good morning." in answer(DONE, named, Wanted("srt"), names={"S1": "Ada"})[0]
    assert answer(DONE, named, Wanted("text")) == answer(DONE, LINES, Wanted("text")), "as OpenAI has it"
