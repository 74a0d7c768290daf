"""What daemons say to each other, as hypothesis makes it: chunks with everything that an engine is told, and answers."""

from typing import Any

from hypothesis import strategies as st

from daemon.chunk import Chunk, Decoded, Segment, Suppressed, Word
from daemon.config.languages import LANGUAGES

SAID = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
CODES = st.sampled_from(sorted(LANGUAGES))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just("en"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def within(least: float, most: float) -> st.SearchStrategy[float]:
    return st.floats(least, most, allow_nan=False)


def measure(least: float, most: float) -> st.SearchStrategy[float]:
    """One that may be missing."""
    return within(least, most) | st.just(float("nan"))


@st.composite
def chunks(draw: st.DrawFn) -> Chunk:
    starts = draw(st.lists(st.integers(0, 10_000), min_size=1, max_size=4, unique=True).map(sorted))
    told: dict[str, Any] = {
        "initial_prompt": draw(SAID), "hotwords": tuple(draw(st.lists(SAID, max_size=2))), "beam_size": draw(st.integers(1, 20)),
    }  # fmt: skip
    some = draw(st.sets(st.sampled_from(sorted(told))))
    return Chunk(
        job_id=draw(st.integers(0, 1 << 40)),
        idx=0,
        spans=tuple((float(start), start + 0.5) for start in starts),
        audio=draw(st.binary(min_size=1, max_size=8)) * 2,
        language=draw(CODES | st.just("auto")),
        fallback_language=draw(CODES | st.just("")),
        task=draw(st.sampled_from(["transcribe", "translate", "both"])),
        search=draw(st.sampled_from(["auto", "greedy-first", "beam"])),
        word_timestamps=draw(st.booleans()),
        temperature=draw(within(0, 1)),
        full_context=draw(st.booleans()),
        whole_encoding=draw(st.booleans()),
        previous=draw(SAID),
        languages={code: {name: told[name] for name in some} for code in draw(st.sets(CODES, max_size=2))},
        alone=draw(st.booleans()),
        noise_db=draw(within(-200, 0) | st.just(float("-inf"))),
        **told,
    )


@st.composite
def heard(draw: st.DrawFn, of: Chunk, *, translated: bool = True) -> Decoded:
    def times() -> tuple[float, float]:
        first, last = sorted([draw(within(of.start_s, of.end_s)), draw(within(of.start_s, of.end_s))])
        return first, last

    def line() -> Segment:
        words = tuple(
            Word(*times(), draw(SAID), draw(st.none() | within(0, 1))) for _ in range(draw(st.integers(0, 2)))
        )
        return Segment(
            *times(), draw(SAID), draw(measure(-9, 0)), draw(measure(0, 1)), draw(within(0, 9)), draw(within(0, 1)),
            draw(CODES), draw(st.none() | st.just(words)), beam_size=draw(st.none() | st.integers(1, 20)),
        )  # fmt: skip

    return Decoded(
        segments=tuple(line() for _ in range(draw(st.integers(0, 2)))),
        avg_logprob=draw(measure(-9, 0)),
        no_speech_prob=draw(measure(0, 1)),
        compression_ratio=draw(within(0, 9)),
        temperature=draw(within(0, 1)),
        language=draw(CODES),
        language_probability=draw(measure(0, 1)),
        covered_s=draw(within(0, of.duration_s)),
        suppressed=tuple(Suppressed(*times(), draw(SAID), draw(SAID)) for _ in range(draw(st.integers(0, 1)))),
        whole_encoding=draw(st.booleans()),
        translation=draw(st.none() | heard(of, translated=False)) if translated else None,
        provisional=draw(st.booleans()),
        pause_s=draw(st.none() | within(0, of.duration_s)),
    )


def places(document: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to every value in a document."""
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [at, *(place for key, value in inner for place in places(value, (*at, key)))]


def changed(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    """The document with another value there."""
    if not place:
        return value
    key, *rest = place
    if isinstance(document, dict):
        return {**document, key: changed(document[key], tuple(rest), value)}
    return [changed(each, tuple(rest), value) if at == key else each for at, each in enumerate(document)]
