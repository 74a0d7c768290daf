"""`transcribed doctor` as a user runs it: beside a daemon and without one, with a good and a broken configuration."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from daemon.doctor import trials
from daemon.doctor.case import Case
from tests.builders import settings
from tests.support import Daemon, MakeDaemon, write_wav

ELSEWHERE = {"clock", "service", "user", "GPU", "CUDA", "memory", "disk", "libraries"}
"""What may be less than well on a machine where tests run."""


def examined(daemon: Daemon) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """The exit code, and what was found, by subject."""
    done = daemon.run("doctor", "--json")
    assert done.stderr == ""
    found = defaultdict(list)
    for each in json.loads(done.stdout)["findings"]:
        found[each["subject"]].append(each)
        assert "Traceback" not in each["text"] and "gave no answer" not in each["text"]
        assert bool(each["cure"]) == (each["level"] != "ok"), each
    return done.returncode, found


def levels(found: dict[str, list[dict[str, Any]]]) -> set[str]:
    return {each["level"] for subject, some in found.items() if subject not in ELSEWHERE for each in some}


def test_beside_a_daemon_it_disturbs_nothing(fake_daemon: Daemon) -> None:
    write_wav(fake_daemon.inbox / "a.wav")
    daemon = fake_daemon.start().ready()
    assert daemon.process is not None
    daemon.wait_for({"a.wav": "done"})
    code, found = examined(daemon)
    assert code in (0, 1) and levels(found) == {"ok"}
    assert f"pid {daemon.process.pid}" in found["user"][0]["text"] and "is sound" in found["database"][0]["text"]
    assert "fake:tiny.en on fake" in found["engine"][0]["text"]
    assert daemon.states() == {"a.wav": "done"} and not daemon.ended
    assert sorted(each.suffix for each in daemon.inbox.iterdir()) == [".json", ".srt", ".txt", ".wav"]
    assert daemon.stop() == 0 and "ERROR" not in daemon.log_text() and "WARNING" not in daemon.log_text()


def test_a_broken_configuration_is_a_finding_and_the_rest_is_checked(fake_daemon: Daemon) -> None:
    fake_daemon.config.write_text('[modle]\nname = "base"\n[watching]\nsettle_seconds = -1\n')
    code, found = examined(fake_daemon)
    assert code == 4 and [each["level"] for each in found["configuration"]] == ["failed", "failed"]
    assert "modle" in " ".join(each["text"] for each in found["configuration"])
    assert found["Python"][0]["level"] == "ok" and not {"folder", "database", "engine"} & set(found)


def test_before_the_first_start_with_a_model_that_is_none(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon(model='name = "./broken"')
    write_wav(daemon.inbox / "a.wav")
    (daemon.folder / "broken").mkdir()
    (daemon.folder / "broken" / "model.bin").write_bytes(b"\x06\x00\x00\x00 no model at all")
    code, found = examined(daemon)
    assert code == 4 and [each["level"] for each in found["engine"]] == ["failed"]
    assert "cannot be loaded" in found["engine"][0]["text"] and "compute types" not in found
    assert "the first start makes it" in found["database"][0]["text"] and not daemon.database.exists()
    assert "readable and writable, events arrive" in found["folder"][0]["text"]
    assert [each.name for each in daemon.inbox.iterdir()] == ["a.wav"]


@pytest.mark.model
def test_the_model_hears_speech_in_every_compute_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # examining sets it; this takes it back
    case = Case(None, settings(tmp_path, '[model]\ndevice = "cpu"\n'), "", "pat", None)
    found = {each.subject: each for each in trials.examine(case)}
    assert {each.level for subject, each in found.items() if subject != "memory"} == {"ok"}
    assert "hears a clip of speech" in found["engine"].text and "float32" in found["compute types"].text
