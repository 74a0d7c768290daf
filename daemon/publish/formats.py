"""Renders the transcript files of a finished job. The same segments always give the same bytes."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, fields, replace
from types import MappingProxyType
from typing import Any

from daemon import __version__
from daemon.chunk import BOTH, ENGLISH, Segment, Suppressed
from daemon.config.formats import TRANSLATED, files_of
from daemon.publish.markdown import markdown
from daemon.publish.rttm import rttm
from daemon.publish.scripts import joined
from daemon.publish.spelling import spellings
from daemon.publish.subtitle_files import ass, lrc, srt, vtt
from daemon.publish.times import in_order
from daemon.publish.transcript import Transcript
from daemon.publish.who import changes, lead, shares
from daemon.store.records import Job
from daemon.store.versions import MEASURES, Line, Version
from daemon.voice import TURNS

Renderer = Callable[[Transcript], str]
"""Always gives the same text for the same transcript, because what is published may be rendered again and compared."""

LEFT_OUT = "nothing but words to leave out"
"""Why a line is not in the transcript."""

HEARD = tuple(each.name for each in fields(Segment))


def render(
    job: Job,
    segments: Sequence[Segment],
    suppressed: Sequence[Suppressed] = (),
    stages: Mapping[str, Any] = MappingProxyType({}),
    formats: Collection[str] | None = None,
    translation: Sequence[Segment] = (),
    names: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, bytes]:
    """Render a transcript in every format that is asked for.

    Args:
        job: The finished job.
        segments: What was said, in order of time.
        suppressed: What was left out of the transcript; only the JSON lists it.
        stages: What the job's stages have found, by their names; the JSON has it under these names.
        formats: The formats; None for those that the job was queued with.
        translation: What was said in English, if the job is to have both.
        names: The names that people have given to speakers, by their labels.

    Returns:
        The content of each file, as `files_of` names and orders them.
    """
    wanted = job.options.formats if formats is None else formats
    return rendered(transcript_of(job, segments, suppressed, stages, translation, names=names), wanted)


def rendered(transcript: Transcript, formats: Collection[str]) -> dict[str, bytes]:
    """Return the files of a transcript in some formats, as `files_of` names and orders them."""
    files = files_of(transcript.job.options.task, formats)
    return {name: _render(name, transcript).encode() for name in files}


def transcript_of(
    job: Job,
    segments: Sequence[Segment],
    suppressed: Sequence[Suppressed] = (),
    stages: Mapping[str, Any] = MappingProxyType({}),
    translation: Sequence[Segment] = (),
    version: Version | None = None,
    names: Mapping[str, str] = MappingProxyType({}),
) -> Transcript:
    """Return the transcript of a job as all formats show it: its times in order, its words spelled as was asked for.

    What somebody has saved stays as it is spelled.

    Args:
        job: The finished job.
        segments: What was said, in order of time.
        suppressed: What was left out.
        stages: What the job's stages have found, by their names.
        translation: What was said in English, if the job is to have both.
        version: The version that the segments are, if somebody has saved them.
        names: The names that people have given to speakers, by their labels.
    """
    if version is not None:
        # They are of what the machine heard, and somebody says otherwise.
        stages = {name: found for name, found in stages.items() if name != TURNS}
    by_rules = spellings(job.options)
    spelling = by_rules if version is None else _as_it_is
    heard = in_order(segments, job.duration_s)
    is_english = job.options.task == "translate"
    spelled = [spelling(line, ENGLISH if is_english else line.language) for line in heard]
    kept = [(new, old.text) for new, old in zip(spelled, heard, strict=True) if new.text or not old.text]
    if TURNS in stages:
        heard_of = {new.speaker for new, _ in kept}
        stages = {**stages, TURNS: [turn for turn in stages[TURNS] if turn["speaker"] in heard_of]}
    left_out = [
        Suppressed(old.start_s, old.end_s, old.text, LEFT_OUT)
        for new, old in zip(spelled, heard, strict=True)
        if old.text and not new.text
    ]
    english: list[Segment] | None = None
    if job.options.task == BOTH:
        lines = (by_rules(line, ENGLISH) for line in in_order(translation, job.duration_s))
        english = [replace(line, language=ENGLISH) for line in lines if line.text]
    return Transcript(
        job, [new for new, _ in kept], [*suppressed, *left_out], [text for _, text in kept], stages, english, version,
        names,
    )  # fmt: skip


def _as_it_is(line: Segment, _language: str) -> Segment:
    return line


def _render(file: str, transcript: Transcript) -> str:
    form = file.removeprefix(TRANSLATED)
    return RENDERERS[form](transcript if form == file else transcript.translated)


def _txt(transcript: Transcript) -> str:
    names = changes(map(transcript.name_of, transcript.segments))
    return "".join(f"{lead(name)}{line.text}\n" for name, line in zip(names, transcript.segments, strict=True))


def _json(transcript: Transcript) -> str:
    job = transcript.job
    document = {
        "text": joined(segment.text for segment in transcript.segments),
        "language": job.language,
        "language_probability": job.language_probability,
        "duration_s": job.duration_s,
        "speech_s": job.speech_s,
        "recorded_at": job.sound.recorded_at.time or None,
        "recorded_at_source": job.sound.recorded_at.source or None,
        **_edited(transcript.version),
        "warnings": job.sound.warnings,
        "tracks": [asdict(track) | {"taken": track.number in job.sound.taken} for track in job.sound.tracks],
        "channels": job.sound.channels,
        **transcript.stages,
        **_speakers(transcript),
        "segments": [_segment(*item) for item in enumerate(zip(transcript.segments, transcript.heard, strict=True))],
        **_translation(transcript.translation),
        "suppressed": [asdict(dropped) for dropped in transcript.suppressed],
        "provenance": {
            "transcribed": __version__,
            "model": job.model,
            "compute_type": job.compute_type,
            "device": job.device,
            "options": asdict(job.options),
            "content_hash": job.content_hash,
            "damaged": job.damaged,
        },
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _edited(version: Version | None) -> dict[str, Any]:
    if version is None:
        return {}
    return {"edited": {"version": version.number, "at": version.saved_at, "by": version.author or None}}


def _speakers(transcript: Transcript) -> dict[str, Any]:
    found = shares(transcript.segments, map(transcript.name_of, transcript.segments))
    for each in found:
        if (likeness := transcript.recognized.get(each["speaker"])) is not None:
            each["recognized"] = round(likeness, 4)
    return {"speakers": found} if found else {}


def _translation(lines: Sequence[Segment] | None) -> dict[str, Any]:
    if lines is None:
        return {}
    segments = [_segment(number, (line, line.text)) for number, line in enumerate(lines)]
    return {"translation": {"text": joined(line.text for line in lines), "language": ENGLISH, "segments": segments}}


def _segment(number: int, spelled: tuple[Segment, str]) -> dict[str, Any]:
    segment, heard = spelled
    values = {"id": number, **{name: each for name, each in asdict(segment).items() if name in HEARD}}
    if isinstance(segment, Line) and segment.edited:
        values = {name: each for name, each in values.items() if name not in MEASURES} | {"edited": True}
    if heard != segment.text:
        values["heard"] = heard
    if segment.words is None:
        del values["words"]
    if not segment.channel:
        del values["channel"]
    if segment.beam_size is None:
        values.pop("beam_size", None)
    if not segment.speaker:
        del values["speaker"]
    return values


def _tsv(transcript: Transcript) -> str:
    """Render a table of start, end and text, with times in milliseconds, as openai/whisper does.

    A last column has the speakers where they are known.
    """
    rows = [["start", "end", "text"]]
    rows += [
        [str(round(line.start_s * 1000)), str(round(line.end_s * 1000)), line.text.replace("\t", " ")]
        for line in transcript.segments
    ]
    if transcript.has_speakers:
        rows = [[*row, name] for row, name in zip(rows, _column(transcript), strict=True)]
    return "".join("\t".join(row) + "\n" for row in rows)


def _column(transcript: Transcript) -> list[str]:
    return ["speaker", *map(transcript.name_of, transcript.segments)]


RENDERERS: dict[str, Renderer] = {
    "txt": _txt,
    "srt": srt,
    "vtt": vtt,
    "ass": ass,
    "tsv": _tsv,
    "lrc": lrc,
    "md": markdown,
    "rttm": rttm,
    "json": _json,
}
"""A renderer for every name in `daemon.config.formats`."""
