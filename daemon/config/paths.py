"""Where models lie on the disk. Apart, because the daemon asks too and must not load what loads models."""

import os
from pathlib import Path


def packaged() -> Path:
    """Models that were put together from packages."""
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("CACHE_DIRECTORY") or str(Path.home() / ".cache")
    return Path(home) / "transcribed" / "models"


def hugging_face() -> Path:
    """Models that were downloaded (huggingface_hub's own rule)."""
    hub = os.environ.get("HF_HUB_CACHE")
    home = os.environ.get("HF_HOME") or str(Path.home() / ".cache" / "huggingface")
    return Path(hub) if hub else Path(home) / "hub"
