"""The check of the model against float32."""

from pathlib import Path

import pytest

from daemon.bench import workload
from daemon.bench.contenders import Run
from daemon.bench.measure import Usage
from daemon.clips import CLIPS


def usage(wall_s: float) -> Usage:
    return Usage(0, wall_s, wall_s, 100.0, None, None, "")


def test_a_model_that_keeps_too_little_fails_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from daemon.bench import verify
    from daemon.cli.app import app
    from daemon.store import migrate

    def fake(load: workload.Workload, model: dict[str, object], _language: str) -> Run:
        whole = [item.text or "" for item in load.items]
        half = [" ".join(text.split()[::2]) for text in whole]
        exact = model.get("compute_type") == "float32"
        return Run(
            usage(9.0 if exact else 3.0), tuple(whole if exact else half), {"compute_type": "int8", "device": "x"}
        )

    monkeypatch.setattr(verify, "daemon", fake)
    (tmp_path / "config.toml").write_text("")
    migrate.migrate(tmp_path / "var" / "jobs.db")
    result = CliRunner().invoke(app, ["verify", "--config", str(tmp_path / "config.toml")])
    assert result.exit_code == 1 and "failed: keeps" in result.stdout
    import sqlite3

    connection = sqlite3.connect(tmp_path / "var" / "jobs.db")
    ((passed, agreed, speed_up),) = connection.execute("SELECT passed, agreement, speed_up FROM verifications")
    connection.close()
    assert (passed, speed_up) == (0, 3.0) and 30 < agreed < 70


@pytest.mark.parametrize(
    ("settings", "folder", "language"),
    [
        ('[model]\nname = "base"\n[[watch]]\nlanguage = "de"', "", "auto"),
        ('[model]\nengine = "onnx"\nname = "nemo-canary-1b-v2"\n[[watch]]\nlanguage = "de"', "", "en"),
        ('[model]\nengine = "onnx"\nname = "nemo-canary-1b-v2"\n[[watch]]\nlanguage = "de"', "speech", "de"),
        ('[model]\nengine = "onnx"\nname = "somebody/mine"', "", "en"),
        ('[model]\nengine = "onnx"\nname = "somebody/mine"', "speech", "auto"),
        ('[model]\nengine = "onnx"\nname = "gigaam-v3-ctc"', "", "auto"),
    ],
)
def test_a_model_that_must_be_told_the_language_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str, folder: str, language: str
) -> None:
    from typer.testing import CliRunner

    from daemon.bench import verify
    from daemon.cli import bench
    from daemon.cli.app import app

    asked: list[str] = []

    def fake(load: workload.Workload, _model: dict[str, object], language: str) -> Run:
        asked.append(language)
        return Run(usage(3.0), tuple(item.text or "" for item in load.items), {"compute_type": "int8", "device": "x"})

    monkeypatch.setattr(verify, "daemon", fake)
    monkeypatch.setattr(bench, "_fetch", lambda _model: None)
    (tmp_path / "config.toml").write_text(settings)
    (tmp_path / "speech").mkdir()
    (tmp_path / "speech" / "a.opus").write_bytes((CLIPS / "memo-11.opus").read_bytes())
    arguments = ["--folder", str(tmp_path / folder)] if folder else []
    result = CliRunner().invoke(app, ["verify", "--config", str(tmp_path / "config.toml"), *arguments])
    assert (result.exit_code, asked) == (0, [language, language]), result.output
