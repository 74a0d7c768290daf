"""The table of a Ray cluster whose machines have engines."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from daemon.config.engines import AUTO, LOCAL
from daemon.config.table import Table
from daemon.config.values import FileName

ADDRESS = re.compile(r"(ray://)?[\w.-]+:\d{1,5}|(ray://)?\[[0-9a-fA-F:]+\]:\d{1,5}")


def _address(value: str) -> str:
    if value and value not in (LOCAL, AUTO) and not ADDRESS.fullmatch(value):
        raise ValueError("must be 'auto', 'local', a head such as 'nas:6379' or a client's 'ray://nas:10001'")
    return value


class EngineCounts(Table):
    """How many engines are wanted."""

    gpu: int = Field(0, ge=0, le=4096)
    cpu: int = Field(0, ge=0, le=4096)

    @model_validator(mode="after")
    def _some(self) -> "EngineCounts":
        if not self.gpu + self.cpu:
            raise ValueError("must ask for at least one engine, such as { gpu = 4 }")
        return self


class Cluster(Table):
    """Which cluster, how much of it, and what happens while it is away."""

    address: Annotated[str, AfterValidator(_address)] = ""
    engines: Literal["all"] | EngineCounts = "all"
    token_file: FileName = ""
    fallback: Literal["wait", "local"] = "wait"
