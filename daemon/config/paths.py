"""Where models are on the disk. A module of its own: the daemon needs it too, and must not import what loads models."""

import os
from pathlib import Path


def packaged() -> Path:
    """Return the folder of models that were put together from packages."""
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("CACHE_DIRECTORY") or str(Path.home() / ".cache")
    return Path(home) / "transcribed" / "models"


def hugging_face() -> Path:
    """Return the folder of downloaded models, by huggingface_hub's own rule."""
    hub = os.environ.get("HF_HUB_CACHE")
    home = os.environ.get("HF_HOME") or str(Path.home() / ".cache" / "huggingface")
    return Path(hub) if hub else Path(home) / "hub"
