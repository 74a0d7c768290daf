"""Which jobs the queue's page shows: what its filter says, and how that is written in an address."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Self
from urllib.parse import parse_qs, urlencode

from fastapi import HTTPException, Query

from daemon.config.settings import Settings
from daemon.store.job_queries import START, JobFilter
from daemon.store.schema import STATES
from daemon.web.house import filter_for
from daemon.web.people import Person
from daemon.web.translation import Message

LENGTH_MAX = 4096


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person wants to see. An empty field is no limit."""

    state: Annotated[str, Query(max_length=20)] = ""
    folder: Annotated[str, Query(max_length=LENGTH_MAX)] = ""
    """A watched folder."""
    path: Annotated[str, Query(max_length=LENGTH_MAX)] = ""
    """A part of the path, or a pattern for it."""
    cursor: Annotated[str, Query(max_length=40)] = START

    @classmethod
    def parse(cls, query: str) -> Self:
        """Return what an address says that `query` has written."""
        found = parse_qs(query)
        return cls(**{name: found[name][0] for name in cls.__dataclass_fields__ if name in found})

    def query(self, **changes: Any) -> str:
        """Return this, with some fields changed, for an address."""
        changed = replace(self, **changes)
        values = {name: getattr(changed, name) for name in self.__dataclass_fields__}
        return urlencode({name: value for name, value in values.items() if value not in ("", START)})

    def filter(self, person: Person, *, in_any_state: bool = False) -> JobFilter:
        """Return the filter for those of the jobs that the person may see.

        Raises:
            HTTPException: There is no such state.
        """
        if self.state and self.state not in STATES:
            known = ", ".join(STATES)
            raise HTTPException(
                422, Message("there is no state {state!r}: it is one of {known}", state=self.state, known=known)
            )
        states = (self.state,) if self.state and not in_any_state else ()
        return replace(filter_for(person, states, self.path), root=self.folder or None)


def folders(settings: Settings, person: Person) -> list[str]:
    """Return the watched folders in which somebody may see recordings."""
    watched = [str(watch.path) for watch in settings.watch]
    return [root for root in watched if not person.folders or any(_overlap(root, each) for each in person.folders)]


def _overlap(one: str, other: str) -> bool:
    """Return whether a folder is the other one, or in it, or around it."""
    one, other = (f"{each.rstrip('/')}/" for each in (one, other))
    return one.startswith(other) or other.startswith(one)
