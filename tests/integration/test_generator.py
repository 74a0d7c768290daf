"""Texts from the decoder of our own against those of CTranslate2, with the packaged tiny.en."""

from concurrent.futures import ThreadPoolExecutor
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens

from daemon.clips import references
from daemon.decode.media import samples
from daemon.engine.encoder import Encoder, pick
from daemon.engine.generator import WIDEST, Generator, is_known
from daemon.engine.model_bin import read_weights
from daemon.engine.model_files import resolve
from tests.integration.test_whisper import clip

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]


class Bench:
    """A model, the two ways to generate with it, and some clips as the encoder heard them."""

    def __init__(self) -> None:
        folder = resolve("tiny.en")
        self.folder = folder
        self.model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)
        self.generator = Generator(self.model, folder)
        self.tokenizer = Tokenizer(self.model.hf_tokenizer, False, task="transcribe", language="en")
        encoder = Encoder(self.model)
        self.clips = [clip(path.name) for path in references() if len(samples(path)) < 8 * 32000][:8]
        self.encoded = encoder.encode([encoder.features(each) for each in self.clips], 1500, whole=True)

    def options(self, beams: int) -> dict[str, Any]:
        return {
            "max_length": 224, "return_scores": True, "return_no_speech_prob": True, "suppress_blank": True,
            "suppress_tokens": list(get_suppressed_tokens(self.tokenizer, [-1])), "max_initial_timestamp_index": 50,
            "beam_size": beams, "patience": 1,
        }  # fmt: skip

    def prompts(self, text: str = "") -> list[list[int]]:
        before = [self.tokenizer.sot_prev, *self.tokenizer.encode(text)] if text else []
        return [[*before, *self.tokenizer.sot_sequence]] * len(self.clips)


@pytest.fixture(scope="module")
def bench() -> Bench:
    made = Bench()
    assert made.generator.own
    return made


@pytest.mark.parametrize("beams", [1, 5])
@pytest.mark.parametrize("prompt", ["", " A talk about birds, boats and the weather."])
def test_texts_are_those_of_ctranslate2_but_for_rounding(bench: Bench, beams: int, prompt: str) -> None:
    prompts, options = bench.prompts(prompt), bench.options(beams)
    theirs = bench.model.model.generate(bench.encoded, prompts, **options)
    ours = bench.generator.generate(bench.encoded, prompts, **options)
    assert len(bench.clips) == len(ours) == 8
    same = 0
    for expected, found in zip(theirs, ours, strict=True):
        alike = SequenceMatcher(None, expected.sequences_ids[0], found.sequences_ids[0], autojunk=False).ratio()
        same += expected.sequences_ids == found.sequences_ids
        assert alike > 0.6
        assert found.scores[0] == pytest.approx(expected.scores[0], abs=0.1)
        assert found.no_speech_prob == pytest.approx(expected.no_speech_prob, abs=0.1)
    assert same >= 5


def test_a_batch_gives_what_each_of_its_items_gives_alone(bench: Bench) -> None:
    options = bench.options(5)
    together = bench.generator.generate(bench.encoded, bench.prompts(), **options)
    for at, found in enumerate(together):
        (alone,) = bench.generator.generate(pick(bench.encoded, [at]), bench.prompts()[:1], **options)
        assert alone.sequences_ids == found.sequences_ids


def test_a_memory_serves_several_searches_and_threads(bench: Bench) -> None:
    memory = bench.generator.remember(bench.encoded)
    assert memory is not None and memory.items == len(bench.clips)

    def found(beams: int, members: list[int]) -> list[list[list[int]]]:
        prompts, part = [bench.prompts()[at] for at in members], memory.pick(members)
        options = bench.options(beams)
        return [each.sequences_ids for each in bench.generator.generate(None, prompts, memory=part, **options)]

    everything = list(range(len(bench.clips)))
    orders = [(1, everything), (5, [3, 1]), (1, [2]), (5, everything[::-1])]
    alone = [found(*order) for order in orders]
    assert alone[1] == [alone[3][-4], alone[3][-2]] and alone[2] == alone[0][2:3]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda order: found(*order), orders * 3)) == alone * 3


def test_what_it_does_not_do_is_left_to_ctranslate2(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    untimed = [[*bench.tokenizer.sot_sequence, bench.tokenizer.no_timestamps]] * len(bench.clips)
    sampled = {**bench.options(1), "num_hypotheses": 2, "sampling_topk": 0, "sampling_temperature": 0.5}
    del sampled["patience"]
    monkeypatch.setattr("daemon.engine.search.Search.run", lambda *_: pytest.fail("our own search was asked"))
    found = bench.generator.generate(bench.encoded, untimed, **bench.options(1))
    assert max(max(each.sequences_ids[0]) for each in found) < bench.tokenizer.eot
    assert len(bench.generator.generate(bench.encoded, bench.prompts(), **sampled)[0].sequences_ids) == 2


def test_ctranslate2_keeps_models_that_are_not_known(bench: Bench, tmp_path: Path) -> None:
    weights = read_weights(bench.folder / "model.bin")
    assert is_known(weights)
    assert not is_known({**weights, "decoder/pre_norm": np.array(0, np.int8)})
    assert not is_known({**weights, "decoder/embeddings/weight": np.zeros((9, WIDEST + 64), np.float16)})
    assert not is_known({**weights, "decoder/layer_0/ffn/linear_0/weight": np.zeros((2, 2), np.int16)})
    (tmp_path / "model.bin").write_bytes(b"\7" + bytes(20))
    theirs = Generator(bench.model, tmp_path)
    assert not theirs.own and theirs.remember(bench.encoded) is None
    expected = bench.model.model.generate(bench.encoded, bench.prompts(), **bench.options(1))
    found = theirs.generate(bench.encoded, bench.prompts(), **bench.options(1))
    assert [each.sequences_ids for each in found] == [each.sequences_ids for each in expected]


def test_full_precision_is_left_to_ctranslate2(bench: Bench) -> None:
    exact = WhisperModel(str(bench.folder), device="cpu", compute_type="float32", cpu_threads=1, local_files_only=True)
    assert not Generator(exact, bench.folder).own
