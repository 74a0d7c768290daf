"""The engine `onnx` loads models as they are asked for, in a real engine child, or says what is wrong."""

import json
import shutil
from multiprocessing.connection import wait
from pathlib import Path

import onnxruntime
import pytest

from daemon.config.onnx_models import EUROPEAN
from daemon.engine.onnx import loader
from daemon.engine.registry import load
from daemon.errors import Unavailable
from daemon.processes.asking import ENGINE, SURVEY, ask
from daemon.processes.child import Child
from daemon.processes.protocol import BatchDone, FindModel, FoundModel, LoadModel, Ready, RunBatch, Unready
from tests.builders import load_model
from tests.integration.test_onnx_model import GERMAN, GREETING, TWO_SOUNDS, texts
from tests.onnx_models import make_aed, make_ctc, make_tdt

CLIP = "Good morning. How are"
"""What these models hear in the shipped clip: it has so many loud frames."""


def order(folder: Path, **fields: object) -> LoadModel:
    return load_model(**{"name": str(folder), "engine": "onnx", "compute_type": "auto", **fields})


@pytest.fixture
def parakeet(tmp_path: Path) -> Path:
    return make_tdt(tmp_path / "parakeet-tdt-0.6b-v3", GREETING)


def received(child: Child) -> object:
    assert wait([child.fileno()], 100), "no answer"
    return child.receive()


def test_an_engine_child_with_a_parakeet_says_what_it_can_do_and_transcribes(parakeet: Path) -> None:
    child = Child(ENGINE)
    try:
        child.send(order(parakeet))
        ready = received(child)
        assert isinstance(ready, Ready), ready
        child.send(RunBatch(7, (TWO_SOUNDS, TWO_SOUNDS)))
        done = received(child)
    finally:
        child.end(gently=True)
    assert (ready.model, ready.device, ready.compute_type) == (f"onnx:{parakeet}", "cpu", "float32")
    assert (ready.languages, ready.tasks, ready.policy) == (EUROPEAN, ("transcribe",), "greedy")
    assert (ready.word_times, ready.detects, ready.prompts, ready.cut_context) == (True, True, False, True)
    assert (ready.workers, ready.cpu_threads, ready.batch_size, ready.devices) == (2, 1, 4, 1)
    assert ready.canary == CLIP
    assert isinstance(done, BatchDone) and done.batch_id == 7
    assert [texts(each) for each in done.results] == [["Good morning.", "How are you?"]] * 2
    assert [(each.language, each.language_probability > 0.8) for each in done.results] == [("en", True)] * 2


def test_a_canary_must_be_told_the_language_and_translates(tmp_path: Path) -> None:
    folder = make_aed(tmp_path / "canary-180m-flash", {"en": GREETING, "de": GERMAN}, languages=["de", "en"])
    _, ready = load(order(folder))
    assert (ready.languages, ready.tasks) == (("de", "en"), ("transcribe", "translate", "both"))
    assert (ready.word_times, ready.detects, ready.prompts) == (False, False, False)
    assert ready.canary.startswith("Good morning."), "it is told that the clip is English"


def test_a_ctc_model_with_one_language_has_nothing_to_tell(tmp_path: Path) -> None:
    _, ready = load(order(make_ctc(tmp_path / "parakeet-ctc-0.6b", GREETING, range(10, 26, 2))))
    assert (ready.languages, ready.tasks, ready.detects, ready.word_times) == (("en",), ("transcribe",), True, True)


def test_compute_types_choose_the_files(parakeet: Path) -> None:
    make_tdt(parakeet, GREETING, ".int8", sounds_like=[("▁you", 0.9), ("?", 0.8)])
    _, ready = load(order(parakeet, compute_type="float32"))
    assert (ready.compute_type, ready.canary) == ("float32", CLIP)
    _, ready = load(order(parakeet))
    assert (ready.compute_type, ready.canary) == ("int8", "you? you? you?")
    with pytest.raises(Unavailable, match="has no files in float16"):
        load(order(parakeet, compute_type="float16"))


def test_threads_are_those_of_the_session_and_wait_without_spinning() -> None:
    options = loader._options(3)
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (3, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_a_gpu_that_is_not_there_is_never_replaced_by_the_cpu(parakeet: Path, device: str) -> None:
    with pytest.raises(Unavailable, match=f"model.device '{device}' is not there") as caught:
        load(order(parakeet, device=device))
    assert "model.device = 'cpu'" in caught.value.hint


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="this ONNX Runtime has CUDA"
)
@pytest.mark.filterwarnings("ignore:Specified provider 'CUDAExecutionProvider' is not in available provider names")
@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_gpu_that_onnx_runtime_cannot_use_is_not_passed_over(
    parakeet: Path, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 1)
    with pytest.raises(Unavailable, match="the installed ONNX Runtime has no CUDAExecutionProvider") as caught:
        load(order(parakeet, device=device))
    assert "onnxruntime-gpu" in caught.value.hint
    # With the provider but without its libraries, the sessions are on the CPU.
    monkeypatch.setattr(loader, "_check_provider", lambda _device: None)
    with pytest.raises(Unavailable, match="cannot use cuda:0, and would compute on the CPU"):
        load(order(parakeet, device=device))


@pytest.mark.parametrize("file", ["encoder-model.onnx", "vocab.txt", "config.json"])
def test_a_model_with_a_damaged_file_is_named_with_what_is_wrong(parakeet: Path, file: str) -> None:
    (parakeet / file).write_bytes(b"{ no such thing")
    with pytest.raises(Unavailable, match=f"model '{parakeet}' in {parakeet} ") as caught:
        load(order(parakeet))
    assert caught.value.hint


def test_a_whisper_model_is_left_to_the_other_engine(tmp_path: Path) -> None:
    for file in ("encoder_model.onnx", "decoder_model_merged.onnx", "vocab.json", "added_tokens.json"):
        (tmp_path / file).write_text("{}")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "whisper", "languages": ["en"]}))
    with pytest.raises(Unavailable, match="is a Whisper model") as caught:
        load(order(tmp_path))
    assert "model.engine = 'whisper'" in caught.value.hint


def test_an_onnx_model_is_not_for_the_engine_whisper(parakeet: Path) -> None:
    with pytest.raises(Unavailable, match=r"has no model\.bin") as caught:
        load(order(parakeet, engine="whisper"))
    assert caught.value.hint == "set model.engine = 'onnx'"


def test_without_its_packages_the_engine_says_what_to_install(
    parakeet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "path" / "onnx_asr"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError(\"No module named 'onnx_asr'\")")
    monkeypatch.setenv("PYTHONPATH", str(broken.parent))
    for module, question in ((ENGINE, order(parakeet)), (SURVEY, FindModel(str(parakeet), engine="onnx"))):
        answer = ask(module, question, 60)
        assert isinstance(answer, Unready), answer
        assert "model.engine 'onnx' cannot be imported: No module named 'onnx_asr'" in answer.message
        assert answer.hint == "pip install 'transcribed[onnx]'"


def test_the_doctor_finds_the_weights_of_a_model(parakeet: Path) -> None:
    found = ask(SURVEY, FindModel(str(parakeet), engine="onnx"), 60)
    assert isinstance(found, FoundModel) and found.folder == str(parakeet)
    graphs = [path.stat().st_size for path in parakeet.glob("*.onnx")]
    assert found.weights_bytes == sum(graphs) and len(found.sha256) == 64 and found.expected is None
    shutil.rmtree(parakeet)
    assert isinstance(ask(SURVEY, FindModel(str(parakeet), engine="onnx"), 60), Unready)
    assert ask(SURVEY, FindModel("nemo-canary-1b-v2", engine="onnx"), 60) == FoundModel(None, 0, "", None)
