"""How often subtitles break the rules: those of this package beside those of other programs, of the same segments."""

import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from daemon.bench.report import Report
from daemon.bench.subtitles.rules import RULES, Shown, breaches
from daemon.bench.subtitles.texts import Example, examples
from daemon.chunk import Segment, Word
from daemon.errors import Unavailable
from daemon.publish.layout import Limits
from daemon.publish.scripts import joined
from daemon.publish.subtitles import Cue, cues

OURS = "transcribed"
TIMES = re.compile(r"(\d+):(\d+):(\d+),(\d+) --> (\d+):(\d+):(\d+),(\d+)\n")
LIMITS = Limits()

Maker = Callable[[Example], Sequence[Cue]]
"""Makes the subtitles of a transcript as a program does."""


def _ours(example: Example) -> Sequence[Cue]:
    return cues(example.segments, LIMITS, example.duration_s)


def _segments(example: Example) -> Sequence[Cue]:
    """Return a cue for each segment: what most programs write that use faster-whisper."""
    return [Cue(segment.start_s, segment.end_s, segment.text) for segment in example.segments]


def _whisper_ctranslate2(example: Example) -> Sequence[Cue]:
    """Return what whisper-ctranslate2 writes, told the width and the number of lines that the guides want."""
    from whisper_ctranslate2.writers import WriteSRT

    file = io.StringIO()
    options = {"max_line_width": LIMITS.line_columns, "max_line_count": LIMITS.max_lines, "max_words_per_line": 1000}
    WriteSRT("").write_result({"segments": _plain(example)}, file, options)
    return _from_srt(file.getvalue())


def _stable_ts(example: Example) -> Sequence[Cue]:
    """Return what stable-ts writes, which puts words together to segments of its own."""
    from stable_whisper import WhisperResult

    result = WhisperResult({"segments": _plain(example), "language": example.language})
    return _from_srt(result.regroup().to_srt_vtt(None, word_level=False))


MAKERS: dict[str, Maker] = {
    OURS: _ours,
    "faster-whisper's segments": _segments,
    "whisper-ctranslate2": _whisper_ctranslate2,
    "stable-ts": _stable_ts,
}


def subtitles(count: int, folder: Path | None, model: str) -> Report:
    """Count how often the rules for subtitles are broken, by this package and by others.

    Args:
        count: How many transcripts are made up, in twelve languages.
        folder: Recordings that are transcribed by faster-whisper first, in addition; None for none.
        model: The model for these.

    Raises:
        Unavailable: The folder has no recordings.
    """
    report = Report("subtitles", model, [])
    report.columns = ["transcripts", "program", "cues", *RULES]
    sources = {f"{count} in twelve languages": list(examples(count))}
    if folder is not None:
        sources[folder.name] = _heard(folder, model)
    refused: dict[str, str] = {}
    for source, made in sources.items():
        for program, maker in MAKERS.items():
            try:
                report.rows.append({"transcripts": source, "program": program, **count_breaches(maker, made)})
            except ModuleNotFoundError as error:
                refused[program] = f"{program}: needs the package {error.name}: pip install 'transcribed[peers]'"
            except OSError as error:  # as PyTorch says that its parts do not fit together
                refused[program] = f"{program}: cannot be loaded: {error}"
    report.notes += list(refused.values())
    report.runs += report.rows
    return report


def count_breaches(maker: Maker, made: Iterable[Example]) -> dict[str, int]:
    """Return how many cues a program makes of some transcripts, and how often these break each rule."""
    total = Counter(dict.fromkeys(("cues", *RULES), 0))
    for example in made:
        shown = maker(example)
        text = joined(segment.text for segment in example.segments)
        total["cues"] += len(shown)
        total.update(breaches(Shown(shown, text, example.language, example.duration_s)))
    return dict(total)


def _heard(folder: Path, model: str) -> list[Example]:
    """Transcribe the recordings of a folder with faster-whisper, with a time for every word."""
    from faster_whisper import WhisperModel

    from daemon.config.extensions import MEDIA
    from daemon.engine.model_files import resolve

    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in MEDIA)
    if not files:
        raise Unavailable(f"no recordings are in {folder}", "name a folder with recordings")
    whisper = WhisperModel(str(resolve(model)), compute_type="int8")
    found = []
    for file in files:
        heard, info = whisper.transcribe(str(file), beam_size=5, word_timestamps=True)
        segments = tuple(_segment(each, info.language) for each in heard if each.text.strip())
        if segments:
            found.append(Example(info.language, segments, info.duration))
    return found


def _segment(heard: Any, language: str) -> Segment:
    timed = tuple(Word(word.start, word.end, word.word, word.probability) for word in heard.words or ())
    return Segment(heard.start, heard.end, heard.text.strip(), -0.2, 0.0, 1.5, 0.0, language, timed or None)


def _plain(example: Example) -> list[dict[str, Any]]:
    """Return segments as openai/whisper's result has them, which the other programs take."""
    return [
        {
            "id": number,
            "start": segment.start_s,
            "end": segment.end_s,
            "text": segment.text,
            "words": [
                {"start": word.start_s, "end": word.end_s, "word": word.word, "probability": word.probability}
                for word in segment.words or ()
            ],
        }
        for number, segment in enumerate(example.segments)
    ]


def _from_srt(text: str) -> list[Cue]:
    found = []
    parts = TIMES.split(text)
    for at in range(1, len(parts), 9):
        hours, minutes, seconds, thousandths = (parts[at + k : at + 8 : 4] for k in range(4))
        start_s, end_s = (
            3600 * int(h) + 60 * int(m) + int(s) + int(t) / 1000
            for h, m, s, t in zip(hours, minutes, seconds, thousandths, strict=True)
        )
        # Each text is followed by an empty line, the number of the next cue and its times.
        found.append(Cue(start_s, end_s, re.sub(r"\n\n\d*\n?$", "", parts[at + 8]).strip()))
    return found
