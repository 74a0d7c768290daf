"""Quantizes the networks to int8, weights and activations, with ranges measured on the shipped clips.

For OpenVINO by NNCF, for ONNX Runtime by its own quantizer: what NNCF writes for that is slower there than float32.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import decode_audio
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray
from tokenizers import Tokenizer

from daemon.bench.runtimes.convert import dimensions, is_multilingual
from daemon.bench.runtimes.graphs import MIXED, SCORES
from daemon.bench.runtimes.networks import DECODER, ENCODER, FRAMES, SIZES, Feed, no_past, onnx_runtime, write_networks
from daemon.clips import references
from daemon.engine.generate.model_bin import read_weights


def clips(folder: Path) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield (features, tokens) of the shipped clips: what the networks are given, the text of the clip before included.

    Args:
        folder: The CTranslate2 model.
    """
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    named = tokenizer.get_vocab(with_added_tokens=True).__getitem__
    sizes = dimensions(read_weights(folder / "model.bin"))
    extractor = FeatureExtractor(feature_size=sizes["n_mels"])
    earlier: list[int] = []
    for clip, text in references().items():
        features = extractor(decode_audio(str(clip)))[:, :FRAMES]
        features = np.pad(features, ((0, 0), (0, FRAMES - features.shape[1])))
        said = tokenizer.encode(f" {text}", add_special_tokens=False).ids
        begin = [named("<|startoftranscript|>")]
        if is_multilingual(sizes):
            begin += [named("<|en|>"), named("<|transcribe|>")]
        first_time = named("<|notimestamps|>") + 1
        prompt = [named("<|startofprev|>"), *earlier] if earlier else []
        tokens = [*prompt, *begin, first_time, *said, first_time + 100, named("<|endoftext|>")]
        yield features[None].astype(np.float32), np.array([tokens])
        earlier = said


def write_onnx_static(folder: Path, target: Path) -> None:
    """Write the networks for ONNX Runtime: QDQ, weights and activations of the products with weights in int8."""
    with tempfile.TemporaryDirectory(dir=target) as name:
        floats = Path(name)
        write_networks(folder, floats)
        shutil.copy(floats / SIZES, target)
        for file, feeds in zip((ENCODER, DECODER), measured(folder, floats), strict=True):
            _quantize(floats / file, target / file, feeds)


def _quantize(floats: Path, target: Path, feeds: list[Feed]) -> None:
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(feeds)

        def get_next(self) -> Feed | None:
            return next(self.left, None)

    quantize_static(
        floats,
        target,
        Reader(),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["MatMul"],
        # A share of the attention among 1500 places is less than a step of 1/255.
        nodes_to_exclude=[node.name for node in onnx.load(floats).graph.node if node.name.startswith((SCORES, MIXED))],
        per_channel=True,
        # 7 bits: the sums of 8-bit products overflow on processors without VNNI.
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options={"OpTypesToExcludeOutputQuantization": ["MatMul"]},
    )


def write_openvino_static(folder: Path, target: Path) -> None:
    """Write the networks for OpenVINO with weights and activations in int8, by NNCF."""
    import nncf
    import openvino

    write_networks(folder, target)
    for file, feeds in zip((ENCODER, DECODER), measured(folder, target), strict=True):
        made = nncf.quantize(
            openvino.Core().read_model(target / file),
            nncf.Dataset(feeds),
            subset_size=len(feeds),
            model_type=nncf.ModelType.TRANSFORMER,
            preset=nncf.QuantizationPreset.MIXED,
        )
        openvino.save_model(made, (target / file).with_suffix(".xml"))


def write_openvino_weights(folder: Path, target: Path) -> None:
    """Write the networks for OpenVINO with weights in int8, as its own converter does by default."""
    import nncf
    import openvino

    write_networks(folder, target)
    for file in (ENCODER, DECODER):
        made = nncf.compress_weights(openvino.Core().read_model(target / file))
        openvino.save_model(made, (target / file).with_suffix(".xml"))


def measured(folder: Path, networks: Path) -> tuple[list[Feed], list[Feed]]:
    """Return what encoder and decoder are run on to find the ranges of their values."""
    sizes = dimensions(read_weights(folder / "model.bin"))
    encoder = onnx_runtime(networks / ENCODER)
    sounds, steps = [], []
    for features, tokens in clips(folder):
        sounds.append({"mel": features})
        steps.append({"tokens": tokens, **no_past(sizes, 1), **encoder(sounds[-1])})
    return sounds, steps
