"""Whether people who are known get their names in other recordings, and nobody else does.

Of each person one half of what there is of their speech is the sample, as `transcribed speakers enroll` takes it; the
other half is the recording. Both go over each line.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daemon.bench.report import Report
from daemon.bench.speakers.cases import TELEPHONE
from daemon.bench.speakers.conversation import GAP, MARGIN, faded, phrase_of
from daemon.bench.speakers.lines import write
from daemon.bench.speakers.listening import voice_of
from daemon.bench.speakers.people import Clip, Person, Sound, of_folder, shipped
from daemon.chunk import SAMPLE_RATE
from daemon.decode.recognition import recognize
from daemon.decode.voices import SpeakerModel
from daemon.errors import Unavailable
from daemon.voice import KnownVoice

Direction = NDArray[np.float32]

SAMPLE_S = 30.0
"""As much of the first half at most."""
LEAST_S = 8.0
"""Who has less in each half takes no part."""
RECORDINGS_S = (8.0, 30.0)
"""How much of the second half is heard, if there is so much."""
KNOWN = (1, 8)
"""So many people are known, in turn, and all, when somebody else speaks."""
DRAWS = 20
"""How many times some people are drawn out of all, for each who is not known."""
SEED = 22
PAIRS = {
    "no telephone": lambda lines: TELEPHONE not in lines,
    "telephone, telephone": lambda lines: set(lines) == {TELEPHONE},
    "one of them telephone": lambda lines: len({each == TELEPHONE for each in lines}) == 2,
}
"""The lines of sample and recording that are a row of the table."""
COLUMNS = ["sample and recording", "up to s", "people", "right %", "another's %"]
NOTE = (
    "right: who is known, and all others as well, gets their name; another's: that of somebody else. False: somebody "
    "who is not known gets the name of one of so many who are. One clip gives both halves if there is no other: real "
    "recordings, of other days and microphones, find fewer."
)


@dataclass(frozen=True, slots=True)
class Sounds:
    """How somebody sounds, by the line that it went over."""

    sample: Mapping[str, Direction]
    recording: Mapping[tuple[str, float], Direction]
    """By line and how many seconds were heard."""


def names(clips: Path | None, lines: Sequence[str], model: Path, folder: Path, tell: Callable[[str], None]) -> Report:
    """Measure how often names are given, rightly and wrongly.

    Args:
        clips: A folder with clips of people; None for the clips that ship with the project.
        lines: What happens to the sound, as in `lines.LINES`.
        model: The speaker model.
        folder: Where samples and recordings are written.
        tell: Called with what is done next.

    Raises:
        Unavailable: The speaker model is not there, or fewer than two people have enough to say.
    """
    listener = SpeakerModel(model)
    people = shipped() if clips is None else of_folder(clips)[0]
    able = [person for person in people if min(map(_seconds, halves(person))) >= LEAST_S]
    if len(able) < 2:
        raise Unavailable(
            f"only {len(able)} of {len(people)} people have {2 * LEAST_S:g} s of speech",
            "--clips DIR with more of them",
        )
    columns = [*COLUMNS, *(f"false %, {known} known" for known in _knowns(len(able)))]
    who = ", ".join(person.name for person in able)
    report = Report("speakers-names", model.stem, [], columns, notes=[f"{len(able)} people: {who}", NOTE])
    sounds: dict[str, Sounds] = {}
    for nth, person in enumerate(able, 1):
        tell(f"{nth} of {len(able)}: {person.name}")
        sounds[person.name] = _sounds(person, lines, listener, folder)
    for (row, belongs), heard_s in product(PAIRS.items(), RECORDINGS_S):
        pairs = [pair for pair in product(lines, lines) if belongs(pair)]
        if pairs:
            report.rows.append({**dict.fromkeys(columns), **_row(sounds, pairs, heard_s), columns[0]: row})
    return report


def halves(person: Person) -> tuple[list[Sound], list[Sound]]:
    """Return the phrases of somebody, cut in two: by clips, if there are several, else in the middle of the one."""
    parts: tuple[list[Sound], list[Sound]] = ([], [])
    if len(person.clips) > 1:
        for clip in sorted(person.clips, key=lambda clip: -sum(end - start for start, end in clip.phrases)):
            min(parts, key=_seconds).extend(_phrases(clip))
        return parts
    phrases = list(_phrases(person.clips[0]))
    ends = np.cumsum([len(phrase) for phrase in phrases])
    middle = int(np.searchsorted(ends, ends[-1] / 2)) + 1
    return phrases[:middle], phrases[middle:]


def _phrases(clip: Clip) -> Iterator[Sound]:
    for start, end in clip.phrases:
        yield phrase_of(clip, start, end)


def _seconds(phrases: Sequence[Sound]) -> float:
    return sum(map(len, phrases)) / SAMPLE_RATE


def _joined(phrases: Sequence[Sound], most_s: float) -> Sound:
    """Return phrases with pauses between them, as many as are needed for so many seconds of speech."""
    pieces: list[Sound] = []
    left = round(most_s * SAMPLE_RATE)
    for phrase in phrases:
        pieces += [faded(phrase[:left]), np.zeros(GAP, dtype=np.float32)]
        left -= len(phrase)
        if left <= 2 * MARGIN:
            break
    return np.concatenate(pieces)


def _sounds(person: Person, lines: Sequence[str], model: SpeakerModel, folder: Path) -> Sounds:
    def heard(half: Sequence[Sound], seconds: float, line: str, part: str) -> Direction:
        path = write(_joined(half, seconds)[:, None], line, folder / f"{person.name}-{part}-{line}")
        voice = voice_of(path, model)
        return np.zeros(1, dtype=np.float32) if voice is None else voice

    sample, recording = halves(person)
    return Sounds(
        {line: heard(sample, SAMPLE_S, line, "sample") for line in lines},
        {(line, most): heard(recording, most, line, f"{most:g}") for line, most in product(lines, RECORDINGS_S)},
    )


def _row(sounds: Mapping[str, Sounds], pairs: Sequence[tuple[str, str]], heard_s: float) -> dict[str, Any]:
    """Return the shares of right and wrong names, in percent, over all pairs of lines of sample and recording."""
    rng = np.random.default_rng(SEED)
    names = list(sounds)
    right: list[bool] = []
    wrong: list[bool] = []
    false: dict[int, list[float]] = {known: [] for known in _knowns(len(names))}
    for sample, recording in pairs:
        known = {name: KnownVoice(name, _packed(each.sample[sample])) for name, each in sounds.items()}
        for name, each in sounds.items():
            heard = each.recording[recording, heard_s]
            given = _given(heard, list(known.values()))
            right.append(given == name)
            wrong.append(given not in (name, ""))
            others = [voice for other, voice in known.items() if other != name]
            for count, shares in false.items():
                draws = [rng.permutation(len(others))[:count] for _ in range(DRAWS if count < len(others) else 1)]
                shares.append(mean(_given(heard, [others[at] for at in draw]) != "" for draw in draws))
    return {
        "up to s": heard_s,
        "people": len(names),
        "right %": _percent(right),
        "another's %": _percent(wrong),
        **{f"false %, {count} known": _percent(shares) for count, shares in false.items()},
    }


def _given(heard: Direction, known: Sequence[KnownVoice]) -> str:
    """Return the name that the speaker of a recording gets; "" if none."""
    found = recognize({"S1": heard}, known)
    return found["S1"].name if found else ""


def _knowns(people: int) -> list[int]:
    return [*(known for known in KNOWN if known < people - 1), people - 1]


def _packed(direction: Direction) -> bytes:
    return direction.astype("<f2").tobytes()


def _percent(shares: Sequence[float]) -> float:
    return round(100 * mean(shares), 1)
