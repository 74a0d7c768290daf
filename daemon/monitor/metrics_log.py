"""Writes samples as lines of JSON to a file that is rotated."""

import json
import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

LOG_BYTES, LOG_FILES = 10_000_000, 5


class Lines:
    """Appends rows to a file; older ones are kept as .1 to .5."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handler: RotatingFileHandler | None = None
        self._told = False

    def write(self, row: dict[str, Any]) -> None:
        """Append a line; if the disk does not take it, log that once."""
        try:
            if self._handler is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._handler = _Rotating(self._path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8")
            self._handler.emit(logging.makeLogRecord({"msg": json.dumps(row, ensure_ascii=False)}))
            self._told = False
        except OSError as error:
            if not self._told:
                log.warning("samples cannot be written to %s: %s", self._path, error.strerror)
            self._told = True

    def close(self) -> None:
        """Close the file."""
        if self._handler is not None:
            self._handler.close()


class _Rotating(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802  logging's own names
        """Raise the exception that `emit` is handling, instead of printing it to stderr: the caller logs it."""
        raise
