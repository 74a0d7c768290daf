"""The engine `onnx`: models that onnx-asr runs in ONNX Runtime, warm on a device (runs in the engine child)."""

import time
from typing import Any

import ctranslate2
import onnxruntime
from onnx_asr.adapters import TimestampedResultsAsrAdapter
from onnx_asr.loader import Manager, create_asr_resolver
from onnx_asr.models.nemo import NemoConformerAED
from onnx_asr.models.whisper import WhisperHf, WhisperOrt

from daemon.chunk import BOTH, ENGLISH
from daemon.engine.clip import hear_clip
from daemon.engine.devices import Placement, device_of, layout, unloadable
from daemon.engine.onnx.aed import prepared
from daemon.engine.onnx.files import ModelFiles, compute_types, languages, resolve
from daemon.engine.onnx.model import OnnxModel
from daemon.errors import ASK_THE_DOCTOR, Unavailable
from daemon.processes.protocol import LoadModel, Ready

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
ERRORS_ONLY = 3
"""ONNX Runtime's level of what it logs: it warns of much in every exported model."""


def load(order: LoadModel) -> tuple[OnnxModel, Ready]:
    """Find the model, load it on the device, and have it transcribe a clip.

    Raises:
        Unavailable: the model, the device or the compute type is not available.
    """
    began = time.monotonic()
    device, index = device_of(order.device)
    _check_provider(device)
    files = resolve(order.name, compute_types(order.compute_type, device))
    known = languages(order.name, files.folder)
    at = Placement(device, index, files.compute_type)
    runs = layout(order, device)
    loaded = _loaded(order.name, files, at, runs.cpu_threads)
    is_told = isinstance(loaded.asr, NemoConformerAED)
    model = OnnxModel(loaded, known, is_told=is_told)
    heard = hear_clip(model, language=ENGLISH if ENGLISH in known else known[0])
    return model, Ready(
        model=order.models,
        device=at.name,
        compute_type=at.compute_type,
        workers=runs.workers,
        cpu_threads=runs.cpu_threads,
        batch_size=runs.batch_size,
        devices=1 if device == "cpu" else ctranslate2.get_cuda_device_count(),
        languages=known,
        tasks=("transcribe", "translate", BOTH) if is_told and ENGLISH in known else ("transcribe",),
        word_times=not is_told,
        cut_context=True,
        policy="greedy",
        load_s=round(time.monotonic() - began, 2),
        canary=heard,
        detects=not is_told,
        prompts=False,
    )


def _check_provider(device: str) -> None:
    there = onnxruntime.get_available_providers()
    if device == "cuda" and CUDA not in there:
        raise Unavailable(
            f"there is a GPU, but the installed ONNX Runtime has no {CUDA}, only {', '.join(there)}",
            "pip uninstall onnxruntime, then pip install onnxruntime-gpu; or set model.device = 'cpu'",
        )


def _loaded(name: str, files: ModelFiles, at: Placement, threads: int) -> TimestampedResultsAsrAdapter:
    """Load the sessions of a model, which all its workers share.

    The threads of a session are its own, too: workers that run at once share all but one of them.
    """
    if create_asr_resolver(files.kind, files.folder).model_type in (WhisperHf, WhisperOrt):
        raise Unavailable(
            f"model {name!r} is a Whisper model, of which this engine gets neither times nor probabilities",
            "set model.engine = 'whisper', and model.name to a model for CTranslate2",
        )
    providers: list[Any] = [CPU] if at.device == "cpu" else [(CUDA, {"device_id": at.index}), CPU]
    try:
        manager = Manager(_options(threads), providers)
        loaded = manager.create_asr(files.kind, files.folder, quantization=files.quantization).with_timestamps()
    except Exception as error:  # its libraries raise nearly anything for files that are not what they should be
        raise unloadable(name, files.folder, at, error) from error
    _check_sessions(loaded.asr, at)
    if isinstance(loaded.asr, NemoConformerAED):
        prepared(loaded.asr)
    return loaded


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    # Threads that wait would spin, on cores that others could use.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _check_sessions(model: object, at: Placement) -> None:
    """Notice where ONNX Runtime has gone to the CPU by itself, as it does if a library of CUDA is missing."""
    sessions = [each for each in vars(model).values() if isinstance(each, onnxruntime.InferenceSession)]
    if at.device == "cuda" and not all(CUDA in each.get_providers() for each in sessions):
        raise Unavailable(
            f"ONNX Runtime cannot use {at.name}, and would compute on the CPU instead",
            f"{ASK_THE_DOCTOR}: onnxruntime-gpu needs the libraries of CUDA and cuDNN; or set model.device = 'cpu'",
        )
