"""Where the speaker model is."""

from pathlib import Path

import pytest

from daemon.config.speaker_models import CAMPPLUS_SHA256, campplus


def test_the_model_lies_beside_those_put_together_from_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert campplus() == Path(f"/cache/transcribed/models/campplus-{CAMPPLUS_SHA256[:12]}.onnx")
