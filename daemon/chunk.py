"""The values that cross process borders: options, chunks, segments and what the engine made of a chunk."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field, replace
from itertools import accumulate
from math import ceil
from typing import Any

SAMPLE_RATE = 16_000
"""Samples per second of the audio that Whisper models take."""

BYTES_PER_SECOND = SAMPLE_RATE * 2
"""Chunks carry signed 16-bit little-endian mono samples: half the traffic of float32, and exact for 16-bit recordings,
which most are."""

CHUNK_MAX_S = 30.0
"""A Whisper model hears at most 30 seconds at once."""


CONTEXT_MARGIN_S = 5.0
"""The least silence that the model's decoder hears after a chunk whose context is cut. Measured on tiny.en and base:
with 1 to 3 s many texts run on, with 5 s one in a hundred does (docs/design-notes.md)."""

CONTEXT_STEP_S = 5.0
"""Cut contexts are multiples of this, so that chunks of about the same length share a bucket."""

BESIDE = "beside"
"""The output that puts transcripts beside their recordings."""
BOTH = "both"
"""The task that gives a transcript in the language that is spoken and one in English."""
ENGLISH = "en"
"""The language of translations."""

OFF = "off"
"""The value of `speakers` where nobody asks who speaks."""

GREEDY_FIRST, BEAM = "greedy-first", "beam"
"""Values of `search`: with a beam only where a greedy search is unsure; with a beam always. A third one, `auto`, leaves
it to the engine."""

LANGUAGE_SWITCH_PROBABILITY = 0.8
"""A chunk is transcribed in another language than its recording only if it is this surely in it."""

COVERAGE_GAP_S = 1.0
"""Speech this long after the end of the text was left out and is decoded as a part of its own."""

Bucket = tuple[object, ...]
"""What the chunks of a batch have in common."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a recording is to be transcribed, resolved when its job is queued; stored as JSON in `jobs.options`."""

    language: str = "auto"
    task: str = "transcribe"
    formats: tuple[str, ...] = ("txt", "srt", "json")
    naming: str = "stem"
    output: str = BESIDE
    """BESIDE, or the absolute path of a folder."""
    front_matter: bool = False
    model: str = "tiny.en"
    context: str = "auto"
    beam_size: int = 5
    search: str = "auto"
    word_timestamps: bool = False
    condition_on_previous_text: bool = False
    channels: str | int = "auto"
    audio_tracks: str | int = "auto"
    vad: bool = True
    vad_threshold: float = 0.5
    vad_min_silence_ms: int = 500
    window_s: float = 300.0
    max_hours: float = 24.0
    subtitle_max_lines: int = 2
    subtitle_line_columns: int = 42
    subtitle_wide_columns: int = 16
    subtitle_chars_per_s: float = 17.0
    subtitle_chars_per_s_max: float = 20.0
    subtitle_cue_min_s: float = 0.833
    subtitle_cue_max_s: float = 7.0
    subtitle_gap_s: float = 0.083
    initial_prompt: str = ""
    hotwords: tuple[str, ...] = ()
    suppress_words: tuple[str, ...] = ()
    replace: dict[str, str] = field(default_factory=dict)
    speakers: str = OFF
    """Who says what: `off`, `auto`, or how many people speak: `2`, or from and to: `2-6`."""
    languages: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What is different in a language, by its code: names and values of fields; empty once the language is given."""

    def in_language(self, code: str) -> "Options":
        """Return the options that count for what is spoken in a language; these, if it has none of its own."""
        return replace(self, **self.languages.get(code, {}))


@dataclass(frozen=True, slots=True)
class Word:
    """One word with its time in the recording, in seconds, and the model's probability for it."""

    start_s: float
    end_s: float
    word: str
    probability: float | None
    """None if the engine does not say."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A timed line of text; times are seconds in the recording."""

    start_s: float
    end_s: float
    text: str
    avg_logprob: float
    """NaN if the engine does not say, as of the probability that follows; NULL in the database."""
    no_speech_prob: float
    compression_ratio: float
    temperature: float
    language: str
    words: tuple[Word, ...] | None = None
    channel: int = 0
    """The channel that it was heard on, from 1; 0 if the channels were mixed."""
    beam_size: int | None = None
    """The beam of the search that found it, 1 of a greedy one; None if it was drawn at random, or is not known."""
    speaker: str = ""
    """Who says it: `S1`, `S2`, … in the order in which they first speak; "" if that is not known."""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Text of the model that was left out of the transcript, and why; times are seconds in the recording."""

    start_s: float
    end_s: float
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """At most 30 s of speech cut out of a recording; the unit of inference and of checkpointing.

    `spans` are the (start_s, end_s) pieces of the recording whose samples, one after another, make up
    `audio` and, where the chunk was cut in two, its `tail`; the silence between them was left out. A `part` above 0 is
    the rest of a chunk whose first parts are transcribed already. `run` numbers the claim of the job that the chunk was
    cut for: a result for an earlier claim is void, as when a job was cancelled and retried meanwhile.
    """

    job_id: int
    idx: int
    spans: tuple[tuple[float, float], ...]
    audio: bytes
    run: int = 0
    language: str = "auto"
    fallback_language: str = ""
    task: str = "transcribe"
    beam_size: int = 5
    search: str = "auto"
    word_timestamps: bool = False
    temperature: float = 0.0
    full_context: bool = True
    """Whether the encoder hears 30 s, padded with silence, rather than about as much as there is."""
    whole_encoding: bool = False
    """Whether the encoder hears all of a cut context, not only the speech (on a CPU; elsewhere it always does)."""
    previous: str = ""
    """The text of the recording before this chunk, given to the model as its prompt; empty for none."""
    initial_prompt: str = ""
    """A text that stands in front of that one."""
    hotwords: tuple[str, ...] = ()
    """Words that may come, which stand in front of both."""
    languages: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What of these is different in a language, by its code: names and values of fields."""
    part: int = 0
    alone: bool = False
    channel: int = 0
    """The channel that it was cut from, from 1; 0 if the channels were mixed."""
    noise_db: float = float("-inf")
    """The level of the recording where nobody speaks, in dB of full scale of `audio`; -inf if it is digital silence or
    not known."""
    doubtful: bool = False
    """Whether no speech was found in it at first: it has a text only if the model hears speech."""
    spoken: tuple[tuple[float, float], ...] = ()
    """Where in its spans somebody speaks, without the silence around that and without pauses of 0.3 s."""
    tail: tuple[bytes, ...] = ()
    """The samples that follow `audio`, as the parts that come next."""
    digest: str = ""
    """The BLAKE2b of all of its samples, in hex, also of one that is a part."""

    @property
    def context_s(self) -> float:
        """Seconds that the encoder hears, silence after the chunk included."""
        if self.full_context:
            return CHUNK_MAX_S
        return min(CHUNK_MAX_S, CONTEXT_STEP_S * ceil((self.duration_s + CONTEXT_MARGIN_S) / CONTEXT_STEP_S))

    @property
    def is_cut(self) -> bool:
        """Whether the encoder hears less than the 30 s that it was trained on."""
        return self.context_s < CHUNK_MAX_S

    @property
    def is_prompted(self) -> bool:
        """Whether the model is given a text to go on from."""
        return bool(self.previous or self.initial_prompt or self.hotwords)

    @property
    def original(self) -> "Chunk":
        """The chunk as it is transcribed in the language that is spoken, even if there are to be two texts."""
        return replace(self, task="transcribe") if self.task == BOTH else self

    @property
    def translated(self) -> "Chunk":
        """The chunk as it is translated: names that may come are the same, but what came before is not English."""
        of_languages = {
            code: {name: value for name, value in values.items() if name != "initial_prompt"}
            for code, values in self.languages.items()
        }
        return replace(self, task="translate", previous="", initial_prompt="", languages=of_languages)

    def in_language(self, code: str) -> "Chunk":
        """Return the chunk with what counts for a language, once the engine knows which one is spoken."""
        return replace(self, **self.languages[code]) if code in self.languages else self

    @property
    def start_s(self) -> float:
        """Where the chunk begins, in seconds of the recording."""
        return self.spans[0][0]

    @property
    def end_s(self) -> float:
        """Where the chunk ends, in seconds of the recording."""
        return self.spans[-1][1]

    @property
    def duration_s(self) -> float:
        """Seconds of audio that the engine hears, silence between the spans not counted."""
        return len(self.audio) / BYTES_PER_SECOND

    @property
    def bucket(self) -> Bucket:
        """What a chunk must have in common with others to share a batch; one that must run alone shares with none."""
        alone = (self.job_id, self.idx) if self.alone else None
        context = (self.context_s, self.whole_encoding)
        return (context, self.temperature, self.beam_size, self.is_prompted, alone)

    def in_recording(self, offset_s: float, *, is_end: bool = False) -> float:
        """Return the time in the recording, in seconds, of a moment of the chunk's audio.

        Args:
            offset_s: seconds into `audio`.
            is_end: whether something ends there: where two spans meet, an end belongs to the earlier one, a start to
                the later one.
        """
        ends = list(accumulate(end - start for start, end in self.spans))
        find = bisect_left if is_end else bisect_right
        at = min(find([round(end, 6) for end in ends], round(offset_s, 6)), len(ends) - 1)
        before = ends[at - 1] if at else 0.0
        return min(self.spans[at][0] + offset_s - before, self.spans[at][1])

    def head(self, until_s: float) -> "Chunk":
        """Return the chunk with only so many seconds to hear for now; what follows them is the first of its tail."""
        keep = round(until_s * SAMPLE_RATE) * 2
        return replace(
            self, audio=self.audio[:keep], tail=(self.audio[keep:], *self.tail), whole_encoding=True, search=BEAM
        )

    def rest(self, from_s: float) -> "Chunk":
        """Return what follows `from_s` seconds into the audio, as the next part of the same chunk.

        After the end of the audio, that is the first of the tail.
        """
        spans, before = [], 0.0
        for start, end in self.spans:
            length = end - start
            if before + length > from_s:
                spans.append((start + max(0.0, from_s - before), end))
            before += length
        audio, *tail = (self.audio[round(from_s * SAMPLE_RATE) * 2 :], *self.tail)
        if not audio and tail:
            audio, *tail = tail
        return replace(
            self,
            spans=tuple(spans),
            audio=audio,
            tail=tuple(tail),
            part=self.part + 1,
            temperature=0.0,
            whole_encoding=len(tail) < len(self.tail),
        )


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the engine made of one chunk at one temperature.

    `covered_s` is how far into the chunk's audio the text reaches; speech after it has no text yet.
    """

    segments: tuple[Segment, ...]
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float
    language: str
    language_probability: float
    covered_s: float
    suppressed: tuple[Suppressed, ...] = ()
    whole_encoding: bool = True
    """Whether the encoder heard all of the context; if not, the encoding of silence was put after the speech."""
    translation: "Decoded | None" = None
    """The same speech in English, of a chunk that is to have both; None where English is spoken."""
    provisional: bool = False
    """Whether it was found greedily where a beam was to be used if need be."""
    pause_s: float | None = None
    """Seconds into the chunk's audio where it is quietest, well inside: there it may be cut in two. None: too short."""
