"""Who speaks when, with the real speaker model."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon.cli.app import app
from daemon.config.speaker_models import campplus

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not campplus().is_file(), reason="there is no speaker model: transcribed speakers install"),
]


@pytest.mark.faults
def test_two_voices_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyannote.metrics", reason="needs pip install 'transcribed[bench-speakers]'")
    pytest.importorskip("kaldi_native_fbank", reason="needs pip install 'transcribed[speakers]'")
    monkeypatch.chdir(tmp_path)
    options = "--voices 2 --voices 5 --line clean --minutes 1 --conversations 1 --only none --json s.json --keep built"
    done = CliRunner().invoke(app, ["bench", "speakers", *options.split()])
    assert done.exit_code == 0, done.output
    document = json.loads((tmp_path / "s.json").read_text())
    (row,) = document["table"]
    assert (row["conversations"], row["people right"]) == ("2 voices, 1 min", "1 of 1")
    assert row["confused %"] < 10 and row["missed %"] < 10 and row["collar %"] <= row["error %"]
    assert 0 < row["CPU s/min"] < 60
    assert any("5 voices" in note and "only 3 people" in note for note in document["notes"])
    assert document["model"]["sha256"] and document["workloads"][0]["audio_s"] > 50
    assert {file.suffix for file in (tmp_path / "built").iterdir()} == {".wav", ".rttm"}
    assert "Real meetings are harder" in " ".join(done.stdout.split())
