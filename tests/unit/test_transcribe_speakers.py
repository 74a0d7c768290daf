"""Who says what, as the dispatcher has it: voices kept and told apart, and transcripts whatever goes wrong with that."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.chunk import Word
from daemon.config.speaker_models import CAMPPLUS, campplus
from daemon.processes.decoder_pool import LostRecordings
from daemon.processes.protocol import Heard, Open, Opened, ToldApart
from daemon.store.known_voices import Sample
from daemon.store.queries import Queries
from daemon.store.requests import EMPTY_LOG
from daemon.transcribe.speakers import FAILED_BEFORE, INSTALL
from daemon.voice import KnownVoice, Recognized, Turn, Voice
from tests.builders import result, segment
from tests.unit.test_dispatcher import House

A, B = (Voice(start, start + 1.5, mark * 384) for start, mark in ((3.0, b"\x01"), (25.0, b"\x02")))
TURNS = (Turn(0.0, 20.0, "S1"), Turn(20.0, 20.1, "S2"), Turn(20.1, 40.0, "S3"))
MEANS = {"S1": A.embedding, "S2": bytes(384), "S3": B.embedding}
UNKNOWN = "who speaks is not known: "


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    campplus().parent.mkdir(parents=True)
    campplus().touch()
    made = House(tmp_path)
    yield made
    made.close()


@pytest.fixture
def knowing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A house where voices are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    campplus().parent.mkdir(parents=True)
    campplus().touch()
    made = House(tmp_path, voices="keep")
    yield made
    made.close()


def enroll(house: House, *names: str) -> list[KnownVoice]:
    with Queries(house.path) as queries:
        for nth, name in enumerate(names, 5):
            queries.enroll(name, CAMPPLUS, [Sample(bytes([nth]) * 384, f"{name}.wav")])
    return [KnownVoice(name, bytes([nth]) * 384) for nth, name in enumerate(names, 5)]


def begun(house: House, speakers: str = "auto") -> Open:
    """A recording is open that is to say who speaks."""
    house.queue("a.wav", speakers=speakers, formats=("txt", "rttm"))
    house.until(lambda: house.decoders.opened)
    order = house.decoders.opened[-1]
    house.open(order)
    return order


def transcribed(house: House) -> None:
    house.until(lambda: house.engines.in_flight)
    while house.engines.in_flight:
        house.engines.done()
        house.ticks(2)


def heard(house: House, order: Open, idx: int, *voices: Voice, more: bool = False, trouble: str = "") -> None:
    house.decoders.child.say(Heard(order.job_id, order.run, idx, voices, more, trouble))
    house.ticks(2)


def speakers(house: House) -> list[str | None]:
    return [line.speaker for _, lines in house.store.chunk_lines(1) for line in lines]


def means(house: House) -> dict[str, bytes | None]:
    with closing(sqlite3.connect(house.path)) as db:
        return dict(db.execute("SELECT speaker, embedding FROM speakers"))


def test_voices_are_told_apart_once_all_are_there_and_before_it_is_published(house: House) -> None:
    order = begun(house, "2-6")
    assert order.speaker_model == str(campplus())
    house.window(order, 2)
    transcribed(house)
    assert not house.decoders.questions and not house.decoders.closed, "its voices are yet to come"
    heard(house, order, 0, A, more=True)
    assert house.store.voices(1) == [A] and not house.decoders.questions
    heard(house, order, 1, B)
    (question,) = house.decoders.questions
    assert (question.speakers, question.voices) == ("2-6", (A, B)) and house.decoders.closed == [1]
    house.ticks()
    assert house.states() == {"a.wav": "running"} and len(house.decoders.questions) == 1
    house.decoders.child.say(ToldApart(1, order.run, TURNS, MEANS))
    house.until(lambda: house.states() == {"a.wav": "done"})
    assert speakers(house) == ["S1", "S2"] and house.job("a.wav")["warnings"] is None
    assert means(house) == {"S1": A.embedding, "S2": B.embedding}, "one has no word"
    # Where no word is nobody is told of, and the labels are those of the lines.
    spoken = [{"start_s": 0.0, "end_s": 20.0, "speaker": "S1"}, {"start_s": 20.1, "end_s": 40.0, "speaker": "S2"}]
    assert house.store.stages(1)["turns"].result == spoken
    rows = [row.split(" ")[3:5] for row in (house.inbox / "a.rttm").read_text().splitlines()]
    assert rows == [["0.000", "20.000"], ["20.100", "19.900"]]


def test_where_nobody_asks_nobody_listens(house: House) -> None:
    order = begun(house, "off")
    assert order.speaker_model == ""
    house.window(order, 1)
    transcribed(house)
    assert house.states() == {"a.wav": "done"} and not house.decoders.questions and speakers(house) == [""]


def test_channels_are_told_without_any_voice_and_without_the_model(house: House) -> None:
    campplus().unlink()
    order = begun(house)
    house.window(order, 3, channels=(2, 1))
    transcribed(house)
    assert house.states() == {"a.wav": "done"} and not house.decoders.questions
    assert speakers(house) == ["S1", "S2", "S1"] and means(house) == {"S1": None, "S2": None}
    assert house.job("a.wav")["warnings"] is None


def test_the_turns_of_channels_end_where_nobody_speaks_on_them(house: House) -> None:
    order = begun(house)
    house.window(order, 2, channels=(2, 1), spoken=[(0.0, 2.5004), (2.7, 4.0), (6.0, 8.0)], last=False)
    house.ticks()
    house.window(order, 1, channels=(2, 1), spoken=[(0.0, 1.0)], first=2)
    heard(house, order, -1)
    transcribed(house)
    house.until(lambda: house.states() == {"a.wav": "done"})
    expected = [("S1", 0.0, 4.0), ("S1", 6.0, 8.0), ("S2", 20.0, 24.0), ("S2", 26.0, 28.0), ("S1", 40.0, 41.0)]
    found = house.store.stages(1)["turns"].result
    assert found is not None and [(turn["speaker"], turn["start_s"], turn["end_s"]) for turn in found] == expected
    rows = [row.split(" ") for row in (house.inbox / "a.rttm").read_text().splitlines()]
    assert [(row[7], row[2]) for row in rows] == [("S1", "2")] * 2 + [("S2", "1")] * 2 + [("S1", "2")]
    with closing(sqlite3.connect(house.path)) as db:
        assert db.execute("SELECT count(*) FROM voices").fetchone() == (0,), "they go when the job is done"


def test_who_was_named_on_a_channel_is_called_so_where_the_recording_has_moved(house: House) -> None:
    order = begun(house)
    house.window(order, 2, channels=(2, 1), spoken=[(0.0, 2.5)])
    heard(house, order, -1)
    transcribed(house)
    house.until(lambda: house.states() == {"a.wav": "done"})
    with Queries(house.path) as queries:
        queries.name_speaker(1, "S1", "Ada", keep=False)
    (house.inbox / "a.wav").unlink()
    house.queue("b.wav", speakers="auto", formats=("txt", "rttm"))
    house.until(lambda: len(house.decoders.opened) == 2)
    moved = house.decoders.opened[-1]
    house.decoders.child.say(Opened(moved.job_id, moved.run, "hash-1", 20.0))
    house.until(lambda: house.states().get("b.wav") == "done")
    assert house.store.names(2) == {"S1": "Ada"}
    rows = [row.split(" ") for row in (house.inbox / "b.rttm").read_text().splitlines()]
    assert [(row[7], row[2]) for row in rows] == [("Ada", "2"), ("S2", "1")]


def test_both_texts_of_a_call_are_cut_at_replies(house: House) -> None:
    begun(house)
    words = (Word(0.0, 0.5, " one.", 0.9), Word(5.0, 6.0, " two.", 0.9))
    said = (segment("one. two.", 0.0, 6.0, words=words, channel=1), segment("reply.", 1.0, 4.0, channel=2))
    for idx, line in enumerate(said):
        house.store.save([replace(result(1, idx), segments=(line,), translation=(line,), channel=line.channel)])
    spoken = [(1, 0, [Voice(0.0, 0.5, b""), Voice(5.0, 6.0, b"")]), (1, 1, [Voice(1.0, 4.0, b"")])]
    house.store.keep_voices(spoken)
    house.dispatcher._speakers._tell_channels(1, house.store.chunk_lines(1))
    for english in (False, True):
        lines = [line for _, chunk in house.store.chunk_lines(1, english=english) for line in chunk]
        assert sorted((line.start_s, line.end_s, line.speaker, line.text) for line in lines) == [
            (0.0, 0.5, "S1", "one."), (1.0, 4.0, "S2", "reply."), (5.0, 6.0, "S1", "two."),
        ]  # fmt: skip


def test_what_is_spoken_on_a_channel_is_no_voice(house: House) -> None:
    order = begun(house)
    house.window(order, 1, channels=(1,), spoken=[(0.0, 1.0)], last=False)
    house.ticks()
    assert house.store.on_channels(1) == [(0, 0.0, 1.0)]
    assert house.store.voices(1) == [] and house.store.voiced(1) == 0


def test_nobody_speaks(house: House) -> None:
    order = begun(house)
    house.window(order, 0)
    heard(house, order, -1)
    house.until(lambda: house.states() == {"a.wav": "done"})
    assert house.job("a.wav")["warnings"] is None


@pytest.mark.parametrize("when", ["while it listens", "in the end", "it dies in the end"])
def test_what_goes_wrong_costs_no_transcript(house: House, when: str) -> None:
    order = begun(house)
    house.window(order, 1)
    heard(house, order, 0, A, trouble="out of luck" if when == "while it listens" else "")
    transcribed(house)
    if when == "in the end":
        house.decoders.child.say(ToldApart(1, order.run, (), {}, "out of luck"))
    elif when == "it dies in the end":
        house.decoders.child.say(LostRecordings(1, (), "out of luck"))
    house.until(lambda: house.states() == {"a.wav": "done"})
    assert UNKNOWN in str(house.job("a.wav")["warnings"]) and "out of luck" in str(house.job("a.wav")["warnings"])
    assert speakers(house) == [""] and house.job("a.wav")["attempts"] == 1


def test_without_the_model_the_warning_says_how_to_get_it(house: House) -> None:
    campplus().unlink()
    order = begun(house)
    assert order.speaker_model == ""
    house.window(order, 1)
    transcribed(house)
    assert house.states() == {"a.wav": "done"} and UNKNOWN + INSTALL.format(
        campplus(), "transcribed speakers install"
    ) in str(house.job("a.wav")["warnings"])


def test_the_last_attempt_is_made_without_listening(house: House) -> None:
    assert begun(house).speaker_model
    house.decoders.child.say(LostRecordings(1, (), "signal 11"))
    house.until(lambda: house.states() == {"a.wav": "failed"})
    with closing(sqlite3.connect(house.path)) as db, db:
        db.execute("UPDATE jobs SET next_attempt_at = '2026-01-01T00:00:00.000Z'")
    house.wakeup.wake()
    house.until(lambda: len(house.decoders.opened) == 2)
    order = house.decoders.opened[-1]
    house.open(order)
    assert order.speaker_model == ""
    house.window(order, 1)
    transcribed(house)
    assert house.states() == {"a.wav": "done"} and FAILED_BEFORE in str(house.job("a.wav")["warnings"])


def test_what_was_heard_is_not_listened_to_again_after_the_daemon_died(house: House) -> None:
    order = begun(house)
    assert house.decoders.voiced == {1: 0}
    house.window(order, 2)
    heard(house, order, 0, A, more=True)
    house.until(lambda: house.store.voiced(1) == 1)
    house.decoders.child.say(LostRecordings(None, (1,), ""))
    house.until(lambda: len(house.decoders.opened) == 2)
    house.open(house.decoders.opened[-1])
    house.until(lambda: house.decoders.voiced == {1: 1})


def test_known_voices_are_compared_and_their_names_are_in_the_transcript(knowing: House) -> None:
    house = knowing
    known = enroll(house, "Ada", "Bob")
    order = begun(house)
    house.window(order, 2)
    transcribed(house)
    heard(house, order, 0, A, more=True)
    heard(house, order, 1, B)
    (question,) = house.decoders.questions
    assert question.known == tuple(known)
    recognized = {"S2": Recognized("Ada", 0.9), "S3": Recognized("Bob", 0.71)}  # S2 of the decoder has no word
    house.decoders.child.say(ToldApart(1, order.run, TURNS, MEANS, recognized=recognized))
    house.until(lambda: house.states() == {"a.wav": "done"})
    assert house.store.names(1) == {"S2": "Bob"}
    assert [each["recognized"] for each in house.store.speaking(1)] == [None, 0.71]
    assert house.store.known_voices(CAMPPLUS) == known, "what was only recognized teaches nothing"


def test_where_voices_are_not_kept_nobody_is_compared_with_those_of_before(house: House) -> None:
    enroll(house, "Ada")
    order = begun(house)
    house.window(order, 1)
    transcribed(house)
    heard(house, order, 0, A)
    (question,) = house.decoders.questions
    assert question.known == ()


def test_how_it_sounded_is_gone_with_the_end_of_the_job(house: House) -> None:
    order = begun(house)
    house.window(order, 1)
    transcribed(house)
    heard(house, order, 0, A)
    assert house.store.voices(1) == [A]
    house.decoders.child.say(ToldApart(1, order.run, TURNS, MEANS))
    house.until(lambda: house.states() == {"a.wav": "done"})
    assert house.store.voices(1) == []


def test_the_log_is_emptied_when_somebody_asks_and_nobody_reads(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.queue("a.wav")
    log = house.path.with_name("jobs.db-wal")
    with Queries(house.path) as queries, closing(sqlite3.connect(house.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM jobs").fetchall()
        queries.request_all(EMPTY_LOG)
        house.until(lambda: "others read the database" in caplog.text)
        assert log.stat().st_size > 0
        reader.execute("ROLLBACK")
        queries.request_all(EMPTY_LOG)
        # Requests are looked for every half second, in which a fast machine goes round hundreds of times.
        house.until(lambda: log.stat().st_size == 0, ticks=100_000)
