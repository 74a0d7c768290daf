"""What OpenVINO GenAI is given."""

from pathlib import Path

import numpy as np
import pytest

from daemon.bench.runtimes.genai import settings, write_pipeline
from daemon.bench.runtimes.networks import DECODER, ENCODER, no_past, onnx_runtime, write_networks
from daemon.engine.model_files import resolve
from tests.tiny_whisper import write_model

NEEDS = "needs pip install 'transcribed[schemes]'"


def test_the_settings_of_an_english_model() -> None:
    told = settings(resolve("tiny.en"))
    generation = told["generation_config.json"]
    assert (generation["decoder_start_token_id"], generation["eos_token_id"]) == (50257, 50256)
    assert generation["no_timestamps_token_id"] == 50362 and not generation["is_multilingual"]
    assert generation["begin_suppress_tokens"] == [220, 50256] and "lang_to_id" not in generation
    assert told["preprocessor_config.json"]["feature_size"] == 80


def test_the_settings_of_a_multilingual_model(base_model: str) -> None:
    generation = settings(resolve(base_model))["generation_config.json"]
    assert generation["lang_to_id"]["<|de|>"] == 50261 and len(generation["lang_to_id"]) == 99
    assert generation["task_to_id"] == {"transcribe": 50359, "translate": 50358}


def test_the_states_of_the_decoder_keep_what_was_said_and_follow_the_beams(tmp_path: Path) -> None:
    for package in ("openvino", "nncf", "openvino_tokenizers", "transformers", "onnx"):
        pytest.importorskip(package, reason=NEEDS)
    import openvino

    (tmp_path / "pipeline").mkdir()
    folder = write_model(tmp_path)
    write_pipeline(folder, tmp_path / "pipeline")
    core = openvino.Core()
    mel = np.random.default_rng(5).standard_normal((1, 80, 3000)).astype(np.float32)
    sound = core.compile_model(tmp_path / "pipeline" / "openvino_encoder_model.xml", "CPU")(mel)["last_hidden_state"]
    model = core.compile_model(tmp_path / "pipeline" / "openvino_decoder_model.xml", "CPU")
    request = model.create_infer_request()
    said = [([[50257, 50362]], [0]), ([[314], [257]], [0, 0]), ([[13], [13]], [1, 0])]
    for tokens, beams in said:
        feed = {"input_ids": np.array(tokens), "beam_idx": np.array(beams, np.int32), "encoder_hidden_states": sound}
        logits = request.infer(feed)["logits"]
    write_networks(folder, tmp_path)
    heard = onnx_runtime(tmp_path / ENCODER)({"mel": mel})
    sizes = {"n_text_layer": 2, "n_text_head": 2, "n_text_state": 32}
    whole = np.array([[50257, 50362, 257, 13], [50257, 50362, 314, 13]])
    wanted = onnx_runtime(tmp_path / DECODER)({"tokens": whole, **no_past(sizes, 2), **heard})["logits"][:, -1]
    # Weights in int8: near, and not what the other beam would give.
    near = np.abs(logits[:, -1] - wanted).mean()
    assert near < 0.3 * np.abs(logits[::-1, -1] - wanted).mean()
