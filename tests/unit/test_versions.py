"""What the doctor says of Python, SQLite and the libraries, by a table."""

import sys
from dataclasses import replace
from typing import Any

import pytest

from daemon.doctor.findings import FAILED, OK, WARNING
from daemon.doctor.versions import INSTALL, LIBRARIES, PYTHON, SQLITE, Library, Software, findings, look

NUMPY = Library("numpy", ">=1.26", "2.4.6", "2.4.6")
GOOD = Software("3.11.4", ">=3.11", "3.45.1", True, (NUMPY, Library("av", ">=14", "18.1.0", None)))


@pytest.mark.parametrize(
    ("changes", "subject", "level", "said"),
    [
        ({}, PYTHON, OK, "3.11.4"),
        ({"python": "3.10.9"}, PYTHON, FAILED, "3.10.9, but transcribed needs >=3.11"),
        ({}, SQLITE, OK, "3.45.1"),
        ({"sqlite": "3.34.1"}, SQLITE, FAILED, "3.34.1, but 3.35 is needed"),
        ({"has_search": False}, SQLITE, FAILED, "without FTS5"),
        ({}, LIBRARIES, OK, "all 2 that"),
        ({"libraries": None}, LIBRARIES, WARNING, "not installed as a package"),
        ({"libraries": (NUMPY, replace(NUMPY, name="av", installed=None))}, LIBRARIES, FAILED, "missing: av"),
        ({"libraries": (replace(NUMPY, installed="1.25.2"),)}, LIBRARIES, FAILED, "numpy 1.25.2 (needs >=1.26)"),
        ({"libraries": (replace(NUMPY, installed="2.5.0"),)}, LIBRARIES, OK, "than tested: numpy 2.5.0 (2.4.6)"),
        ({"libraries": (replace(NUMPY, installed="2.5.0rc1"),)}, LIBRARIES, OK, "2.5.0rc1"),
    ],
)
def test_versions(changes: dict[str, Any], subject: str, level: str, said: str) -> None:
    (found,) = [each for each in findings(replace(GOOD, **changes)) if each.subject == subject]
    assert found.level == level and said in found.text and bool(found.cure) == (level != OK)


def test_many_of_another_version_are_cut_short() -> None:
    libraries = tuple(replace(NUMPY, name=f"package{number}", installed="9") for number in range(8))
    (found,) = [each for each in findings(replace(GOOD, libraries=libraries)) if each.subject == LIBRARIES]
    assert "8 of another version" in found.text and "package4" in found.text and "package5" not in found.text


def test_missing_and_wrong_ones_are_told_apart_with_one_cure() -> None:
    libraries = (replace(NUMPY, installed=None), replace(NUMPY, name="av", installed="1"))
    found = [each for each in findings(replace(GOOD, libraries=libraries)) if each.subject == LIBRARIES]
    assert [each.level for each in found] == [FAILED, FAILED] and {each.cure for each in found} == {INSTALL}


def test_what_this_program_runs_on() -> None:
    software = look()
    assert software.python.startswith(f"{sys.version_info.major}.{sys.version_info.minor}.") and software.has_search
    assert software.libraries is not None
    by_name = {library.name.lower(): library for library in software.libraries}
    assert "pytest" not in by_name, "what only an extra needs is not needed"
    assert by_name["numpy"].installed and by_name["numpy"].tested
    assert {each.level for each in findings(software)} == {OK}
