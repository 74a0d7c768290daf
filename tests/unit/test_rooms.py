"""The house rules that import-linter, which `make lint` runs, does not check."""

import ast
import sys
import tomllib
from collections import Counter

import grimp

from tests.support import ROOT

NAMED_LEAST = 0.8
"""Share of the modules that have a test file named for them."""
FILES = sorted((ROOT / "daemon").rglob("*.py"))


def test_every_package_is_kept_to_its_room() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    guarded = {package for contract in contracts for package in contract.get("protected_modules", [])}
    graph = grimp.build_graph("daemon", include_external_packages=True)
    imported = {
        module for module in graph.modules if module.partition(".")[0] not in {"daemon", *sys.stdlib_module_names}
    }
    assert imported == guarded


def test_files_are_of_a_size_to_be_read() -> None:
    long = {str(file): count for file in FILES if (count := len(file.read_text("utf-8").splitlines())) > 350}
    assert long == {}


def test_children_import_through_empty_files() -> None:
    """What an __init__.py does would be done by every child that needs a neighbour of it."""
    rooms = [file for file in FILES if file.name == "__init__.py" and file.parent.name not in ("daemon", "clips")]
    for file in rooms:
        (only,) = ast.parse(file.read_text("utf-8")).body
        assert isinstance(only, ast.Expr) and isinstance(only.value, ast.Constant), file


def test_most_modules_have_a_test_file_of_their_name() -> None:
    """`scanner.py` -> `test_scanner.py`; where two rooms have a module of one name, `test_<room>_<module>.py`."""
    modules = [file for file in FILES if file.stem not in ("__init__", "__main__")]
    rooms = Counter(file.stem for file in modules)
    there = {file.stem for file in (ROOT / "tests").rglob("test_*.py")}
    without = sorted(
        str(file.relative_to(ROOT))
        for file in modules
        if f"test_{file.parent.name}_{file.stem}" not in there
        and (rooms[file.stem] > 1 or f"test_{file.stem}" not in there)
    )
    assert len(without) <= (1 - NAMED_LEAST) * len(modules), without
