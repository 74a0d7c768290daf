"""The engine: it loads the model as configured and hears a clip of speech, also in the device's other compute types."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version

from daemon.config.engines import WHISPER
from daemon.config.presets import needed_mb
from daemon.config.settings import Settings
from daemon.doctor import memory
from daemon.doctor.case import Case
from daemon.doctor.findings import Finding, failed, ok, warning
from daemon.doctor.graphics import gpu_mb, look_at_gpus
from daemon.errors import ANOTHER_CTRANSLATE2, ASK_THE_DOCTOR
from daemon.monitor.sample import Gpu
from daemon.processes.asking import ENGINE, SURVEY, NoAnswer, ask
from daemon.processes.engine_pool import EnginePool
from daemon.processes.engines import heard_again
from daemon.processes.load_order import load_order, orders_elsewhere, setup_of
from daemon.processes.protocol import FindModel, FoundModel, LoadModel, Ready, Survey, Surveyed, Unready
from daemon.store.measurements import known_parallelism

SUBJECT, TYPES = "engine", "compute types"
SURVEY_S = 60.0
TRIAL_S = 180.0
"""To load a large model from a slow disk, and hear a clip of 2.6 seconds on a slow machine."""
OUT_OF_MEMORY = "out of memory"
CURES = {
    "cpu": "the lines model, memory and libraries may say why; else try another model.compute_type",
    "cuda": f"the lines GPU and CUDA may say why; {ANOTHER_CTRANSLATE2}",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one attempt to load the model and hear the clip."""

    load: LoadModel
    answer: object
    """Ready, Unready or NoAnswer."""

    @property
    def why(self) -> str:
        """Why it did not load; "" if it did."""
        match self.answer:
            case Ready():
                return ""
            case Unready(message=message):
                return message
            case NoAnswer(why=why):
                return why
        return "it said something unexpected"


def examine(case: Case) -> Iterator[Finding]:
    """Try the engine; the model must be on this machine, for nothing is downloaded."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    settings = case.settings
    for each in orders_elsewhere(settings):
        yield finding(_tried(each), daemon_runs=case.pid is not None)
    if not settings.has_engine_here:
        return
    load = _order(settings)
    first, *others = [engine.load for engine in EnginePool(load).engines]
    yield from memory.limits()
    if load.engine != WHISPER:
        trials = [_tried(each) for each in (first, *others)]
        yield from (finding(each, daemon_runs=case.pid is not None) for each in trials)
        return
    models = [ask(SURVEY, FindModel(name, hashed=False), SURVEY_S) for name in models_of(settings)]
    sizes = [model.weights_bytes for model in models if isinstance(model, FoundModel) and model.folder]
    if len(sizes) < len(models):
        yield warning(SUBJECT, "not tried: a model is not on this machine", "see the lines about models")
        return
    surveyed = ask(SURVEY, Survey(first), SURVEY_S)
    if not isinstance(surveyed, Surveyed):
        yield finding(Trial(first, surveyed), daemon_runs=case.pid is not None)
        return
    if first.device in ("auto", "cuda"):
        others = [replace(first, device=f"cuda:{index}") for index in range(1, surveyed.cuda_devices)]
    gpus = () if surveyed.device == "cpu" else look_at_gpus(settings).gpus
    memory_mb = _memory_mb(gpus, surveyed.device, case.pid)
    if memory_mb is not None:
        yield from memory.findings(sum(sizes), surveyed, memory_mb)
    free_mb = _memory_mb(gpus, surveyed.device, None)
    if case.pid is not None and not _has_room(sum(sizes), surveyed, free_mb):
        yield _no_room(surveyed.device)
        return
    trials = [_tried(each) for each in (first, *others)]
    yield from (finding(each, daemon_runs=case.pid is not None) for each in trials)
    yield from _other_types(trials[0], surveyed, sum(sizes), free_mb)


def models_of(settings: Settings) -> list[str]:
    """Return the models that are configured for this machine, each once."""
    if not settings.has_engine_here:
        return []
    of_languages = (each.model for each in settings.languages.values() if each.model)
    return list(dict.fromkeys([settings.model.name, *of_languages, *settings.folder_models]))


def _order(settings: Settings) -> LoadModel:
    setup = setup_of(settings.model)
    known = None if setup is None else known_parallelism(settings.database_path, setup)
    return load_order(settings.model, known, settings.languages)


def _tried(load: LoadModel) -> Trial:
    return Trial(load, ask(ENGINE, load, TRIAL_S))


def _memory_mb(gpus: Sequence[Gpu], device: str, pid: int | None) -> float | None:
    return memory.host_mb(pid) if device == "cpu" else gpu_mb(gpus, device, pid)


def _has_room(model_bytes: int, surveyed: Surveyed, free_mb: float | None) -> bool:
    """Tell whether there is memory for a second engine: without, the kernel might end the daemon's."""
    layout = surveyed.layout
    needed = needed_mb(model_bytes, surveyed.compute_type, layout.workers, layout.batch_size)
    return free_mb is None or needed < free_mb


def _no_room(device: str) -> Finding:
    return ok(SUBJECT, f"not tried on {device}: beside the daemon's there is no memory for another one")


def finding(trial: Trial, *, daemon_runs: bool) -> Finding:
    """Judge how the engine loads as it is configured."""
    ready = trial.answer
    if isinstance(ready, Ready):
        told = f"{ready.model} on {ready.device}, {ready.compute_type}"
        if not ready.canary.strip():
            cure = "listen to what it makes of a recording of yours; if nothing, use another model"
            return warning(SUBJECT, f"{told}: it hears nothing in a clip of English speech", cure)
        if ready.word_fault:
            without = "recordings that ask for them wait, others are transcribed"
            return warning(SUBJECT, f"{told}: {ready.word_fault}; {without}", ANOTHER_CTRANSLATE2)
        return ok(SUBJECT, f"{told}: loaded in {ready.load_s:.1f} s, and hears a clip of speech")
    if daemon_runs and OUT_OF_MEMORY in trial.why.lower():
        return _no_room(trial.load.device)
    cure = CURES["cuda" if trial.load.device.startswith("cuda") else "cpu"]
    if isinstance(trial.answer, Unready):
        hint = trial.answer.hint
        return failed(SUBJECT, trial.why, cure if not hint or hint.startswith(ASK_THE_DOCTOR) else hint)
    on = f"{trial.load.device}{_with(trial.load)}"
    return failed(SUBJECT, f"{trial.load.models} cannot be loaded on {on}: {trial.why}", cure)


def _with(load: LoadModel) -> str:
    """Return the version of the library that an engine died with on a GPU: it may be what is wrong."""
    if load.engine != WHISPER or not load.device.startswith("cuda"):
        return ""
    try:
        return f" with CTranslate2 {version('ctranslate2')}"
    except PackageNotFoundError:
        return ""


def _other_types(first: Trial, surveyed: Surveyed, model_bytes: int, free_mb: float | None) -> Iterator[Finding]:
    """Have the device hear the clip in the compute types that it says it supports, where there is memory for them."""
    if isinstance(first.answer, NoAnswer) and first.answer.hangs:
        return
    others = [each for each in surveyed.compute_types if each != surveyed.compute_type]
    small = [each for each in others if free_mb is None or needed_mb(model_bytes, each, 1, 1) < free_mb]
    threads = len(os.sched_getaffinity(0)) if surveyed.device == "cpu" else 1
    load = replace(first.load, workers=1, cpu_threads=threads, batch_size=1, device=surveyed.device)
    trials = [_tried(replace(load, compute_type=each)) for each in small]
    yield from type_findings(first, trials, [each for each in others if each not in small])


def type_findings(first: Trial, trials: Sequence[Trial], too_large: Sequence[str]) -> Iterator[Finding]:
    """Judge the other compute types; where the engine loads with none, they are not what is wrong.

    Args:
        first: The trial of the engine as it is configured.
        trials: One with each of the others that was tried.
        too_large: Those for which there is too little memory.
    """
    if not any(isinstance(trial.answer, Ready) for trial in (first, *trials)):
        return
    before = first.answer.canary if isinstance(first.answer, Ready) else ""
    runs = []
    for trial in trials:
        name, answer, why = trial.load.compute_type, trial.answer, trial.why
        if isinstance(answer, Ready) and heard_again(before, answer.canary):
            runs.append(name)
            continue
        if isinstance(answer, Ready):
            why = f"it hears {answer.canary!r}, not {before!r}"
        told = f"the device says that it supports {name}, but it does not work: {why}"
        yield warning(TYPES, told, f"do not set model.compute_type to {name!r}")
    told = f"also {'works' if len(runs) == 1 else 'work'}: {', '.join(runs)}" if runs else "no other works here"
    yield ok(TYPES, told + (f"; too little memory to try {', '.join(too_large)}" if too_large else ""))
