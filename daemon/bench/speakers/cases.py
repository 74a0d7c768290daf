"""Which conversations the study is made of, and what the error rate of each is to be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from daemon.bench.speakers import rttm
from daemon.bench.speakers.conversation import Case, build
from daemon.bench.speakers.lines import LINES, write
from daemon.bench.speakers.people import Person
from daemon.chunk import BYTES_PER_SECOND
from daemon.decode.media import samples
from daemon.errors import Unavailable
from daemon.voice import Turn

VOICES = (1, 2, 3, 4, 6, 10)
MINUTES = (2.0,)
OVERLAP_PERCENT = 20.0
CLEAN, TELEPHONE, AS_RECORDED = "clean", "telephone", "as recorded"
SHORT_TURNS_S = (0.5, 3.0)
GUEST_MINUTES, HOUR_MINUTES = 10.0, 60.0
TARGETS = ((2, 4.0, 6.0), (4, 6.0, 8.0), (6, 8.0, 10.0))
"""Up to so many voices, the error rate in percent at most, clean and else."""
BY_CHANNEL_TARGET = 3.0


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation in a file, and who speaks when."""

    kind: str
    """Those of one kind, over one line, are a row of the table."""
    line: str
    path: Path
    turns: tuple[Turn, ...]
    duration_s: float
    target_percent: float | None = None

    @property
    def voices(self) -> int:
        """How many people speak."""
        return len({turn.speaker for turn in self.turns})


@dataclass(frozen=True, slots=True)
class Plan:
    """What is built. Where `voices` are chosen, the cases that are not about their number are left out."""

    voices: Sequence[int] = ()
    lines: Sequence[str] = tuple(LINES)
    minutes: Sequence[float] = MINUTES
    overlap_percent: float = 0.0
    conversations: int = 2
    """Of each case, over each line."""


def cases(plan: Plan) -> Iterator[tuple[str, Case, Sequence[str]]]:
    """Yield the kinds of conversations with the lines that each goes over."""
    for minutes in plan.minutes:
        for voices in plan.voices or VOICES:
            case = Case(voices, minutes, overlap_percent=plan.overlap_percent if voices > 1 else 0.0)
            yield f"{_people(voices)}, {minutes:g} min", case, plan.lines
    if plan.voices:
        return
    minutes = plan.minutes[0]
    some = [line for line in (CLEAN, TELEPHONE) if line in plan.lines]
    pair = Case(2, minutes)
    yield f"2 voices, overlap in {OVERLAP_PERCENT:g} % of changes", replace(pair, overlap_percent=OVERLAP_PERCENT), some
    yield "2 voices, turns of 0.5 to 3 s", replace(pair, turn_s=SHORT_TURNS_S), some
    yield "2 voices by channel", replace(pair, by_channel=True), some
    yield f"2 voices and a guest for 10 s, {GUEST_MINUTES:g} min", Case(3, GUEST_MINUTES, guest=True), some
    yield f"1 voice, {HOUR_MINUTES:g} min", Case(1, HOUR_MINUTES), some[:1]


def talks(people: Sequence[Person], plan: Plan, folder: Path) -> tuple[list[Talk], list[str]]:
    """Build the conversations, write them and their references into a folder, and say what could not be built.

    Args:
        people: Who speaks.
        plan: What is wanted.
        folder: Where they go.
    """
    made: list[Talk] = []
    short: list[str] = []
    for nth, (kind, case, lines) in enumerate(cases(plan)):
        if case.voices > len(people):
            short.append(f"{kind}: not built, for clips of only {len(people)} people are there")
            continue
        for number in range(1 if case.minutes >= HOUR_MINUTES else plan.conversations):
            conversation = build(people, case, number)
            for line in lines:
                path = write(conversation.sound, line, folder / f"{nth:02d}-{number}-{line}")
                rttm.write(path.with_suffix(".rttm"), conversation.turns)
                target = target_percent(case, line)
                made.append(Talk(kind, line, path, conversation.turns, conversation.duration_s, target))
    return made, short


def recorded(folder: Path) -> list[Talk]:
    """Return the recordings of a folder beside which a reference lies: `talk.wav` and `talk.rttm`.

    Raises:
        Unavailable: There is none.
        BadRecording: One of them cannot be read.
    """
    made: list[Talk] = []
    for reference in sorted(folder.rglob("*.rttm")):
        beside = (path for path in sorted(reference.parent.glob(f"{reference.stem}.*")) if path != reference)
        if (path := next(beside, None)) is not None:
            duration_s = len(samples(path)) / BYTES_PER_SECOND
            made.append(Talk(path.name, AS_RECORDED, path, tuple(rttm.read(reference)), duration_s))
    if not made:
        raise Unavailable(f"no recording in {folder} has a reference beside it", "talk.wav needs talk.rttm")
    return made


def target_percent(case: Case, line: str) -> float | None:
    """Return the error rate that there may be at most; None where there is no target."""
    if case.by_channel:
        return BY_CHANNEL_TARGET
    if case.voices == 1 or case.guest or case.overlap_percent or case.turn_s == SHORT_TURNS_S:
        return None
    return next((clean if line == CLEAN else spoiled for most, clean, spoiled in TARGETS if case.voices <= most), None)


def _people(voices: int) -> str:
    return f"{voices} voice{'s' if voices > 1 else ''}"
