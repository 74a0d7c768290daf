"""The house rules of DESIGN.md that a machine can check."""

import ast
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.support import ROOT

FILES = sorted((ROOT / "daemon").rglob("*.py"))

FLOORS = [
    {"errors", "chunk", "languages", "settle", "phantoms", "layout", "presets", "clips", "tally", "schedule",
     "monitor.sample", "monitor.rules", "children.caches", "children.gpu", "children.confine",
     "children.wire", "children.environment"},
    {"settings", "cues", "quality", "batcher", "publish", "scan", "events", "store.schema",
     "children.protocol", "children.child", "children.process", "children.media", "children.speech", "children.models",
     "children.lines"},
    {"config", "roots"},
    {"store.job", "store.database", "children.decoder", "children.engine", "children.whisper",
     "children.decoders", "children.engines"},
    {"store.base", "store.ledger", "store.upgrade", "children.fake", "children.loading", "transcript", "running",
     "monitor.gpu", "monitor.host", "monitor.readings", "monitor.notify", "monitor.lines"},
    {"store.intake", "store.checkpoints", "store.measures", "store.controls", "store.history", "store.retention",
     "children.calibration", "display", "monitor.picture"},
    {"store.store", "monitor.alerts", "care"},
    {"watch", "finish", "inference", "tuning", "brake", "monitor.monitor", "monitor.commands"},
    {"dispatch", "bench.measure", "bench.scoring", "bench.convert", "bench.workload", "monitor.exposition"},
    {"upkeep"},
    {"service", "bench.contenders", "bench.engine_loop", "bench.ggml"},
    {"bench.report", "bench.peers"},
    {"bench.studies", "bench.plots", "bench.latency"},
    {"bench.verify"},
    {"bench.commands"},
    {"cli"},
    {"__main__"},
]  # fmt: skip
"""A file may import from the floors below its own. The engine imports its loader at run time, to start
quickly, and the service the upgrade of the database."""

ROOMS = {
    "GPUtil": {"children"},
    "alembic": {"store"},
    "apprise": {"monitor"},
    "apscheduler": {"schedule"},
    "av": {"children"},
    "ctranslate2": {"children"},
    "faster_whisper": {"children", "bench"},
    "huggingface_hub": {"children"},
    "jiwer": {"bench"},
    "matplotlib": {"bench", "monitor"},
    "numpy": {"children", "bench"},
    "prometheus_client": {"monitor"},
    "psutil": {"bench", "monitor"},
    "pydantic": {"config", "settings"},
    "pynvml": {"children"},
    "pywhispercpp": {"bench"},
    "pysubs2": {"transcript"},
    "rich": {"display", "cli", "bench", "monitor"},
    "sqlalchemy": {"store"},
    "tokenizers": {"bench"},
    "torch": {"bench"},
    "typer": {"cli", "bench", "monitor"},
    "watchdog": {"events"},
    "whisper": {"bench"},
    "whisper_normalizer": {"bench"},
}
"""Which room may import which package. PyAV, CTranslate2 and NumPy never enter the daemon's own process; the benchmarks
are programs of their own, and load what they measure when they run it."""


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT / "daemon").with_suffix("").parts)


def imports(file: Path, *, at_the_top: bool = False) -> set[str]:
    found: set[str] = set()
    tree = ast.parse(file.read_text("utf-8"))
    for node in tree.body if at_the_top else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def floor(name: str) -> int:
    return next(number for number, names in enumerate(FLOORS) if name in names)


@pytest.mark.parametrize("file", [file for file in FILES if file.name != "__init__.py"], ids=name_of)
def test_imports_run_downwards(file: Path) -> None:
    ours = {module.removeprefix("daemon.") for module in imports(file, at_the_top=True) if module.startswith("daemon.")}
    modules = {name_of(other) for other in FILES}
    for module in ours & modules:
        if not module.endswith("__init__"):
            assert floor(module) < floor(name_of(file)) or module == name_of(file), f"{name_of(file)} imports {module}"


def test_each_package_is_imported_in_its_room_only() -> None:
    seen: dict[str, set[str]] = defaultdict(set)
    for file in FILES:
        for module in imports(file):
            package = module.partition(".")[0]
            if package not in sys.stdlib_module_names and package != "daemon":
                seen[package].add(name_of(file).partition(".")[0])
    assert dict(seen) == ROOMS


def test_files_are_of_a_size_to_be_read() -> None:
    assert {name_of(file): count for file in FILES if (count := len(file.read_text("utf-8").splitlines())) > 350} == {}
