"""What a job asks for, within what the engine can do."""

import logging

import pytest

from daemon.chunk import Options
from daemon.errors import BadRecording, Unavailable
from daemon.transcribe.abilities import Abilities
from tests.builders import ready


def test_with_one_language_nothing_is_detected() -> None:
    assert Abilities().fit(Options(), ready(languages=("en",))).language == "en"
    assert Abilities().fit(Options(), ready(languages=("en", "de"))).language == "auto"
    assert Abilities().fit(Options(language="de"), ready(languages=("en", "de"))).language == "de"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (Options(language="de"), "the engine knows no 'de', only en"),
        (Options(task="translate"), "the engine cannot translate"),
    ],
)
def test_what_the_engine_cannot_do_is_refused_with_the_way_out(options: Options, reason: str) -> None:
    with pytest.raises(BadRecording, match=reason) as caught:
        Abilities().fit(options, ready(tasks=("transcribe",)))
    assert "jobs retry" in caught.value.hint


def test_what_it_can_do_without_is_left_out_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    abilities, plain = Abilities(), ready(word_times=False, cut_context=False)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            fitted = abilities.fit(Options(word_timestamps=True), plain)
    assert (fitted.word_timestamps, fitted.context) == (False, "full")
    assert caplog.text.count("no times of words") == 1


def test_where_the_language_cannot_be_told_the_recording_must_say() -> None:
    told = ready(languages=("en", "de"), detects=False)
    with pytest.raises(BadRecording, match="cannot tell which language is spoken") as caught:
        Abilities().fit(Options(), told)
    assert "one of en, de" in caught.value.hint and "jobs retry" in caught.value.hint
    assert Abilities().fit(Options(language="de"), told).language == "de"
    assert Abilities().fit(Options(), ready(languages=("en",), detects=False)).language == "en"


@pytest.mark.parametrize(
    "options",
    [
        Options(language="en", initial_prompt="Hello."),
        Options(language="en", hotwords=("Kubernetes",)),
        Options(language="en", condition_on_previous_text=True),
        Options(language="en", beam_size=1),
        Options(language="en", languages={"de": {"hotwords": ("Kubernetes",)}}),
    ],
)
def test_prompts_that_change_nothing_are_said_once(options: Options, caplog: pytest.LogCaptureFixture) -> None:
    abilities, plain = Abilities(), ready(prompts=False)
    with caplog.at_level(logging.WARNING):
        fitted = [abilities.fit(options, plain) for _ in range(2)]
        abilities.fit(Options(), plain)
    assert caplog.text.count("the engine has no prompts and no beam, so this changes nothing: ") == 1
    assert not fitted[0].condition_on_previous_text, "chunks need not wait for each other"
    with caplog.at_level(logging.WARNING):
        assert abilities.fit(options, ready()) == options
    assert caplog.text.count("the engine has no prompts and no beam, so this changes nothing: ") == 1


def test_what_it_can_do_stays_as_it_is() -> None:
    options = Options(language="en", word_timestamps=True)
    assert Abilities().fit(options, ready()) == options


def test_times_of_words_that_only_this_machine_cannot_compute_are_waited_for() -> None:
    broken = ready(word_times=False, word_fault="times of words cannot be computed on cuda:0 (Tesla T4)")
    with pytest.raises(Unavailable, match=r"cannot be computed on cuda:0 \(Tesla T4\)") as caught:
        Abilities().fit(Options(word_timestamps=True), broken)
    assert "without word_timestamps" in caught.value.hint
    assert Abilities().fit(Options(), broken).word_timestamps is False
