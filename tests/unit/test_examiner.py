"""One check as its own process makes it, here in this one."""

import json
import os
import signal
from pathlib import Path

import pytest

from daemon.doctor import configuration
from daemon.doctor.case import Facts, Order
from daemon.doctor.examiner import examined, main
from daemon.doctor.findings import OK, Finding
from daemon.doctor.whom import name_of
from tests.builders import settings


def test_the_check_is_given_the_settings_and_a_name_for_its_user(tmp_path: Path) -> None:
    settings(tmp_path)
    (found,) = examined(Order("daemon.doctor.drop_folders", str(tmp_path / "config.toml"), "0"))
    assert isinstance(found, Finding) and found.level == OK and str(tmp_path / "inbox") in found.text


@pytest.mark.parametrize("reads", [False, True])
def test_without_a_usable_configuration_there_are_no_settings(reads: bool) -> None:
    (found,) = examined(Order("daemon.doctor.drop_folders", None, "/nowhere", reads_settings=reads))
    assert isinstance(found, Finding) and found.text == "/nowhere answers"


def test_it_prints_a_line_of_json_for_each_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(configuration, "look", lambda: None)
    settings(tmp_path)
    order = {"check": "daemon.doctor.configuration", "config": str(tmp_path / "config.toml"), "reads_settings": False}
    try:
        main(json.dumps(order | {"uid": os.geteuid(), "limit_s": 600}))
    finally:
        left_s = signal.alarm(0)
    assert 590 < left_s <= 601
    first, second, third = map(json.loads, capsys.readouterr().out.splitlines())
    assert first[0] == second[0] == Finding.__name__ and second[1]["text"].endswith(f"as {name_of(os.geteuid())}")
    assert third[0] == Facts.__name__ and third[1]["models"] == ["tiny.en"]
