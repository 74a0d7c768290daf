"""What the engine child concludes from its clip on a card that fails, with models that fail as cards were seen to."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ctranslate2
import pytest

from daemon.chunk import Chunk, Decoded
from daemon.engine.canary import Models, Trusted, Wordless, cards, fault, trusted
from daemon.engine.whisper import Whisper
from daemon.errors import ANOTHER_CTRANSLATE2, INSTALL_CUBLAS, Unavailable
from tests.builders import heard

T4 = "parallel_for failed: cudaErrorInvalidDevice: invalid device ordinal"
H100 = "CUDA failed with error operation not supported"
NO_CUBLAS = "Library libcublas.so.12 is not found or cannot be loaded"
FULL = "CUDA failed with error out of memory"


class Card:
    """A card on which models fail, and what was loaded on it.

    Args:
        in_align: What computing the times of words raises.
        always: What every call raises.
    """

    def __init__(self, in_align: str = "", always: str = "") -> None:
        self._in_align, self._always = in_align, always
        self.loaded: list[type[Whisper]] = []
        self.ran: list[bool] = []

    def make(self, kind: type[Whisper]) -> Models:
        self.loaded.append(kind)
        model: Any = self
        return Models(model, {})

    def run(self, chunks: Sequence[Chunk]) -> tuple[Decoded, ...]:
        (chunk,) = chunks
        self.ran.append(chunk.word_timestamps)
        if self._always or (self._in_align and self.loaded[-1] is not Wordless):
            raise RuntimeError(self._always or self._in_align)
        return (heard(chunk),)


@pytest.fixture(autouse=True)
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, model in (("0000:01:00.0", "NVIDIA H100"), ("0000:02:00.0", "NVIDIA H100"), ("0000:03:00.0", "Tesla T4")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "information").write_text(f"Model: \t\t {model}\nIRQ:   \t\t 172\n")
    monkeypatch.setattr(cards, "__defaults__", (tmp_path,))


def test_a_card_that_works_has_computed_the_times_of_words_too() -> None:
    card = Card()
    works = trusted(card.make, "cuda:0")
    assert works.word_fault == "" and works.heard and card.loaded == [Whisper] and card.ran == [True]


def test_where_only_the_times_of_words_fail_the_models_are_loaded_again_without_them() -> None:
    card = Card(in_align=T4)
    works = trusted(card.make, "cuda:0")
    assert card.loaded == [Whisper, Wordless] and card.ran == [True, False]
    assert works == Trusted(works.models, works.heard, works.word_fault) and works.heard
    assert T4 in works.word_fault and "cuda:0 (NVIDIA H100, Tesla T4)" in works.word_fault
    assert f"CTranslate2 {ctranslate2.__version__}" in works.word_fault


@pytest.mark.parametrize(
    ("why", "loads", "hint"),
    [(H100, 2, ANOTHER_CTRANSLATE2), (NO_CUBLAS, 1, INSTALL_CUBLAS), (FULL, 1, "smaller model")],
)
def test_where_every_call_fails_nothing_is_trusted(why: str, loads: int, hint: str) -> None:
    card = Card(always=why)
    with pytest.raises(Unavailable) as caught:
        trusted(card.make, "cuda:0")
    assert why in caught.value.message and "NVIDIA H100" in caught.value.message and hint in caught.value.hint
    assert len(card.loaded) == loads, "what another load cannot mend is not tried again"


def test_on_a_processor_no_card_is_named(tmp_path: Path) -> None:
    assert "H100" not in fault("cpu", "an instruction").message
    assert cards(tmp_path / "nowhere") == []


def test_the_clip_is_cut_on_a_processor_only() -> None:
    asked: list[Chunk] = []

    class Ear(Card):
        def run(self, chunks: Sequence[Chunk]) -> tuple[Decoded, ...]:
            asked.extend(chunks)
            return super().run(chunks)

    for device in ("cpu", "cuda:0"):
        trusted(Ear().make, device)
    assert [chunk.full_context for chunk in asked] == [False, True]
