"""Who speaks when: the daemon and other programs on the same conversations, and what it costs."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from daemon.bench.contenders import last_message
from daemon.bench.report import Report
from daemon.bench.speakers import peers, with_daemon
from daemon.bench.speakers.cases import Plan, Talk, recorded, talks
from daemon.bench.speakers.error_rate import COLLARS_S, Errors, Heard, errors, words
from daemon.bench.speakers.listening import Found, listen
from daemon.bench.speakers.people import of_folder, shipped
from daemon.bench.speakers.with_daemon import Published
from daemon.bench.workload import Item, Workload
from daemon.chunk import OFF
from daemon.decode.voices import SpeakerModel
from daemon.errors import TranscribedError, Unavailable
from daemon.voice import Turn

AUTO = "auto"
ENGINE, DAEMON = "engine", "daemon"
WAYS = {ENGINE: "decoder", DAEMON: "transcribed"}
"""What is measured of this package: the decoder's part, in this process; a whole daemon."""
PEER_S = 900.0
"""Longer conversations are not given to peers: what they need for clustering grows with the square of the length."""
COLUMNS = [
    "conversations", "line", "program", "people right", "within one", "error %", "collar %", "confused %",
    "missed %", "invented %", "words %", "CPU s/min", "target %", "met",
]  # fmt: skip
ERROR_NOTE = (
    "error: diarization error rate = confused (another is said to speak) + missed (nobody is) + invented (somebody is, "
    "and nobody does), by pyannote.metrics, in percent of the speech; overlapping speech counts. Collar: "
    f"{COLLARS_S[1]:g} s before and after each border in the reference are not judged. Met 'collar': only so."
)
REFERENCE_NOTE = (
    "In the references of built conversations, pauses of 0.3 s are no speech; where there is speech, Silero says of "
    "the clean clips, which the daemon uses as well: elsewhere, more speech will be missed."
)
BUILT_NOTE = (
    "Built conversations do not show laughter, interjections, rooms, distant microphones and people who move; each "
    "voice has a microphone of its own, which helps to tell them apart. Real meetings are harder."
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be measured."""

    plan: Plan
    clips: Path | None = None
    """A folder with clips of people; None for the clips that ship with the project."""
    recordings: Path | None = None
    """A folder of recordings with references, which are measured instead of built conversations."""
    speakers: str = AUTO
    ways: Sequence[str] = (ENGINE,)
    only: Sequence[str] = ()
    """Peers with this in their names; all if empty."""
    repeats: int = 1
    """Of the daemon, with and without speakers by turns."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program says of a conversation."""

    turns: Sequence[Turn]
    heard: Sequence[Heard] = ()
    cpu_s: Mapping[str, float] | None = None


def speakers(wanted: Wanted, model: Path, whisper: dict[str, Any], folder: Path, tell: Callable[[str], None]) -> Report:
    """Measure how well programs tell who speaks when.

    Args:
        wanted: What is measured.
        model: The speaker model.
        whisper: Keys of the table [model], for whole daemons.
        folder: Where the conversations are written.
        tell: Called with what is done next.

    Raises:
        Unavailable: The speaker model or pyannote.metrics is not there, or nobody's clips are.
    """
    errors([], [], 1.0, 0.0)  # fails before the work if it is not installed
    listener = SpeakerModel(model)
    report = Report("speakers", model.stem, [], COLUMNS)
    tell("building conversations")
    given = list(_given(wanted, folder, report))
    report.workloads.append(_workload(wanted, given))
    answers: dict[str, dict[Path, Answer]] = {}
    if ENGINE in wanted.ways:
        answers[WAYS[ENGINE]] = {}
        for number, talk in enumerate(given, 1):
            tell(f"{WAYS[ENGINE]}: {number} of {len(given)}, {talk.kind}, {talk.line}")
            answers[WAYS[ENGINE]][talk.path] = _answer(listen(talk.path, listener, wanted.speakers))
    if DAEMON in wanted.ways:
        tell(f"{WAYS[DAEMON]}, with speakers and without by turns")
        answers[WAYS[DAEMON]] = _by_daemon(wanted, given, whisper, report)
    short = [talk for talk in given if talk.duration_s <= PEER_S]
    for name in (each for each in peers.PEERS if not wanted.only or any(part in each for part in wanted.only)):
        tell(name)
        answers[name] = _by_peer(name, short, report)
    for kind, line in dict.fromkeys((talk.kind, talk.line) for talk in given):
        these = [talk for talk in given if (talk.kind, talk.line) == (kind, line)]
        for program, found in answers.items():
            report.rows += _row(program, these, found, report)
    report.notes += [ERROR_NOTE] if wanted.recordings else [ERROR_NOTE, REFERENCE_NOTE, BUILT_NOTE]
    return report


def _given(wanted: Wanted, folder: Path, report: Report) -> Iterator[Talk]:
    if wanted.recordings is not None:
        yield from recorded(wanted.recordings)
        return
    people, few = (shipped(), []) if wanted.clips is None else of_folder(wanted.clips)
    kind = "synthetic voices, of the shipped clips" if wanted.clips is None else f"people of {wanted.clips.name}"
    names = ", ".join(f"{person.name} {person.speech_s:.0f} s" for person in people)
    report.notes.append(f"{len(people)} {kind}: {names}")
    if few:
        report.notes.append(f"left out, for there is too little of them: {', '.join(few)}")
    made, not_built = talks(people, wanted.plan, folder)
    report.notes += [f"{each}; --clips DIR takes more" for each in not_built]
    yield from made


def _workload(wanted: Wanted, given: Sequence[Talk]) -> Workload:
    digest = hashlib.sha256()
    for talk in given:
        digest.update(talk.path.read_bytes())
    source = "built" if wanted.recordings is None else wanted.recordings.name
    items = tuple(Item(talk.path, None, talk.duration_s) for talk in given)
    return Workload(f"{len(given)} conversations, {source}", items, digest.hexdigest())


def _answer(found: Found) -> Answer:
    return Answer(found.turns, (), found.cpu_s)


def _by_peer(name: str, given: Sequence[Talk], report: Report) -> dict[Path, Answer]:
    """Return a peer's answers, none where it cannot run; a note says why."""
    try:
        found = peers.run(name, [talk.path for talk in given])
    except Unavailable as error:
        report.notes.append(f"{name}: not run: {error.message}")
        return {}
    return {talk.path: _answer(each) for talk, each in zip(given, found, strict=True)}


def _by_daemon(wanted: Wanted, given: Sequence[Talk], whisper: dict[str, Any], report: Report) -> dict[Path, Answer]:
    """Return what a daemon publishes, none where it cannot; a note says what its speakers cost."""
    paths = [talk.path for talk in given]
    # With speakers first: if that cannot be, it is known at once.
    runs: dict[str, list[Published]] = {wanted.speakers: [], OFF: []}
    try:
        for _ in range(wanted.repeats):
            for each, done in runs.items():
                done.append(with_daemon.run(paths, whisper, each))
                usage = {key: value for key, value in asdict(done[-1].usage).items() if key != "errors"}
                report.runs.append({"program": WAYS[DAEMON], "speakers": each, "model": whisper["name"], **usage})
    except TranscribedError as error:
        report.notes.append(f"{WAYS[DAEMON]}: not run: {error.message}")
        return {}
    report.notes.append(cost(whisper["name"], runs[OFF], runs[wanted.speakers]))
    last = runs[wanted.speakers][-1]
    if last.missing:
        names = ", ".join(path.name for path in last.missing)
        told = last_message(last.usage.errors)
        report.notes.append(f"{WAYS[DAEMON]}: no transcript of {names}; the last that it said: {told}")
    return {path: Answer(last.turns[path], last.heard[path]) for path in paths}


def cost(model: str, without: Sequence[Published], with_speakers: Sequence[Published]) -> str:
    """Say what speakers cost a daemon: medians of its runs."""
    figures = {}
    for name in ("cpu_s", "wall_s", "peak_mb"):
        off, on = (median(getattr(run.usage, name) for run in runs) for runs in (without, with_speakers))
        figures[name] = (off, on, 100 * (on / off - 1) if off else 0.0)
    cpu, wall, peak = figures["cpu_s"], figures["wall_s"], figures["peak_mb"]
    return (
        f"{WAYS[DAEMON]} with {model}, speakers off and on: CPU {cpu[0]:.1f} and {cpu[1]:.1f} s ({cpu[2]:+.1f} %), "
        f"{wall[0]:.1f} and {wall[1]:.1f} s ({wall[2]:+.1f} %), peak {peak[0]:.0f} and {peak[1]:.0f} MB "
        f"({peak[1] - peak[0]:+.0f} MB)"
    )


def _row(
    program: str, given: Sequence[Talk], answers: Mapping[Path, Answer], report: Report
) -> Iterator[dict[str, Any]]:
    """Yield the row of a program for conversations of one kind over one line, without figures if it did not run."""
    row: dict[str, Any] = {**dict.fromkeys(COLUMNS), "conversations": given[0].kind, "line": given[0].line}
    if not answers:
        yield {**row, "program": f"{program} (not run)"}
        return
    answered = [talk for talk in given if talk.path in answers]
    if not answered:
        return
    whole, with_collar = ([_errors(talk, answers[talk.path], collar) for talk in answered] for collar in COLLARS_S)
    found = [len({turn.speaker for turn in answers[talk.path].turns}) for talk in answered]
    heard = [words(talk.turns, answers[talk.path].turns, answers[talk.path].heard) for talk in answered]
    for talk, people, parts, strict in zip(answered, found, with_collar, whole, strict=True):
        told = {"conversation": talk.path.stem, "program": program, "voices": talk.voices, "found": people}
        steps = {f"{step} CPU s": seconds for step, seconds in (answers[talk.path].cpu_s or {}).items()}
        rates = {"error_percent": strict.rate_percent, "with_collar_percent": parts.rate_percent}
        report.runs.append({**told, **rates, **asdict(strict), **steps, "audio_s": talk.duration_s})
    off = [abs(talk.voices - people) for talk, people in zip(answered, found, strict=True)]
    said = sum(count for _, count in heard)
    yield row | {
        "program": program,
        "people right": f"{off.count(0)} of {len(off)}",
        "within one": f"{sum(each <= 1 for each in off)} of {len(off)}",
        **_rates(sum(whole, Errors()), sum(with_collar, Errors()), given[0].target_percent),
        "words %": round(100 * sum(right for right, _ in heard) / said, 1) if said else None,
        "CPU s/min": _cpu_s_per_min(answered, answers),
    }


def _errors(talk: Talk, answer: Answer, collar_s: float) -> Errors:
    return errors(talk.turns, answer.turns, talk.duration_s, collar_s)


def _rates(whole: Errors, with_collar: Errors, target_percent: float | None) -> dict[str, Any]:
    met = None
    if target_percent is not None:
        rates = (whole.rate_percent, with_collar.rate_percent)
        met = "yes" if rates[0] <= target_percent else "collar" if rates[1] <= target_percent else "no"
    return {
        "error %": round(whole.rate_percent, 1),
        "collar %": round(with_collar.rate_percent, 1),
        "confused %": round(whole.percent(whole.confusion_s), 1),
        "missed %": round(whole.percent(whole.missed_s), 1),
        "invented %": round(whole.percent(whole.false_alarm_s), 1),
        "target %": target_percent,
        "met": met,
    }


def _cpu_s_per_min(given: Sequence[Talk], answers: Mapping[Path, Answer]) -> float | None:
    """Return the processor seconds for embeddings and clustering per minute; None where they are not known."""
    steps = [cpu_s for talk in given if (cpu_s := answers[talk.path].cpu_s) is not None]
    if not steps:
        return None
    seconds = sum(each.get("embeddings", 0.0) + each.get("clustering", 0.0) for each in steps)
    return round(60 * seconds / sum(talk.duration_s for talk in given), 2)
