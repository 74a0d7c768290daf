"""The language of the page that is being made: chosen by who looks, or by the browser; and texts in it.

Whoever writes a page marks each text: `_("Search")` and `ngettext("{count} line", "{count} lines", count)` in
templates, `Message("there is no job {job}", job=7)` in Python, `t` and `tn` (`static/texts.js`) in scripts. The English
text is the key in the catalogs.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Self

from starlette.requests import HTTPConnection

from daemon.web.catalogs import CATALOGS, ENGLISH, Catalog

COOKIE = "language"
VARIES_BY = "Accept-Language, Cookie"
ADDRESS_MAX = 9000
"""Characters of an address that somebody can be led back to."""
ACCEPTED_MAX = 1000
"""Characters of what a browser accepts that are looked at."""
RANGE = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?")
"""One language that a browser accepts, and how gladly (RFC 9110, 12.5.4)."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """The request that is being answered."""

    language: str = ENGLISH
    address: str = "/"
    """Where somebody is who has chosen another language."""


NO_REQUEST = _Asked()
_asked: ContextVar[_Asked] = ContextVar("asked", default=NO_REQUEST)


class Message(str):
    """A text for a person or a program: in English wherever it is a text, and in the language of who looks on a page.

    Args:
        english: The text.
        values: What takes the places in it.
    """

    english: str
    values: dict[str, Any]

    def __new__(cls, english: str, **values: Any) -> Self:
        """Return the text in English."""
        made = super().__new__(cls, english.format(**values))
        made.english, made.values = english, values
        return made

    @property
    def translated(self) -> str:
        """It as a page shows it."""
        return gettext(self.english, **self.values)


def preferred(cookie: str | None, accepted: str) -> str:
    """Return the code of the language of a request. Pure.

    Args:
        cookie: What was chosen on the page.
        accepted: The languages that the browser accepts (Accept-Language).
    """
    if cookie is not None and cookie in CATALOGS:
        return cookie
    wanted = [found for part in accepted[:ACCEPTED_MAX].split(",") if (found := RANGE.fullmatch(part))]
    wanted.sort(key=lambda found: -float(found[2] or 1))
    codes = (found[1].lower() for found in wanted if float(found[2] or 1) > 0)
    return next((code for code in codes if code in CATALOGS), ENGLISH)


@contextmanager
def answering(request: HTTPConnection, method: str) -> Iterator[None]:
    """Let everything that is made for a request be in its language."""
    url = request.url
    address = url.path + (f"?{url.query}" if url.query else "")
    language = preferred(request.cookies.get(COOKIE), request.headers.get("accept-language", ""))
    is_page = method == "GET" and len(address) <= ADDRESS_MAX
    token = _asked.set(_Asked(language, address if is_page else "/"))
    try:
        yield
    finally:
        _asked.reset(token)


def language() -> str:
    """Return the code of the language of the present request."""
    return _asked.get().language


def address() -> str:
    """Return the address of the page of the present request, or of the first page where it has none."""
    return _asked.get().address


def catalog() -> Catalog:
    """Return the catalog of the present request."""
    return CATALOGS[language()]


def gettext(english: str, /, **values: Any) -> str:
    """Return a text in the language of the present request.

    Args:
        english: The text, with the names of values in braces.
        values: The values.
    """
    return catalog().text(english).format(**values)


def ngettext(one: str, other: str, count: int, /, **values: Any) -> str:
    """Return a text that counts something, in the language of the present request.

    Args:
        one: It in English for one of them.
        other: It in English for any other number; `{count}` is the number.
        count: How many there are.
        values: Other values.
    """
    return catalog().counted(one, other, count).format(count=count, **values)


def term(kind: str, word: str) -> str:
    """Return what people call a word of the database, such as the state of a job, or a key of the keyboard.

    Args:
        kind: One of the tables `terms` in the catalogs, such as `states`.
        word: The word; one that is not there stays as it is.
    """
    return catalog().term(kind, word)


def keys(together: str) -> str:
    """Return how keyboards name keys, such as "Shift+Enter"."""
    return "+".join(term("keys", key) for key in together.split("+"))


def shown(message: str) -> str:
    """Return a message in the language of the present request, as far as it is one of the page's own."""
    return message.translated if isinstance(message, Message) else message


def is_english(message: str) -> bool:
    """Return whether a message stays in English on every page, for it comes from the daemon."""
    return not isinstance(message, Message)


FOR_TEMPLATES: dict[str, Any] = {
    "_": gettext,
    "ngettext": ngettext,
    "term": term,
    "keys": keys,
    "shown_message": shown,
    "is_english": is_english,
    "catalog": catalog,
    "catalogs": CATALOGS,
    "page_language": language,
    "page_address": address,
}
"""What templates call. None of it is a filter: what a filter makes of a constant is computed when they are compiled."""
