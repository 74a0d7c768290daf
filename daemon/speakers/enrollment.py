"""Learns a voice from recordings of one person: a decoder child decodes them and listens, as it does for the daemon."""

import os
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import TypeVar

from daemon.chunk import Options
from daemon.errors import ASK_THE_DOCTOR, BadRecording, Unavailable
from daemon.processes.child import Child, ChildDied
from daemon.processes.decoder_pool import HASH_BYTES_PER_S, MODULE, WINDOW_DEADLINE_S
from daemon.processes.protocol import DecoderReady, Heard, Next, Open, Opened, Refused, TellApart, ToldApart, Window
from daemon.voice import Turn, Voice

LEAST_S = 10.0
"""Speech that there is at least in a recording: docs/speakers-benchmark.md has what less of it costs."""
OTHERS_S, OTHERS_SHARE = 3.0, 0.1
"""Up to so much of it, whichever is more, may sound like somebody else: short windows of one voice do now and then."""
RUN = 1
ONLY_THEM = "give it recordings in which nobody else speaks"
Answer = TypeVar("Answer", DecoderReady, Opened, Window, Heard, ToldApart)


def voices_of(paths: Sequence[Path], model: Path) -> list[bytes]:
    """Return how the one person sounds who speaks in each of some recordings, as `Voice.embedding`.

    Args:
        paths: The recordings.
        model: The speaker model.

    Raises:
        BadRecording: One of them cannot be read, has too little speech, or more than one voice.
        Unavailable: No decoder can be started, or it cannot listen to voices.
    """
    child = Child(MODULE)
    try:
        try:
            _answer(child, DecoderReady, WINDOW_DEADLINE_S)
        except ChildDied as error:
            raise Unavailable(f"the decoder does not start: {error}", ASK_THE_DOCTOR) from error
        return [_of_one(child, number, path, model) for number, path in enumerate(paths, start=1)]
    finally:
        child.end(gently=True)


def _of_one(child: Child, number: int, path: Path, model: Path) -> bytes:
    try:
        voices = tuple(_heard(child, number, path, model))
        seconds = sum(voice.end_s - voice.start_s for voice in voices)
        if seconds < LEAST_S:
            raise BadRecording(
                f"{path} has {seconds:.1f} s of speech: a voice is known from {LEAST_S:g} s on",
                "give it a longer recording",
            )
        child.send(TellApart(number, RUN, "auto", voices))
        told = _answer(child, ToldApart, WINDOW_DEADLINE_S)
    except OSError as error:
        raise BadRecording(f"{path} cannot be read: {error.strerror}", "check its name and permissions") from error
    except ChildDied as error:
        raise BadRecording(
            f"{path} cannot be decoded: the decoder died of it ({error})", "it may be damaged"
        ) from error
    if told.trouble:
        raise Unavailable(f"{path}: {told.trouble}")
    return told.means[_one_voice(path, told.turns)]


def _one_voice(path: Path, turns: Sequence[Turn]) -> str:
    """Return the label of the one who speaks in a recording.

    Raises:
        BadRecording: Somebody else does, too.
    """
    spoken = defaultdict[str, float](float)
    for turn in turns:
        spoken[turn.speaker] += turn.end_s - turn.start_s
    most, *others = sorted(spoken.values(), reverse=True)
    if sum(others) > max(OTHERS_S, OTHERS_SHARE * (most + sum(others))):
        each = ", ".join(f"{seconds:.0f} s" for seconds in (most, *others))
        raise BadRecording(f"{path} has {len(spoken)} voices ({each}), not one", ONLY_THEM)
    return max(spoken, key=lambda label: spoken[label])


def _heard(child: Child, number: int, path: Path, model: Path) -> Iterator[Voice]:
    """Yield how a recording sounds, window by window; its channels are mixed."""
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise BadRecording(f"{path} is no file", ONLY_THEM)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        options = Options(channels="mix")
        child.send(Open(number, RUN, options, size, "auto", speaker_model=str(model)), file.fileno())
        _answer(child, Opened, WINDOW_DEADLINE_S + size / HASH_BYTES_PER_S, path)
    is_last = False
    while not is_last:
        child.send(Next(number))
        window = _answer(child, Window, WINDOW_DEADLINE_S, path)
        is_last, more = window.last, window.voices_follow
        while more:
            heard = _answer(child, Heard, WINDOW_DEADLINE_S, path)
            if heard.trouble:
                raise Unavailable(f"{path}: {heard.trouble}")
            yield from heard.voices
            more = heard.more


def _answer(child: Child, wanted: type[Answer], allowed_s: float, path: Path | None = None) -> Answer:
    """Return the next answer of a decoder.

    Raises:
        BadRecording: It refuses the recording.
        ChildDied: It is gone, or gives another answer or none within its time.
    """
    child.deadline = time.monotonic() + allowed_s
    wait([child.fileno()], allowed_s)
    answer = child.receive()
    if isinstance(answer, Refused):
        raise BadRecording(f"{path} cannot be used: {answer.message}")
    if not isinstance(answer, wanted):
        raise ChildDied(f"an unexpected answer: {type(answer).__name__}")
    return answer
