"""What somebody searches for, on the page and through the API."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import HTTPException, Query

from daemon.store.full_text import WORD, query
from daemon.store.queries import Queries
from daemon.store.search_queries import Asked, Hit
from daemon.web.people import Person
from daemon.web.translation import Message

DAY = r"^(\d{4}-\d{2}-\d{2})?$"
DAY_BEGINS, DAY_ENDS = "T00:00:00.000Z", "T23:59:59.999Z"


@dataclass(frozen=True, slots=True)
class Sought:
    """Words, and where and when they were said. An empty field is no limit."""

    q: Annotated[str, Query(max_length=1000, description='Words; "two words" in quotes: a phrase.')] = ""
    folder: Annotated[str, Query(max_length=4096, description="Only recordings below this folder.")] = ""
    language: Annotated[str, Query(max_length=10, description="Only what was said in this language (its code).")] = ""
    since: Annotated[str, Query(pattern=DAY, description="Only what was transcribed on this day or later.")] = ""
    until: Annotated[str, Query(pattern=DAY, description="Only what was transcribed on this day or before.")] = ""

    def hits(self, person: Person, queries: Queries, limit: int) -> list[Hit]:
        """Return the lines with these words that somebody may see, those that were transcribed last first.

        Raises:
            HTTPException: There is nothing in the words that could be found.
        """
        try:
            words = query(phrases(self.q))
        except ValueError as error:
            nothing = next(each for each in phrases(self.q) if not WORD.search(each))
            reason = Message("{words!r} has no letter and no digit that could be found", words=nothing)
            raise HTTPException(422, reason) from error
        return queries.search(
            Asked(
                words,
                folder=self.folder or None,
                since=self.since + DAY_BEGINS if self.since else None,
                until=self.until + DAY_ENDS if self.until else None,
                limit=limit,
                within=person.folders,
                language=self.language or None,
            )
        )


def phrases(words: str) -> list[str]:
    """Return words, and what is between quotes as one phrase."""
    parts = words.replace("“", '"').replace("”", '"').split('"')
    quoted = [part for part in parts[1::2] if part.strip()]
    return [*quoted, *(word for part in parts[::2] for word in part.split())] or [words]
