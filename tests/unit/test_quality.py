from dataclasses import replace
from typing import Any

import pytest

from daemon.chunk import BEAM, BYTES_PER_SECOND, Decoded, Suppressed
from daemon.transcribe.quality import TEMPERATURES, judge
from tests.builders import chunk, decoded, segment

CHUNK = chunk(seconds=20.0)
SEGMENT = segment("a text", 0.0, 20.0)
GOOD = replace(decoded(covered_s=20.0), segments=(SEGMENT,))
LOOP = replace(GOOD, compression_ratio=9.0, segments=(replace(SEGMENT, text="and so " * 80),))
"""More than anybody says in 20 s."""


def test_a_good_result_is_accepted() -> None:
    verdict = judge(CHUNK, GOOD, [])
    assert (verdict.accepted, verdict.again, verdict.rest) == (GOOD, None, None)


def test_repetition_and_doubt_go_to_the_next_temperature() -> None:
    for bad in (LOOP, replace(GOOD, avg_logprob=-1.1)):
        verdict = judge(CHUNK, bad, [])
        assert verdict.accepted is None
        assert verdict.again == replace(CHUNK, temperature=0.2)


@pytest.mark.parametrize("doubts", [{"compression_ratio": 9.0}, {"avg_logprob": -1.1}])
@pytest.mark.parametrize("doubtful", [False, True])
def test_a_greedy_text_that_is_doubted_gets_a_beam_before_any_temperature(
    doubts: dict[str, Any], doubtful: bool
) -> None:
    of = replace(CHUNK, doubtful=doubtful)
    greedy = replace(GOOD, segments=LOOP.segments, provisional=True, **doubts)
    verdict = judge(of, greedy, [])
    assert verdict.guarded and verdict.again == replace(of, search=BEAM)
    after = judge(replace(of, search=BEAM), replace(greedy, provisional=False), [])
    assert after.again is None if doubtful else after.again == replace(of, search=BEAM, temperature=0.2)


def test_after_the_last_temperature_the_likeliest_steady_result_counts() -> None:
    loops = replace(LOOP, avg_logprob=-0.1)
    doubtful = [replace(GOOD, avg_logprob=-1.5, temperature=0.2), replace(GOOD, avg_logprob=-1.2, temperature=0.4)]
    last = replace(GOOD, avg_logprob=-1.3, temperature=TEMPERATURES[-1])
    assert judge(CHUNK, last, [loops, *doubtful]).accepted == doubtful[1]


def test_when_all_repeat_themselves_the_likeliest_counts() -> None:
    results = [replace(LOOP, avg_logprob=value) for value in (-0.5, -0.3)]
    accepted = judge(CHUNK, replace(LOOP, avg_logprob=-0.4, temperature=1.0), results).accepted
    assert accepted is not None and accepted.avg_logprob == -0.3


def test_doubtful_text_where_the_model_hears_no_speech_is_dropped() -> None:
    silence = replace(GOOD, no_speech_prob=0.9, avg_logprob=-1.2)
    verdict = judge(CHUNK, silence, [])
    assert verdict.accepted is not None and verdict.accepted.segments == ()
    assert verdict.again is None and verdict.rest is None


def test_sure_text_is_kept_although_the_model_hears_no_speech() -> None:
    assert judge(CHUNK, replace(GOOD, no_speech_prob=0.9), []).accepted is not None


def test_speech_after_the_last_time_stamp_is_the_next_part() -> None:
    verdict = judge(CHUNK, replace(GOOD, covered_s=12.0), [])
    assert verdict.rest is not None
    assert (verdict.rest.start_s, verdict.rest.duration_s, verdict.rest.part) == (12.0, 8.0, 1)


def test_a_short_rest_and_a_result_without_progress_have_no_next_part() -> None:
    assert judge(CHUNK, replace(GOOD, covered_s=19.2), []).rest is None
    assert judge(CHUNK, replace(GOOD, covered_s=0.4), []).rest is None


CUT = replace(CHUNK, spans=((0.0, 4.0),), audio=bytes(4 * BYTES_PER_SECOND), full_context=False)


def spoken(*lines: str) -> Decoded:
    return replace(GOOD, covered_s=4.0, segments=tuple(replace(SEGMENT, text=line) for line in lines))


@pytest.mark.parametrize(
    "result",
    [
        replace(GOOD, compression_ratio=2.5),
        replace(GOOD, avg_logprob=-1.5),
        spoken("The same again.", "the same  again."),
        spoken("before if you sign it", "Check before if you sign it"),
        spoken("And then we all went home home home"),
        spoken("It was a B-B-B"),
        spoken("we saw it and we saw it and we saw it and"),
        spoken("And so my fellow Americans, and so my fellow Americans."),
        spoken("They said no, it is late, no it is late and went"),
        spoken("The first four words", "the first four words and more"),
    ],
)
def test_what_looks_wrong_at_a_cut_context_is_decoded_at_the_full_one(result: Decoded) -> None:
    verdict = judge(CUT, result, [])
    assert verdict.accepted is None and verdict.guarded
    assert verdict.again == replace(CUT, full_context=True, search=BEAM)
    # Where the encoder heard the speech alone, hearing the silence after it comes first.
    assert judge(CUT, replace(result, whole_encoding=False), []).again == replace(CUT, whole_encoding=True, search=BEAM)


def test_what_looks_right_at_a_cut_context_is_kept() -> None:
    for result in (
        replace(GOOD, covered_s=4.0),
        spoken("One, two, three.", "No, no, that is not it."),
        spoken("very very good"),
    ):
        assert judge(CUT, result, []).accepted == result
    assert judge(CUT, spoken("He came and he saw, and he came and he won."), []).accepted is not None


@pytest.mark.parametrize(
    ("text", "covered_s", "suspect"),
    [
        ("My father got an old house near the river and he wants to paint the door green.", 11.0, True),
        ("Ask not what your country can do for you. Ask what you can do for your country. And so, my friends.", 11.0, False),
        ("我父亲在河边买了一栋老房子，他想把门漆成绿色。", 7.0, False),
        ("", 11.0, True),
        ("Yes.", 4.0, False),
    ],
)  # fmt: skip
def test_little_text_for_much_speech_is_decoded_again(text: str, covered_s: float, suspect: bool) -> None:
    cut = replace(
        CHUNK, spans=((0.0, covered_s),), audio=bytes(round(covered_s) * BYTES_PER_SECOND), full_context=False
    )
    result = replace(spoken(*filter(None, [text])), covered_s=covered_s)
    verdict = judge(cut, result, [])
    assert verdict.again == (replace(cut, full_context=True, search=BEAM) if suspect else None)
    assert judge(replace(cut, full_context=True), result, []).accepted == result, "the full context has the last word"


@pytest.mark.timeout(10)
def test_a_chunk_without_a_word_is_judged() -> None:
    """What the model said may all have been left out: past the end of the speech, or where there is no sound."""
    assert judge(CUT, spoken(), []).accepted == spoken()
    for marks in (spoken("..."), spoken("...", "- -"), spoken("♪")):
        judge(CUT, marks, [])
    assert judge(CHUNK, replace(spoken(), compression_ratio=9.0, temperature=1.0), []).accepted is not None


def test_what_is_there_twice_on_a_second_look_was_said_twice() -> None:
    second = replace(CUT, whole_encoding=True)
    assert judge(second, spoken("The same again.", "The same again."), []).accepted is not None
    unsure = replace(spoken("The same again.", "The same again."), avg_logprob=-1.5)
    assert judge(second, unsure, []).again == replace(CUT, full_context=True, search=BEAM)
    assert second.rest(1.0) == replace(CUT.rest(1.0), whole_encoding=False), "its rest gets a second look of its own"


def test_a_chunk_that_fills_the_context_is_not_decoded_twice_alike() -> None:
    full = replace(CUT, spans=((0.0, 28.0),), audio=bytes(28 * BYTES_PER_SECOND))
    repeated = replace(spoken("home home home"), covered_s=28.0)
    assert judge(full, repeated, []).accepted == repeated


def test_repetition_at_the_full_context_is_what_was_said() -> None:
    assert judge(CHUNK, spoken("home home home"), []).accepted is not None


@pytest.mark.parametrize(
    ("no_speech_prob", "avg_logprob", "is_silence"),
    [(0.92, -0.8, True), (0.92, -0.6, False), (0.75, -0.8, False), (0.75, -1.1, True), (0.5, -0.8, False)],
)
def test_the_surer_the_model_is_that_nobody_speaks_the_surer_its_words_must_be(
    no_speech_prob: float, avg_logprob: float, is_silence: bool
) -> None:
    result = replace(GOOD, no_speech_prob=no_speech_prob, avg_logprob=avg_logprob)
    accepted = judge(CHUNK, result, []).accepted
    assert (accepted is not None and accepted.segments == ()) == is_silence
    if is_silence:
        assert judge(CUT, result, []).guarded, "first it hears the silence itself"


def test_what_is_dropped_as_silence_is_kept_aside_with_the_reason() -> None:
    silence = replace(GOOD, no_speech_prob=0.9, avg_logprob=-1.2)
    verdict = judge(CHUNK, silence, [])
    assert verdict.accepted is not None
    assert [(dropped.text, dropped.reason) for dropped in verdict.accepted.suppressed] == [
        ("a text", "no speech there")
    ]


def test_a_phantom_phrase_is_dropped_only_where_the_model_hears_no_speech() -> None:
    hallucination = spoken("We begin now.", "Thanks for watching!")
    kept = judge(CHUNK, hallucination, []).accepted
    assert kept is not None and len(kept.segments) == 2 and kept.suppressed == ()
    dropped = judge(CHUNK, replace(hallucination, no_speech_prob=0.8), []).accepted
    assert dropped is not None and [segment.text for segment in dropped.segments] == ["We begin now."]
    assert [each.text for each in dropped.suppressed] == ["Thanks for watching!"]


def test_a_text_that_goes_round_in_circles_is_heard_again_in_halves() -> None:
    """So each time that something is said has audio of its own; at any context, but before any higher temperature."""
    looping = replace(GOOD, compression_ratio=3.0, pause_s=11.0)
    verdict = judge(CHUNK, looping, [])
    assert verdict.guarded and verdict.again == CHUNK.head(11.0)
    assert judge(replace(CHUNK, full_context=False), looping, []).again == replace(CHUNK, full_context=False).head(11.0)
    tried = judge(replace(CHUNK, temperature=0.2), replace(looping, temperature=0.2), [looping])
    assert tried.again == replace(CHUNK, temperature=0.4)
    assert judge(CHUNK, replace(GOOD, pause_s=11.0), []).again is None
    noise = replace(looping, no_speech_prob=0.9)
    assert judge(CHUNK, noise, []).again == replace(CHUNK, temperature=0.2), "nobody says it"


def test_the_second_half_follows_whatever_became_of_the_first() -> None:
    first = CHUNK.head(11.0)
    for result in (
        replace(GOOD, covered_s=11.0),
        replace(GOOD, covered_s=0.0),
        replace(GOOD, avg_logprob=-2.0, no_speech_prob=0.9),
    ):
        rest = judge(first, result, []).rest
        assert rest is not None and (rest.start_s, rest.duration_s, rest.tail) == (11.0, 9.0, ())
    left_out = judge(first, replace(GOOD, covered_s=5.0), []).rest
    assert left_out is not None and (left_out.start_s, left_out.duration_s) == (5.0, 6.0) and left_out.tail


def test_a_loop_that_no_temperature_ends_is_told_once() -> None:
    loop = replace(
        spoken("It began well", "Twice.", "Twice.", *["and then and then and then and then"] * 3),
        compression_ratio=5.0,
        temperature=1.0,
    )
    accepted = judge(CHUNK, loop, []).accepted
    assert accepted is not None
    assert [segment.text for segment in accepted.segments] == [
        "It began well",
        "Twice.",
        "Twice.",
        "and then",
        "and then",
    ]
    assert {each.reason for each in accepted.suppressed} == {"repeats the lines before", "repeats itself"}


def test_a_text_of_one_word_alone_keeps_it() -> None:
    endless = replace(spoken("no " * 50), compression_ratio=9.0, temperature=1.0)
    accepted = judge(CHUNK, endless, []).accepted
    assert accepted is not None and accepted.segments[0].text == "no"


def test_what_can_be_said_in_its_time_was_said_so_often() -> None:
    said = replace(spoken(*["No, no, no, no, no."] * 3), compression_ratio=3.0)
    assert judge(CHUNK, said, []).accepted == said
    assert judge(CHUNK, replace(said, no_speech_prob=0.9), []).again == replace(CHUNK, temperature=0.2)
    faster = replace(said, covered_s=2.0)
    assert judge(CHUNK, faster, []).again == replace(CHUNK, temperature=0.2)
    assert judge(CHUNK, replace(said, temperature=1.0), [replace(LOOP, avg_logprob=-0.1)]).accepted is not None


def test_a_text_that_runs_on_after_the_speech_is_first_heard_with_the_silence() -> None:
    aside = tuple(Suppressed(4.0, 4.0, "The same again and again.", "past the end of the speech") for _ in range(5))
    result = replace(
        spoken("The same again and again."), compression_ratio=3.0, pause_s=2.0, suppressed=aside, whole_encoding=False
    )
    assert judge(CUT, result, []).again == replace(CUT, whole_encoding=True, search=BEAM)
    second = replace(result, whole_encoding=True)
    assert judge(replace(CUT, whole_encoding=True), second, []).again == CUT.head(2.0)


DOUBTFUL = replace(CHUNK, doubtful=True)


def test_a_chunk_in_which_no_speech_was_found_has_a_text_only_if_the_model_hears_speech() -> None:
    assert judge(DOUBTFUL, GOOD, []).accepted == GOOD
    for result in (
        replace(GOOD, no_speech_prob=0.7),
        replace(LOOP, no_speech_prob=0.7, pause_s=11.0),
        LOOP,
        replace(GOOD, avg_logprob=-1.2),
    ):
        accepted = judge(DOUBTFUL, result, []).accepted
        assert accepted is not None and accepted.segments == ()
        assert {each.reason for each in accepted.suppressed} == {"no speech there"}
    assert judge(DOUBTFUL, replace(LOOP, pause_s=11.0), []).again == DOUBTFUL.head(11.0)
    assert judge(DOUBTFUL.head(11.0), replace(GOOD, no_speech_prob=0.7), []).rest == DOUBTFUL.head(11.0).rest(11.0)
