"""The transcript that every format is rendered from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from daemon.chunk import ENGLISH, Segment, Suppressed
from daemon.publish.layout import Limits
from daemon.publish.subtitles import Cue, cues
from daemon.store.records import Job
from daemon.store.versions import Version


@dataclass(frozen=True)
class Transcript:
    """A finished job and what was said in its recording."""

    job: Job
    segments: Sequence[Segment]
    """What was said, in order of time."""
    suppressed: Sequence[Suppressed]
    """What was left out of the transcript; only the JSON lists it."""
    heard: Sequence[str] = ()
    """The machine's text of each of the segments, where some are spelled otherwise; only the JSON has it."""
    stages: Mapping[str, Any] = field(default_factory=dict)
    """What the job's stages have found, by their names; only the JSON has it."""
    translation: Sequence[Segment] | None = None
    """The same in English, of a job that is to have both."""

    version: Version | None = None
    """What somebody has saved, if that is what it says; None if it says what the machine heard."""
    names: Mapping[str, str] = field(default_factory=dict)
    """The names that people have given to those who speak, by `Segment.speaker`."""
    recognized: Mapping[str, float] = field(default_factory=dict)
    """By which cosine those were recognized whose name nobody has confirmed, likewise; the JSON and the page tell."""

    @property
    def is_translated(self) -> bool:
        """Whether the text is English whatever was spoken; `language` of job and segments is what was spoken."""
        return self.job.options.task == "translate"

    @property
    def translated(self) -> "Transcript":
        """The English transcript of a job that is to have both."""
        job = replace(self.job, options=replace(self.job.options, task="translate"))
        return Transcript(job, self.translation or (), (), names=self.names)

    @property
    def has_speakers(self) -> bool:
        """Whether it is known who speaks, at least at times."""
        return any(line.speaker for line in self.segments)

    def name_of(self, line: Segment) -> str:
        """Return how the speaker of a line is called; an empty text if it is not known who speaks."""
        return self.called(line.speaker)

    def called(self, speaker: str) -> str:
        """Return how a speaker is called, by their label."""
        return " ".join(self.names.get(speaker, "").split()) or speaker

    @property
    def people(self) -> list[str]:
        """How those who speak are called, in the order in which they first do."""
        return list(dict.fromkeys(filter(None, map(self.name_of, self.segments))))

    @cached_property
    def cues(self) -> list[Cue]:
        """What was said as subtitles, cut once for all formats that show them."""
        spoken = self.segments
        if self.is_translated:
            spoken = [replace(segment, language=ENGLISH) for segment in spoken]
        if self.names:
            spoken = [replace(segment, speaker=self.name_of(segment)) for segment in spoken]
        return cues(spoken, Limits.of(self.job.options), self.job.duration_s)
