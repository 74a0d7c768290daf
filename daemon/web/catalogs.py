"""What the page says in other languages than English: one TOML file each in `languages/`. Pure."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "languages"
ENGLISH = "en"

Entry = str | Mapping[str, str]
"""A translation; of a text that counts something, its forms `one` (unless the language has none) and `other`."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """The texts of a language. What is missing is shown in English."""

    tag: str
    """Names the language to browsers (BCP 47)."""
    name: str
    """As its speakers call it."""
    singular: tuple[int, ...]
    """The numbers that take the form `one`."""
    texts: Mapping[str, Entry]
    """The English texts of pages -> their translations. One that counts something stands there by its plural."""
    scripts: Mapping[str, Entry]
    """The same for what scripts say."""
    terms: Mapping[str, Mapping[str, str]]
    """Kinds of words, such as the states of jobs -> the words of the database -> what people call them; and keys."""

    def text(self, english: str) -> str:
        """Return the translation of a text."""
        found = self.texts.get(english, english)
        return found if isinstance(found, str) else english

    def counted(self, one: str, other: str, count: int) -> str:
        """Return the translation of a text that counts something.

        Args:
            one: It in English for one of them.
            other: It in English for any other number.
            count: How many there are.
        """
        is_one = count in self.singular
        found = self.texts.get(other)
        if found is None or isinstance(found, str):
            return one if count == 1 else other
        return found["one"] if is_one and "one" in found else found["other"]

    def term(self, kind: str, word: str) -> str:
        """Return what people call a word of the database."""
        return self.terms.get(kind, {}).get(word, word)


def read(file: Path) -> Catalog:
    """Return the catalog in a file.

    Raises:
        ValueError: It is none: a key is missing, or there is one too many.
    """
    content: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))
    if set(content) != set(Catalog.__dataclass_fields__):
        raise ValueError(f"{file.name} must have exactly these keys: {', '.join(Catalog.__dataclass_fields__)}")
    return Catalog(**content | {"singular": tuple(content["singular"])})


CATALOGS: Mapping[str, Catalog] = {
    ENGLISH: Catalog(ENGLISH, "English", (1,), {}, {}, {}),
    **{file.stem: read(file) for file in sorted(FOLDER.glob("*.toml"))},
}
"""The code of a language, which is what a browser's preferences begin with -> its catalog. Read once: 4 small files."""
