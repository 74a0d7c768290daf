"""The GPUs: what nvidia-smi says of them, and whether the engine's library sees them and can load CUDA."""

import mmap
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from daemon.config.engines import NO_DEVICE
from daemon.config.presets import PRESETS
from daemon.config.settings import Settings
from daemon.doctor.case import Case
from daemon.doctor.findings import Finding, failed, ok, warning
from daemon.monitor.gpu import GpuProbe
from daemon.monitor.sample import Gpu, Probe
from daemon.processes.asking import SURVEY, ask
from daemon.processes.environment import environment
from daemon.processes.load_order import load_order
from daemon.processes.protocol import LoadModel, Survey, Surveyed

SUBJECT, CUDA = "GPU", "CUDA"
SURVEY_S = 60.0
LOAD_S = 60.0
ENGINE_LIBRARY = "ctranslate2"
NAMED = re.compile(rb"lib(?:cublas|cudnn)\w*\.so\.\d+")
"""The CUDA libraries that CTranslate2 loads when it needs them are named in its own file: cuBLAS, and cuDNN in builds
of one's own."""
CUBLAS = re.compile(r"libcublas\.so\.(\d+)")
DRIVER = "libcuda.so.1"
SLOW = ("hardware slowdown", "software thermal slowdown", "hardware thermal slowdown", "power brake")
"""Throttling that is no normal part of working hard, as the power cap is."""
INSTALL = "install CUDA's libraries, and have LD_LIBRARY_PATH name their folders: docs/service.md says how, at NVIDIA"
PACKAGES = Path("nvidia/cublas/lib")
"""Where NVIDIA's packages put cuBLAS, below a folder of Python's path."""


@dataclass(frozen=True, slots=True)
class Graphics:
    """What is known of the GPUs."""

    wanted: str
    """`model.device`, or what the preset makes of `auto`."""
    probe: Probe
    visible: int | None
    """How many CUDA devices CTranslate2 sees; None if it cannot be asked."""
    libraries: Mapping[str, str] = field(default_factory=dict)
    """Name of a CUDA library -> why it cannot be loaded, "" if it can; empty where none is needed."""


def examine(case: Case) -> Iterator[Finding]:
    """Check the GPUs, also where none is configured: one that goes unused is worth a line."""
    settings = case.given or Settings()
    graphics = look(settings)
    yield from findings(graphics, settings.monitor.gpu_temperature_c)
    yield from preset_findings(settings.model.preset, graphics)


def look(settings: Settings) -> Graphics:
    """Ask nvidia-smi and CTranslate2, and try the CUDA libraries if there is anything to use them for."""
    wanted, probe = load_order(settings.model).device, look_at_gpus(settings)
    answer = ask(SURVEY, Survey(LoadModel("", "auto", "auto", None, None, None)), SURVEY_S)
    visible = answer.cuda_devices if isinstance(answer, Surveyed) else None
    needed = wanted not in ("cpu", NO_DEVICE) and (wanted.startswith("cuda") or probe.gpus or visible)
    return Graphics(wanted, probe, visible, {name: loads(name) for name in named_libraries()} if needed else {})


def look_at_gpus(settings: Settings) -> Probe:
    """Return what nvidia-smi says."""
    return GpuProbe(settings.monitor.probe_timeout_seconds)()


def named_libraries() -> list[str]:
    """Return the driver's library, and those of CUDA that CTranslate2 names in its own files."""
    spec = find_spec(ENGINE_LIBRARY)
    if spec is None or spec.origin is None:
        return [DRIVER]
    package = Path(spec.origin).parent
    found: set[str] = set()
    for file in (*package.glob("*.so"), *package.parent.glob(f"{ENGINE_LIBRARY}.libs/*.so*")):
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            found |= {os.fsdecode(name) for name in NAMED.findall(content)}
    return [DRIVER, *sorted(found)]


def loads(library: str) -> str:
    """Return why a library cannot be loaded, "" if it can; in a process of its own, since some abort instead."""
    command = [sys.executable, "-c", "import ctypes, sys; ctypes.CDLL(sys.argv[1])", library]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=LOAD_S,
            env=environment(), check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"not loaded within {LOAD_S:g} s"
    if done.returncode == 0:
        return ""
    words = [line for line in done.stderr.splitlines() if line.strip()]
    said = words[-1].removeprefix("OSError: ") if words else "it says nothing"
    return f"it died (signal {-done.returncode}): {said}" if done.returncode < 0 else said


def cure_of(library: str, places: Sequence[str] | None = None) -> str:
    """Return how to get a library that cannot be loaded.

    Args:
        library: Its name.
        places: Folders in which Python packages are looked for; None for this Python's.
    """
    if library == DRIVER:
        return "install NVIDIA's driver, or pass it to the container"
    if (needed := CUBLAS.fullmatch(library)) is None:
        return INSTALL
    folders = [Path(place) / PACKAGES for place in (sys.path if places is None else places) if place]
    here = next((folder for folder in folders if (folder / library).exists()), None)
    if here is not None:
        return f"it is in {here}, which LD_LIBRARY_PATH must name: docs/service.md says how, at NVIDIA"
    others = sorted({file.name for folder in folders for file in folder.glob("libcublas.so.*")})
    beside = f" ({', '.join(others)} is of another CUDA)" if others else ""
    command = f"pip install nvidia-cublas-cu{needed[1]}"
    return f"{command}, and have LD_LIBRARY_PATH name its folder {PACKAGES}{beside}: docs/service.md, at NVIDIA"


def gpu_mb(gpus: Sequence[Gpu], device: str, pid: int | None) -> float | None:
    """Return the memory in MB that the daemon may use on a GPU; None where nvidia-smi does not say.

    Args:
        gpus: As nvidia-smi lists them.
        device: cuda:0, cuda:1 and so on.
        pid: Of the daemon, if it runs: then what is in use is its own, as far as can be told.
    """
    gpu = next((each for each in gpus if f"cuda:{each.index}" == device), None)
    if gpu is None or gpu.memory_total_mb is None:
        return None
    return gpu.memory_total_mb - (0.0 if pid is not None else gpu.memory_used_mb or 0.0)


def findings(graphics: Graphics, hot_c: float) -> Iterator[Finding]:
    """Judge the GPUs.

    Args:
        graphics: What was found.
        hot_c: `monitor.gpu_temperature_c`.
    """
    is_needed = graphics.wanted.startswith("cuda")
    if graphics.probe.error is not None:
        finding = failed if is_needed else warning
        yield finding(SUBJECT, graphics.probe.error, "run nvidia-smi by hand; after an update of the driver, reboot")
    elif not graphics.probe.gpus:
        if is_needed and not graphics.visible:
            cure = "install NVIDIA's driver, or set model.device = 'cpu'"
            yield failed(SUBJECT, f"none, but model.device is {graphics.wanted!r}", cure)
        elif not graphics.visible:
            where = "the engines are elsewhere" if graphics.wanted == NO_DEVICE else "the model runs on the CPU"
            yield ok(SUBJECT, f"none; {where}")
    for gpu in graphics.probe.gpus:
        yield _one(gpu, hot_c)
    yield from _cuda(graphics, is_needed=is_needed)


def preset_findings(name: str, graphics: Graphics) -> Iterator[Finding]:
    """Judge whether a preset is meant for the smallest card that it would be used on.

    Args:
        name: `model.preset`.
        graphics: What was found.
    """
    preset = PRESETS.get(name)
    if preset is None or preset.device != "cuda":
        return
    used = graphics.wanted.partition(":")[2].split(",") if ":" in graphics.wanted else None
    mine = [gpu for gpu in graphics.probe.gpus if used is None or str(gpu.index) in used]
    if not mine and graphics.probe.error is None and graphics.wanted.startswith("cuda"):
        yield failed(SUBJECT, f"model.preset {name!r} needs an NVIDIA GPU", "use model.preset = 'cpu', or 'none'")
    for gpu in mine:
        # A card of 24 GB reports 23 to 24.6 thousand MiB: what the driver keeps is its own.
        if gpu.memory_total_mb is not None and gpu.memory_total_mb * 1.048576 < 900 * preset.memory_gb:
            has_gb = gpu.memory_total_mb * 1.048576 / 1000
            told = f"model.preset {name!r} is for {preset.memory_gb:g} GB, and {gpu.index}: {gpu.name} has {has_gb:.0f}"
            yield warning(SUBJECT, told, "see the line memory; a preset for less, or model.batch_size and workers")


def _one(gpu: Gpu, hot_c: float) -> Finding:
    slow = [reason for reason in gpu.throttle if reason in SLOW]
    temperature = "" if gpu.temperature_c is None else f", {gpu.temperature_c:.0f} °C"
    memory = ""
    if gpu.memory_total_mb is not None:
        memory = f", {gpu.memory_used_mb or 0:.0f} of {gpu.memory_total_mb:.0f} MB in use"
    told = f"{gpu.index}: {gpu.name}{memory}{temperature}"
    if slow:
        return warning(SUBJECT, f"{told}: slowed down ({', '.join(slow)})", "look after cooling and power supply")
    if gpu.temperature_c is not None and gpu.temperature_c >= hot_c:
        return warning(SUBJECT, f"{told}: hotter than gpu_temperature_c ({hot_c:g})", "look after the cooling")
    return ok(SUBJECT, told)


def _cuda(graphics: Graphics, *, is_needed: bool) -> Iterator[Finding]:
    """Judge whether what is there can be used."""
    missing = {name: why for name, why in graphics.libraries.items() if why}
    for name, why in missing.items():
        finding = failed if is_needed or graphics.visible else warning
        yield finding(CUDA, f"{name} cannot be loaded: {why}", cure_of(name))
    if graphics.probe.gpus and graphics.visible == 0 and graphics.wanted != "cpu":
        finding = failed if is_needed else warning
        yield finding(
            CUDA,
            "nvidia-smi lists a GPU, but CTranslate2 sees none, so that the CPU would be used",
            "compare the driver's CUDA version (nvidia-smi) with CUDA 12, and look at CUDA_VISIBLE_DEVICES",
        )
    elif graphics.libraries and not missing:
        yield ok(CUDA, f"{', '.join(graphics.libraries)} can be loaded; CTranslate2 sees {graphics.visible} devices")
