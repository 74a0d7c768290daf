"""A server that is a daemon like this one gets whole batches, and nothing of what it says is trusted."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from daemon.chunk import BOTH, Chunk, Decoded
from daemon.clips import CANARY, references
from daemon.engine.elsewhere.loader import load
from daemon.engine.elsewhere.model import ElsewhereModel
from daemon.engine.elsewhere.several import SeveralModel
from daemon.engine.fake import text_of
from daemon.engine.registry import FailedElsewhere, Runner
from daemon.errors import Unavailable
from daemon.guests import abilities, answer
from daemon.guests.request import MEDIA_TYPE, unpacked
from daemon.processes.protocol import Ready
from tests.builders import chunk, heard
from tests.servers import Asked, FakeServer, Reply, speech
from tests.unit.test_guests_abilities import CAN

MODELS = [{"id": name, "object": "model", "owned_by": "transcribed"} for name in ("base", "whisper-1")]
Say = Callable[[Sequence[Chunk]], Reply | None]


def text_for(of: Chunk) -> str:
    return references()[CANARY] if of.audio == speech() else text_of(of.audio)


class Box:
    """A daemon elsewhere."""

    def __init__(self, **can: Any) -> None:
        self.can: Reply = Reply(abilities.packed(replace(CAN, **can)))
        self.say: Say = lambda _chunks: None
        self.given: list[Sequence[Chunk]] = []
        """The chunks of each request, the clip aside."""

    def __call__(self, asked: Asked) -> Reply | None:
        if asked.path == "/v1/models":
            return Reply(json.dumps({"data": MODELS}).encode())
        if asked.path != "/v1/chunks":
            return None
        if not asked.body:
            return self.can
        assert asked.headers["Content-Type"] == MEDIA_TYPE
        request = unpacked(asked.body)
        assert request.model == CAN.model
        if [each.audio for each in request.chunks] != [speech()]:
            self.given.append(request.chunks)
            if (reply := self.say(request.chunks)) is not None:
                return reply
        return Reply(answer.packed([heard(each, text_for(each)) for each in request.chunks]))


def loaded(
    box: Box, then: Callable[[Runner, FakeServer], Any] = lambda *_: None, **fields: Any
) -> tuple[Runner, Ready]:
    with FakeServer(box) as house:
        model, ready = load(house.order(**fields))
        then(model, house)
        return model, ready


def failure(box: Box, chunks: Sequence[Chunk]) -> FailedElsewhere:
    caught: list[FailedElsewhere] = []

    def run(model: Runner, _house: FakeServer) -> None:
        with pytest.raises(FailedElsewhere) as failed:
            model.run(chunks)
        caught.append(failed.value)

    loaded(box, run)
    return caught[0]


def some(count: int = 2, **fields: Any) -> list[Chunk]:
    return [chunk(7 + idx, idx, 1.0, audio=bytes([idx, 1]) * 16_000, **fields) for idx in range(count)]


def test_a_daemon_like_this_one_says_what_its_engine_can_do() -> None:
    model, ready = loaded(Box(batch_size=16))
    assert isinstance(model, SeveralModel)
    assert (ready.model, ready.compute_type, ready.policy) == ("base, de: large-v3", "int8", "whisper")
    assert (ready.workers, ready.batch_size, ready.languages) == (4, 16, ("en", "de"))
    assert ready.canary == references()[CANARY] and ready.word_times and not ready.cut_context
    assert loaded(Box(batch_size=1000))[1].batch_size == 64, "no request has more"


def test_a_batch_is_one_request_and_each_chunk_has_its_own_result() -> None:
    box, chunks = Box(), some(3, task=BOTH, temperature=0.4, previous="before")
    found: list[Decoded] = []
    loaded(box, lambda model, _house: found.extend(model.run(chunks)))
    assert [each.segments[0].text for each in found] == [text_of(each.audio) for each in chunks]
    assert [each.segments[0].start_s for each in found] == [0.0, 1.0, 2.0]
    (given,) = box.given
    assert [(each.job_id, each.task, each.temperature, each.previous) for each in given] == [
        (7, BOTH, 0.4, "before"), (8, BOTH, 0.4, "before"), (9, BOTH, 0.4, "before"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "can",
    [
        Reply(status=404),
        Reply(status=501),
        Reply(b'{"protocol": 2}'),
        Reply(abilities.packed(replace(CAN, name="other"))),
    ],
)
def test_one_that_takes_no_chunks_is_used_by_openais_api(can: Reply) -> None:
    box = Box()
    box.can = can
    model, ready = loaded(box)
    assert isinstance(model, ElsewhereModel) and (ready.model, ready.policy) == ("base", "accept")


@pytest.mark.parametrize(
    ("can", "says"),
    [
        (Reply(status=503), "answered 503"), (Reply(b"{}"), "no answer that can be used"),
        (Reply(b'{"protocol": 1, "name": 7}'), "no answer that can be used"),
    ],
)  # fmt: skip
def test_one_that_cannot_say_what_it_can_do_is_asked_again_later(can: Reply, says: str) -> None:
    box = Box()
    box.can = can
    with pytest.raises(Unavailable, match=says):
        loaded(box)


def other_result(chunks: Sequence[Chunk]) -> Reply:
    return Reply(answer.packed([heard(replace(each, spans=((500.0, 501.0),))) for each in chunks]))


def one_fails(chunks: Sequence[Chunk]) -> Reply:
    return Reply(answer.packed([heard(chunks[0]), *["the engine died"] * (len(chunks) - 1)]))


@pytest.mark.parametrize(
    ("say", "away", "wait_s", "says"),
    [
        (lambda _: Reply(status=503, headers={"Retry-After": "9"}), True, 9.0, "503"),
        (lambda _: Reply(status=429, headers={"Retry-After": "2"}), True, 2.0, "429"),
        (lambda _: Reply(status=404), True, 0.0, "takes no chunks for base, de: large-v3 any more"),
        (lambda _: Reply(status=500), False, 0.0, "500"),
        (lambda _: Reply(b"{}"), False, 0.0, "no answer that can be used"),
        (lambda _: Reply(answer.packed([])), False, 0.0, "no answer that can be used"),
        (other_result, False, 0.0, "start_s: it is not a number from"),
        (one_fails, False, 0.0, "127.0.0.1: the engine died"),
        (lambda _: Reply(how="drop"), False, 0.0, "no answer that can be used"),
    ],
)  # fmt: skip
def test_a_failure_says_whose_fault_it_may_be(say: Say, away: bool, wait_s: float, says: str) -> None:
    box = Box()
    box.say = say
    failed = failure(box, some())
    assert (failed.is_away, failed.wait_s) == (away, wait_s) and says in str(failed)


def test_one_that_does_not_hear_its_clip_any_more_is_away() -> None:
    box = Box()

    def breaks(_chunks: Sequence[Chunk]) -> Reply:
        box.can = Reply(status=500)
        return Reply(b"nonsense")

    box.say = breaks
    usual = box.__call__

    class Broken(Box):
        def __call__(self, asked: Asked) -> Reply | None:
            return Reply(status=500) if box.can.status == 500 else usual(asked)

    with FakeServer(Broken()) as house:
        model, _ = load(house.order())
        with pytest.raises(FailedElsewhere) as failed:
            model.run(some())
    assert failed.value.is_away
