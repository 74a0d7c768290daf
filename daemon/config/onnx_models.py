"""Models that the engine `onnx` knows by name: where they are on the hub, and what they can do. Pure."""

from dataclasses import dataclass
from pathlib import PurePath

EUROPEAN = tuple("en bg cs da de el es et fi fr hr hu it lt lv mt nl pl pt ro ru sk sl sv uk".split())
"""The languages of Parakeet-TDT 0.6B v3 and of Canary 1B v2, by their model cards."""
FLASH = ("en", "de", "es", "fr")
"""The languages of Canary 1B, 1B flash and 180M flash, by their model cards."""
ENGLISH = ("en",)
RUSSIAN = ("ru",)

REPOSITORIES = {
    "nemo-parakeet-tdt-0.6b-v3": "istupakov/parakeet-tdt-0.6b-v3-onnx",
    "nemo-parakeet-tdt-0.6b-v2": "istupakov/parakeet-tdt-0.6b-v2-onnx",
    "nemo-parakeet-ctc-0.6b": "istupakov/parakeet-ctc-0.6b-onnx",
    "nemo-parakeet-rnnt-0.6b": "istupakov/parakeet-rnnt-0.6b-onnx",
    "nemo-canary-1b-v2": "istupakov/canary-1b-v2-onnx",
    "nemo-fastconformer-ru-ctc": "istupakov/stt_ru_fastconformer_hybrid_large_pc_onnx",
    "nemo-fastconformer-ru-rnnt": "istupakov/stt_ru_fastconformer_hybrid_large_pc_onnx",
    "gigaam-v3-ctc": "istupakov/gigaam-v3-onnx",
    "gigaam-v3-rnnt": "istupakov/gigaam-v3-onnx",
    "gigaam-v3-e2e-ctc": "istupakov/gigaam-v3-onnx",
    "gigaam-v3-e2e-rnnt": "istupakov/gigaam-v3-onnx",
}
"""Short names, as onnx-asr has them -> where the model is on the Hugging Face hub."""

LANGUAGES = {
    "parakeet-tdt-0.6b-v3": EUROPEAN,
    "parakeet-tdt-0.6b-v2": ENGLISH,
    "parakeet-tdt-1.1b": ENGLISH,
    "parakeet-tdt-ctc-110m": ENGLISH,
    "parakeet-tdt-ctc-1.1b": ENGLISH,
    "parakeet-ctc-0.6b": ENGLISH,
    "parakeet-ctc-1.1b": ENGLISH,
    "parakeet-rnnt-0.6b": ENGLISH,
    "parakeet-rnnt-1.1b": ENGLISH,
    "canary-1b-v2": EUROPEAN,
    "canary-1b-flash": FLASH,
    "canary-180m-flash": FLASH,
    "canary-1b": FLASH,
    "fastconformer-ru-ctc": RUSSIAN,
    "fastconformer-ru-rnnt": RUSSIAN,
    "stt-ru-fastconformer-hybrid-large-pc": RUSSIAN,
    "gigaam-v2": RUSSIAN,
    "gigaam-v3": RUSSIAN,
    "gigaam-v3-ctc": RUSSIAN,
    "gigaam-v3-rnnt": RUSSIAN,
    "gigaam-v3-e2e-ctc": RUSSIAN,
    "gigaam-v3-e2e-rnnt": RUSSIAN,
    "vosk-model-ru": RUSSIAN,
    "vosk-model-small-ru": RUSSIAN,
    "t-one": RUSSIAN,
}
"""The models that are known, by their names without what says how they were exported."""

EXPORTED = ("onnx", "int8", "fp16", "fp32", "smoothquant")
"""What the names of exports end in. Other endings may be those of models that were trained further."""
FOR_WHISPER = ("int8_float16", "int8_float32", "int8_bfloat16", "bfloat16", "int16")
"""Compute types that files of these models never have."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a model's name tells."""

    languages: tuple[str, ...]
    is_told: bool
    """Whether it must be told what is spoken, as Canary must, which then translates, too."""


def known(model: str) -> Known | None:
    """Return what the name of a model tells, be it a short name, an id on the hub or a folder; None: nothing."""
    words = PurePath(model).name.lower().replace("_", "-").removeprefix("nemo-").split("-")
    while len(words) > 1 and words[-1] in EXPORTED:
        words.pop()
    name = "-".join(words)
    return Known(LANGUAGES[name], name.startswith("canary")) if name in LANGUAGES else None


def lacking(model: str, language: str, task: str) -> str:
    """Return why a model cannot do a task in a language, as far as its name tells; "" if it can or nobody knows."""
    can = known(model)
    if can is None:
        return ""
    if language not in ("auto", *can.languages):
        return f"{model!r} knows no {language!r}, only {', '.join(can.languages)}"
    if task != "transcribe" and not can.is_told:
        return f"{model!r} cannot translate: of these models only Canary can"
    if can.is_told and language == "auto":
        return f"{model!r} cannot tell which language is spoken: set language to one of {', '.join(can.languages)}"
    return ""
