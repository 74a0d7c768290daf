"""Who may use the page: what somebody may see and do, passwords, and tokens for programs."""

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.config.settings import Settings
from daemon.errors import TranscribedError, Unavailable
from daemon.permissions import denied

SCRYPT = {"n": 1 << 15, "r": 8, "p": 1}
"""RFC 7914: 32 MB and a tenth of a second for each try; OWASP's least is n = 2^17 alone, or this with p = 3."""
SCRYPT_MEMORY = 64 << 20
SALT_BYTES, KEY_BYTES, TOKEN_BYTES = 16, 32, 32
FILE = "web_users.json"
"""Beside the database, unless told."""
PASSWORD_LENGTH = 10
"""The least; NIST SP 800-63B asks for 8, and for 15 where a password is all there is."""
TOKEN_PREFIX = "tr-"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who uses the page."""

    name: str
    """"" for whoever is on this machine, where nobody has a password."""
    folders: tuple[str, ...] = ()
    """Only recordings below these are seen; empty for all."""
    read_only: bool = False

    def sees(self, root: str, path: bytes) -> bool:
        """Return whether somebody may see a recording."""
        whole = os.path.join(os.fsencode(root), path)
        return not self.folders or any(
            whole.startswith(os.fsencode(f"{folder.rstrip('/')}/")) for folder in self.folders
        )


ANYBODY = Person("")


@dataclass(slots=True)
class _Account:
    """What the file says of a user."""

    password: str = ""
    """scrypt:SALT:HASH, in hexadecimal; empty for who only has tokens."""
    tokens: dict[str, str] = field(default_factory=dict)
    """The names that the tokens were given -> their SHA-256: they are random, so that nothing slower is needed."""


class Users:
    """The file with the users, which another process may change at any time.

    Args:
        settings: Say where it is, and what each user may see and do.
    """

    def __init__(self, settings: Settings) -> None:
        self._web = settings.web
        self._file = Path(settings.web.users_file or settings.database_path.with_name(FILE))
        self._read_at: tuple[int, int] | None = None
        self._key = ""
        self._accounts: dict[str, _Account] = {}

    @property
    def names(self) -> list[str]:
        """The users, in the order of the alphabet."""
        self._read()
        return sorted(self._accounts)

    @property
    def key(self) -> str:
        """The secret that sessions are signed with; empty while there are no users."""
        self._read()
        return self._key

    def person(self, name: str) -> Person:
        """Return what somebody may see and do."""
        limits = self._web.users.get(name)
        return Person(name) if limits is None else Person(name, tuple(map(str, limits.folders)), limits.read_only)

    def stamp(self, name: str) -> str | None:
        """Return what a session of this user carries, so that a new password ends it; None if there is no such user."""
        self._read()
        account = self._accounts.get(name)
        return None if account is None else hashlib.sha256(account.password.encode()).hexdigest()[:16]

    def with_password(self, name: str, password: str) -> Person | None:
        """Return who has this name and password; it takes as long where there is no such name."""
        self._read()
        account = self._accounts.get(name)
        known = account.password if account is not None else ""
        salt, _, wanted = known.removeprefix("scrypt:").partition(":")
        found = _scrypt(password, bytes.fromhex(salt) if salt else bytes(SALT_BYTES))
        return self.person(name) if known and hmac.compare_digest(found, wanted) else None

    def with_token(self, token: str) -> Person | None:
        """Return whose token this is."""
        self._read()
        digest = hash_of(token)
        for name, account in self._accounts.items():
            if any(hmac.compare_digest(digest, known) for known in account.tokens.values()):
                return self.person(name)
        return None

    def set_password(self, name: str, password: str) -> None:
        """Add a user, or change the password of one.

        Raises:
            TranscribedError: It is too short.
            Unavailable: The file cannot be written.
        """
        if len(password) < PASSWORD_LENGTH:
            raise TranscribedError(f"the password is too short: {PASSWORD_LENGTH} characters are the least")
        self._read()
        salt = secrets.token_bytes(SALT_BYTES)
        account = self._accounts.setdefault(name, _Account())
        account.password = f"scrypt:{salt.hex()}:{_scrypt(password, salt)}"
        self._write()

    def add_token(self, name: str, purpose: str) -> str:
        """Return a new token for programs of a user, who is added if need be; an older one for this purpose ends.

        Raises:
            Unavailable: The file cannot be written.
        """
        self._read()
        token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        self._accounts.setdefault(name, _Account()).tokens[purpose] = hash_of(token)
        self._write()
        return token

    def remove(self, name: str) -> bool:
        """Remove a user with all tokens; return whether there was one.

        Raises:
            Unavailable: The file cannot be written.
        """
        self._read()
        if self._accounts.pop(name, None) is None:
            return False
        self._write()
        return True

    def _read(self) -> None:
        try:
            status = self._file.stat()
            if self._read_at == (status.st_ino, status.st_mtime_ns):
                return
            content: dict[str, Any] = json.loads(self._file.read_text("utf-8"))
            key, accounts = str(content["key"]), {name: _Account(**each) for name, each in content["users"].items()}
        except FileNotFoundError:
            self._read_at, self._key, self._accounts = None, "", {}
            return
        except PermissionError as error:
            raise Unavailable(*(denied(self._file) or (f"{self._file}: {error.strerror}",))) from error
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            hint = "restore it from a backup, or remove it and add the users again: transcribed web user add"
            raise Unavailable(f"{self._file} cannot be read: {error}", hint) from error
        self._read_at, self._key, self._accounts = (status.st_ino, status.st_mtime_ns), key, accounts

    def _write(self) -> None:
        """Replace the file as a whole; only its owner may read it."""
        key = self._key or secrets.token_hex(KEY_BYTES)
        users = {name: {"password": each.password, "tokens": each.tokens} for name, each in self._accounts.items()}
        fresh = self._file.with_name(f".{self._file.name}.tmp")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            fresh.unlink(missing_ok=True)
            fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                json.dump({"key": key, "users": users}, file, indent=1)
                file.flush()
                os.fsync(fd)
            fresh.replace(self._file)
        except OSError as error:
            raise Unavailable(f"{self._file} cannot be written: {error.strerror}", "see who owns the folder") from error


def _scrypt(password: str, salt: bytes) -> str:
    return hashlib.scrypt(password.encode(), salt=salt, maxmem=SCRYPT_MEMORY, **SCRYPT).hex()


def hash_of(token: str) -> str:
    """Return what is kept of a token, in hexadecimal; it is random, so that nothing slower is needed."""
    return hashlib.sha256(token.encode()).hexdigest()
