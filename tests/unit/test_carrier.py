"""What a lane does with the answers to its deliveries."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from daemon.hooks import carrier
from daemon.hooks.answers import Answer, BrokenOff, Delivered, Later, NotYet, Refused, Unwanted
from daemon.hooks.carrier import Carrier, Pace
from daemon.store.outbox import Lane, Letter
from tests.fakes import FakeClock


def letter(number: int, attempts: int = 0) -> Letter:
    return Letter(number, number, f"d{number}", "done", {}, (), None, attempts, "2026-01-01T00:00:00.000Z")


class FakeOutbox:
    """In place of the store; what is done to letters is noted."""

    def __init__(self, *letters: Letter) -> None:
        self.waiting = list(letters)
        self.done: list[tuple[object, ...]] = []
        self.next_due_s: float | None = None

    def due(self, _lane: Lane, limit: int) -> list[Letter]:
        return self.waiting[:limit]

    def next_due_delivery_s(self, _lane: Lane) -> float | None:
        return self.next_due_s

    def end_delivery(self, ids: Sequence[int], state: str, reason: str | None = None) -> None:
        self.waiting = [each for each in self.waiting if each.id not in ids]
        self.done.append((state, *ids, reason))

    def put_off_delivery(self, ids: Sequence[int], wait_s: float, reason: str) -> None:
        self.waiting = [each for each in self.waiting if each.id not in ids]
        self.done.append(("later", *ids, wait_s, reason))

    def postpone_delivery(self, ids: Sequence[int], wait_s: float, reason: str) -> None:
        self.done.append(("not yet", *ids, wait_s, reason))

    def expire(self, _lane: Lane, _age_s: float, reason: str, letter_id: int | None = None) -> int:
        self.done.append(("expired", letter_id, reason))
        return 1


class House:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, answers: Sequence[Answer], pace: Pace | None = None) -> None:
        self.clock = FakeClock()
        monkeypatch.setattr(carrier, "time", self.clock)
        self.outbox = FakeOutbox(*(letter(number) for number in range(1, 6)))
        self.told = 0
        left = iter(answers)
        store: Any = self.outbox
        self.carrier = Carrier(Lane("webhook"), store, lambda _letters: next(left), pace or Pace(), self._tell)

    def _tell(self) -> None:
        self.told += 1

    def round(self) -> float:
        return self.carrier._round()


@pytest.mark.parametrize(
    ("answer", "noted"),
    [
        (Delivered("moved"), ("done", 1, "moved")),
        (Refused("404"), ("failed", 1, "404")),
        (Unwanted("gone"), ("dropped", 1, "gone")),
        (Later("500"), ("later", 1, 5.0, "500")),
        (Later("429", 17.0), ("later", 1, 17.0, "429")),
        (NotYet("days", 60.0), ("not yet", 1, 60.0, "days")),
    ],
)
def test_what_has_come_of_a_delivery_is_recorded(
    monkeypatch: pytest.MonkeyPatch, answer: Answer, noted: tuple[object, ...]
) -> None:
    house = House(monkeypatch, [answer])
    assert house.round() == 0.0 and house.outbox.done == [noted] and house.told == 1


def test_what_is_broken_off_still_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, [BrokenOff()])
    house.round()
    assert house.outbox.done == [] and len(house.outbox.waiting) == 5


def test_a_fault_of_the_address_holds_up_its_lane_longer_and_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    down = Later("no answer", concerns_all=True)
    house = House(monkeypatch, [down, down, Delivered(), down])
    house.round()
    assert house.round() == 5.0 and len(house.outbox.done) == 1
    house.clock.now += 5.0
    house.round()
    assert house.round() == 10.0
    house.clock.now += 10.0
    house.round()
    house.round()
    assert house.round() == 5.0, "it has answered in between"
    assert [each[0] for each in house.outbox.done] == ["later", "later", "done", "later"]


def test_a_fault_of_one_letter_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, [Later("500"), Delivered()])
    assert (house.round(), house.round()) == (0.0, 0.0)
    assert [each[:2] for each in house.outbox.done] == [("later", 1), ("done", 2)]


@pytest.mark.parametrize(("concerns_all", "which"), [(True, None), (False, 1)])
def test_what_was_tried_often_is_given_up_once_it_is_old(
    monkeypatch: pytest.MonkeyPatch, concerns_all: bool, which: int | None
) -> None:
    house = House(monkeypatch, [Later("down", concerns_all=concerns_all)] * 3, Pace(give_up_tries=3, wait_max_s=5.0))
    for attempts in range(3):
        house.outbox.waiting = [letter(1, attempts)]
        house.round()
        house.clock.now += 5.0
    assert house.outbox.done == [("later", 1, 5.0, "down")] * 3 + [("expired", which, "gave up: down")]


def test_what_gathers_goes_together(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, [Delivered(), Delivered()], Pace(group=3, gap_s=30.0))
    house.round()
    assert house.round() == 30.0
    house.carrier.hurry()
    house.round()
    assert house.outbox.done == [("done", 1, 2, 3, None), ("done", 4, 5, None)]


@pytest.mark.parametrize(("due_s", "wait_s"), [(None, 30.0), (0.0, 1.0), (12.0, 12.0), (3600.0, 30.0)])
def test_how_long_it_waits(monkeypatch: pytest.MonkeyPatch, due_s: float | None, wait_s: float) -> None:
    house = House(monkeypatch, [])
    house.outbox.waiting.clear()
    house.outbox.next_due_s = due_s
    assert house.round() == wait_s


@pytest.mark.parametrize(("failures", "wait_s"), [(1, 5), (2, 10), (4, 40), (9, 300), (5000, 300)])
def test_waits_double_up_to_a_limit(failures: int, wait_s: float) -> None:
    assert Pace().wait_s(failures) == wait_s


def test_a_mistake_of_the_program_ends_no_lane(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(carrier, "TROUBLE_S", 0.01)
    outbox, calls, enough = FakeOutbox(letter(1)), 0, threading.Event()

    def deliver(_letters: Sequence[Letter]) -> Answer:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("a mistake")
        enough.set()
        return Delivered()

    store: Any = outbox
    lane = Carrier(Lane("webhook"), store, deliver, Pace(), lambda: None)
    lane.start()
    assert enough.wait(10)
    lane.stop()
    lane.join(10)
    assert not lane.is_alive() and outbox.done == [("done", 1, None)] and "a mistake" in caplog.text
