"""What a server that takes several chunks at once says of its engine. Pure."""

import json
from dataclasses import asdict, dataclass

from daemon.config.engines import POLICIES
from daemon.guests.checks import Check, Malformed, document, fields, flag, language, one_of, several, text, whole
from daemon.guests.request import PROTOCOL

NAME_MAX = 1000


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a client must know before it sends anything; as `Ready` has it, unless another word is here."""

    name: str
    """The model, as the list of models has it."""
    model: str
    """All of it, with those of languages: what a request names, so that none is for another one."""
    compute_type: str
    languages: tuple[str, ...]
    tasks: tuple[str, ...]
    word_times: bool
    cut_context: bool
    policy: str
    batch_size: int
    detects: bool
    prompts: bool
    decoder: str
    word_fault: str


_ABILITIES: dict[str, Check] = {
    "name": text(NAME_MAX),
    "model": text(NAME_MAX),
    "compute_type": text(NAME_MAX),
    "languages": several(language(), 1000, 1),
    "tasks": several(one_of("transcribe", "translate", "both"), 3, 1),
    "word_times": flag,
    "cut_context": flag,
    "policy": one_of(*POLICIES),
    "batch_size": whole(1, 1 << 20),
    "detects": flag,
    "prompts": flag,
    "decoder": text(NAME_MAX),
    "word_fault": text(NAME_MAX),
}


def packed(abilities: Abilities) -> bytes:
    """Return what is said of an engine as it is sent."""
    return json.dumps({"protocol": PROTOCOL, **asdict(abilities)}).encode()


def unpacked(body: bytes) -> Abilities | None:
    """Return what a server says; None if it speaks another protocol.

    Raises:
        Malformed: It makes no sense.
    """
    found = document(body)
    if not isinstance(found, dict) or "protocol" not in found:
        raise Malformed("it does not say which protocol it speaks")
    if found.pop("protocol") != PROTOCOL:
        return None
    return Abilities(**fields(found, _ABILITIES))
