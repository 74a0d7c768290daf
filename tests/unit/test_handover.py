"""Settings that outlive an exec."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.config import reader
from daemon.config.handover import VARIABLE, hand_over, taken_over

CONFIG = """
[[watch]]
path = "in"
hotwords = ["Ann", "Bob"]
replace = { foo = "bar" }
[model]
beam_size = 3
[languages.de]
beam_size = 5
[jobs]
hours = "22:00-07:00"
[monitor.rules.disk_free]
fire = 5.0
"""
IN_ANOTHER = "from daemon.config.handover import taken_over; print(taken_over().model_dump_json()); print(taken_over())"


def test_what_is_handed_over_is_taken_over_once_by_the_next_program(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)
    settings = reader.load(tmp_path / "config.toml")
    hand_over(settings)
    fd = int(os.environ[VARIABLE])
    done = subprocess.run([sys.executable, "-c", IN_ANOTHER], pass_fds=[fd], capture_output=True, text=True)
    assert done.stdout.splitlines() == [settings.model_dump_json(), "None"], done.stderr
    taken = taken_over()
    assert taken == settings and taken_over() is None and VARIABLE not in os.environ
    assert taken.model_dump(exclude_unset=True) == settings.model_dump(exclude_unset=True)
    assert taken.languages["de"].model_fields_set == {"beam_size"}, "though it is the default"


@pytest.mark.parametrize("left", ["", "soon", "987654"])
def test_what_makes_no_sense_is_no_handover(left: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, left)
    assert taken_over() is None


def test_settings_of_another_version_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    fd = os.memfd_create("settings")
    os.write(fd, b'{"bogus": 1}')
    monkeypatch.setenv(VARIABLE, str(fd))
    assert taken_over() is None
