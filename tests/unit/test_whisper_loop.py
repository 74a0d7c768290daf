"""openai-whisper's loop on other networks."""

from typing import Any

import numpy as np
import pytest

from daemon.bench.runtimes.networks import Feed
from daemon.bench.runtimes.whisper_loop import Model, transcribe

SIZES = {
    "n_mels": 80, "n_audio_ctx": 1500, "n_audio_state": 4, "n_audio_head": 1, "n_audio_layer": 1, "n_vocab": 51864,
    "n_text_ctx": 448, "n_text_state": 4, "n_text_head": 1, "n_text_layer": 1,
}  # fmt: skip
SAID = [50363, 314, 1101, 50413, 50256]
"""0.00 s, " I", "'m", 1.00 s, the end."""


def networks(told: list[Feed]) -> tuple[Any, Any]:
    """An encoder, and a decoder that says SAID one after another."""

    def encoder(feed: Feed) -> Feed:
        assert feed["mel"].shape == (1, 80, 3000)
        return {"cross_keys_0": np.ones((1, 1, 4, 1500), np.float32)}

    def decoder(feed: Feed) -> Feed:
        told.append(feed)
        before, (batch, new) = feed["past_values_0"].shape[2], feed["tokens"].shape
        logits = np.full((batch, new, SIZES["n_vocab"]), -20.0, np.float32)
        at = before + new - 1
        logits[:, -1, SAID[min(at, len(SAID) - 1)]] = 5.0
        keys, values = np.zeros((batch, 1, 4, before + new)), np.zeros((batch, 1, before + new, 4))
        values[:, 0, :, 0] = np.arange(batch)[:, None]
        return {"logits": logits, "next_keys_0": keys.astype("f4"), "next_values_0": values.astype("f4")}

    return encoder, decoder


# openai-whisper leaves the file of its tokens open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_the_loop_searches_on_any_networks() -> None:
    pytest.importorskip("whisper", reason="needs pip install 'transcribed[peers]'")
    told: list[Feed] = []
    encoder, decoder = networks(told)
    model = Model(SIZES, encoder, decoder)
    assert not model.is_multilingual
    assert transcribe(model, [np.zeros(16000, np.float32)], 5) == ["I'm"]
    first, second = told[:2]
    assert first["tokens"].shape == (5, 1) and first["past_keys_0"].shape == (5, 1, 4, 0)
    assert second["tokens"].shape == (5, 1) and second["past_keys_0"].shape == (5, 1, 4, 1)
    assert second["cross_keys_0"].shape == (1, 1, 4, 1500)
    # All beams but one follow from the same one: their past was reordered with them.
    assert any(len(set(feed["past_values_0"][:, 0, 0, 0])) < 5 for feed in told[1:])
