"""Tiny models of the shapes and files that exports for onnx-asr have, whose texts are known.

They hear where a recording is louder than on the average, which is where they say the next word of their script: so what
comes out, when and how probable it is can be asserted. One frame is 80 ms.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

MELS, DIMENSIONS, LAYERS = 80, 2, 2
FRAME_S = 0.08
DURATIONS = 5
"""A TDT token lasts 0 to 4 frames."""
STEP_S = 4 * FRAME_S
"""In these models each token lasts four, so a long sound is a word every 0.32 s."""
BLANK, END = "<blk>", "<|endoftext|>"
PROMPT = (
    "▁", "<|startofcontext|>", "<|startoftranscript|>", "<|emo:undefined|>", "<|pnc|>", "<|noitn|>", "<|notimestamp|>",
    "<|nodiarize|>", END,
)  # fmt: skip
"""What a vocabulary of Canary has besides text and languages."""
Script = Sequence[tuple[str, float]]
"""Tokens in their order, `▁` for a space, and how probable each is."""
FLOAT, INT, LONG = TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64


def make_tdt(
    folder: Path, script: Script, quantization: str = "", sounds_like: Script | None = None, **config: object
) -> Path:
    """A Parakeet-TDT: encoder, and prediction network with joint network, which know the next token by the last one.

    Its vocabulary is that of the script, also if it says something else.
    """
    vocabulary = [*dict.fromkeys(token for token, _ in script), BLANK]
    size = len(vocabulary)
    rows = np.full((size, size + DURATIONS), -9.0, np.float32)
    rows[:, :size] = _follow(vocabulary, sounds_like or script, start=BLANK)
    rows[:, -1] = 9.0
    silence = np.full((1, size + DURATIONS), -9.0, np.float32)
    silence[0, size - 1] = silence[0, size + 1] = 9.0  # blank, for one frame
    encoder = [
        *_heard("outputs"),
        *_encoded_lengths("encoded_lengths"),
    ]
    _save(
        folder / f"encoder-model{quantization}.onnx", encoder, [_audio(), _lengths()],
        [_value("outputs", FLOAT, "batch", DIMENSIONS, "frames"), _value("encoded_lengths", LONG, "batch")],
        **_ear(), **_ints(one=1, eight=8),
    )  # fmt: skip
    state = ("layers", LAYERS), ("batch", 1), ("hidden", 3)
    states = [
        _value(f"{way}_states_{nth}", FLOAT, *(n for _, n in state)) for way in ("input", "output") for nth in (1, 2)
    ]
    joint = [
        helper.make_node("Slice", ["encoder_outputs", "zero", "one", "axis"], ["first"]),
        helper.make_node("Squeeze", ["first", "both"], ["level"]),
        helper.make_node("Greater", ["level", "nothing"], ["is_loud"]),
        helper.make_node("Squeeze", ["targets", "axis"], ["last"]),
        helper.make_node("Gather", ["rows", "last"], ["said"]),
        helper.make_node("Where", ["is_loud", "said", "silence"], ["chosen"]),
        helper.make_node("Unsqueeze", ["chosen", "outer"], ["outputs"]),
        *(helper.make_node("Identity", [f"input_states_{nth}"], [f"output_states_{nth}"]) for nth in (1, 2)),
        helper.make_node("Identity", ["target_length"], ["prednet_lengths"]),
    ]
    _save(
        folder / f"decoder_joint-model{quantization}.onnx", joint,
        [
            _value("encoder_outputs", FLOAT, "batch", DIMENSIONS, 1), _value("targets", INT, "batch", 1),
            _value("target_length", INT, "batch"), *states[:2],
        ],
        [_value("outputs", FLOAT, 1, 1, 1, size + DURATIONS), _value("prednet_lengths", INT, "batch"), *states[2:]],
        rows=rows, silence=silence, nothing=np.zeros((1, 1), np.float32),
        zero=np.array([0]), one=np.array([1]), axis=np.array([1]), both=np.array([2]), outer=np.array([0, 1]),
    )  # fmt: skip
    return _described(folder, vocabulary, model_type="nemo-conformer-tdt", **config)


def make_ctc(folder: Path, script: Script, frames: Sequence[int], **config: object) -> Path:
    """A Parakeet-CTC that says the tokens of its script in these frames and the ones after them, where there is sound."""
    vocabulary = [*dict.fromkeys(token for token, _ in script), BLANK]
    size = len(vocabulary)
    rows = np.tile(_logprobs(size, size - 1, 0.99), (400, 1))
    for (token, probability), frame in zip(script, frames, strict=True):
        rows[frame] = rows[frame + 1] = _logprobs(size, vocabulary.index(token), probability)
    nodes = [
        *_heard("outputs"),
        helper.make_node("Slice", ["outputs", "zero", "one", "axis"], ["first"]),
        helper.make_node("Transpose", ["first"], ["level"], perm=[0, 2, 1]),
        helper.make_node("Greater", ["level", "nothing"], ["is_loud"]),
        helper.make_node("Shape", ["outputs"], ["count"], start=2),
        helper.make_node("Slice", ["rows", "zero", "count"], ["said"]),
        helper.make_node("Where", ["is_loud", "said", "silence"], ["logprobs"]),
    ]
    _save(
        folder / "model.onnx", nodes, [_audio(), _lengths()], [_value("logprobs", FLOAT, "batch", "frames", size)],
        **_ear(), rows=rows, silence=_logprobs(size, size - 1, 0.99)[None, None], nothing=np.zeros((1, 1, 1), np.float32),
        zero=np.array([0]), one=np.array([1]), axis=np.array([1]),
    )  # fmt: skip
    return _described(folder, vocabulary, model_type="nemo-conformer-ctc", **config)


def make_aed(folder: Path, scripts: Mapping[str, Script], *, ends: bool = True, **config: object) -> Path:
    """A Canary with a script for each language that it writes.

    It says as many tokens as it hears loud frames, and goes on with nonsense after the end, as real ones may. One that
    does not end says its script for ever.
    """
    texts = dict.fromkeys(token for script in scripts.values() for token, _ in script)
    vocabulary = [*PROMPT, *(f"<|{code}|>" for code in scripts), *texts]
    size, end = len(vocabulary), vocabulary.index(END)
    rows = np.full((size, size, size), -9.0, np.float32)
    for code, script in scripts.items():
        rows[vocabulary.index(f"<|{code}|>")] = _follow(
            vocabulary, script, start="<|nodiarize|>", last=END if ends else ""
        )
    encoder = [
        *_heard("heard"),
        helper.make_node("Transpose", ["heard"], ["encoder_embeddings"], perm=[0, 2, 1]),
        *_encoded_lengths("frames"),
        helper.make_node("Shape", ["heard"], ["count"], start=2),
        helper.make_node("Squeeze", ["count", "zero"], ["until"]),
        helper.make_node("Range", ["nought", "until", "step"], ["range"]),
        helper.make_node("Unsqueeze", ["frames", "one"], ["column"]),
        helper.make_node("Less", ["range", "column"], ["mask"]),
        helper.make_node("Cast", ["mask"], ["encoder_mask"], to=LONG),
    ]
    _save(
        folder / "encoder-model.onnx", encoder, [_audio(), _lengths()],
        [_value("encoder_embeddings", FLOAT, "batch", "frames", DIMENSIONS), _value("encoder_mask", LONG, "batch", "frames")],
        **_ear(), **_ints(one=1, eight=8, zero=0), nought=np.array(0), step=np.array(1),
    )  # fmt: skip
    decoder = [
        # What the decoder remembers of a token is its number.
        helper.make_node("Cast", ["input_ids"], ["numbers"], to=FLOAT),
        helper.make_node("Unsqueeze", ["numbers", "outer"], ["newest"]),
        helper.make_node("Concat", ["decoder_mems", "newest"], ["decoder_hidden_states"], axis=2),
        helper.make_node("Gather", ["decoder_hidden_states", "target"], ["written"], axis=2),
        helper.make_node("Gather", ["decoder_hidden_states", "newest_at"], ["last"], axis=2),
        helper.make_node("Concat", ["written", "last"], ["pair"], axis=3),
        helper.make_node("Squeeze", ["pair", "layer_and_place"], ["row"]),
        helper.make_node("Cast", ["row"], ["place"], to=LONG),
        helper.make_node("GatherND", ["rows", "place"], ["said"]),
        # As many tokens as loud frames.
        helper.make_node("Gather", ["encoder_embeddings", "newest_at_first"], ["level"], axis=2),
        helper.make_node("Greater", ["level", "nothing"], ["loud"]),
        helper.make_node("Cast", ["loud"], ["loud_numbers"], to=LONG),
        helper.make_node("Unsqueeze", ["encoder_mask", "third"], ["masks"]),
        helper.make_node("Mul", ["loud_numbers", "masks"], ["heard"]),
        helper.make_node("ReduceSum", ["heard", "inner"], ["count"], keepdims=0),
        helper.make_node("Shape", ["decoder_hidden_states"], ["length"], start=2, end=3),
        helper.make_node("Sub", ["length", "prompt"], ["written_count"]),
        helper.make_node("GreaterOrEqual", ["written_count", "count"], ["is_over"]),
        helper.make_node("Equal", ["row_last", "end_number"], ["is_ended"]),
        helper.make_node("Not", ["is_ended"], ["is_open"]),
        helper.make_node("And", ["is_over", "is_open"], ["ends"]),
        helper.make_node("Unsqueeze", ["ends", "one"], ["ends_column"]),
        helper.make_node("Where", ["ends_column", "ending", "said"], ["chosen"]),
        helper.make_node("Unsqueeze", ["chosen", "one"], ["logits"]),
    ]
    last = [
        helper.make_node("Squeeze", ["last", "all_but_batch"], ["row_last"]),
    ]
    decoder[8:8] = last
    _save(
        folder / "decoder-model.onnx", decoder,
        [
            _value("input_ids", LONG, "batch", "input_len"), _value("encoder_embeddings", FLOAT, "batch", "frames", DIMENSIONS),
            _value("encoder_mask", LONG, "batch", "frames"), _value("decoder_mems", FLOAT, 1, "batch", "mems", 1),
        ],
        [_value("logits", FLOAT, "batch", 1, size), _value("decoder_hidden_states", FLOAT, 1, "batch", "length", 1)],
        rows=rows, ending=_logprobs(size, end, 0.99)[None], nothing=np.zeros((1, 1, 1), np.float32),
        outer=np.array([0, 3]), target=np.array([5]), newest_at=np.array([-1]), newest_at_first=np.array([0]),
        layer_and_place=np.array([0, 2]), all_but_batch=np.array([0, 2, 3]), third=np.array([2]), inner=np.array([1, 2]),
        prompt=np.array([10 if ends else 10_000]), one=np.array([1]), end_number=np.array([end], np.float32),
    )  # fmt: skip
    return _described(folder, vocabulary, model_type="nemo-conformer-aed", **config)


def sound(*loud_s: tuple[float, float], length_s: float) -> bytes:
    """Digital silence with noise between these times, as int16 samples at 16 kHz."""
    samples = np.zeros(round(length_s * 16_000), "<i2")
    noise = np.random.default_rng(0)
    for start, end in loud_s:
        samples[round(start * 16_000) : round(end * 16_000)] = noise.normal(
            0, 3000, round(end * 16_000) - round(start * 16_000)
        )
    return samples.tobytes()


def _follow(vocabulary: Sequence[str], script: Script, start: str, last: str = "") -> NDArray[np.float32]:
    """For each token the log-probabilities of the one after it: the script from its start, round and round or to `last`."""
    size = len(vocabulary)
    rows = np.tile(_logprobs(size, vocabulary.index(script[0][0]), script[0][1]), (size, 1))
    before = start
    for token, probability in script:
        rows[vocabulary.index(before)] = _logprobs(size, vocabulary.index(token), probability)
        before = token
    if last:
        rows[vocabulary.index(before)] = _logprobs(size, vocabulary.index(last), 0.99)
    return rows


def _logprobs(size: int, chosen: int, probability: float) -> NDArray[np.float32]:
    row = np.full(size, np.log((1 - probability) / (size - 1)), np.float32)
    row[chosen] = np.log(probability)
    return row


def _heard(name: str) -> list[onnx.NodeProto]:
    """The mean of eight frames of 10 ms, above 0 where it is louder than on the average: one layer, with a stride of eight."""
    return [helper.make_node("Conv", ["audio_signal", "weights"], [name], kernel_shape=[8], strides=[8], pads=[0, 7])]


def _ear() -> dict[str, NDArray[np.float32]]:
    return {"weights": np.full((DIMENSIONS, MELS, 8), 1 / (8 * MELS), np.float32)}


def _encoded_lengths(name: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Sub", ["length", "one"], ["less"]),
        helper.make_node("Div", ["less", "eight"], ["steps"]),
        helper.make_node("Add", ["steps", "one"], [name]),
    ]


def _ints(**values: int) -> dict[str, NDArray[np.int64]]:
    return {name: np.array([value]) for name, value in values.items()}


def _audio() -> onnx.ValueInfoProto:
    return _value("audio_signal", FLOAT, "batch", MELS, "time")


def _lengths() -> onnx.ValueInfoProto:
    return _value("length", LONG, "batch")


def _value(name: str, kind: int, *shape: str | int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _save(
    file: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    **constants: NDArray[np.generic],
) -> None:
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, file.stem, inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    file.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, file)


def _described(folder: Path, vocabulary: Sequence[str], **config: object) -> Path:
    lines = [f"{token} {number}\n" for number, token in enumerate(vocabulary)]
    (folder / "vocab.txt").write_text("".join(lines), "utf-8")
    (folder / "config.json").write_text(json.dumps({"features_size": MELS, "subsampling_factor": 8, **config}))
    return folder
