"""The engine elsewhere: what a server has, and that it hears a clip right (runs in the engine child)."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from difflib import SequenceMatcher

from daemon.chunk import BOTH, ENGLISH, Chunk, Decoded
from daemon.clips import CANARY, references
from daemon.config.engines import knows_english_only
from daemon.config.languages import LANGUAGES
from daemon.engine.elsewhere.client import Client
from daemon.engine.elsewhere.failures import printable
from daemon.engine.elsewhere.model import TRANSLATIONS, ElsewhereModel
from daemon.engine.elsewhere.request import empty_form
from daemon.engine.elsewhere.several import NOT_THERE, SeveralModel, abilities_of
from daemon.engine.registry import FailedElsewhere, Runner
from daemon.errors import Unavailable
from daemon.processes.protocol import LoadModel, Ready

LIST_S = 30.0
"""How long the list of models may take."""
LISTED_MAX = 12
"""Models of a server that an error names."""
OURS = "transcribed"
"""The owner of the models of a daemon like this one, which has judged its texts by the same rules."""
NAMELESS = "whisper-1"
"""What a server that lists no models is asked for: the name that the API began with."""
RIGHT_LEAST = 0.5
"""Share of the words of the clip that must be heard. tiny.en hears all of them; others write "Let's" and "10"."""
UNKNOWN = "unknown"
"""The compute type, which no server tells."""


def load(order: LoadModel) -> tuple[Runner, Ready]:
    """Ask a server what it has, and have it transcribe a clip.

    Raises:
        Unavailable: The server cannot be used, or has not what is asked for.
    """
    assert order.server is not None
    began = time.monotonic()
    client = Client(order.server)
    try:
        listed = _models(client)
        name = _name(order, client.host, listed)
        says_auto, is_ours = listed is None, (listed or {}).get(name) == OURS
        found = abilities_of(client, name) if is_ours else None
        if found is not None:
            several = SeveralModel(client, found)
            heard, well = _heard_at_first(several)
            runner: Runner = replace(several, is_well=well)
            ready = several.ready(order)
        else:
            one = ElsewhereModel(client, name, says_auto)
            heard, well = _heard_at_first(one)
            runner = replace(one, is_well=well)
            ready = _ready(order, client, name, heard, is_ours=is_ours)
    except FailedElsewhere as failure:
        raise Unavailable(failure.message, failure.hint) from failure
    return runner, replace(ready, load_s=round(time.monotonic() - began, 2), canary=_text(heard))


def _ready(order: LoadModel, client: Client, name: str, heard: Decoded, *, is_ours: bool) -> Ready:
    """Return what can be done with a server of OpenAI's API."""
    return Ready(
        model=name,
        device=order.device,
        compute_type=UNKNOWN,
        workers=order.workers or 1,
        cpu_threads=1,
        batch_size=1,
        devices=1,
        languages=(ENGLISH,) if knows_english_only(name) else tuple(sorted(LANGUAGES)),
        tasks=_tasks(client, name),
        word_times=any(segment.words for segment in heard.segments),
        cut_context=False,
        policy="accept" if is_ours else "elsewhere",
        load_s=0.0,
        canary="",
    )


def _models(client: Client) -> dict[str, str] | None:
    """Return the owners of the models that a server lists, by the models' names; None if it has no list."""
    answer = client.get("/models", LIST_S)
    if answer.status in NOT_THERE:
        return None
    if answer.status != 200:
        raise client.refused(answer)
    try:
        items = json.loads(answer.body)["data"]
        return {_string(item["id"]): _string(item.get("owned_by", "")) for item in items}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise FailedElsewhere(
            f"{client.host} does not list its models as OpenAI's API does",
            f"{client.server.table}.url must be where such an API begins, which usually ends in /v1",
        ) from error


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return printable(value)


def _name(order: LoadModel, host: str, listed: Mapping[str, str] | None) -> str:
    """Return the model to ask for: the one that is wanted, else the only one, or of a daemon like this one its own."""
    assert order.server is not None
    if listed is None:
        return order.name or NAMELESS
    if order.name in listed:
        return order.name
    first = next(iter(listed), "")
    if first and not order.name and (len(listed) == 1 or listed[first] == OURS):
        return first
    names = ", ".join(list(listed)[:LISTED_MAX]) + (", …" if len(listed) > LISTED_MAX else "") or "none"
    lacks = f"{host} has no model {order.name!r}; it lists {names}" if order.name else f"{host} lists {names}"
    raise Unavailable(lacks, f"set {order.server.table}.model to the one that is to be used")


def _heard_at_first(model: ElsewhereModel | SeveralModel) -> tuple[Decoded, Callable[[], bool]]:
    """Have the clip transcribed; return what was heard, and what tells whether that is still so.

    Raises:
        FailedElsewhere: Something else is heard.
    """
    # Not at the top: one that is away is asked again and again, and what decodes the clip takes half a second.
    from daemon.engine.clip import clip

    speech = clip(language=ENGLISH, word_timestamps=True)
    return _heard_right(model, speech), lambda: bool(_text(_heard_right(model, speech)))


def _heard_right(model: ElsewhereModel | SeveralModel, speech: Chunk) -> Decoded:
    (heard,) = model.run((speech,))
    expected = references()[CANARY]
    if SequenceMatcher(None, _words(expected), _words(_text(heard))).ratio() < RIGHT_LEAST:
        host = model.client.host
        raise FailedElsewhere(
            f"{host} hears {printable(_text(heard))!r} in a clip that says {expected!r}",
            f"another {model.client.server.table}.model may hear it",
        )
    return heard


def _text(heard: Decoded) -> str:
    return " ".join(segment.text for segment in heard.segments)


def _words(text: str) -> list[str]:
    return ["".join(filter(str.isalnum, word)) for word in text.lower().split()]


def _tasks(client: Client, name: str) -> tuple[str, ...]:
    """Return what the server can do; whether it translates, the answer to an empty form tells."""
    if knows_english_only(name) or client.post(TRANSLATIONS, empty_form(), LIST_S).status in NOT_THERE:
        return ("transcribe",)
    return ("transcribe", "translate", BOTH)
