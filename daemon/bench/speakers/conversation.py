"""Builds conversations of clips of several people, and knows who speaks when. The same case gives the same sound."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from daemon.bench.speakers.people import Clip, Person, Sound
from daemon.chunk import SAMPLE_RATE
from daemon.decode.chunker import quietest
from daemon.voice import Turn

SEED = 22
TONE = 20 / 32768
"""The peak of the noise under everything: real recordings are never digitally silent."""
PAUSES_S = (0.15, 1.2)
"""Between two turns."""
OVERLAPS_S = (0.3, 2.0)
"""How long two people speak at once, at most half of the shorter turn."""
EACH_S = 10.0
"""Everybody speaks at least as long, or there would be no telling whether they were to be found."""
GAP = 3 * SAMPLE_RATE // 5
"""The pauses inside a turn are those of the clip, up to 0.6 s."""
MARGIN = SAMPLE_RATE // 20
"""Of a clip, 50 ms before and after each phrase are heard as well: its first and last sounds are soft."""
FADE = SAMPLE_RATE // 100
SHORTEST = 2 * SAMPLE_RATE // 5
"""What is left of a turn that is shorter is not filled."""


@dataclass(frozen=True, slots=True)
class Case:
    """What kind of conversation it is."""

    voices: int
    minutes: float
    turn_s: tuple[float, float] = (1.0, 20.0)
    overlap_percent: float = 0.0
    """In how many of a hundred changes the next one begins before the other has ended."""
    by_channel: bool = False
    """Whether each person has a channel."""
    guest: bool = False
    """Whether the last one speaks for only ten seconds, in the middle."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is heard, and who speaks when."""

    sound: Sound
    """Shape (samples, channels)."""
    turns: tuple[Turn, ...]
    """Stretches of speech without a pause; those of two people may overlap."""
    people: tuple[str, ...]

    @property
    def duration_s(self) -> float:
        """Its length."""
        return len(self.sound) / SAMPLE_RATE


def build(people: Sequence[Person], case: Case, number: int) -> Conversation:
    """Build one of the conversations of a case.

    Args:
        people: Who may take part, at least as many as there are voices.
        case: What kind it is.
        number: Which one: each has another cast.
    """
    rng = np.random.default_rng([SEED, case.voices, number])
    cast = _cast(people, case, rng)
    coming = [words_of(person, rng) for person in cast]
    placed: list[tuple[int, int, Sound]] = []
    turns: list[Turn] = []
    end = SAMPLE_RATE // 2
    before, last_who = 0, -1
    for who, length_s in _order(case, rng):
        sound, phrases = said(coming[who], round(length_s * SAMPLE_RATE))
        shorter = min(before, len(sound)) if who != last_who else 0
        start = end + _distance(case, shorter, rng)
        placed.append((start, who if case.by_channel else 0, sound))
        for first, last in phrases:
            turns.append(Turn((start + first) / SAMPLE_RATE, (start + last) / SAMPLE_RATE, cast[who].name))
        end, before, last_who = max(end, start + len(sound)), len(sound), who
    channels = case.voices if case.by_channel else 1
    heard = rng.uniform(-TONE, TONE, (end + SAMPLE_RATE // 2, channels)).astype(np.float32)
    for start, channel, sound in placed:
        heard[start : start + len(sound), channel] += sound
    np.clip(heard, -1.0, 1.0, out=heard)
    return Conversation(heard, tuple(sorted(turns, key=lambda turn: turn.start_s)), tuple(each.name for each in cast))


def said(coming: Iterator[tuple[Sound, int]], length: int) -> tuple[Sound, list[tuple[int, int]]]:
    """Return a turn of about so many samples, and where in it somebody speaks; it ends at a quiet moment.

    Args:
        coming: What they will say, from `words_of`.
        length: In samples.
    """
    pieces: list[Sound] = []
    phrases: list[tuple[int, int]] = []
    at = 0
    while not phrases or length - at >= SHORTEST:
        sound, gap = next(coming)
        wanted = length - at
        if len(sound) - 2 * MARGIN > wanted:
            earliest = max(SHORTEST // 2, wanted - SAMPLE_RATE)
            cut = MARGIN + earliest + quietest(_as_int16(sound[MARGIN + earliest : MARGIN + wanted]))
            sound = sound[: cut + MARGIN]
        pieces += [faded(sound), np.zeros(gap, dtype=np.float32)]
        phrases.append((at + MARGIN, at + len(sound) - MARGIN))
        at += len(sound) + gap
    return np.concatenate(pieces[:-1]), phrases


def faded(sound: Sound) -> Sound:
    """Return a piece of a clip that begins and ends softly, so that no click tells where it was put in."""
    ramp = np.linspace(0.0, 1.0, FADE, dtype=np.float32)
    shaped = sound.copy()
    shaped[:FADE] *= ramp
    shaped[-FADE:] *= ramp[::-1]
    return shaped


def words_of(person: Person, rng: Generator) -> Iterator[tuple[Sound, int]]:
    """Yield phrases of somebody without end, with the pause after each.

    Nobody says the same again before all their clips have been heard: what is repeated to the letter sounds so much
    alike that it would pass for somebody else.
    """
    while True:
        for clip in (person.clips[at] for at in rng.permutation(len(person.clips))):
            for at, (start, end) in enumerate(clip.phrases):
                pause = clip.phrases[at + 1][0] - end if at + 1 < len(clip.phrases) else GAP
                yield phrase_of(clip, start, end), max(0, min(pause, GAP) - 2 * MARGIN)


def phrase_of(clip: Clip, start: int, end: int) -> Sound:
    """Return one of the phrases of a clip with the MARGIN before and after it."""
    return np.pad(clip.sound, MARGIN)[start : end + 2 * MARGIN]


def _cast(people: Sequence[Person], case: Case, rng: Generator) -> list[Person]:
    """Return who takes part; alone, somebody who need not repeat themselves, else whoever has the most to say."""
    if case.voices == 1:
        longest = max(person.speech_s for person in people)
        people = [person for person in people if person.speech_s >= min(60 * case.minutes, longest)]
    return [people[at] for at in rng.permutation(len(people))[: case.voices]]


def _order(case: Case, rng: Generator) -> Iterator[tuple[int, float]]:
    """Yield who speaks next, and for how many seconds, until there is enough of everybody."""
    spoken = np.zeros(case.voices)
    regulars = case.voices - 1 if case.guest else case.voices
    weights = rng.uniform(0.3, 1.0, regulars)
    who = -1
    while spoken.sum() < 60 * case.minutes or spoken.min() < EACH_S:
        if case.guest and not spoken[-1] and spoken.sum() >= 30 * case.minutes:
            who, length_s = case.voices - 1, EACH_S
        else:
            silent = np.flatnonzero(spoken[:regulars] < EACH_S)
            late = spoken.sum() >= 60 * case.minutes and len(silent) > 0
            likely = np.where(np.isin(np.arange(regulars), silent), weights, 0) if late else weights.copy()
            if regulars > 1 and 0 <= who < regulars and likely.sum() > likely[who]:
                likely[who] = 0
            who = int(rng.choice(regulars, p=likely / likely.sum()))
            length_s = float(np.exp(rng.uniform(*np.log(case.turn_s))))
        spoken[who] += length_s
        yield who, length_s


def _distance(case: Case, shorter: int, rng: Generator) -> int:
    """Return how many samples after the end of one turn the next one begins; less than 0 where they overlap.

    Args:
        case: What kind of conversation it is.
        shorter: The length of the shorter one of the two; 0 if nobody else has spoken.
        rng: What draws.
    """
    pause_s, overlap_s, at = rng.uniform(*PAUSES_S), rng.uniform(*OVERLAPS_S), rng.uniform(0, 100)
    if shorter and at < case.overlap_percent:
        return -min(round(overlap_s * SAMPLE_RATE), shorter // 2)
    return round(pause_s * SAMPLE_RATE)


def _as_int16(sound: Sound) -> NDArray[np.int16]:
    return (sound * 32767).astype(np.int16)
