"""openai-whisper's own loop and search on networks of another runtime, so that only the networks differ."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np

from daemon.bench.runtimes.convert import is_multilingual
from daemon.bench.runtimes.networks import Feed, Network, no_past

FIRST_LANGUAGES = 51765
"""openai-whisper counts languages by what the vocabulary has beyond this."""
FALLBACK_SAMPLES = 5
"""How many texts are sampled at temperatures above 0: faster-whisper's default, and that of the program `whisper`."""


class Model:
    """What `whisper.transcribe` needs of a model. It is used by one thread, for one window at a time.

    Args:
        sizes: The sizes of the model under openai-whisper's names.
        encoder: Gives the cross keys and values of a window.
        decoder: Gives the logits of new tokens, and the keys and values for the next ones.
    """

    def __init__(self, sizes: dict[str, int], encoder: Network, decoder: Network) -> None:
        import torch

        self.dims = SimpleNamespace(**sizes)
        self.device = torch.device("cpu")
        self.is_multilingual = is_multilingual(sizes)
        self.num_languages = sizes["n_vocab"] - FIRST_LANGUAGES - self.is_multilingual
        self.decoder = Decoder(sizes, decoder)
        self._encoder = encoder

    def encoder(self, mel: Any) -> Any:
        """Encode a window, and return something of the shape that the loop asks for: the decoder keeps the rest."""
        import torch

        self.decoder.heard = self._encoder({"mel": mel.numpy()})
        return torch.zeros(mel.shape[0], 1)

    def logits(self, tokens: Any, features: Any) -> Any:
        """Return the logits of tokens that follow nothing."""
        return self.decoder(tokens, features, kv_cache={})

    def detect_language(self, mel: Any) -> Any:
        """Detect the language as openai-whisper does."""
        from whisper.decoding import detect_language

        return detect_language(self, mel)

    def decode(self, mel: Any, options: Any) -> Any:
        """Search as openai-whisper does."""
        from whisper.decoding import decode

        return decode(self, mel, options)

    def install_kv_cache_hooks(self) -> tuple[dict[Any, Any], list[Any]]:
        """Return an empty cache; the loop reorders what it holds of each layer when beams change."""
        return {}, []


class Decoder:
    """The decoder as the loop calls it, with a cache of its own in the loop's dictionary."""

    def __init__(self, sizes: dict[str, int], network: Network) -> None:
        layers = range(sizes["n_text_layer"])
        self.blocks = [
            SimpleNamespace(attn=SimpleNamespace(key=f"keys_{number}", value=f"values_{number}")) for number in layers
        ]
        self.heard: Feed = {}
        self._sizes = sizes
        self._network = network

    def __call__(self, tokens: Any, _features: Any, kv_cache: dict[Any, Any]) -> Any:
        """Return the logits of new tokens (batch, new, vocabulary), and put their keys and values into the cache."""
        import torch

        past = {f"past_{name}": each.numpy() for name, each in kv_cache.items()}
        past = past or no_past(self._sizes, tokens.shape[0])
        found = self._network({"tokens": tokens.numpy(), **past, **self.heard})
        for name, each in found.items():
            if name != "logits":
                kv_cache[name.removeprefix("next_")] = torch.from_numpy(each)
        return torch.from_numpy(found["logits"])


def transcribe(model: Any, audio: Iterable[Any], beam: int) -> list[str]:
    """Transcribe recordings (float32 samples at 16 kHz) with openai-whisper's loop."""
    from whisper.transcribe import transcribe as loop

    return [
        loop(model, np.asarray(each), beam_size=beam, best_of=FALLBACK_SAMPLES, fp16=False)["text"].strip()
        for each in audio
    ]
