"""The fake engine does what its plan says; what would end its process is tested with real processes."""

import json
from pathlib import Path

import pytest

from daemon.chunk import Chunk
from daemon.engine import fake
from daemon.engine.fake import GARBAGE, POISON, load, text_of
from daemon.errors import Unavailable
from tests.builders import chunk, load_model

GOOD = chunk(1, language="auto")
BAD = chunk(2, audio=POISON + bytes(3200), language="auto")


def run(monkeypatch: pytest.MonkeyPatch, *chunks: Chunk, **plan: object) -> list[str]:
    monkeypatch.setenv("TRANSCRIBED_FAKE", json.dumps(plan))
    model, _ = load(load_model())
    return [result.segments[0].text for result in model.run(chunks)]


def test_the_text_is_that_of_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    other = chunk(1, audio=b"\1\0" * 100)
    assert run(monkeypatch, GOOD, other) == [text_of(GOOD.audio), text_of(other.audio)]
    assert text_of(GOOD.audio) != text_of(other.audio)


def test_it_is_as_large_as_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSCRIBED_FAKE", json.dumps({"workers": 3, "batch_size": 7, "device": "cuda:0"}))
    _, said = load(load_model(name="any"))
    assert (said.model, said.workers, said.batch_size, said.device) == ("any", 3, 7, "cuda:0")


def test_only_a_poisoned_chunk_is_poison(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, GOOD, poison="raise") == [text_of(GOOD.audio)]
    assert run(monkeypatch, BAD) == [text_of(BAD.audio)]
    for poison, said in (("raise", "poisoned"), ("memory", "out of memory"), ("sticky", "illegal memory access")):
        with pytest.raises(RuntimeError, match=said):
            run(monkeypatch, GOOD, BAD, poison=poison)
    assert run(monkeypatch, BAD, poison="short") == []
    monkeypatch.setattr(fake, "EATEN_BYTES", 1000)
    assert run(monkeypatch, BAD, poison="eat") == [text_of(BAD.audio)], "where memory suffices"


def test_after_a_broken_device_nothing_is_heard_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSCRIBED_FAKE", '{"poison": "sticky"}')
    model, _ = load(load_model())
    with pytest.raises(RuntimeError):
        model.run((BAD,))
    assert model.run((GOOD,))[0].segments[0].text == GARBAGE


def test_a_batch_above_its_memory_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(run(monkeypatch, GOOD, GOOD, memory_chunks=2)) == 2
    with pytest.raises(RuntimeError, match="out of memory"):
        run(monkeypatch, GOOD, GOOD, GOOD, memory_chunks=2)


def test_two_starts_after_so_many_go_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRANSCRIBED_FAKE_STARTS", str(tmp_path / "starts"))
    monkeypatch.setenv("TRANSCRIBED_FAKE", '{"garbage_after": 1}')
    heard = [load(load_model())[1].canary for _ in range(4)]
    assert [each == GARBAGE for each in heard] == [False, True, True, False]
    (tmp_path / "starts").unlink()
    monkeypatch.setenv("TRANSCRIBED_FAKE", '{"unready_after": 1}')
    load(load_model())
    for _ in range(2):
        with pytest.raises(Unavailable):
            load(load_model())
    load(load_model())
