"""Which speaker model there is, and where."""

import hashlib
from pathlib import Path

import pytest

from daemon.config.speaker_models import CAMPPLUS, campplus, known_as, speaker_model, to_install


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "transcribed" / "models"


def test_the_usual_model_lies_beside_those_put_together_from_packages(cache: Path) -> None:
    assert speaker_model("campplus") == campplus() == cache / f"{CAMPPLUS}.onnx"
    assert to_install("campplus") == "transcribed speakers install"


def test_another_one_is_a_file_or_comes_from_the_hub(cache: Path) -> None:
    assert speaker_model("voices/mine.onnx") == Path("voices/mine.onnx")
    assert to_install("voices/mine.onnx") == "correct speakers.model"
    assert speaker_model("owner/voices") == cache / "owner--voices.onnx"
    assert to_install("owner/voices") == "transcribed speakers install --hub owner/voices"


def test_models_are_told_apart_by_what_is_in_them(tmp_path: Path) -> None:
    assert known_as(campplus()) == CAMPPLUS == "campplus-4ea4598a8669", "as voices that are kept say"
    one, other = tmp_path / "1" / "mine.onnx", tmp_path / "2" / "mine.onnx"
    for file in (one, other):
        file.parent.mkdir()
        file.write_text(str(file))
    assert known_as(one) == f"mine-{hashlib.sha256(str(one).encode()).hexdigest()[:12]}" != known_as(other)
    with pytest.raises(OSError, match=r"none\.onnx"):
        known_as(tmp_path / "none.onnx")
