"""The peers, used as their documentation says, and the schemes of quantization, all on the same weights.

`python -m daemon.bench.peers JSON` transcribes files and writes their texts. Every peer is called in the same way, so
that whole processes can be compared. Those that need the weights in files of their own write these in a run before.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from daemon.bench.contenders import ENGINE_ALONE
from daemon.bench.engine_loop import engine_loop
from daemon.bench.runtimes import genai, sherpa, static_int8
from daemon.bench.runtimes.networks import DECODER, ENCODER, SIZES, Network, cores, onnx_runtime, openvino
from daemon.bench.runtimes.whisper_loop import Model, transcribe
from daemon.engine.loader import Placement, place
from daemon.engine.model_files import resolve
from daemon.errors import TranscribedError

BEAM = 5
BATCH = {"cpu": 8, "cuda": 16}
"""On a CPU, the default of faster-whisper's batched pipeline; on a GPU, what its documentation uses."""

Peer = Callable[[str, Placement, list[str]], list[str]]
"""(model, device and compute type, files) → texts. For those in `CONVERSIONS`, the model is the folder of its files."""


def _sequential(workers: int, threads: int) -> Peer:
    def run(model: str, at: Placement, files: list[str]) -> list[str]:
        from faster_whisper import WhisperModel

        whisper = WhisperModel(
            str(resolve(model)),
            device=at.device,
            device_index=at.index,
            compute_type=at.compute_type,
            cpu_threads=threads,
            num_workers=workers,
        )

        def one(file: str) -> str:
            segments, _ = whisper.transcribe(file, beam_size=BEAM)
            return _joined(segments)

        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(one, files))

    return run


def _batched(model: str, at: Placement, files: list[str]) -> list[str]:
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    whisper = WhisperModel(str(resolve(model)), device=at.device, device_index=at.index, compute_type=at.compute_type)
    pipeline = BatchedInferencePipeline(whisper)
    return [_joined(pipeline.transcribe(file, beam_size=BEAM, batch_size=BATCH[at.device])[0]) for file in files]


def _torch(*, quantized: bool) -> Peer:
    def run(model: str, at: Placement, files: list[str]) -> list[str]:
        from daemon.bench.runtimes.convert import openai_whisper

        whisper: Any = openai_whisper(resolve(model))
        if not quantized:
            whisper.to(at.name)
        else:  # torch has this for CPUs only
            import torch

            whisper = torch.ao.quantization.quantize_dynamic(whisper, {torch.nn.Linear}, dtype=torch.qint8)
        return transcribe(whisper, map(_audio, files), BEAM)

    return run


def _whisper_cpp(model: str, _at: Placement, files: list[str]) -> list[str]:
    from pywhispercpp.model import Model

    from daemon.bench.runtimes.ggml import write_ggml

    with tempfile.TemporaryDirectory(prefix="transcribed-ggml-") as folder:
        weights = Path(folder) / "ggml.bin"
        write_ggml(resolve(model), weights)
        # Sampling strategy 1 is the beam search.
        whisper = Model(str(weights), params_sampling_strategy=1, redirect_whispercpp_logs_to=None)
    language = "en" if model.endswith(".en") else "auto"
    beam = {"beam_size": BEAM, "patience": -1.0}
    texts = []
    for file in files:
        segments = whisper.transcribe(_audio(file), n_threads=cores(), language=language, beam_search=beam)
        texts.append(_joined(segments))
    return texts


def _networks(load: Callable[[Path], Network], kind: str) -> Peer:
    """Run openai-whisper's loop on the two networks of a folder, in files of this kind."""

    def run(model: str, _at: Placement, files: list[str]) -> list[str]:
        folder = Path(model)
        encoder, decoder = (load((folder / file).with_suffix(kind)) for file in (ENCODER, DECODER))
        sizes = json.loads((folder / SIZES).read_text("utf-8"))
        return transcribe(Model(sizes, encoder, decoder), map(_audio, files), BEAM)

    return run


def _genai(beam: int) -> Peer:
    def run(model: str, _at: Placement, files: list[str]) -> list[str]:
        return genai.transcribe(Path(model), [_audio(file) for file in files], beam)

    return run


def _sherpa(model: str, _at: Placement, files: list[str]) -> list[str]:
    return sherpa.transcribe(Path(model), [_audio(file) for file in files])


def _loop_alone(_model: str, _at: Placement, files: list[str]) -> list[str]:
    """Import what openai-whisper's loop needs, and transcribe nothing: the memory that this takes is no scheme's."""
    transcribe(None, [], BEAM)
    return [""] * len(files)


def _audio(file: str) -> Any:
    """Decode a file to float32 samples in [-1, 1] at 16 kHz; openai-whisper's own reader needs the ffmpeg program."""
    from faster_whisper import decode_audio

    return decode_audio(file)


def _joined(segments: Any) -> str:
    return " ".join(segment.text.strip() for segment in segments)


PEERS: dict[str, Peer] = {
    "faster-whisper 1x2": _sequential(1, 2),
    "faster-whisper 2x1": _sequential(2, 1),
    "faster-whisper batched": _batched,
    ENGINE_ALONE: engine_loop,
    "openai-whisper float32": _torch(quantized=False),
    "openai-whisper dynamic int8": _torch(quantized=True),
    "whisper.cpp f16": _whisper_cpp,
    "OpenVINO GenAI int8": _genai(BEAM),
    "OpenVINO GenAI int8 greedy": _genai(1),
    "sherpa-onnx int8 greedy": _sherpa,
}
"""1x2: one worker with two threads, its default on two cores; 2x1: two workers with one thread each. The engine alone
is ours without the daemon; the time that the daemon takes beyond it is the daemon's overhead."""

LOOP_ALONE = "openai-whisper's packages alone"
CTRANSLATE2 = {f"CTranslate2 {kind}": kind for kind in ("float32", "int8", "int8_float16")}
"""The schemes that are compute types, in faster-whisper's sequential mode."""
SCHEMES: dict[str, Peer] = {
    "PyTorch float32": _torch(quantized=False),
    "PyTorch dynamic int8": _torch(quantized=True),
    "ONNX Runtime static int8": _networks(onnx_runtime, ".onnx"),
    "OpenVINO static int8": _networks(openvino, ".xml"),
    "OpenVINO int8 weights": _networks(openvino, ".xml"),
    **dict.fromkeys(CTRANSLATE2, _sequential(1, cores())),
}
"""What `bench quantization --schemes` compares the daemon with, in the order of the table."""

CONVERSIONS: dict[str, Callable[[Path, Path], None]] = {
    "ONNX Runtime static int8": static_int8.write_onnx_static,
    "OpenVINO static int8": static_int8.write_openvino_static,
    "OpenVINO int8 weights": static_int8.write_openvino_weights,
    "OpenVINO GenAI int8": genai.write_pipeline,
    "OpenVINO GenAI int8 greedy": genai.write_pipeline,
    "sherpa-onnx int8 greedy": sherpa.write_recognizer,
}
"""How the model in a CTranslate2 folder is written into another folder, for those that need files of their own."""


def folder_of(name: str, converted: Path) -> Path | None:
    """Return where the files of a peer are, among all that are converted: those of one conversion are shared."""
    write = CONVERSIONS.get(name)
    return None if write is None else converted / write.__name__


def main() -> None:
    """Carry out the order in the first argument; on failure, say why in the last line of standard error."""
    order = json.loads(sys.argv[1])
    name, into = order["peer"], order.get("into")
    try:
        if into is not None:
            CONVERSIONS[name](resolve(order["model"]), Path(into))
            return
        run = {**PEERS, **SCHEMES, LOOP_ALONE: _loop_alone}[name]
        texts = run(order["model"], place(order["device"], order["compute_type"]), order["files"])
    except ModuleNotFoundError as error:
        sys.exit(f"needs the package {error.name}: pip install 'transcribed[{_extra(name)}]'")
    except TranscribedError as error:
        sys.exit(error.message)
    Path(order["out"]).write_text(json.dumps(texts, ensure_ascii=False), "utf-8")


def _extra(name: str) -> str:
    return "schemes" if name in CONVERSIONS else "peers"


if __name__ == "__main__":
    main()
