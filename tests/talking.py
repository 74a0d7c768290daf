"""People for built conversations who are told apart by a tone, and what is heard of them."""

import numpy as np
from numpy.typing import NDArray

from daemon.bench.speakers.people import Clip, Person, Sound
from daemon.chunk import SAMPLE_RATE

PHRASES_S = ((0.5, 3.0), (3.5, 4.5), (5.5, 9.0))
TONES_HZ = (500, 800, 1100, 1400, 1700, 2000)


def person(hz: int, name: str = "") -> Person:
    """Somebody who says three phrases, all at one pitch."""
    sound = np.zeros(10 * SAMPLE_RATE, dtype=np.float32)
    phrases = tuple((round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)) for start, end in PHRASES_S)
    for start, end in phrases:
        sound[start:end] = 0.1 * np.sin(2 * np.pi * hz * np.arange(end - start) / SAMPLE_RATE)
    return Person(name or f"p{hz}", (Clip(sound, phrases),))


def everybody(count: int = len(TONES_HZ)) -> list[Person]:
    """Some people."""
    return [person(hz) for hz in TONES_HZ[:count]]


def heard(sound: Sound, at_s: float, length_s: float = 0.1) -> set[str]:
    """The names of those who are heard in the moment around a time."""
    first = round((at_s - length_s / 2) * SAMPLE_RATE)
    moment: NDArray[np.float32] = sound[max(0, first) : first + round(length_s * SAMPLE_RATE)]
    seconds = np.arange(len(moment)) / SAMPLE_RATE
    strength = {hz: 2 * abs(np.mean(moment * np.exp(-2j * np.pi * hz * seconds))) for hz in TONES_HZ}
    return {f"p{hz}" for hz, level in strength.items() if level > 0.04}
