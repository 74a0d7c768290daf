"""Where the log of a command goes."""

import logging
import sys

from daemon.systemd import JournalFormatter, is_journal


def log_to_stderr(level: int) -> None:
    """Log one line per event; the journal adds the time itself, and takes the level from the line."""
    handler = logging.StreamHandler(sys.stderr)
    if is_journal(sys.stderr):
        handler.setFormatter(JournalFormatter("%(levelname)s %(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    for noisy in ("alembic", "watchdog", "sqlalchemy", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
