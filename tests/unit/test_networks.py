"""The networks as files: the same in pieces as in one, and the same as openai-whisper's."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon.bench.runtimes.networks import (
    DECODER,
    ENCODER,
    SIZES,
    Feed,
    cores,
    no_past,
    onnx_runtime,
    openvino,
    write_networks,
)
from tests.tiny_whisper import DECODER_LAYERS, HEADS, WIDTH, write_model

TOKENS = np.array([[50257, 314, 1101, 257, 1332, 13], [50257, 314, 257, 257, 13, 13]])
NEEDS = "needs pip install 'transcribed[schemes]'"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnx", reason=NEEDS)
    made = write_model(tmp_path_factory.mktemp("networks"))
    write_networks(made, made)
    return made


@pytest.fixture(scope="module")
def mel() -> Any:
    return np.random.default_rng(5).standard_normal((1, 80, 3000)).astype(np.float32)


def test_nothing_was_said_before_the_first_token() -> None:
    past = no_past({"n_text_layer": 3, "n_text_head": HEADS, "n_text_state": WIDTH}, 5)
    assert len(past) == 6 and past["past_keys_2"].shape == (5, HEADS, WIDTH // HEADS, 0)
    assert past["past_values_0"].shape == (5, HEADS, 0, WIDTH // HEADS)
    assert cores() >= 1


def steps(decoder: Any, heard: Feed, sizes: dict[str, int], *cuts: int) -> Any:
    """Give the decoder the tokens in pieces; return the logits of all."""
    past, logits = no_past(sizes, len(TOKENS)), []
    for piece in np.split(TOKENS, cuts, axis=1):
        found = decoder({"tokens": piece, **past, **heard})
        logits.append(found.pop("logits"))
        past = {name.replace("next", "past"): each for name, each in found.items()}
    return np.concatenate(logits, axis=1)


def test_tokens_in_pieces_give_the_same_as_all_at_once(folder: Path, mel: Any) -> None:
    sizes = json.loads((folder / SIZES).read_text("utf-8"))
    heard = onnx_runtime(folder / ENCODER)({"mel": mel})
    assert len(heard) == 2 * DECODER_LAYERS
    decoder = onnx_runtime(folder / DECODER)
    whole = steps(decoder, heard, sizes)
    assert np.allclose(whole, steps(decoder, heard, sizes, 1, 4), atol=1e-4)
    # What comes later changes nothing of what came before.
    assert np.allclose(whole[0, :2], whole[1, :2], atol=1e-4) and not np.allclose(whole[0, 2], whole[1, 2], atol=1e-2)


def test_openai_whisper_computes_the_same(folder: Path, mel: Any) -> None:
    pytest.importorskip("whisper", reason="needs pip install 'transcribed[peers]'")
    import torch

    from daemon.bench.runtimes.convert import openai_whisper

    model = openai_whisper(folder)
    with torch.no_grad():
        sound = model.encoder(torch.from_numpy(mel))
        theirs = model.decoder(torch.from_numpy(TOKENS), sound.repeat(2, 1, 1)).numpy()
    sizes = json.loads((folder / SIZES).read_text("utf-8"))
    ours = steps(onnx_runtime(folder / DECODER), onnx_runtime(folder / ENCODER)({"mel": mel}), sizes, 3)
    # The embedding is in float16.
    assert np.allclose(ours, theirs, atol=0.02) and np.abs(theirs).max() > 1


def test_openvino_computes_the_same(folder: Path, mel: Any) -> None:
    pytest.importorskip("openvino", reason=NEEDS)
    sizes = json.loads((folder / SIZES).read_text("utf-8"))
    heard = onnx_runtime(folder / ENCODER)({"mel": mel})
    found = openvino(folder / ENCODER)({"mel": mel})
    assert found.keys() == heard.keys()
    assert all(np.allclose(found[name], each, atol=1e-2) for name, each in heard.items())
    theirs = steps(openvino(folder / DECODER), heard, sizes, 2)
    assert np.allclose(theirs, steps(onnx_runtime(folder / DECODER), heard, sizes), atol=1e-2)
