"""Chunks go to a server one by one, and a failure says whose fault it is."""

from collections.abc import Iterator
from typing import Any

import pytest

from daemon.chunk import BOTH, Chunk
from daemon.engine.elsewhere.client import Client
from daemon.engine.elsewhere.model import ElsewhereModel
from daemon.engine.fake import text_of
from daemon.engine.registry import FailedElsewhere
from daemon.processes.protocol import Server
from tests.builders import chunk
from tests.servers import FakeServer, Reply, verbose
from tests.sounds import tone


def loud(**fields: Any) -> Chunk:
    return chunk(seconds=2.0, audio=tone(2.0, -20).tobytes(), noise_db=-90.0, **fields)


@pytest.fixture
def house() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


def model(house: FakeServer, *, well: bool | None = True, says_auto: bool = False) -> ElsewhereModel:
    client = Client(Server("engines[0]", house.url))
    return ElsewhereModel(client, "large-v3", says_auto, None if well is None else lambda: well)


def test_a_chunk_is_heard(house: FakeServer) -> None:
    of = loud(language="de", temperature=0.4, languages={"de": {"hotwords": ("Linz",)}})
    (found,) = model(house).run([of])
    assert [segment.text for segment in found.segments] == [text_of(of.audio)]
    assert (found.language, found.temperature, found.covered_s) == ("de", 0.4, 2.0)
    asked = house.asked[0]
    assert asked.path == "/v1/audio/transcriptions" and asked.audio == of.audio
    assert asked.fields["prompt"] == ["Linz"], "what counts in the language that was told"


def test_the_language_is_asked_for_as_the_server_wants_it(house: FakeServer) -> None:
    model(house).run([loud()])
    model(house, says_auto=True).run([loud()])
    assert [asked.fields.get("language") for asked in house.asked] == [None, ["auto"]]


def test_a_translation_has_an_address_of_its_own_and_both_need_two_requests(house: FakeServer) -> None:
    model(house).run([loud(task="translate", language="de")])
    assert house.asked[0].path == "/v1/audio/translations" and "language" not in house.asked[0].fields
    (found,) = model(house).run([loud(task=BOTH, language="de")])
    assert [asked.path.rpartition("/")[2] for asked in house.asked[1:]] == ["transcriptions", "translations"]
    assert found.translation is not None and found.translation.language == "de"
    (found,) = model(house).run([loud(task=BOTH, language="en")])
    assert found.translation is None and len(house.asked) == 4


@pytest.mark.parametrize(
    ("reply", "well", "away"),
    [
        (Reply(status=503, headers={"Retry-After": "9"}), True, True),
        (Reply(status=401), True, True),
        (Reply(status=500), True, False),
        (Reply(status=500), False, True),
        (Reply(b"{}"), True, False),
        (Reply(b"{}"), False, True),
        (Reply(how="drop"), True, False),
        (Reply(how="drop"), False, True),
    ],
)
def test_a_chunk_may_be_to_blame_only_while_the_server_hears_its_clip(
    house: FakeServer, reply: Reply, well: bool, away: bool
) -> None:
    house.answer = lambda _asked: reply
    with pytest.raises(FailedElsewhere) as caught:
        model(house, well=well).run([loud()])
    assert caught.value.is_away == away
    assert caught.value.wait_s == (9.0 if reply.status == 503 else 0.0)


def test_a_clip_that_cannot_be_heard_either_is_no_failure_of_its_own(house: FakeServer) -> None:
    def ill() -> bool:
        raise FailedElsewhere("the clip, too")

    house.answer = lambda _asked: Reply(status=500)
    client = Client(Server("engines[0]", house.url))
    with pytest.raises(FailedElsewhere, match="answered 500") as caught:
        ElsewhereModel(client, "m", is_well=ill).run([loud()])
    assert caught.value.is_away


def test_measures_come_through(house: FakeServer) -> None:
    house.answer = lambda _asked: verbose("a text")
    (found,) = model(house).run([loud()])
    assert (found.avg_logprob, found.no_speech_prob, found.compression_ratio) == (-0.2, 0.01, 1.1)
