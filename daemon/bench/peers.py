"""The peers, used as their documentation says, on the same weights.

`python -m daemon.bench.peers JSON` transcribes files and writes their texts. Every peer is called in the same way, so
that whole processes can be compared.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from daemon.bench.contenders import ENGINE_ALONE
from daemon.bench.engine_loop import engine_loop
from daemon.engine.loader import Placement, place
from daemon.engine.model_files import resolve
from daemon.errors import TranscribedError

BEAM = 5
BATCH = {"cpu": 8, "cuda": 16}
"""On a CPU, the default of faster-whisper's batched pipeline; on a GPU, what its documentation uses."""

Peer = Callable[[str, Placement, list[str]], list[str]]
"""(model, device and compute type, files) → texts."""


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
        from daemon.bench.convert import openai_whisper

        whisper: Any = openai_whisper(resolve(model))
        if not quantized:
            whisper.to(at.name)
        else:  # torch has this for CPUs only
            import torch

            whisper = torch.ao.quantization.quantize_dynamic(whisper, {torch.nn.Linear}, dtype=torch.qint8)
        return [whisper.transcribe(_audio(file), beam_size=BEAM, fp16=False)["text"].strip() for file in files]

    return run


def _whisper_cpp(model: str, _at: Placement, files: list[str]) -> list[str]:
    from pywhispercpp.model import Model

    from daemon.bench.ggml import write_ggml

    with tempfile.TemporaryDirectory(prefix="transcribed-ggml-") as folder:
        weights = Path(folder) / "ggml.bin"
        write_ggml(resolve(model), weights)
        # Sampling strategy 1 is the beam search.
        whisper = Model(str(weights), params_sampling_strategy=1, redirect_whispercpp_logs_to=None)
    language = "en" if model.endswith(".en") else "auto"
    threads = len(os.sched_getaffinity(0))
    beam = {"beam_size": BEAM, "patience": -1.0}
    texts = []
    for file in files:
        segments = whisper.transcribe(_audio(file), n_threads=threads, language=language, beam_search=beam)
        texts.append(_joined(segments))
    return texts


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
}
"""1x2: one worker with two threads, its default on two cores; 2x1: two workers with one thread each. The engine alone
is ours without the daemon; the time that the daemon takes beyond it is the daemon's overhead."""


def main() -> None:
    """Carry out the order in the first argument; on failure, say why in the last line of standard error."""
    order = json.loads(sys.argv[1])
    try:
        texts = PEERS[order["peer"]](order["model"], place(order["device"], order["compute_type"]), order["files"])
    except ModuleNotFoundError as error:
        sys.exit(f"needs the package {error.name}: pip install 'transcribed[peers]'")
    except TranscribedError as error:
        sys.exit(error.message)
    Path(order["out"]).write_text(json.dumps(texts, ensure_ascii=False), "utf-8")


if __name__ == "__main__":
    main()
