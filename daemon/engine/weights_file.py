"""The file with a model's weights, for who measures: it is fetched beforehand, and reports say its hash."""

from pathlib import Path

from daemon.config.engines import ONNX, WHISPER


def weights_file(name: str, engine: str) -> Path | None:
    """Return the file with most of a model's weights, downloaded if it is not here; None if only the engine knows it.

    Raises:
        Unavailable: the model cannot be found.
    """
    if engine == WHISPER:
        from daemon.engine.model_files import MODEL_FILE, resolve

        return resolve(name) / MODEL_FILE
    if engine == ONNX:
        from daemon.engine.onnx import files

        return files.resolve(name, files.AUTO["cpu"]).weights[0]
    return None
