"""Where copies of the database go."""

from datetime import UTC, datetime
from pathlib import Path

BACKUP = "{stem}-{at:%Y%m%dT%H%M%SZ}.db"


def backup_path(path: Path) -> Path:
    """Return where a backup goes that is made of a database now."""
    return path.parent / "backups" / BACKUP.format(stem=path.stem, at=datetime.now(UTC))
