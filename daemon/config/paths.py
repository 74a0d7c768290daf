"""Where models are on the disk. A module of its own: the daemon needs it too, and must not import what loads models."""

import os
from pathlib import Path


def expanded(path: Path) -> Path:
    """Return a path with its `~` replaced by the home of that user.

    Raises:
        ValueError: There is no such user.
    """
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"{path}: there is no such user") from error


def located(model: str, base: Path) -> str:
    """Return the absolute path of a model that is a folder, and of others the name.

    A folder is told by its slash, as in `./base`: a name without one is never a folder that happens to be there.

    Args:
        model: A name, a Hugging Face id (owner/name) or a folder.
        base: What a relative path is relative to.
    """
    folder = str(base / model)
    return folder if "/" in model and os.path.isdir(folder) else model


def packaged() -> Path:
    """Return the folder of models that were put together from packages."""
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("CACHE_DIRECTORY") or str(Path.home() / ".cache")
    return Path(home) / "transcribed" / "models"


def hugging_face() -> Path:
    """Return the folder of downloaded models, by huggingface_hub's own rule."""
    hub = os.environ.get("HF_HUB_CACHE")
    home = os.environ.get("HF_HOME") or str(Path.home() / ".cache" / "huggingface")
    return Path(hub) if hub else Path(home) / "hub"
