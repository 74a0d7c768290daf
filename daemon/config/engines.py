"""The engines that can be named in the configuration, and what they may do with a bad result."""

from difflib import get_close_matches

ENGINES = {"whisper": "daemon.engine.loader", "onnx": "daemon.engine.onnx.loader", "fake": "daemon.engine.fake"}
"""Name -> module with a `load`; `fake`, for tests, hears noise as text. A name with a dot is a module of the user's."""

WHISPER = "whisper"
"""The engine that is used unless another one is configured."""
ONNX = "onnx"
"""Models for ONNX Runtime, such as Parakeet and Canary; it needs `transcribed[onnx]`."""

NO_DEVICE = "none"
"""The `model.device` of a machine on which no engine runs; those of `[[engines]]` do."""
ELSEWHERE = "elsewhere"
"""How models of `[[engines]]` are told from those of this machine; nothing that `model.engine` can name."""
LOCAL, AUTO = "local", "auto"
"""Addresses of a cluster: one that is started here for the daemon alone; the one that this machine is part of."""
ELSEWHERE_MODULE = "daemon.engine.elsewhere.loader"

CTRANSLATE2, ONNXRUNTIME = "ctranslate2", "onnxruntime"
"""What can generate the texts of Whisper models, as `model.decoder` has it."""

POLICIES = ("whisper", "greedy", "elsewhere", "accept")
"""What is done when a result is bad: `daemon.transcribe.policies` has them under these names."""


def qualified(model: str, engine: str) -> str:
    """Return a model's name as it is stored and shown.

    Another engine's models may have the names of Whisper's, and what one has transcribed is not the other's.
    """
    return model if engine == WHISPER else f"{engine}:{model}"


def module_of(engine: str) -> str:
    """Return the module of an engine.

    Raises:
        ValueError: there is none of this name; the message suggests the nearest one.
    """
    if engine in ENGINES:
        return ENGINES[engine]
    if "." in engine and all(part.isidentifier() for part in engine.split(".")):
        return engine
    nearest = get_close_matches(engine.lower(), ENGINES, n=1) or [WHISPER]
    raise ValueError(f"must be an engine such as {nearest[0]!r} or a module of your own such as 'my_package.engine'")


def knows_english_only(name: str) -> bool:
    """Tell whether a Whisper model knows no other language, as its name says."""
    return name.endswith(".en")
