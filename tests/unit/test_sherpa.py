"""What sherpa-onnx is given."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon.bench.runtimes.convert import dimensions
from daemon.bench.runtimes.networks import DECODER, ENCODER, onnx_runtime, write_networks
from daemon.bench.runtimes.sherpa import LONGEST_S, TOKENS, _write_decoder, metadata, pieces, write_recognizer
from daemon.clips import references
from daemon.decode.media import samples
from daemon.engine.generate.model_bin import read_weights
from daemon.engine.model_files import resolve
from tests.tiny_whisper import write_model

NEEDS = "needs pip install 'transcribed[schemes]'"


def test_the_metadata_of_an_english_model() -> None:
    folder = resolve("tiny.en")
    told = metadata(folder, dimensions(read_weights(folder / "model.bin")))
    assert (told["sot"], told["eot"], told["no_timestamps"]) == (50257, 50256, 50362)
    assert told["sot_sequence"] == "50257" and told["is_multilingual"] == 0
    assert (told["translate"], told["transcribe"], told["blank_id"]) == (50357, 50358, 220)


def test_the_metadata_of_a_multilingual_model(base_model: str) -> None:
    folder = resolve(base_model)
    told = metadata(folder, dimensions(read_weights(folder / "model.bin")))
    assert told["sot_sequence"] == "50258,50259,50359" and told["is_multilingual"] == 1
    assert told["all_language_codes"].startswith("en,zh,de,") and told["all_language_tokens"].startswith("50259,50260")
    assert len(told["all_language_codes"].split(",")) == len(told["all_language_tokens"].split(",")) == 99
    assert told["no_speech"] == 50362


def test_a_long_recording_is_cut_between_words() -> None:
    spoken = np.frombuffer(samples(next(iter(references()))), "<i2").astype(np.float32) / 32768
    assert pieces(spoken)[0] is spoken
    long = np.concatenate([spoken, np.zeros(16000, np.float32)] * 8)
    cut = pieces(long)
    assert len(cut) > 1 and all(len(each) <= LONGEST_S * 16000 for each in cut)
    assert 0.6 * len(long) < sum(map(len, cut)) <= len(long)


def test_the_decoder_with_one_cache_for_all_layers_computes_the_same(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason=NEEDS)
    from daemon.bench.runtimes.graphs import graph_of

    folder = write_model(tmp_path)
    write_networks(folder, tmp_path)
    graph = graph_of(folder)
    _write_decoder(graph, tmp_path / "sherpa.onnx")
    sizes = graph.sizes
    mel = np.random.default_rng(5).standard_normal((1, 80, 3000)).astype(np.float32)
    heard = onnx_runtime(tmp_path / ENCODER)({"mel": mel})
    layers = range(sizes["n_text_layer"])
    feed: dict[str, Any] = {
        "n_layer_cross_k": np.stack([heard[f"cross_keys_{number}"] for number in layers]),
        "n_layer_cross_v": np.stack([heard[f"cross_values_{number}"] for number in layers]),
    }
    empty = np.full((sizes["n_text_layer"], 1, 448, sizes["n_text_state"]), 7.0, np.float32)
    ours, cache = onnx_runtime(tmp_path / "sherpa.onnx"), (empty, empty)
    for offset, tokens in ((0, [[50257, 50362]]), (2, [[314]])):
        found = ours(
            {**feed, "tokens": np.array(tokens), "in_n_layer_self_k_cache": cache[0],
             "in_n_layer_self_v_cache": cache[1], "offset": np.array([offset])}
        )  # fmt: skip
        cache = found["out_n_layer_self_k_cache"], found["out_n_layer_self_v_cache"]
    from daemon.bench.runtimes.networks import no_past

    whole = onnx_runtime(tmp_path / DECODER)({"tokens": np.array([[50257, 50362, 314]]), **no_past(sizes, 1), **heard})
    assert np.allclose(found["logits"][:, -1], whole["logits"][:, -1], atol=1e-4)


def test_the_recognizer_loads_what_is_written(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason=NEEDS)
    sherpa_onnx = pytest.importorskip("sherpa_onnx", reason=NEEDS)
    write_recognizer(write_model(tmp_path), tmp_path)
    lines = (tmp_path / TOKENS).read_text("utf-8").splitlines()
    assert base64.b64decode(lines[314].split()[0]) == b" I" and len(lines) == 50256
    files = [str(tmp_path / name) for name in (ENCODER, DECODER, TOKENS)]
    recognizer = sherpa_onnx.OfflineRecognizer.from_whisper(*files, language="")
    stream = recognizer.create_stream()
    stream.accept_waveform(16000, np.zeros(8000, np.float32))
    recognizer.decode_stream(stream)
    assert isinstance(stream.result.text, str)
