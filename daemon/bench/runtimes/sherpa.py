"""sherpa-onnx's Whisper recognizer, on the weights of a CTranslate2 model.

It wants the cache of all layers in one array, and facts about the tokens in the encoder's metadata.
"""

import base64
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from daemon.bench.runtimes.convert import is_multilingual
from daemon.bench.runtimes.ggml import words
from daemon.bench.runtimes.graphs import Graph, cross, decode, encode, graph_of
from daemon.bench.runtimes.networks import DECODER, ENCODER, cores
from daemon.chunk import SAMPLE_RATE

TOKENS = "tokens.txt"
LONGEST_S = 29.0
"""It reads no more than 29.5 s of a stream."""
SILENCE_FRAMES = 1000
"""How much silence follows the sound, in steps of 10 ms: its default. With 300 it made up quotes at the ends."""


def write_recognizer(folder: Path, target: Path) -> None:
    """Write the files of the recognizer from the model of a CTranslate2 folder, with weights in int8."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    graph = graph_of(folder)
    with tempfile.TemporaryDirectory(dir=target) as name:
        floats = Path(name)
        _write_encoder(graph, floats / ENCODER, metadata(folder, graph.sizes))
        _write_decoder(Graph(graph.weights, graph.sizes), floats / DECODER)
        for file in (ENCODER, DECODER):
            # As its own converter does, but with 7 bits: products of 8 bits overflow on processors without VNNI.
            quantize_dynamic(
                floats / file, target / file, ["MatMul"], reduce_range=True, weight_type=QuantType.QInt8,
                extra_options={"MatMulConstBOnly": True},
            )  # fmt: skip
    lines = [f"{base64.b64encode(word).decode()} {number}\n" for number, word in enumerate(words(folder))]
    (target / TOKENS).write_text("".join(lines), "utf-8")


def metadata(folder: Path, sizes: dict[str, int]) -> dict[str, Any]:
    """Return what the recognizer reads about sizes and tokens."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    vocabulary: dict[str, int] = tokenizer.get_vocab(with_added_tokens=True)
    named = vocabulary.__getitem__
    start, many = named("<|startoftranscript|>"), is_multilingual(sizes)
    # The languages stand between the start and the tasks.
    first = named("<|translate|>")
    languages = range(start + 1, first)
    codes = [str(tokenizer.id_to_token(number)).strip("<|>") for number in languages]
    return {
        **sizes,
        "model_type": "whisper",
        "sot": start,
        "sot_index": 0,
        "sot_sequence": ",".join(map(str, [start, named("<|en|>"), named("<|transcribe|>")] if many else [start])),
        "eot": named("<|endoftext|>"),
        "blank_id": named("Ġ"),
        "is_multilingual": int(many),
        "no_speech": vocabulary.get("<|nospeech|>", vocabulary.get("<|nocaptions|>")),
        "no_timestamps": named("<|notimestamps|>"),
        "transcribe": named("<|transcribe|>"),
        "translate": first,
        "all_language_tokens": ",".join(map(str, languages)),
        "all_language_codes": ",".join(codes),
    }


def transcribe(folder: Path, audio: Sequence[Any]) -> list[str]:
    """Transcribe recordings (float32 samples at 16 kHz), several at once, each on a core of its own.

    What is longer than a stream may be is cut where faster-whisper's batched mode cuts.
    """
    from sherpa_onnx import OfflineRecognizer

    def one(sound: Any) -> str:
        parts = []
        for piece in pieces(sound):
            stream = recognizer.create_stream()
            stream.accept_waveform(SAMPLE_RATE, piece)
            recognizer.decode_stream(stream)
            parts.append(stream.result.text.strip())
        return " ".join(parts)

    recognizer = OfflineRecognizer.from_whisper(
        str(folder / ENCODER), str(folder / DECODER), str(folder / TOKENS), language="", num_threads=1,
        tail_paddings=SILENCE_FRAMES,
    )  # fmt: skip
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(one, audio))


def pieces(sound: Any) -> list[Any]:
    """Cut a recording that is too long for one stream into stretches of speech."""
    from faster_whisper.vad import VadOptions, collect_chunks, get_speech_timestamps

    if len(sound) <= LONGEST_S * SAMPLE_RATE:
        return [sound]
    spans = get_speech_timestamps(sound, VadOptions(max_speech_duration_s=LONGEST_S, min_silence_duration_ms=160))
    return list(collect_chunks(sound, spans, max_duration=LONGEST_S)[0])


def _write_encoder(graph: Graph, file: Path, told: dict[str, Any]) -> None:
    import onnx

    heard = cross(graph, encode(graph, "mel"))
    outputs = [
        _stacked(graph, [pair[kind] for pair in heard], name) for kind, name in enumerate(_names("n_layer_cross"))
    ]
    inputs = {"mel": (onnx.TensorProto.FLOAT, [1, graph.sizes["n_mels"], "frames"])}
    graph.save(file, inputs, dict.fromkeys(outputs, 5), told)


def _write_decoder(graph: Graph, file: Path) -> None:
    import onnx

    floats, sizes = onnx.TensorProto.FLOAT, graph.sizes
    heads, width = sizes["n_text_head"], sizes["n_text_state"] // sizes["n_text_head"]
    shape = graph.constant([0, 0, heads, width])
    before: list[list[str]] = []
    for name, perm in zip(_names("in_n_layer_self"), ([0, 2, 3, 1], [0, 2, 1, 3]), strict=True):
        # Only what stands before the offset has been said.
        said = graph("Slice", name + "_cache", graph.constant([0]), "offset", graph.constant([2]))
        layers = _layers(graph, said)
        before.append([graph("Transpose", graph("Reshape", each, shape), perm=perm) for each in layers])
    heard = [_layers(graph, name) for name in _names("n_layer_cross")]
    pairs = list(zip(*before, strict=True))
    logits, after = decode(graph, "tokens", pairs, list(zip(*heard, strict=True)))
    outputs = {graph("Identity", logits, called="logits"): 3}
    flat = graph.constant([0, 0, sizes["n_text_state"]])
    for kind, (name, perm) in enumerate(zip(_names("out_n_layer_self"), ([0, 3, 1, 2], [0, 2, 1, 3]), strict=True)):
        said_now = [graph("Reshape", graph("Transpose", pair[kind], perm=perm), flat) for pair in after]
        outputs[_stacked(graph, said_now, name + "_cache")] = 4
    inputs: dict[str, Any] = {"tokens": (onnx.TensorProto.INT64, ["batch", "new"])}
    for name in _names("in_n_layer_self"):
        inputs[name + "_cache"] = (floats, [sizes["n_text_layer"], "batch", "cached", sizes["n_text_state"]])
    keys, values = _names("n_layer_cross")
    inputs[keys] = (floats, [sizes["n_text_layer"], 1, heads, width, "frames"])
    inputs[values] = (floats, [sizes["n_text_layer"], 1, heads, "frames", width])
    inputs["offset"] = (onnx.TensorProto.INT64, [1])
    graph.save(file, inputs, outputs, {})


def _names(kind: str) -> tuple[str, str]:
    return f"{kind}_k", f"{kind}_v"


def _stacked(graph: Graph, layers: Sequence[str], name: str) -> str:
    axis = graph.constant([0])
    return graph("Concat", *(graph("Unsqueeze", each, axis) for each in layers), axis=0, called=name)


def _layers(graph: Graph, stacked: str) -> list[str]:
    return [graph("Gather", stacked, graph.constant(number), axis=0) for number in range(graph.sizes["n_text_layer"])]
