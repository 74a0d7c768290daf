"""A job while it runs."""

from dataclasses import replace

from daemon.chunk import Chunk, Decoded, Options, Suppressed, Word
from daemon.store.records import ChunkDone
from daemon.transcribe.active_job import ActiveJob
from tests import builders
from tests.builders import decoded, job, segment

JOB = job()


def chunk(idx: int) -> Chunk:
    return builders.chunk(idx=idx, language="auto")


def result(text: str = "text", language: str = "de", covered_s: float = 10.0) -> Decoded:
    return decoded(*filter(None, [text]), language=language, covered_s=covered_s)


def test_the_first_chunk_with_speech_finds_the_language_for_the_rest() -> None:
    running = ActiveJob(JOB, detects=True)
    first = running.add([chunk(0), chunk(1), chunk(2)])
    assert first == [chunk(0)]
    more, done = running.take(chunk(0), result(text=""), run_s=1.0)
    assert [each.idx for each in more] == [1]
    assert done is not None and done.segments == ()
    more, done = running.take(chunk(1), result(), run_s=1.0)
    assert (running.language, running.language_probability) == ("de", 0.97)
    assert [(each.idx, each.fallback_language) for each in more] == [(2, "de")]


def test_a_chunk_is_finished_with_all_its_parts_and_repetitions() -> None:
    running = ActiveJob(JOB, detects=False)
    running.add([chunk(0)])
    again, done = running.take(chunk(0), replace(result(), avg_logprob=-2.0), run_s=1.0)
    assert done is None and again[0].temperature == 0.2
    rest, done = running.take(again[0], replace(result("first", covered_s=6.0), temperature=0.2), run_s=1.0)
    assert done is None and rest[0].part == 1 and rest[0].temperature == 0.0
    more, done = running.take(rest[0], result("second"), run_s=1.0)
    assert more == [] and done is not None
    assert [segment.text for segment in done.segments] == ["first", "second"]
    assert (done.guards, done.fallbacks, done.rests) == (0, 1, 1)
    assert (done.attempts, done.run_s, done.start_s, done.end_s) == (3, 3.0, 0.0, 10.0)


def test_chunks_of_earlier_runs_are_not_done_again() -> None:
    running = ActiveJob(JOB, detects=False, done={0: ChunkDone(0.0, 10.0)})
    submitted = running.add([chunk(0), chunk(1)])
    assert submitted is not None and [each.idx for each in submitted] == [1]
    assert running.chunks_total == 2


def test_a_decoder_that_cuts_otherwise_is_noticed() -> None:
    for done in (ChunkDone(0.0, 9.5), ChunkDone(0.0, 10.0, "of other samples")):
        assert ActiveJob(JOB, detects=False, done={0: done}).add([chunk(0)]) is None


def test_complete_only_when_decoded_and_every_chunk_is_finished() -> None:
    running = ActiveJob(JOB, detects=False)
    running.add([chunk(0)])
    assert not running.complete
    running.decoded = True
    assert not running.complete
    running.take(chunk(0), result(), run_s=1.0)
    assert running.complete


def conditioned(**values: object) -> ActiveJob:
    job = replace(JOB, options=Options(condition_on_previous_text=True))
    return ActiveJob(job, detects=False, **values)  # type: ignore[arg-type]


def test_conditioned_chunks_go_one_after_another_each_with_the_text_so_far() -> None:
    running = conditioned()
    first = running.add([chunk(0), chunk(1), chunk(2)])
    assert first is not None and [(each.idx, each.previous) for each in first] == [(0, "")]
    rest, _ = running.take(first[0], result("begins", covered_s=6.0), run_s=1.0)
    assert [(each.idx, each.part, each.previous) for each in rest] == [(0, 1, "begins")]
    more, done = running.take(rest[0], result("goes on"), run_s=1.0)
    assert done is not None
    assert [(each.idx, each.previous) for each in more] == [(1, "begins goes on")]


def test_text_found_at_a_high_temperature_is_no_prompt() -> None:
    running = conditioned(previous="what was said before")
    first = running.add([chunk(0), chunk(1)])
    assert first is not None and first[0].previous == "what was said before"
    more, _ = running.take(first[0], replace(result("wild"), temperature=0.6), run_s=1.0)
    assert [each.previous for each in more] == [""]


def test_what_was_suppressed_is_part_of_the_checkpoint() -> None:
    running = ActiveJob(JOB, detects=False)
    running.add([chunk(0)])
    aside = Suppressed(1.0, 1.0, "you", "past the end of the speech")
    _, done = running.take(chunk(0), replace(result(), suppressed=(aside,)), run_s=1.0)
    assert done is not None and done.suppressed == (aside,)


def test_chunks_carry_what_counts_for_each_language() -> None:
    german = {"de": {"beam_size": 1, "hotwords": ("Kubernetes",), "replace": {"a": "b"}}}
    running = ActiveJob(replace(JOB, options=Options(hotwords=("ComfyUI",), languages=german)), detects=True)
    first = (running.add([chunk(0)]) or [])[0]
    assert (first.hotwords, first.beam_size) == (("ComfyUI",), 5)
    assert first.in_language("en") == first
    told = first.in_language("de")
    assert (told.hotwords, told.beam_size) == (("Kubernetes",), 1)
    assert first.languages == {"de": {"beam_size": 1, "hotwords": ("Kubernetes",)}}, "spelling is the publisher's"


def test_every_chunk_of_a_language_that_is_given_is_told_the_same() -> None:
    asked = Options(language="de", initial_prompt="Guten Tag.", hotwords=("ComfyUI",))
    running = ActiveJob(replace(JOB, options=asked), detects=False)
    chunks = running.add([chunk(0), chunk(1)])
    assert chunks is not None and {(each.initial_prompt, each.hotwords) for each in chunks} == {
        ("Guten Tag.", ("ComfyUI",))
    }
    assert all(each.is_prompted and each.bucket != chunk(0).bucket for each in chunks)


BOTH_JOB = replace(JOB, options=Options(task="both", initial_prompt="Guten Tag.", hotwords=("ComfyUI",)))


def test_both_texts_of_a_chunk_are_judged_by_themselves_and_saved_together() -> None:
    running = ActiveJob(BOTH_JOB, detects=True)
    first = (running.add([replace(chunk(0), task="both"), replace(chunk(1), task="both")]) or [])[0]
    both = replace(result("eins", covered_s=10.0), translation=replace(result("one"), avg_logprob=-2.0))
    more, done = running.take(first, both, run_s=1.0)
    assert done is None and running.language == "de"
    again, second = more
    assert (again.task, again.language, again.temperature) == ("translate", "de", 0.2)
    assert (again.initial_prompt, again.hotwords) == ("", ("ComfyUI",)), "what is said is not English"
    assert (second.idx, second.task, second.initial_prompt) == (1, "both", "Guten Tag.")
    rest, done = running.take(again, replace(result("one", covered_s=6.0), temperature=0.2), run_s=1.0)
    assert done is None and (rest[0].part, rest[0].task) == (1, "translate")
    _, done = running.take(rest[0], result("and more"), run_s=1.0)
    assert done is not None
    assert [line.text for line in done.segments] == ["eins"]
    assert [line.text for line in done.translation] == ["one", "and more"]
    assert (done.attempts, done.fallbacks, done.rests, done.run_s) == (3, 1, 1, 3.0)


def test_an_original_that_is_decoded_again_does_not_change_its_translation() -> None:
    running = ActiveJob(BOTH_JOB, detects=False, language="de")
    first = (running.add([replace(chunk(0), task="both")]) or [])[0]
    (again,), done = running.take(
        first, replace(result("eins"), avg_logprob=-2.0, translation=result("one")), run_s=1.0
    )
    assert done is None and (again.task, again.temperature) == ("transcribe", 0.2)
    _, done = running.take(again, replace(result("eins zwei"), temperature=0.2), run_s=1.0)
    assert done is not None
    assert [line.text for line in (*done.segments, *done.translation)] == ["eins zwei", "one"]


def test_what_is_said_in_english_is_its_own_translation() -> None:
    running = ActiveJob(BOTH_JOB, detects=False, language="en")
    first = (running.add([replace(chunk(0), task="both")]) or [])[0]
    _, done = running.take(first, result("one", language="en"), run_s=1.0)
    assert done is not None and done.translation == done.segments != ()
    _, plain = (alone := ActiveJob(JOB, detects=False)).take((alone.add([chunk(0)]) or [])[0], result(), run_s=1.0)
    assert plain is not None and plain.translation == ()


def both(idx: int) -> Chunk:
    return replace(chunk(idx), task="both", language="en")


def test_a_chunk_that_goes_on_in_another_language_is_translated_from_there() -> None:
    running = ActiveJob(BOTH_JOB, detects=False, language="en")
    first = (running.add([both(0)]) or [])[0]
    (rest,), done = running.take(first, result("one", language="en", covered_s=6.0), run_s=1.0)
    assert done is None and (rest.task, rest.part) == ("both", 1)
    _, done = running.take(rest, replace(result("zwei"), translation=result("two")), run_s=1.0)
    assert done is not None
    assert [line.text for line in done.segments] == ["one", "zwei"]
    assert [line.text for line in done.translation] == ["one", "two"]


def test_nothing_is_translated_where_nobody_speaks() -> None:
    running = ActiveJob(BOTH_JOB, detects=False, language="de")
    first = (running.add([replace(chunk(0), task="both", doubtful=True)]) or [])[0]
    silent = replace(result("Vielen Dank."), no_speech_prob=0.9, translation=result("Thank you."))
    _, done = running.take(first, silent, run_s=1.0)
    assert done is not None and (done.segments, done.translation) == ((), ())


def test_the_prompt_of_a_language_does_not_reach_its_translation() -> None:
    told = {"de": {"initial_prompt": "Guten Tag.", "hotwords": ("Kubernetes",)}}
    translated = replace(chunk(0), languages=told, initial_prompt="Hallo.").translated.in_language("de")
    assert (translated.initial_prompt, translated.hotwords, translated.task) == ("", ("Kubernetes",), "translate")


def test_what_is_gone_on_with_has_the_prompt_that_it_would_have_had() -> None:
    texts = [("early", 0.0), ("wild", 0.6), *((f"number {number}", 0.2) for number in range(200))]
    running = conditioned()
    first = running.add([chunk(idx) for idx in range(len(texts) + 1)]) or []
    for text, temperature in texts:
        first, done = running.take(first[0], replace(result(text), temperature=temperature), run_s=1.0)
        assert done is not None
    again = conditioned()
    again.opened({}, [builders.segment(text, temperature=temperature) for text, temperature in texts])
    assert again.previous == running.previous != ""
    assert "early" not in again.previous


def test_no_english_is_lost_where_the_original_ends_before_a_pause() -> None:
    """Both texts go on to where somebody speaks again, for their time stamps are late."""
    heard = replace(
        builders.chunk(seconds=12.9, language="de", task="both"),
        spans=((0.0, 5.2), (14.3, 22.0)),
        spoken=((0.2, 4.8), (14.7, 21.6)),
    )
    running = ActiveJob(JOB, detects=False)
    running.add([heard], last=True)
    words = (Word(0.3, 1.0, " guten", 0.9), Word(1.0, 4.6, " Morgen", 0.9))
    english = replace(decoded(covered_s=12.9), segments=(segment("good", 0.2, 4.8), segment("morning", 4.8, 15.2)))
    german = replace(
        result(covered_s=12.9), segments=(segment("guten Morgen", 0.2, 14.95, words=words),), translation=english
    )
    _, done = running.take(heard, german, run_s=1.0)
    assert done is not None and (done.start_s, done.end_s) == (0.0, 22.0)
    assert [(line.start_s, line.end_s) for line in done.segments] == [(0.2, 5.2)]
    assert [(line.text, line.start_s, line.end_s) for line in done.translation] == [
        ("good", 0.2, 4.8),
        ("morning", 14.3, 15.2),
    ]
