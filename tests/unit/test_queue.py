"""What the dispatcher takes out of the queue, and which recordings it follows while they are recorded."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.chunk import Options
from daemon.errors import FailedRecording, TranscribedError, Unavailable
from daemon.processes.decoder_pool import LostRecordings
from daemon.processes.protocol import Open, Opened, Refused
from daemon.store.queries import Queries
from daemon.store.records import Job, Moved
from daemon.transcribe.queue import FOLLOW_ATTEMPTS, FOLLOWED_MAX, FOLLOWED_WINDOW_S
from tests.unit.test_dispatcher import House, seen_now


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def record(house: House, *names: str) -> None:
    """Recordings that grow, as the scanner finds them."""
    for name in names:
        file = house.inbox / name
        file.write_bytes(b"RIFF")
        house.store.settle([seen_now(file)])
        house.store.record(seen_now(file), Options(formats=("txt",), language="en"), 0)
    house.wakeup.wake()


def complete(house: House, name: str) -> None:
    house.store.queue([(seen_now(house.inbox / name), Options(formats=("txt",)), 0)])
    house.wakeup.wake()


def followed(house: House, chunks: int) -> Open:
    """Follow a recording until so many of its chunks are done."""
    record(house, "a.wav")
    house.until(lambda: house.decoders.opened)
    order = house.decoders.opened[-1]
    house.decoders.child.say(Opened(order.job_id, order.run, None, None))
    house.until(lambda: order.job_id in house.decoders.asked)
    house.window(order, chunks, last=False)
    house.until(lambda: house.engines.in_flight)
    while house.engines.in_flight:
        house.engines.done()
        house.ticks(2)
    return order


def begin_anew(house: House, times: int) -> None:
    """A decoder opens the recording that was opened last, from its beginning, and there is no speech in it."""
    order = house.decoders.opened[-1]
    house.decoders.child.say(Opened(order.job_id, order.run, "hash", 60.0))
    house.until(lambda: len(house.decoders.asked) >= times)
    house.window(order, 0)


def closed_times(house: House, count: int) -> None:
    house.until(lambda: len(house.decoders.closed) == count, ticks=2000)


def opened_times(house: House, count: int) -> None:
    house.until(lambda: len(house.decoders.opened) == count)


def test_what_is_recorded_is_opened_as_such_and_what_was_done_counts_once_it_is_complete(house: House) -> None:
    first = followed(house, 2)
    assert first.growing and first.options.window_s == FOLLOWED_WINDOW_S
    assert house.states() == {"a.wav": "recording"} and not house.dispatcher.idle and house.dispatcher.only_follows
    assert not (house.inbox / "a.txt").exists()

    complete(house, "a.wav")
    house.until(lambda: len(house.decoders.opened) == 2)
    order = house.decoders.opened[1]
    assert (order.growing, order.given) == (False, 2) and house.states() == {"a.wav": "running"}
    assert house.decoders.closed == [], "its decoder goes on"
    house.decoders.child.say(Opened(order.job_id, order.run, "hash", 60.0, given=2))
    house.until(lambda: house.decoders.asked.count(order.job_id) > 2)
    house.window(order, 1, first=2)
    house.until(lambda: house.engines.in_flight)
    house.engines.done()
    house.until(lambda: house.states() == {"a.wav": "done"})
    assert (house.inbox / "a.txt").read_text().count("good morning") == 3
    assert (house.job("a.wav")["chunks_total"], house.job("a.wav")["attempts"]) == (3, 1)


def test_what_is_not_done_yet_is_waited_for(house: House) -> None:
    record(house, "a.wav")
    house.until(lambda: house.decoders.opened)
    (order,) = house.decoders.opened
    house.decoders.child.say(Opened(order.job_id, order.run, None, None))
    house.until(lambda: order.job_id in house.decoders.asked)
    house.window(order, 1, last=False)
    house.until(lambda: house.engines.in_flight)
    complete(house, "a.wav")
    house.ticks()
    assert house.states() == {"a.wav": "queued"} and len(house.decoders.opened) == 1
    house.engines.done()
    house.until(lambda: house.states() == {"a.wav": "running"})
    assert house.decoders.opened[1].given == 1


def test_chunks_that_were_lost_meanwhile_are_cut_again(house: House) -> None:
    order = followed(house, 2)
    house.store.restart(order.job_id)
    complete(house, "a.wav")
    house.until(lambda: len(house.decoders.opened) == 2)
    again = house.decoders.opened[1]
    house.decoders.child.say(Opened(again.job_id, again.run, "hash", 60.0, given=2))
    house.until(lambda: len(house.decoders.opened) == 3)
    assert order.job_id in house.decoders.closed and house.decoders.opened[2].given == 0
    assert house.job("a.wav")["attempts"] == 1


def test_only_a_few_are_followed_and_they_take_no_places(house: House) -> None:
    record(house, *(f"{number}.wav" for number in range(FOLLOWED_MAX + 2)))
    house.ticks()
    assert len(house.decoders.opened) == FOLLOWED_MAX and all(order.growing for order in house.decoders.opened)
    house.queue("memo.wav")
    house.until(lambda: house.states()["memo.wav"] == "running")
    house.store.vanish([house.decoders.opened[0].job_id], "the file is gone")
    house.wakeup.wake()
    house.until(lambda: house.decoders.closed)
    house.until(lambda: sum(order.growing for order in house.decoders.opened) == FOLLOWED_MAX + 1)


def test_a_kind_of_file_that_cannot_be_read_before_it_is_complete_is_tried_once(house: House) -> None:
    record(house, "film.mp4")
    house.until(lambda: house.decoders.opened)
    (order,) = house.decoders.opened
    house.decoders.child.say(Refused(order.job_id, order.run, "this kind of file cannot", retry=False))
    house.until(lambda: house.states() == {"film.mp4": "settling"})
    assert house.job("film.mp4")["reason"] == "transcribed once it is complete: this kind of file cannot"
    house.ticks()
    assert len(house.decoders.opened) == 1 and house.job("film.mp4")["attempts"] == 0


def test_a_recording_that_its_decoders_die_of_is_given_up_until_it_is_complete(house: House) -> None:
    record(house, "a.wav")
    for count in range(1, FOLLOW_ATTEMPTS + 1):
        opened_times(house, count)
        house.decoders.child.say(LostRecordings(house.decoders.opened[-1].job_id, (), "signal 11"))
    house.until(lambda: house.states() == {"a.wav": "settling"})
    assert "signal 11" in str(house.job("a.wav")["reason"])
    # What is not its fault does not count.
    record(house, "b.wav")
    for count in range(1, FOLLOW_ATTEMPTS + 3):
        opened_times(house, FOLLOW_ATTEMPTS + count)
        house.decoders.child.say(LostRecordings(None, (house.decoders.opened[-1].job_id,), "signal 9"))
    house.ticks()
    assert house.states()["b.wav"] == "recording"


def test_what_is_queued_while_the_queue_is_looked_at_is_not_followed_as_well(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(house, "a.wav")
    recordings = house.store.recordings

    def just_before_it_is_complete() -> list[Job]:
        found = recordings()
        complete(house, "a.wav")
        return found

    monkeypatch.setattr(house.store, "recordings", just_before_it_is_complete)
    house.until(lambda: house.decoders.opened)
    assert [order.growing for order in house.decoders.opened] == [False]
    assert house.states() == {"a.wav": "running"} and not house.dispatcher.only_follows


def test_decoders_that_do_not_start_are_not_tried_again_at_once(house: House) -> None:
    house.decoders.may_start = False
    record(house, "a.wav")
    house.ticks()
    assert house.decoders.opened == []
    house.decoders.may_start = True
    house.wakeup.wake()
    house.until(lambda: house.decoders.opened)


def test_a_file_that_takes_the_place_of_what_is_followed_is_followed_instead(house: House) -> None:
    order = followed(house, 2)
    other = house.inbox / "other"
    other.write_bytes(b"RIFF other")
    other.rename(house.inbox / "a.wav")
    house.store.settle([seen_now(house.inbox / "a.wav")])
    house.wakeup.wake()
    house.until(lambda: len(house.decoders.opened) == 2)
    assert house.decoders.closed == [order.job_id] and house.decoders.opened[1].growing


def shown(house: House) -> Path:
    """Follow a recording whose text so far is shown."""
    (house.inbox / ".transcribed.toml").write_text('growing = "live"')
    followed(house, 1)
    live = house.inbox / "a.live.txt"
    assert "good morning" in live.read_text()
    return live


@pytest.mark.parametrize("end", ["cancelled", "vanished", "left alone"])
def test_the_text_so_far_goes_with_its_recording(house: House, end: str) -> None:
    live = shown(house)
    match end:
        case "cancelled":
            with Queries(house.path) as queries:
                queries.request("cancel", [house.decoders.opened[0].job_id])
        case "vanished":
            house.store.vanish([house.decoders.opened[0].job_id], "the file is gone")
        case "left alone":
            house.store.leave_alone([(seen_now(house.inbox / "a.wav"), Options(), 0)], "has a transcript already")
    house.wakeup.wake()
    house.until(lambda: not live.exists(), ticks=2000)


def test_the_text_so_far_of_what_has_failed_stays(house: House) -> None:
    live = shown(house)
    complete(house, "a.wav")
    house.until(lambda: len(house.decoders.opened) == 2)
    order = house.decoders.opened[1]
    house.decoders.child.say(Refused(order.job_id, order.run, "longer than the limit", retry=False))
    house.until(lambda: house.states() == {"a.wav": "rejected"})
    house.ticks()
    assert live.exists()


def test_the_text_so_far_goes_to_the_new_name_of_its_recording(house: House) -> None:
    live = shown(house)
    order = house.decoders.opened[0]
    new = (house.inbox / "a.wav").rename(house.inbox / "b.wav")
    house.store.follow([Moved(order.job_id, seen_now(new), Options(), 0)])
    house.until(lambda: house.decoders.asked.count(order.job_id) > 1)
    house.window(order, 1, last=False, first=1)
    house.until(lambda: house.engines.in_flight)
    house.engines.done()
    house.until(lambda: (house.inbox / "b.live.txt").exists())
    assert not live.exists()


@pytest.mark.guarantee(3)
def test_what_was_transcribed_of_another_file_is_not_published(house: House) -> None:
    """Also where the complete one has no chunk that could differ."""
    followed(house, 2)
    complete(house, "a.wav")
    house.until(lambda: len(house.decoders.opened) == 2)
    begin_anew(house, 2)
    opened_times(house, 3)
    begin_anew(house, 3)
    house.until(lambda: house.states() == {"a.wav": "done"})
    assert (house.inbox / "a.txt").read_text() == "" and house.job("a.wav")["chunks_done"] == 0


@pytest.mark.parametrize("error", [FailedRecording("may not be read"), Unavailable("not mounted", "mount it")])
def test_what_was_followed_and_cannot_be_opened_is_tried_again_as_others_are(
    house: House, monkeypatch: pytest.MonkeyPatch, error: TranscribedError
) -> None:
    order = followed(house, 2)

    def fail(_job: Job) -> int:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("daemon.transcribe.queue.current_file", fail)
        complete(house, "a.wav")
        house.until(lambda: house.states()["a.wav"] in ("failed", "queued") and house.job("a.wav")["next_attempt_at"])
        house.until(lambda: house.decoders.closed == [order.job_id])
    assert house.dispatcher.idle and len(house.decoders.opened) == 1, "it waits"
    house.store.try_again()
    with sqlite3.connect(house.path) as db:
        db.execute("UPDATE jobs SET next_attempt_at = NULL, state = 'queued'")
    db.close()
    house.wakeup.wake()
    house.until(lambda: len(house.decoders.opened) == 2)
    assert not house.decoders.opened[1].growing


def test_a_request_to_pause_it_does_not_end_the_following(house: House) -> None:
    order = followed(house, 1)
    for count in range(FOLLOW_ATTEMPTS + 1):
        with Queries(house.path) as queries:
            queries.request("pause", [order.job_id])
        closed_times(house, count + 1)
        opened_times(house, count + 2)
