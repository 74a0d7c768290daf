"""The weights of a CTranslate2 model under other names."""

from pathlib import Path

import numpy as np
import pytest

from daemon.bench.runtimes.convert import dimensions, is_multilingual, openai_whisper, renamed
from daemon.engine.generate.model_bin import read_weights
from tests.tiny_whisper import DECODER_LAYERS, ENCODER_LAYERS, VOCABULARY, WIDTH, write_model


def test_sizes_and_names_are_those_of_openai_whisper(tmp_path: Path) -> None:
    weights = read_weights(write_model(tmp_path) / "model.bin")
    sizes = dimensions(weights)
    assert (sizes["n_audio_layer"], sizes["n_text_layer"]) == (ENCODER_LAYERS, DECODER_LAYERS)
    assert (sizes["n_vocab"], sizes["n_text_state"], sizes["n_mels"]) == (VOCABULARY, WIDTH, 80)
    assert not is_multilingual(sizes) and is_multilingual({"n_vocab": VOCABULARY + 1})
    state = renamed(weights)
    fused = weights["decoder/layer_1/self_attention/linear_0/weight"]
    for number, name in enumerate(("query", "key", "value")):
        part = fused[number * WIDTH : (number + 1) * WIDTH]
        assert np.array_equal(state[f"decoder.blocks.1.attn.{name}.weight"], part)
    assert "decoder.blocks.1.attn.key.bias" not in state and "decoder.blocks.1.cross_attn.value.bias" in state


def test_openai_whisper_takes_all_weights(tmp_path: Path) -> None:
    pytest.importorskip("whisper", reason="needs pip install 'transcribed[peers]'")
    model = openai_whisper(write_model(tmp_path))
    assert model.dims.n_vocab == VOCABULARY and not model.is_multilingual
