"""The table of an engine on another machine: any server that speaks OpenAI's API for transcriptions."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from daemon.config.table import Table
from daemon.config.values import FileName

EXAMPLE = "http://gpubox:8642/v1"


def _server_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    # A key would end up in logs if it stood here.
    if not usable or not url.isascii() or not url.isprintable() or set(url) & set("@?# "):
        raise ValueError(f"must be an address such as '{EXAMPLE}', without user, password, '?' and '#'")
    return url.rstrip("/")


class EngineElsewhere(Table):
    """A server, and how chunks are sent to it."""

    url: Annotated[str, AfterValidator(_server_address)]
    model: str = ""
    api_key_file: FileName = ""
    ca_file: FileName = ""
    window: int = Field(4, ge=1, le=64)
