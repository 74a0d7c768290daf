"""The model of the daemon on a machine of the cluster: the same weights, or it is refused; sent if it is not there."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from daemon.cluster.agent import SURVEY_S, find_model
from daemon.cluster.tunnel import Remote
from daemon.config.engines import ONNX, WHISPER
from daemon.errors import Unavailable
from daemon.processes.protocol import FoundModel, LoadModel

PART_BYTES = 32 << 20
"""A model travels in parts of this size, so that a cluster needs no memory for all of it."""
PART_S = 300.0
"""How long a part may take: 1 Mbit/s."""
CHECKED = (WHISPER, ONNX)
"""Engines whose models are files that can be compared; others are left to their modules."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A model, as all machines must have it."""

    sha256: str
    """"" while no machine is known that has it."""
    folder: str
    """Where it is on this one; "" if it is not."""


class Models:
    """What is known of the models of an order."""

    def __init__(self) -> None:
        self._wanted: dict[tuple[str, str], _Wanted] = {}
        self._looking = asyncio.Lock()

    async def prepared(self, order: LoadModel, agent: Remote, node: str) -> LoadModel:
        """Return an order with the models as they are found on a machine, once they are there.

        Raises:
            Unavailable: it has another version of one, or cannot keep it.
            Lost: it is gone.
        """
        if order.engine not in CHECKED:
            return order
        name = await self._on(order.name, order.engine, agent, node)
        languages = tuple([(code, await self._on(model, order.engine, agent, node)) for code, model in order.languages])
        return replace(order, name=name, languages=languages)

    async def _on(self, name: str, engine: str, agent: Remote, node: str) -> str:
        async with self._looking:
            if (name, engine) not in self._wanted:
                self._wanted[name, engine] = await asyncio.to_thread(_here, name, engine)
            wanted = self._wanted[name, engine]
        folder, sha256 = await agent.call("find", name, engine, wanted.sha256, limit_s=SURVEY_S)
        if not folder:
            return name if not wanted.folder else await _sent(wanted, name, engine, agent, node)
        if wanted.sha256 and sha256 != wanted.sha256:
            raise Unavailable(
                f"{node} has another version of the model {name}: its weights have the SHA-256 {sha256[:12]}…, "
                f"not {wanted.sha256[:12]}…",
                f"delete it there ({folder}), and it is sent from here, or have the same one everywhere",
            )
        if not wanted.sha256:
            self._wanted[name, engine] = _Wanted(sha256, "")
        return folder if sha256 in folder else name


def _here(name: str, engine: str) -> _Wanted:
    found: FoundModel | None = find_model(name, engine)
    if found is None or found.folder is None:
        return _Wanted("", "")
    return _Wanted(found.sha256, found.folder)


async def _sent(wanted: _Wanted, name: str, engine: str, agent: Remote, node: str) -> str:
    """Send a model, and return where it is kept."""
    for file, offset, part in _parts(Path(wanted.folder)):
        if why := await agent.call("store", wanted.sha256, file, offset, part, limit_s=PART_S):
            raise Unavailable(f"{node} cannot keep the model {name}: {why}", "make room there; it is sent again")
    folder: str = await agent.call("keep", wanted.sha256, engine, limit_s=SURVEY_S)
    if not folder:
        raise Unavailable(
            f"{node} did not receive the model {name} as it was sent", "see whether its disk is full, or faulty"
        )
    return folder


def _parts(folder: Path) -> Iterator[tuple[str, int, bytes]]:
    for file in sorted(each for each in folder.iterdir() if each.is_file()):
        with file.open("rb") as opened:
            offset = 0
            while (part := opened.read(PART_BYTES)) or not offset:
                yield file.name, offset, part
                offset += max(1, len(part))
