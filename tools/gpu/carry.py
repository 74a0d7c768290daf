"""Packs what `tools.gpu.check` needs on a machine without network: `python -m tools.gpu.carry`.

Only so much can be carried at once, so it is packed into parcels, `.gpu/1`, `.gpu/2` and so on, each for a call of its
own while the machine stays warm; the check finds everything in whichever parcel it is. Wheels are those of another
Python than this one, of the versions that are installed here, but for the packages that such a machine has.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from daemon.engine.model_files import resolve
from tools.gpu.check import PLAN_B, ROOT
from tools.gpu.models import TOKENIZER
from tools.gpu.weights import quantize

LIMIT_MB = 64
"""MiB of working tree and parcel together."""
OLDER = "ctranslate2==4.6.3"
"""Plan B: the first version without cuDNN, for a card on which the newest one fails."""
ROOTS = ("transcribed", "jiwer", "whisper-normalizer")
THERE = (
    "anyio certifi charset-normalizer click filelock flatbuffers fsspec h11 hf-xet httpcore httpx huggingface-hub idna "
    "jinja2 lxml markdown markdown-it-py markupsafe mdurl mpmath networkx numpy nvidia-ml-py onnxruntime packaging "
    "pillow pip prometheus-client protobuf psutil pygments pyyaml regex requests rich safetensors setuptools "
    "shellingham sympy tokenizers torch tqdm transformers typer typing-extensions urllib3"
)
"""Packages that are on a machine with PyTorch and transformers."""
PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in (17, 24, 27, 28, 31, 34)),
    "manylinux2014_x86_64",
    "manylinux1_x86_64",
)


def needed(roots: tuple[str, ...], there: frozenset[str]) -> list[str]:
    """Return the packages that these need, themselves aside, as they are installed here: NAME==VERSION."""
    found: dict[str, str] = {}
    waiting = list(roots)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found or name in there:
            continue
        distribution = metadata.distribution(name)
        found[name] = distribution.version
        wanted = (Requirement(each) for each in distribution.requires or ())
        waiting += [each.name for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    return [f"{name}=={version}" for name, version in sorted(found.items()) if name != "transcribed"]


def fetch(requirement: str, into: Path, python: str) -> None:
    """Fetch the wheel of a package for that machine; of one that has none, and no compiled parts, make it."""
    pip = [sys.executable, "-m", "pip"]
    there = [part for name in PLATFORMS for part in ("--platform", name)]
    download = [*pip, "download", "-q", "--no-deps", "--only-binary=:all:", "--python-version", python, *there]
    done = subprocess.run([*download, "-d", str(into), requirement], capture_output=True, text=True, check=False)
    if done.returncode:
        subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", str(into), requirement], check=True)


def packed(sizes: Mapping[str, int], room: int) -> list[list[str]]:
    """Share things out among as few parcels as the largest-first rule needs.

    Raises:
        ValueError: One of them is larger than a parcel.
    """
    parcels: list[tuple[int, list[str]]] = []
    for name, size in sorted(sizes.items(), key=lambda each: (-each[1], each[0])):
        if size > room:
            raise ValueError(f"{name} has {size >> 20} MiB, and a parcel holds {room >> 20}")
        place = next((at for at, (taken, _) in enumerate(parcels) if taken + size <= room), None)
        if place is None:
            parcels.append((size, [name]))
        else:
            taken, names = parcels[place]
            parcels[place] = (taken + size, [*names, name])
    return [names for _, names in parcels]


def tree_bytes() -> int:
    """Return the size of the working tree, as far as git tracks it."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    files = (ROOT / name.decode() for name in listed.split(b"\0") if name)
    return sum(file.stat().st_size for file in files if file.is_file())


def collect(folder: Path, python: str, there: frozenset[str]) -> None:
    """Put everything into a folder: `wheels/`, PLAN_B, the model in int8, and the tokenizer for those that are made."""
    for requirement in needed(ROOTS, there):
        fetch(requirement, folder / "wheels", python)
    fetch(OLDER, folder / PLAN_B, python)
    source, model = resolve("tiny.en"), folder / "tiny.en"
    model.mkdir()
    quantize(source / "model.bin", model / "model.bin")
    for file in source.iterdir():
        if file.suffix in (".json", ".txt"):
            shutil.copy(file, model)
    (folder / "tokenizer").mkdir()
    for name in TOKENIZER:
        shutil.copy(resolve("base") / name, folder / "tokenizer")


def main() -> None:
    """Pack, and say what to call."""
    parser = argparse.ArgumentParser(description="Pack what tools.gpu.check needs on a machine without network.")
    parser.add_argument("--into", type=Path, default=ROOT / ".gpu", help="removed first if it is there")
    parser.add_argument("--python", default="3.12", help="the version there")
    parser.add_argument("--there", default=THERE, help="packages that are there")
    parser.add_argument("--limit-mb", type=int, default=LIMIT_MB, help="MiB of working tree and parcel together")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="transcribed-carry-") as name:
        folder = Path(name)
        collect(folder, asked.python, frozenset(asked.there.split()))
        # A folder of wheels may be shared out; a model stays together.
        files = [path for path in folder.rglob("*") if path.is_file()]
        things: dict[str, int] = {}
        for file in files:
            thing = str(file.relative_to(folder)) if file.suffix == ".whl" else file.relative_to(folder).parts[0]
            things[thing] = things.get(thing, 0) + file.stat().st_size
        parcels = packed(things, (asked.limit_mb << 20) - tree_bytes())
        # Plan B is seldom needed, and then in a call of its own.
        parcels.sort(key=lambda names: names[0].startswith(PLAN_B))
        shutil.rmtree(asked.into, ignore_errors=True)
        for number, names in enumerate(parcels, 1):
            for each in names:
                target = asked.into / str(number) / each
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(folder / each, target)
            print(f"call {number}: carry {asked.into.name}/{number} ({sum(map(things.get, names)) >> 20} MiB)")  # type: ignore[arg-type]
    print("with the last one of these: python3 -m tools.gpu.check --out $OUT; with those before it: true")
    print(f"a parcel with nothing but {PLAN_B}: only once the step trust has failed, and the check again")


if __name__ == "__main__":
    main()
