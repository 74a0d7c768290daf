"""How much of who speaks when is wrong: the diarization error rate and its parts, as pyannote.metrics counts them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from daemon.errors import Unavailable
from daemon.voice import Turn

COLLARS_S = (0.0, 0.25)
"""So much before and after each border in the reference is not judged: nothing, and what NIST's evaluations leave."""


@dataclass(frozen=True, slots=True)
class Errors:
    """Seconds of speech in which something is wrong. Where two people speak at once, a second of it counts twice."""

    total_s: float = 0.0
    confusion_s: float = 0.0
    """Somebody else is said to speak."""
    missed_s: float = 0.0
    """Nobody is."""
    false_alarm_s: float = 0.0
    """Somebody is, and nobody does."""

    def __add__(self, other: "Errors") -> "Errors":
        return Errors(
            self.total_s + other.total_s,
            self.confusion_s + other.confusion_s,
            self.missed_s + other.missed_s,
            self.false_alarm_s + other.false_alarm_s,
        )

    @property
    def rate_percent(self) -> float:
        """The diarization error rate: all that is wrong, in percent of the speech; may be more than 100."""
        return self.percent(self.confusion_s + self.missed_s + self.false_alarm_s)

    def percent(self, wrong_s: float) -> float:
        """Return a part in percent of the speech."""
        return 100 * wrong_s / self.total_s if self.total_s else 0.0


@dataclass(frozen=True, slots=True)
class Heard:
    """A word, or a line where there are no words, and who is said to say it."""

    middle_s: float
    words: int
    speaker: str


def errors(reference: Sequence[Turn], found: Sequence[Turn], duration_s: float, collar_s: float) -> Errors:
    """Return what is wrong, the names of who was found mapped so that it is least.

    Args:
        reference: Who speaks when.
        found: Who was said to.
        duration_s: The length of the recording.
        collar_s: What is not judged before and after each border in the reference.

    Raises:
        Unavailable: pyannote.metrics is not installed.
    """
    core, diarization = _tools()
    # Its collar is both sides together.
    metric = diarization.DiarizationErrorRate(collar=2 * collar_s)
    judged = core.Timeline([core.Segment(0, duration_s)])
    parts = metric(_annotation(core, reference), _annotation(core, found), uem=judged, detailed=True)
    return Errors(
        float(parts["total"]), float(parts["confusion"]), float(parts["missed detection"]), float(parts["false alarm"])
    )


def words(reference: Sequence[Turn], found: Sequence[Turn], heard: Sequence[Heard]) -> tuple[int, int]:
    """Return how many words have the right speaker, and how many were said by somebody.

    Words in the middle of which nobody speaks do not count; where two do, either is right.

    Args:
        reference: Who speaks when.
        found: Who was said to: names are mapped by this.
        heard: The words of the transcript.

    Raises:
        Unavailable: pyannote.metrics is not installed.
    """
    core, diarization = _tools()
    annotations = _annotation(core, reference), _annotation(core, found)
    names = diarization.DiarizationErrorRate().optimal_mapping(*annotations)
    right = said = 0
    for each in heard:
        speaking = {turn.speaker for turn in reference if turn.start_s <= each.middle_s <= turn.end_s}
        said += each.words if speaking else 0
        right += each.words if names.get(each.speaker) in speaking else 0
    return right, said


def _annotation(core: Any, turns: Sequence[Turn]) -> Any:
    annotation = core.Annotation()
    for number, turn in enumerate(turns):
        annotation[core.Segment(turn.start_s, turn.end_s), number] = turn.speaker
    return annotation


def _tools() -> tuple[Any, Any]:
    try:
        from pyannote import core
        from pyannote.metrics import diarization
    except ImportError as error:
        raise Unavailable(
            f"judging speakers needs the package {error.name}", "pip install 'transcribed[bench-speakers]'"
        ) from error
    return core, diarization
