"""Chunks of other daemons beside those of jobs: who gets which answer, and that nothing of them stays."""

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from daemon.chunk import Chunk, Decoded
from daemon.guests import abilities, answer
from daemon.guests.line import Kind, Line, Question, Reply, pair
from daemon.guests.request import Request, packed
from daemon.processes.engine import BatchEnded, LostBatches
from daemon.processes.protocol import BatchDone, Server
from daemon.processes.website import Website
from daemon.store.requests import BY_REQUEST
from daemon.transcribe import guests as room
from daemon.transcribe.guests import fit
from tests.builders import chunk, heard, load_model, ready
from tests.unit.test_dispatcher import House


class GuestHouse(House):
    """A dispatcher with a page, at whose end of the line the test is."""

    def __init__(self, folder: Path) -> None:
        self.website = Website(None, "")
        self.page = self.new_page()
        super().__init__(folder, website=self.website)

    def new_page(self) -> Line:
        self.website.line, theirs = pair()
        return Line(theirs)

    def close(self) -> None:
        super().close()
        self.website.close()
        self.page.close()

    def ask(self, number: int, chunks: Sequence[Chunk], person: str = "ada", model: str = "tiny.en") -> None:
        question = Question(number, Kind.CHUNKS, person, packed(Request(model, tuple(chunks))))
        # A socket holds less than this.
        asking = Thread(target=self.page.ask, args=(question,), daemon=True)
        asking.start()

        def sent() -> bool:
            asking.join(0.01)
            return not asking.is_alive()

        self.until(sent, 1000)
        self.ticks()

    def batch(self) -> tuple[Chunk, ...]:
        """The chunks of the oldest batch."""
        return next(iter(self.engines.engine.batches.values()))

    def run(self) -> tuple[Chunk, ...]:
        """The oldest batch ends; its chunks."""
        chunks = self.batch()
        self.engines.done()
        self.ticks()
        return chunks

    def dies(self) -> None:
        """The engine, with all that it has."""
        batches = tuple(self.engines.engine.batches.values())
        self.engines.engine.batches.clear()
        self.engines.child.say(LostBatches(batches, "signal 9"))
        self.ticks()

    def batches(self) -> list[tuple[int, int, float]]:
        with closing(sqlite3.connect(self.path)) as database:
            return database.execute("SELECT size, recordings, audio_s FROM batches").fetchall()

    @property
    def silent(self) -> bool:
        return not self.page._connection.poll(0.05)

    def rest(self) -> None:
        """Nothing of anybody's is left anywhere."""
        dispatcher = self.dispatcher
        assert dispatcher.idle and not dispatcher._guests._guests and not dispatcher._guests._owners
        assert dispatcher._inference.held_s == pytest.approx(0)
        assert not any(map(len, dispatcher._inference._batchers.values()))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[GuestHouse]:
    made = GuestHouse(tmp_path)
    yield made
    made.close()


def mine(recording: int = 1, count: int = 1, **fields: Any) -> list[Chunk]:
    return [chunk(recording, idx, 20.0, language="en", **fields) for idx in range(count)]


def results(reply: Reply, chunks: Sequence[Chunk]) -> list[Decoded | str]:
    assert reply.status == 200, reply
    return answer.unpacked(reply.body, chunks)


def test_chunks_are_answered_with_what_is_heard_in_each_and_nothing_is_kept(house: GuestHouse) -> None:
    house.engines.engine.ready = ready(workers=1)
    sent = [*mine(3, 2), *mine(9, 1)]
    house.ask(7, sent)
    assert not house.dispatcher.idle, "no calibration and no verification now"
    assert [len(each.audio) for each in house.run()] == [640_000] * 3
    reply = house.page.replied()
    assert reply.number == 7
    found = results(reply, sent)
    assert [each.segments[0].start_s for each in found if isinstance(each, Decoded)] == [0.0, 20.0, 0.0]
    assert house.states() == {} and house.silent
    house.rest()
    assert house.batches() == [(3, 2, 60.0)], "a batch is counted as any other, of two recordings"


def test_their_chunks_share_batches_with_those_of_jobs_and_of_others_in_turn(house: GuestHouse) -> None:
    house.queue("a.wav")
    house.until(lambda: house.decoders.opened)
    house.open(order := house.decoders.opened[0])
    house.engines.engine.held_until = 1.0
    house.window(order, 6)
    house.ask(1, mine(5, 6))
    house.ask(2, mine(5, 6), person="bob")
    house.engines.engine.held_until = None
    house.ticks()
    owners = [each.job_id for each in house.batch()]
    assert len(owners) == 4 and set(owners) == {order.job_id, -1, -2}
    while house.engines.engine.batches:
        house.run()
    assert [house.page.replied().number for _ in range(2)] == [1, 2]
    house.rest()
    assert house.states() == {"a.wav": "done"}


def test_what_is_bad_is_for_the_other_daemon_to_judge(house: GuestHouse) -> None:
    house.ask(1, sent := mine(word_timestamps=True, temperature=0.4))
    (given,) = house.batch()
    assert (given.temperature, given.word_timestamps) == (0.4, True)
    house.engines.done("thank you " * 50)
    house.ticks()
    (found,) = results(house.page.replied(), sent)
    assert isinstance(found, Decoded) and found.segments[0].text == "thank you " * 50
    house.rest()


def test_an_engine_that_gives_nonsense_ends_nothing_here(house: GuestHouse) -> None:
    house.ask(1, mine())
    ((batch_id, chunks),) = house.engines.engine.batches.items()
    no_text: Any = b"en"
    nonsense = replace(heard(chunks[0]), language=no_text)
    house.engines.child.say(BatchEnded(house.engines.engine, BatchDone(batch_id, (nonsense,), 0.1), chunks))
    house.ticks()
    reply = house.page.replied()
    assert reply.status == 500 and reply.body.startswith(b"the engine's answer cannot be passed on")
    house.rest()


def test_a_chunk_that_kills_an_engine_alone_fails_and_no_other(house: GuestHouse) -> None:
    house.ask(1, sent := mine(1, 3))
    house.dies()
    assert [each.alone for each in house.batch()] == [True]
    house.dies()
    house.run()
    house.run()
    found = results(house.page.replied(), sent)
    assert [each for each in found if isinstance(each, str)] == ["the engine died on its speech at 40 s (signal 9)"]
    assert len(found) == 3
    house.rest()


def test_who_goes_away_costs_nothing_more(house: GuestHouse) -> None:
    house.engines.engine.batch_size = 1
    house.engines.engine.batch_s = 9.0
    house.ask(1, mine(1, 4))
    house.ask(2, others := mine(1, 2))
    running = len(house.engines.engine.batches)
    house.page.ask(Question(1, Kind.GONE))
    house.ticks()
    total = 0
    while house.engines.engine.batches:
        house.run()
        total += 1
    assert total == running + 2
    reply = house.page.replied()
    assert reply.number == 2 and len(results(reply, others)) == 2 and house.silent
    house.rest()


def test_nobody_waits_for_what_an_earlier_page_has_asked(house: GuestHouse) -> None:
    house.ask(1, mine(1, 9))
    house.page.close()
    house.ticks()
    assert house.website.line is None
    house.page = house.new_page()
    house.ask(1, sent := mine(2))
    while house.engines.engine.batches:
        house.run()
    reply = house.page.replied()
    assert (reply.number, len(results(reply, sent))) == (1, 1) and house.silent
    house.rest()


def test_a_page_that_says_nonsense_is_hung_up_on(house: GuestHouse, caplog: pytest.LogCaptureFixture) -> None:
    house.page._connection.send_bytes(b"what?")
    with caplog.at_level(logging.WARNING):
        house.ticks()
    assert "the page is not listened to any more" in caplog.text
    with pytest.raises(EOFError):
        house.page.replied()


def test_during_a_pause_those_that_wait_are_sent_away_and_what_runs_ends(house: GuestHouse) -> None:
    house.engines.engine.batch_size = 1
    house.engines.engine.batch_s = 9.0
    house.ask(1, running := mine(1))
    house.ask(2, mine(1, 3))
    house.pauses.hold(BY_REQUEST, "by request; `transcribed resume` ends it")
    house.ticks()
    sent_away = house.page.replied()
    assert (sent_away.number, sent_away.status, sent_away.wait_s) == (2, 503, 60)
    assert sent_away.body.startswith(b"paused: by request")
    house.ask(3, mine(1))
    house.page.ask(Question(4, Kind.ABILITIES))
    house.ticks()
    assert [(reply.number, reply.status) for reply in (house.page.replied(), house.page.replied())] == [
        (3, 503),
        (4, 503),
    ]
    while house.engines.engine.batches:
        house.run()
    assert len(results(house.page.replied(), running)) == 1
    house.rest()


def test_when_the_daemon_stops_what_runs_ends_and_the_rest_is_sent_away(house: GuestHouse) -> None:
    house.engines.engine.batch_size = 1
    house.engines.engine.batch_s = 9.0
    house.ask(1, mine(1))
    house.ask(2, mine(1, 5))
    batches = len(house.engines.engine.batches)
    house.engines.done()
    house.dispatcher.drain(lambda: True)
    assert house.engines.in_flight == batches, "in a hurry"
    replies = sorted((house.page.replied() for _ in range(2)), key=lambda reply: reply.number)
    assert [(reply.status, reply.body) for reply in replies] == [(503, b"the daemon stops")] * 2
    house.rest()


def test_it_says_what_its_engine_can_do(house: GuestHouse) -> None:
    house.page.ask(Question(1, Kind.ABILITIES))
    house.ticks()
    can = abilities.unpacked(house.page.replied().body)
    assert can is not None and (can.name, can.model, can.batch_size, can.policy) == ("tiny.en", "tiny.en", 4, "whisper")
    assert (can.languages, can.word_times, can.cut_context) == (("en",), True, True)


@pytest.mark.parametrize(
    ("fields", "model", "status", "wait_s", "says"),
    [
        ({"ready": None}, "tiny.en", 503, 5, "is not loaded"),
        ({"load": load_model(server=Server("engines[0]", "http://b/v1"))}, "tiny.en", 404, 0, "in a circle"),
        ({}, "base", 404, 0, "its model is tiny.en"),
    ],
)
def test_chunks_are_not_taken(
    house: GuestHouse,
    fields: dict[str, Any],
    model: str,
    status: int,
    wait_s: int,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in fields.items():
        setattr(house.engines.engine, name, value)
    monkeypatch.setattr(house.engines, "ready", house.engines.engine.ready)
    house.ask(1, mine(), model=model)
    reply = house.page.replied()
    assert (reply.status, reply.wait_s) == (status, wait_s) and says in reply.body.decode()
    house.rest()


def test_what_makes_no_sense_is_refused(house: GuestHouse) -> None:
    house.page.ask(Question(1, Kind.CHUNKS, "ada", b"nonsense"))
    house.ticks()
    assert house.page.replied().status == 400
    house.rest()


def test_when_too_much_waits_they_come_again_later(house: GuestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "HELD_MAX_S", 50.0)
    house.ask(1, mine(1, 4))
    house.ask(2, mine(2))
    reply = house.page.replied()
    assert (reply.number, reply.status, reply.wait_s) == (2, 429, 2), "but for one, however large it is"
    while house.engines.engine.batches:
        house.run()
    house.page.replied()
    house.ask(3, mine(2))
    house.run()
    assert house.page.replied().status == 200


def test_a_chunk_that_the_engine_cannot_take_is_told_at_once(house: GuestHouse) -> None:
    house.ask(1, sent := [*mine(), replace(mine()[0], language="de")])
    house.run()
    found = results(house.page.replied(), sent)
    assert isinstance(found[0], Decoded) and found[1] == "the engine knows no 'de'"
    house.rest()


def test_what_guests_have_here_keeps_no_recording_from_being_decoded(house: GuestHouse) -> None:
    house.engines.engine.held_until = 1.0
    house.ask(1, mine(1, 60))
    house.queue("a.wav")
    house.until(lambda: house.decoders.opened)
    house.open(order := house.decoders.opened[0])
    house.window(order, 2, last=False)
    house.until(lambda: len(house.decoders.asked) > 1)


@pytest.mark.parametrize(
    ("asked", "can", "becomes"),
    [
        ({"language": "auto"}, {}, {"language": "en"}),
        ({"language": "auto"}, {"languages": ("de", "en")}, {"language": "auto"}),
        ({"language": "auto"}, {"languages": ("de", "en"), "detects": False}, "the engine cannot tell which language is spoken"),
        ({"language": "de"}, {}, "the engine knows no 'de'"),
        ({"task": "both"}, {}, "the engine cannot both"),
        ({"word_timestamps": True}, {"word_times": False}, {"word_timestamps": False}),
        ({"full_context": False}, {"cut_context": False}, {"full_context": True}),
        ({"full_context": False}, {}, {"full_context": False}),
    ],
)  # fmt: skip
def test_chunks_are_fitted_to_the_engine(asked: dict[str, Any], can: dict[str, Any], becomes: Any) -> None:
    found = fit(chunk(**asked), ready(**can))
    if isinstance(becomes, str):
        assert found == becomes
    else:
        assert isinstance(found, Chunk) and {name: getattr(found, name) for name in becomes} == becomes
