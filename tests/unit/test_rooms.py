"""The house rules of DESIGN.md that a machine can check."""

from pathlib import Path

from tests.support import ROOT

FILES = sorted((ROOT / "daemon").rglob("*.py"))


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT / "daemon").with_suffix("").parts)


def test_files_are_of_a_size_to_be_read() -> None:
    assert {name_of(file): count for file in FILES if (count := len(file.read_text("utf-8").splitlines())) > 350} == {}
