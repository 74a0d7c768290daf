"""Writes a CTranslate2 Whisper model as a file for whisper.cpp, with the very same weights in float16.

The layout is that of whisper.cpp's own converter (magic number, dimensions, mel filters, vocabulary, tensors).
"""

import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray
from tokenizers import Tokenizer

from daemon.bench.runtimes.convert import dimensions, renamed
from daemon.engine.generate.model_bin import read_weights

MAGIC = 0x67676D6C
F32, F16 = 0, 1
FFT_BINS = 201


def write_ggml(folder: Path, target: Path) -> None:
    """Write the model of a CTranslate2 folder for whisper.cpp."""
    weights = read_weights(folder / "model.bin")
    sizes = dimensions(weights)
    with target.open("wb") as out:
        fields = (
            "n_vocab", "n_audio_ctx", "n_audio_state", "n_audio_head", "n_audio_layer",
            "n_text_ctx", "n_text_state", "n_text_head", "n_text_layer", "n_mels",
        )  # fmt: skip
        out.write(struct.pack("<I11i", MAGIC, *(sizes[name] for name in fields), F16))
        filters = FeatureExtractor(feature_size=sizes["n_mels"]).mel_filters.astype(np.float32)
        out.write(struct.pack("<2i", sizes["n_mels"], FFT_BINS) + filters.tobytes())
        _write_vocabulary(out, folder)
        for name, array in renamed(weights).items():
            _write_tensor(out, name, array)


def words(folder: Path) -> list[bytes]:
    """Return the text of each token that is one, of the model of a CTranslate2 folder."""
    vocabulary: dict[str, int] = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab(with_added_tokens=True)
    text_of = {number: token for token, number in vocabulary.items()}
    letters = _byte_of_letter()
    found = []
    for number in range(vocabulary["<|endoftext|>"]):
        token = text_of[number]
        found.append(bytes(letters[letter] for letter in token) if set(token) <= set(letters) else token.encode())
    return found


def _write_vocabulary(out: BinaryIO, folder: Path) -> None:
    # whisper.cpp names the special tokens itself.
    found = words(folder)
    out.write(struct.pack("<i", len(found)))
    for raw in found:
        out.write(struct.pack("<i", len(raw)) + raw)


def _byte_of_letter() -> dict[str, int]:
    """Return GPT-2's byte-level alphabet: printable bytes are themselves, the others are letters from U+0100 on."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + at): byte for at, byte in enumerate(others)}


def _write_tensor(out: BinaryIO, name: str, array: NDArray[Any]) -> None:
    if name in ("encoder.conv1.bias", "encoder.conv2.bias"):
        array = array.reshape(-1, 1)
    exact = array.ndim < 2 or name in (
        "encoder.conv1.bias", "encoder.conv2.bias", "encoder.positional_embedding", "decoder.positional_embedding",
    )  # fmt: skip
    data = np.ascontiguousarray(array.astype(np.float32 if exact else np.float16))
    encoded = name.encode()
    out.write(struct.pack("<3i", data.ndim, len(encoded), F32 if exact else F16))
    out.write(struct.pack(f"<{data.ndim}i", *reversed(data.shape)) + encoded + data.tobytes())
