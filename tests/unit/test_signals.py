"""What interrupts the dispatcher's wait."""

import os
import select
import signal
from collections.abc import Iterator

import pytest

from daemon.signals import Signals, Wakeup


@pytest.fixture
def wakeup() -> Iterator[Wakeup]:
    made = Wakeup()
    yield made
    made.close()


@pytest.fixture
def signals(wakeup: Wakeup) -> Iterator[Signals]:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGIO)
    before = {number: signal.getsignal(number) for number in numbers}
    made = Signals(wakeup)
    yield made
    made.close()
    for number, handler in before.items():
        signal.signal(number, handler)


def is_awake(wakeup: Wakeup) -> bool:
    return bool(select.select([wakeup], [], [], 0)[0])


def test_a_wake_up_ends_the_wait_until_it_is_cleared(wakeup: Wakeup) -> None:
    assert not is_awake(wakeup)
    wakeup.wake()
    wakeup.wake()
    assert is_awake(wakeup)
    assert wakeup.take() and not wakeup.take()
    assert not is_awake(wakeup)


def test_more_wake_ups_than_the_pipe_holds_do_not_block(wakeup: Wakeup) -> None:
    for _ in range(100_000):
        wakeup.wake()
    assert is_awake(wakeup) and wakeup.take() and not is_awake(wakeup)


def test_signals_are_counted_and_end_the_wait(wakeup: Wakeup, signals: Signals) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    assert is_awake(wakeup) and signals.stops == 1
    os.kill(os.getpid(), signal.SIGINT)
    assert signals.stops == 2 and not signals.take_hang_up()


def test_a_hang_up_is_taken_once(signals: Signals) -> None:
    os.kill(os.getpid(), signal.SIGHUP)
    assert signals.take_hang_up() and not signals.take_hang_up() and signals.stops == 0


def test_a_broken_lease_does_not_end_the_process(signals: Signals) -> None:
    os.kill(os.getpid(), signal.SIGIO)
    assert signals.stops == 0
