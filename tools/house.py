"""Measure the structure of the code: `python tools/house.py`, in the project's virtual environment.

Rooms are the folders and top-level files of daemon/, arrows the imports between them (grimp); functions come from
Python's own parser, cyclomatic complexity and parameters from ruff (C901, PLR0913 with a limit of 0).
"""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import mean, median, quantiles

import grimp

ROOT = Path(__file__).parent.parent
LIMIT = "--config=lint.mccabe.max-complexity=0", "--config=lint.pylint.max-args=0"


def layers() -> list[set[str]]:
    """Return the rooms of each layer, top first, as the contract in pyproject.toml has them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (contract,) = (each for each in contracts if each["type"] == "layers")
    return [set(re.split(r"\s*[|:]\s*", layer)) for layer in contract["layers"]]


def arrows(graph: grimp.ImportGraph) -> set[tuple[str, str]]:
    """Return (importer, imported) of every pair of rooms."""
    edges = (
        (importer.split(".")[1], imported.split(".")[1])
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
        if "." in importer and "." in imported
    )
    return {(importer, imported) for importer, imported in edges if importer != imported}


def longest_chain(edges: set[tuple[str, str]]) -> int:
    """Return how many rooms the longest chain of imports has; ends only where there is no circle."""

    @cache
    def below(room: str) -> int:
        return 1 + max((below(imported) for importer, imported in edges if importer == room), default=0)

    return max(below(room) for edge in edges for room in edge)


def functions(files: list[Path]) -> Iterator[int]:
    """Yield the lines of each function."""
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno is not None
                yield node.end_lineno - node.lineno + 1


def counted(rule: str) -> list[tuple[int, str]]:
    """Return (count, place) of what ruff counts for a rule whose limit is 0."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", f"--select={rule}", "--output-format=json", *LIMIT]
    found = json.loads(subprocess.run([*command, "daemon"], cwd=ROOT, capture_output=True, text=True).stdout)
    counts = ((re.search(r"\((\d+) > 0\)", each["message"]), each) for each in found)
    return sorted(
        (int(match[1]), f"{Path(each['filename']).relative_to(ROOT)}:{each['location']['row']}")
        for match, each in counts
        if match is not None
    )


def main() -> None:
    """Print the figures."""
    sys.path.insert(0, str(ROOT))
    files = sorted((ROOT / "daemon").rglob("*.py"))
    floor = {room: number for number, rooms in enumerate(layers()) for room in rooms}
    edges = arrows(grimp.build_graph("daemon", cache_dir=None))
    upwards = [(importer, imported) for importer, imported in edges if floor[importer] >= floor[imported]]
    lines = [len(file.read_text("utf-8").splitlines()) for file in files if file.name != "__init__.py"]
    lengths = list(functions(files))
    complexity, parameters = counted("C901"), counted("PLR0913")
    print(f"rooms {len(floor)}, arrows {len(edges)}, not downwards {len(upwards)}")
    print(f"longest chain of imports: {longest_chain(edges)} rooms")
    print(f"modules: {len(lines)}, lines median {median(lines):.0f}, max {max(lines)}")
    print(
        f"functions: {len(lengths)}, lines median {median(lengths):.0f}, 95th {quantiles(lengths, n=20)[-1]:.0f}, ",
        end="",
    )
    print(f"max {max(lengths)}")
    print(f"parameters: max {parameters[-1][0]} ({parameters[-1][1]})")
    print(
        f"complexity: mean {mean(count for count, _ in complexity):.2f}, max {complexity[-1][0]} ({complexity[-1][1]})"
    )


if __name__ == "__main__":
    main()
