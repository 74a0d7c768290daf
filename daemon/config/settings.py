"""The tables of config.toml, frozen: every key with its default and the values that it may have."""

import re
from datetime import time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from daemon.chunk import BESIDE, OFF
from daemon.config.alert_rules import BY_NAME, default_limit
from daemon.config.cluster import Cluster
from daemon.config.elsewhere import EngineElsewhere
from daemon.config.engines import NO_DEVICE, WHISPER, module_of
from daemon.config.hints import Hotwords, Prompt, Replace, SuppressWords
from daemon.config.paths import expanded
from daemon.config.speaker_models import ON_HUB, SUFFIX, USUAL
from daemon.config.table import Table
from daemon.config.values import (
    AutoCount,
    Command,
    Extension,
    FileName,
    FolderBelow,
    Format,
    LanguageCode,
    LanguageOrAuto,
    ListenAddress,
    Location,
    ModelName,
    Output,
    Percent,
    Priority,
    Speakers,
    Tuple,
    Unique,
    WebAddress,
)
from daemon.config.web import Web

SQLITE_PREFIX = "sqlite:///"


class Told(Table):
    """What is known beforehand of how people speak, and how it is to be written."""

    initial_prompt: Prompt = ""
    hotwords: Hotwords = ()
    suppress_words: SuppressWords = ()
    replace: Replace = Field(default_factory=dict)


WAIT, SHOWN = "wait", "live"
"""Values of `growing`: recordings are transcribed once they are complete; while they are recorded, and their text is
shown."""


class Watch(Told):
    """A watched folder and how its recordings are transcribed."""

    path: Location = Path("inbox")
    recursive: bool = True
    backend: Literal["auto", "inotify", "polling"] = "auto"
    language: LanguageOrAuto = "auto"
    language_in_names: bool = False
    task: Literal["transcribe", "translate", "both"] = "transcribe"
    model: ModelName = ""
    formats: Annotated[tuple[Format, ...], Tuple, Field(min_length=1), Unique] = (
        "txt",
        "srt",
        "json",
    )
    naming: Literal["stem", "name"] = "stem"
    output: Output = BESIDE
    front_matter: bool = False
    ignore: Annotated[tuple[str, ...], Tuple] = ("*.part", "*.crdownload", ".*", "~*")
    when_transcript_exists: Literal["add", "skip"] = "add"
    growing: Literal["wait", "follow", "live"] = "wait"
    priority: Priority = 0
    condition_on_previous_text: bool = False
    channels: Literal["auto", "mix", "split"] | Annotated[int, Field(ge=1, le=255)] = "auto"
    audio_tracks: Annotated[str, Field(min_length=1)] | Annotated[int, Field(ge=1, le=255)] = "auto"
    speakers: Speakers = OFF
    on_done: Command = ()
    on_failed: Command = ()
    hooks_in_folders: bool = False
    after_success: Literal["leave", "move", "delete"] = "leave"
    after_success_days: float = Field(0, ge=0, le=36_500)
    done_folder: FolderBelow = "done"


class Watching(Table):
    """How all watched folders are watched."""

    settle_seconds: float = Field(2.0, ge=0, le=3600)
    rescan_seconds: float = Field(60, gt=0, le=86_400)
    max_hours: float = Field(24, gt=0, le=1000)
    extensions: Annotated[tuple[Extension, ...], Tuple, Unique] = ()
    sniff: bool = False


class Database(Table):
    """Where jobs.db is, and how often it is backed up."""

    url: str = "sqlite:///var/jobs.db"
    backup_hours: float = Field(24, ge=0)
    backups: int = Field(3, ge=1, le=1000)

    @field_validator("url")
    @classmethod
    def _a_file(cls, url: str) -> str:
        if not url.startswith(SQLITE_PREFIX) or url.removeprefix(SQLITE_PREFIX) in ("", ":memory:"):
            raise ValueError("only an SQLite file works: sqlite:///var/jobs.db")
        return SQLITE_PREFIX + str(expanded(Path(url.removeprefix(SQLITE_PREFIX))))


def _known_engine(name: str) -> str:
    module_of(name)
    return name


class Model(Table):
    """The model, its engine, and how it is loaded."""

    name: ModelName = Field("tiny.en", min_length=1)
    engine: Annotated[str, AfterValidator(_known_engine)] = WHISPER
    preset: Literal["none", "rtx4090", "rtx3090", "a100", "h100", "cpu", "edge"] = "none"
    device: str = Field("auto", pattern=r"^(auto|none|cpu|cuda(:\d+(,\d+)*)?)$")
    compute_type: Literal[
        "auto", "float32", "float16", "bfloat16", "int16",
        "int8", "int8_float32", "int8_float16", "int8_bfloat16",
    ] = "auto"  # fmt: skip
    context: Literal["auto", "full"] = "auto"
    beam_size: int = Field(5, ge=1, le=20)
    search: Literal["auto", "greedy-first", "beam"] = "auto"
    decoder: Literal["auto", "onnxruntime", "ctranslate2"] = "auto"
    batch_size: AutoCount = "auto"
    workers: AutoCount = "auto"
    cpu_threads: AutoCount = "auto"
    word_timestamps: bool = False
    others: Annotated[tuple[ModelName, ...], Tuple, Unique] = ()
    unload_seconds: float = Field(600, ge=0)


def _speaker_model(name: str) -> str:
    if name != USUAL and not name.endswith(SUFFIX) and not ON_HUB.fullmatch(name):
        raise ValueError(f"must be {USUAL!r}, a file that ends in {SUFFIX}, or OWNER/NAME on the Hugging Face hub")
    return name


class SpeakerModel(Table):
    """What tells voices apart, and whether those that have a name are kept, to be recognized in other recordings."""

    model: Annotated[FileName, AfterValidator(_speaker_model)] = USUAL
    voices: Literal["off", "keep"] = "off"

    @property
    def keeps(self) -> bool:
        """Whether they are."""
        return self.voices == "keep"


class Vad(Table):
    """How speech is told from silence."""

    enabled: bool = True
    threshold: float = Field(0.5, gt=0, lt=1)
    min_silence_ms: int = Field(500, ge=0, le=60_000)


class Subtitles(Table):
    """The limits that subtitles keep; the defaults are those of the common guides."""

    max_lines: int = Field(2, ge=1, le=4)
    line_columns: int = Field(42, ge=20, le=200)
    wide_columns: int = Field(16, ge=8, le=100)
    chars_per_second: float = Field(17, ge=1, le=100)
    chars_per_second_max: float = Field(20, ge=1, le=100)
    cue_min_seconds: float = Field(0.833, ge=0.1, le=10)
    cue_max_seconds: float = Field(7, ge=1, le=60)
    gap_seconds: float = Field(0.083, ge=0, le=1)


class Language(Told):
    """What is different in one language; what is left out is as in other languages."""

    model: ModelName = Field("", min_length=1)
    beam_size: int = Field(5, ge=1, le=20)


HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


def _hours(value: str) -> str:
    if value and (not (match := HOURS.fullmatch(value)) or match.group(1, 2) == match.group(3, 4)):
        raise ValueError("must be a time of day from-to such as '22:00-07:00', or '' for always")
    return value


class Jobs(Table):
    """When jobs run, how often they are tried, and how long they are kept."""

    hours: Annotated[str, AfterValidator(_hours)] = ""
    attempts: int = Field(3, ge=1, le=100)
    retry_backoff_seconds: float = Field(30, ge=0)
    drain_seconds: float = Field(60, ge=0)
    window_seconds: float = Field(300, ge=30, le=3600)
    keep_days: float = Field(0, ge=0)

    @property
    def between(self) -> tuple[time, time] | None:
        """`hours` as (from, to) in local time; None for always."""
        if not (match := HOURS.fullmatch(self.hours)):
            return None
        first, minute, last, last_minute = map(int, match.groups())
        return time(first, minute), time(last, last_minute)


def _known_rule(name: str) -> str:
    if name not in BY_NAME:
        raise ValueError(f"must be one of {', '.join(BY_NAME)}")
    return name


RuleName = Annotated[str, AfterValidator(_known_rule)]


class RuleChange(Table):
    """What `[monitor.rules.NAME]` changes about a rule; None leaves the default."""

    enabled: bool = True
    fire: float | None = None
    clear: float | None = None
    for_seconds: float | None = Field(None, ge=0)


class Monitor(Table):
    """What is sampled and for how long it is kept, when alerts fire, and who is told."""

    interval_seconds: float = Field(60, gt=0)
    gpu_temperature_c: float = Field(default_limit("gpu_temperature"), gt=0)
    gpu_memory_percent: Percent = default_limit("gpu_memory")
    memory_percent: Percent = default_limit("memory")
    disk_free_mb: float = Field(default_limit("disk_free"), ge=0)
    error_rate_percent: Percent = default_limit("error_rate")
    for_seconds: float = Field(120, ge=0)
    probe_timeout_seconds: float = Field(10, ge=1, le=120)
    gpu_temperature_pause_c: float = Field(0, ge=0)
    gpu_temperature_resume_c: float = Field(0, ge=0)
    prometheus: ListenAddress = ""
    notify: Annotated[tuple[str, ...], Tuple, Unique] = ()
    keep_samples_days: float = Field(30, ge=0)
    verify_days: float = Field(7, ge=0)
    rules: dict[RuleName, RuleChange] = Field(default_factory=dict)
    log_file: Location = Path("var/service_metrics.log")

    @property
    def resume_c(self) -> float:
        """The temperature at which work resumes: as configured, or 5 degrees below the one at which it pauses."""
        return self.gpu_temperature_resume_c or self.gpu_temperature_pause_c - 5


class Hooks(Table):
    """Who is told that a job has ended, and how long the commands of the folders may take."""

    command_seconds: float = Field(60, gt=0, le=86_400)
    notify: Annotated[tuple[str, ...], Tuple, Unique] = ()
    notify_on: Annotated[tuple[Literal["done", "failed"], ...], Tuple, Field(min_length=1), Unique] = ("done", "failed")
    notify_seconds: float = Field(30, ge=0, le=86_400)
    webhook_url: WebAddress = ""
    webhook_secret_file: FileName = ""
    webhook_seconds: float = Field(10, ge=0.1, le=600)


class Settings(Table):
    """The whole configuration. Paths are absolute, and the keys go together, once `load` has returned it."""

    watch: Annotated[tuple[Watch, ...], Tuple, Field(min_length=1)] = (Watch(),)
    watching: Watching = Watching()
    database: Database = Database()
    model: Model = Model()
    engines: Annotated[tuple[EngineElsewhere, ...], Tuple] = ()
    cluster: Cluster = Cluster()
    languages: dict[LanguageCode, Language] = Field(default_factory=dict)
    speakers: SpeakerModel = SpeakerModel()
    vad: Vad = Vad()
    subtitles: Subtitles = Subtitles()
    jobs: Jobs = Jobs()
    monitor: Monitor = Monitor()
    hooks: Hooks = Hooks()
    web: Web = Web()

    @property
    def has_engine_here(self) -> bool:
        """Whether this machine has an engine of its own."""
        return self.model.device != NO_DEVICE

    @property
    def has_own_engine(self) -> bool:
        """Whether there are engines that load what `[model]` names, on this machine or on those of a cluster."""
        return self.has_engine_here or bool(self.cluster.address)

    @property
    def has_own_whisper(self) -> bool:
        """Whether these run Whisper models."""
        return self.has_own_engine and self.model.engine == WHISPER

    @property
    def folder_models(self) -> tuple[str, ...]:
        """The models that folders have, or may have, instead of `model.name`."""
        return tuple(dict.fromkeys([*(watch.model for watch in self.watch if watch.model), *self.model.others]))

    @property
    def database_path(self) -> Path:
        """The database file that `database.url` names."""
        return Path(self.database.url.removeprefix(SQLITE_PREFIX))
