"""The check of the model against float32."""

from pathlib import Path

import pytest

from daemon.bench import workload
from daemon.bench.contenders import Run
from daemon.bench.measure import Usage


def usage(wall_s: float) -> Usage:
    return Usage(0, wall_s, wall_s, 100.0, None, None, "")


def test_a_model_that_keeps_too_little_fails_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from daemon.bench import verify
    from daemon.cli.app import app
    from daemon.store import migrate

    def fake(load: workload.Workload, model: dict[str, object]) -> Run:
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
