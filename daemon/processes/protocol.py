"""What the daemon and its children say to each other: small frozen messages, pickled over a socket pair."""

from dataclasses import dataclass, field

from daemon.chunk import Chunk, Decoded, Options
from daemon.config.engines import WHISPER
from daemon.config.parallelism import Parallelism, Trial
from daemon.sound import NOTHING_HEARD, Sound
from daemon.voice import KnownVoice, Recognized, Turn, Voice


@dataclass(frozen=True, slots=True)
class DecoderReady:
    """From a decoder, before anything else: its libraries are loaded, and it has given up what it does not need."""

    kept: tuple[str, ...]
    """What the environment did not let it give up, and why: for the log."""


@dataclass(frozen=True, slots=True)
class Open:
    """To a decoder: a recording to decode. Its descriptor follows as an SCM_RIGHTS message."""

    job_id: int
    run: int
    """Which claim of the job this is; every answer repeats it."""
    options: Options
    size_bytes: int
    language: str
    """What the chunks are decoded in: a code, or `auto` to detect it."""
    growing: bool = False
    """Whether it is still being recorded: the decoder waits where it ends for now, and there is no last window."""
    given: int = 0
    """So many chunks have been cut while it grew, and are done."""
    speaker_model: str = ""
    """The file of the model that tells voices apart; "" where nobody asks who says what."""


@dataclass(frozen=True, slots=True)
class StillGrowing:
    """From a decoder that follows a recording: there is no more of it for now."""

    job_id: int
    run: int


@dataclass(frozen=True, slots=True)
class Opened:
    """From a decoder: the recording is open and, unless it grows, hashed."""

    job_id: int
    run: int
    content_hash: str | None
    header_s: float | None
    """Its length as the container says, if that is plausible."""
    given: int = 0
    """So many chunks it does not cut again, because they are those of the complete recording."""


@dataclass(frozen=True, slots=True)
class Next:
    """To a decoder: decode the next window of an open recording."""

    job_id: int
    voiced: int = 0
    """Up to which chunk, not included, the voices are known."""


@dataclass(frozen=True, slots=True)
class Window:
    """From a decoder: the chunks of a window; after the last one the recording is closed."""

    job_id: int
    run: int
    chunks: tuple[Chunk, ...]
    last: bool
    duration_s: float
    speech_s: float
    damaged: int
    sound: Sound = NOTHING_HEARD
    """What is known by now; complete in the last window."""
    waveform: bytes = b""
    """In the last window: the peak of every twentieth of a second, 255 at full scale."""
    voices_follow: bool = False
    """Whether the voices in its chunks are still to come: first its chunks go on their way."""


@dataclass(frozen=True, slots=True)
class Heard:
    """From a decoder, after a window whose voices follow: how people sound in one of its chunks."""

    job_id: int
    run: int
    chunk: int
    """Its number; -1 if there is nothing of the window left to hear."""
    voices: tuple[Voice, ...]
    more: bool
    """Whether more chunks of the window come."""
    trouble: str = ""
    """Why voices cannot be told apart."""


@dataclass(frozen=True, slots=True)
class TellApart:
    """To a decoder: find out who speaks when. The recording itself is not needed for that."""

    job_id: int
    run: int
    speakers: str
    """How many, as the option of that name."""
    voices: tuple[Voice, ...]
    """Of the whole recording."""
    known: tuple[KnownVoice, ...] = ()
    """Whom to recognize."""


@dataclass(frozen=True, slots=True)
class ToldApart:
    """From a decoder: who speaks when."""

    job_id: int
    run: int
    turns: tuple[Turn, ...]
    means: dict[str, bytes]
    """The mean of the voices of each speaker, as `Voice.embedding`."""
    trouble: str = ""
    """Why that cannot be told."""
    recognized: dict[str, Recognized] = field(default_factory=dict)
    """Those of the speakers whose voices are known."""


@dataclass(frozen=True, slots=True)
class Refused:
    """From a decoder: this recording cannot be decoded, now or ever."""

    job_id: int
    run: int
    message: str
    retry: bool


@dataclass(frozen=True, slots=True)
class Close:
    """To a decoder: forget this recording."""

    job_id: int


@dataclass(frozen=True, slots=True)
class Server:
    """Where an engine elsewhere is; its key is in a file, so that no message and no log has it."""

    table: str
    """Its table in config.toml, for messages: `engines[0]`."""
    url: str
    api_key_file: str = ""
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class LoadModel:
    """To an engine, once: the model to hold. `device` is auto, cpu, cuda, cuda:N or none.

    Of an engine elsewhere, `device` is its host and port, `name` may be "" for the one that it has, and `workers` is
    how many requests may be on their way.
    """

    name: str
    device: str
    compute_type: str
    workers: int | None
    cpu_threads: int | None
    batch_size: int | None
    engine: str = WHISPER
    """As `model.engine` has it; `daemon.config.engines.module_of` is its module."""
    languages: tuple[tuple[str, str], ...] = ()
    """(code, model) of the languages that have a model of their own."""
    decoder: str = "auto"
    """As `model.decoder` has it."""
    server: Server | None = None
    """None for an engine of this machine."""

    @property
    def models(self) -> str:
        """What is loaded, as it is stored and shown: `base`, or `base, de: large-v3`."""
        return ", ".join([self.name, *(f"{code}: {model}" for code, model in self.languages)])


@dataclass(frozen=True, slots=True)
class Downloading:
    """From an engine that loads, now and then: its model is not on this machine yet, and how much of it is."""

    model: str
    done_bytes: int
    total_bytes: int

    @property
    def percent(self) -> int:
        """How much of it is here."""
        return 100 * self.done_bytes // self.total_bytes


@dataclass(frozen=True, slots=True)
class Ready:
    """From an engine: the model is loaded and warm; what `auto` became, and what the engine can do."""

    model: str
    device: str
    compute_type: str
    workers: int
    cpu_threads: int
    batch_size: int
    devices: int
    """How many of its kind this machine has; one more engine is started on each of the others."""
    languages: tuple[str, ...]
    """Codes."""
    tasks: tuple[str, ...]
    """Of `transcribe`, `translate` and `both`, those that it can do; for `both` it gives `Decoded.translation`."""
    word_times: bool
    """Whether it gives a time for every word."""
    cut_context: bool
    """Whether it can encode only about as much as there is, instead of the full context."""
    policy: str
    """What is done when a result is bad; one of `daemon.config.engines.POLICIES`."""
    load_s: float
    canary: str
    """Its text of a clip of speech: an engine that starts again and hears something else is not trusted."""
    detects: bool = True
    """Whether it can tell which of its languages is spoken; if not, each recording must say."""
    prompts: bool = True
    """Whether it can be told words and texts beforehand, and searches with a beam."""
    decoder: str = ""
    """What writes the texts, of `daemon.config.engines`; "" if that is no question."""
    word_fault: str = ""
    """Why it gives no times of words, although its kind does: what asks for them waits until that is mended."""

    @property
    def layout(self) -> Parallelism:
        """Its parallelism."""
        return Parallelism(self.workers, self.cpu_threads, self.batch_size)


@dataclass(frozen=True, slots=True)
class Unready:
    """From an engine: the model cannot be loaded; the daemon says so and exits or waits."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Calibrate:
    """To a calibration child, once: the model to try, the usual parallelism, and the cores to share out."""

    load: LoadModel
    usual: Parallelism
    cores: int


@dataclass(frozen=True, slots=True)
class Calibrated:
    """From a calibration child: how fast the model ran with each parallelism, the usual one first."""

    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True)
class RunBatch:
    """To an engine: transcribe these chunks, all of one bucket."""

    batch_id: int
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class BatchDone:
    """From an engine: one result per chunk of the batch, in its order."""

    batch_id: int
    results: tuple[Decoded, ...]
    run_s: float


@dataclass(frozen=True, slots=True)
class BatchFailed:
    """From an engine: the batch gave nothing. `out_of_memory` asks for a smaller one."""

    batch_id: int
    message: str
    out_of_memory: bool
    elsewhere: bool = False
    """Whether it failed on another machine: what may be about any of its chunks goes out again, alone."""
    away: bool = False
    """Whether that machine cannot be used now, whatever it is given: no chunk is to blame."""
    wait_s: float = 0.0
    """If it is away: for how long it asks to be left alone. 0: it must be found to work again first."""


@dataclass(frozen=True, slots=True)
class FindModel:
    """To a survey child, once: a model to look for, without downloading it."""

    name: str
    hashed: bool = True
    """Whether to hash its weights, which takes a second for each gigabyte, or many."""
    engine: str = WHISPER
    """Whose model it is: `whisper` or `onnx`."""


@dataclass(frozen=True, slots=True)
class FoundModel:
    """From a survey child: where a model is, and whether its weights are what they should be."""

    folder: str | None
    """None where it is not on this machine."""
    weights_bytes: int
    sha256: str
    """Empty if it was not asked for."""
    expected: str | None
    """The SHA-256 that the weights should have; None where nobody says."""


@dataclass(frozen=True, slots=True)
class Survey:
    """To a survey child, once: a model whose place on this machine is asked for."""

    load: LoadModel


@dataclass(frozen=True, slots=True)
class Surveyed:
    """From a survey child: where an engine would put the model, and what the device says it can do."""

    device: str
    compute_type: str
    compute_types: tuple[str, ...]
    """All that the device says it supports."""
    cuda_devices: int
    layout: Parallelism
    """What the engine would run with."""
