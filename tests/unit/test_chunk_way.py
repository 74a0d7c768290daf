"""A chunk's way through the daemon, counted: what is made for it, and which rooms take it, from window to checkpoint."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from daemon.chunk import Chunk, Decoded
from daemon.store.records import Result
from tests.unit.test_dispatcher import House

ARRIVE = ("Chunk", "Decoded", "Segment")
"""Made by the decoder and by the engine, in their own processes."""
CARRIERS = (Chunk, Decoded, Result)
VOCABULARY = ("chunk", "transcribe")
"""The room of the values themselves, and the dispatcher's own, whose inner calls are no doors."""


class Way:
    """What was made by the daemon's code, and the rooms that were handed a chunk or what became of it."""

    def __init__(self) -> None:
        self.made: Counter[str] = Counter()
        self.rooms: list[str] = []

    def note(self, frame: FrameType, event: str, _argument: object) -> None:
        """Take a call, as `sys.setprofile` gives it."""
        if event != "call":
            return
        values = frame.f_locals
        if frame.f_code.co_name == "__init__":
            name, caller = type(values["self"]).__module__, frame.f_back
            while caller is not None and caller.f_globals.get("__name__") == "dataclasses":
                caller = caller.f_back
            if name.startswith("daemon.") and caller is not None and _room(caller):
                self.made[type(values["self"]).__name__] += 1
            return
        room, caller_room = _room(frame), _room(frame.f_back)
        if (
            room
            and caller_room
            and room != caller_room
            and room not in VOCABULARY
            and any(map(_carries, values.values()))
        ):
            self.rooms.append(room)


def _room(frame: FrameType | None) -> str:
    name = "" if frame is None else str(frame.f_globals.get("__name__"))
    return name.split(".")[1] if name.startswith("daemon.") else ""


def _carries(value: object) -> bool:
    first = value[0] if isinstance(value, Sequence) and not isinstance(value, str | bytes) and value else value
    return isinstance(first, CARRIERS)


@contextmanager
def watched() -> Iterator[Way]:
    way = Way()
    sys.setprofile(way.note)
    try:
        yield way
    finally:
        sys.setprofile(None)


def way_of(folder: Path, chunks: int) -> Way:
    """The way of the chunks of one window, in two batches, from the window's arrival to their checkpoint."""
    folder.mkdir()
    house = House(folder)
    house.queue("a.wav")
    house.until(lambda: house.decoders.opened)
    (order,) = house.decoders.opened
    house.open(order)
    with watched() as way:
        house.window(order, chunks, last=False)
        house.until(lambda: house.engines.in_flight == 2)
        for _ in range(2):
            house.engines.done()
            house.ticks(1)
        house.until(lambda: len(house.store.chunks_done(order.job_id)) == chunks)
    house.close()
    return way


@pytest.mark.skipif(sys.gettrace() is not None, reason="a debugger or coverage is watching already")
def test_few_objects_are_made_for_a_chunk_and_no_room_takes_it_twice(tmp_path: Path) -> None:
    three, four = way_of(tmp_path / "3", 3), way_of(tmp_path / "4", 4)
    one_more = +(four.made - three.made)
    assert one_more.pop("ChunkDone"), "only this test asks for what is done"
    assert sum(one_more.values()) + len(ARRIVE) <= 6, one_more
    assert one_more == {"_Progress": 1, "Verdict": 1, "Result": 1}, one_more
    # Each batch is saved once; besides its own room and the store, nobody is handed what is said in it.
    assert set(four.rooms) == {"store"} and four.rooms == three.rooms, (three.rooms, four.rooms)
