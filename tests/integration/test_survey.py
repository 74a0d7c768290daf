"""The survey child: models that are there, missing, damaged or misnamed, and what the CPU can do."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.engine.devices import BATCH_SIZE, NARROW_BATCH_SIZE
from daemon.engine.model_files import PACKAGES
from daemon.engine.survey import find, survey
from daemon.errors import Unavailable
from daemon.processes.asking import SURVEY, ask
from daemon.processes.protocol import FindModel, FoundModel, LoadModel, Survey, Surveyed, Unready
from tests.builders import load_model

pytestmark = pytest.mark.model


def test_a_packaged_model_is_what_its_pin_says() -> None:
    found = find(FindModel("tiny.en"))
    assert found.folder and found.weights_bytes > 50_000_000
    assert found.sha256 == found.expected == PACKAGES["tiny.en"].sha256
    assert find(FindModel("tiny.en", hashed=False)).sha256 == ""


def test_a_folder_has_a_hash_that_nobody_vouches_for(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"weights")
    sha256 = hashlib.sha256(b"weights").hexdigest()
    assert find(FindModel(str(tmp_path))) == FoundModel(str(tmp_path), 7, sha256, None)


def test_a_file_of_the_hub_is_named_by_the_hash_that_it_should_have(tmp_path: Path) -> None:
    good = hashlib.sha256(b"weights").hexdigest()
    (tmp_path / good).write_bytes(b"weightz")
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    (snapshot / "model.bin").symlink_to(tmp_path / good)
    found = find(FindModel(str(snapshot)))
    assert found.expected == good != found.sha256


def test_a_model_that_would_have_to_be_downloaded_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert ask(SURVEY, FindModel("large-v3"), 60) == FoundModel(None, 0, "", None)
    assert list(tmp_path.iterdir()) == []


def test_a_name_of_no_model_is_answered_with_the_nearest_one() -> None:
    answer = ask(SURVEY, FindModel("larg-v3"), 60)
    assert isinstance(answer, Unready) and "large-v3" in answer.message


def test_what_the_cpu_can_do() -> None:
    answer = ask(SURVEY, Survey(load_model(compute_type="auto", workers=None, batch_size=None)), 60)
    assert isinstance(answer, Surveyed)
    assert (answer.device, answer.compute_type) == ("cpu", "int8") and {"int8", "float32"} <= set(answer.compute_types)
    assert answer.layout.workers >= 1 and answer.layout.batch_size == NARROW_BATCH_SIZE
    unplaced = survey(LoadModel("", "auto", "auto", None, None, None))
    assert unplaced.cuda_devices == answer.cuda_devices


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("tiny.en", NARROW_BATCH_SIZE),
        ("base", BATCH_SIZE["cpu"]),
        ("no-such-model", BATCH_SIZE["cpu"]),
        ("FOLDER", BATCH_SIZE["cpu"]),
    ],
)
def test_how_many_chunks_are_usual_depends_on_the_models_width(tmp_path: Path, name: str, size: int) -> None:
    (tmp_path / "model.bin").write_bytes(b"not the weights of a model")
    load = load_model(name=str(tmp_path) if name == "FOLDER" else name, batch_size=None)
    assert survey(load).layout.batch_size == size
    assert survey(replace(load, batch_size=3)).layout.batch_size == 3


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(Unavailable, match="cuda:99"):
        survey(load_model(device="cuda:99"))
