"""Which loops hang."""

import time
from dataclasses import dataclass

from daemon.monitor.liveness import Liveness


@dataclass
class Loop:
    beat: float


def test_a_loop_that_is_silent_for_longer_than_it_may_be_hangs() -> None:
    now = time.monotonic()
    fresh, silent = Loop(now), Loop(now - 50)
    liveness = Liveness({"fresh": (fresh, 30), "silent": (silent, 30), "patient": (Loop(now - 50), 60)})
    assert liveness.hanging == ["silent"]
    assert 50 <= liveness.ages()["patient"].age_s < 60 and not liveness.ages()["patient"].hangs
    silent.beat = time.monotonic()
    assert liveness.hanging == []
