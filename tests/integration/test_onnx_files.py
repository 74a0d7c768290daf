"""Where a model for ONNX Runtime comes from: folders, and a hub of our own on this machine."""

import json
import subprocess
from pathlib import Path

import pytest

from daemon.engine.onnx.files import compute_types, installed, languages, resolve
from daemon.errors import Unavailable
from tests.integration import test_model_files
from tests.integration.test_model_files import Hub, hub, resolved  # noqa: F401 - a fixture
from tests.onnx_models import make_ctc, make_tdt

SCRIPT = [("▁yes", 0.9)]
AUTO = ("int8", "float32")
RESOLVE = """
import sys
from daemon.engine.onnx.files import resolve
found = resolve(sys.argv[1], ["int8", "float32"])
print(found.folder, found.compute_type)
"""


@pytest.fixture
def tdt(tmp_path: Path) -> Path:
    return make_tdt(make_tdt(tmp_path / "parakeet-tdt-0.6b-v2", SCRIPT), SCRIPT, ".int8")


def test_the_first_compute_type_that_a_folder_has_is_taken(tdt: Path) -> None:
    found = resolve(str(tdt), AUTO)
    assert (found.compute_type, found.quantization, found.kind) == ("int8", "int8", None)
    assert {path.name for path in found.paths} == {
        "encoder-model.int8.onnx", "decoder_joint-model.int8.onnx", "vocab.txt", "config.json",
    }  # fmt: skip
    whole = resolve(str(tdt), ("float16", "float32"))
    assert (whole.compute_type, whole.quantization) == ("float32", None)
    (tdt / "decoder_joint-model.int8.onnx").unlink()
    assert resolve(str(tdt), AUTO).compute_type == "float32"


def test_weights_that_lie_beside_their_graph_count(tdt: Path) -> None:
    found = resolve(str(tdt), ("float32",))
    assert {path.name for path in found.weights} == {"encoder-model.onnx", "decoder_joint-model.onnx"}
    (tdt / "encoder-model.onnx.data").write_bytes(bytes(1_000_000))
    assert found.weights[0].name == "encoder-model.onnx.data" and len(found.weights) == 3


def test_a_compute_type_that_the_files_lack_is_refused_with_what_they_have(tdt: Path) -> None:
    with pytest.raises(Unavailable, match="has no files in float16") as caught:
        resolve(str(tdt), ("float16",))
    assert caught.value.hint == "set model.compute_type = 'int8', which it has"
    for file in tdt.glob("*.onnx"):
        file.unlink()
    with pytest.raises(Unavailable, match="is not whole") as caught:
        resolve(str(tdt), AUTO)
    assert "encoder-model.int8.onnx" in caught.value.hint


@pytest.mark.parametrize(
    ("wanted", "device", "types"),
    [
        ("auto", "cpu", ("int8", "float32")),
        ("auto", "cuda", ("float16", "float32")),
        ("int8", "cuda", ("int8",)),
        ("float32", "cpu", ("float32",)),
    ],
)
def test_compute_types_are_what_the_files_are_named_for(wanted: str, device: str, types: tuple[str, ...]) -> None:
    assert compute_types(wanted, device) == types


def test_compute_types_of_whisper_are_refused() -> None:
    with pytest.raises(Unavailable, match="'int8_float16' is for Whisper models") as caught:
        compute_types("int8_float16", "cuda")
    assert "int8, float16, float32" in caught.value.hint


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"model_type": "nemo-conformer"}, "Invalid model type 'nemo-conformer'"),
        ({}, "none that onnx-asr can load"),
        (None, "is not whole"),
    ],
)
def test_a_folder_that_does_not_say_what_it_is_is_named(tdt: Path, config: object, reason: str) -> None:
    (tdt / "config.json").unlink()
    if config is not None:
        (tdt / "config.json").write_text(json.dumps(config))
    with pytest.raises(Unavailable) as caught:
        resolve(str(tdt), AUTO)
    assert reason in caught.value.message and "config.json" in caught.value.hint


def test_a_model_of_the_other_engine_is_told_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"weights")
    with pytest.raises(Unavailable, match="is one for CTranslate2") as caught:
        resolve(str(tmp_path), AUTO)
    assert caught.value.hint == "set model.engine = 'whisper'"


def test_a_name_that_nobody_knows_is_refused_with_the_nearest() -> None:
    with pytest.raises(Unavailable, match="did you mean 'nemo-parakeet-tdt") as caught:
        installed("parakeet-tdt-0.6b-v3", AUTO)
    assert "a Hugging Face id (owner/name)" in caught.value.hint


def test_languages_are_those_of_the_configuration_else_of_the_name(tdt: Path, tmp_path: Path) -> None:
    assert languages(str(tdt), tdt) == ("en",)
    config = tdt / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "languages": ["de", "fr"]}))
    assert languages(str(tdt), tdt) == ("de", "fr")
    unknown = make_ctc(tmp_path / "mine", SCRIPT, [1])
    with pytest.raises(Unavailable, match="which languages model 'mine' knows") as caught:
        languages("mine", unknown)
    assert f'"languages": ["en", "de"] to {unknown / "config.json"}' in caught.value.hint
    config.write_text(json.dumps({"languages": ["klingon"]}))
    with pytest.raises(Unavailable, match="which languages"):
        languages(str(tdt), tdt)


@pytest.fixture
def hub_with_a_model(hub: Hub, tdt: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:  # noqa: F811
    files = {file.name: file.read_bytes() for file in tdt.iterdir()}
    monkeypatch.setattr(
        test_model_files, "FILES", {**files, "encoder-model.onnx.data": b"0", "README.md": b"of no use"}
    )
    return hub


def names(done: subprocess.CompletedProcess[str]) -> set[str]:
    assert done.returncode == 0, done.stderr
    return {file.name for file in Path(done.stdout.split()[0]).iterdir()}


def test_only_the_files_of_a_compute_type_are_downloaded_once(hub_with_a_model: Hub, tmp_path: Path) -> None:
    first = resolved(hub_with_a_model, tmp_path / "home", "owner/name", RESOLVE)
    assert names(first) == {"encoder-model.int8.onnx", "decoder_joint-model.int8.onnx", "vocab.txt", "config.json"}
    assert first.stdout.split()[1] == "int8" and first.stderr == ""
    before = len(hub_with_a_model.asked)
    again = resolved(hub_with_a_model, tmp_path / "home", "owner/name", RESOLVE)
    assert again.stdout == first.stdout and len(hub_with_a_model.asked) == before
    whole = resolved(hub_with_a_model, tmp_path / "home", "owner/name", RESOLVE.replace('"int8", ', ""))
    assert {"encoder-model.onnx", "encoder-model.onnx.data"} <= names(whole) and whole.stdout.split()[1] == "float32"


def test_where_the_hub_has_no_int8_files_those_of_float32_are_taken(hub_with_a_model: Hub, tmp_path: Path) -> None:
    for name in [name for name in test_model_files.FILES if "int8" in name]:
        del test_model_files.FILES[name]
    done = resolved(hub_with_a_model, tmp_path / "home", "owner/name", RESOLVE)
    assert done.stdout.split()[1] == "float32", done.stderr


def test_a_download_that_was_broken_off_is_taken_up_again(hub_with_a_model: Hub, tmp_path: Path) -> None:
    hub_with_a_model.broken.add("decoder_joint-model.int8.onnx")
    first = resolved(hub_with_a_model, tmp_path / "home", "owner/name", RESOLVE)
    assert first.returncode != 0 and "model 'owner/name' is not installed, not in the cache" in first.stderr
    hub_with_a_model.broken.clear()
    again = resolved(hub_with_a_model, tmp_path / "home", "owner/name", RESOLVE)
    assert again.stdout.split()[1] == "int8", again.stderr


def test_without_a_network_the_way_out_is_named(hub: Hub, tmp_path: Path) -> None:  # noqa: F811
    hub.shutdown()
    hub.server_close()
    done = resolved(hub, tmp_path, "nemo-parakeet-tdt-0.6b-v3", RESOLVE)
    assert (
        "model 'nemo-parakeet-tdt-0.6b-v3' is not installed, not in the cache and cannot be downloaded" in done.stderr
    )
    assert done.returncode != 0
