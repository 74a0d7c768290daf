"""What the tables of config.toml have in common."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table of the file: frozen, no unknown keys, no coercion of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    known: ClassVar[str] = "the shipped config.toml lists the known ones"
    """What the message about an unknown key says of the others."""
