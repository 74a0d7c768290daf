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
from daemon.config.engines import CTRANSLATE2, ONNXRUNTIME
from daemon.decode.media import samples
from daemon.engine.encoder import Encoder, pick
from daemon.engine.generate import generator
from daemon.engine.generate.beam_search import BeamSearch, Text
from daemon.engine.generate.decoder import Decoder
from daemon.engine.generate.generator import Generator, Wanted, is_known
from daemon.engine.generate.model_bin import read_weights
from daemon.engine.model_files import resolve
from daemon.errors import Unavailable
from tests.integration.test_whisper import clip

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]


class Bench:
    """A model, the two ways to generate with it, and some clips as the encoder heard them."""

    def __init__(self) -> None:
        folder = resolve("tiny.en")
        self.folder = folder
        self.model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)
        self.generator = Generator(self.model, folder, 1)
        self.tokenizer = Tokenizer(self.model.hf_tokenizer, False, task="transcribe", language="en")
        encoder = Encoder(self.model)
        self.clips = [clip(path.name) for path in references() if len(samples(path)) < 8 * 32000][:8]
        self.encoded = encoder.encode([encoder.features(each) for each in self.clips], 1500, whole=True)
        self.everything = list(range(len(self.clips)))

    def wanted(self, beams: int, temperature: float = 0.0) -> Wanted:
        return Wanted(beams, temperature, 112, tuple(get_suppressed_tokens(self.tokenizer, [-1])))

    def theirs(self, beams: int, prompts: list[list[int]]) -> list[Text]:
        """Return the texts of CTranslate2."""
        plain = Generator(self.model, self.folder, 1, CTRANSLATE2)
        return plain.generate(plain.speech(self.encoded), self.everything, prompts, self.wanted(beams))

    def ours(self, beams: int, prompts: list[list[int]]) -> list[Text]:
        return self.generator.generate(
            self.generator.speech(self.encoded), self.everything, prompts, self.wanted(beams)
        )

    def prompts(self, text: str = "") -> list[list[int]]:
        before = [self.tokenizer.sot_prev, *self.tokenizer.encode(text)] if text else []
        return [[*before, *self.tokenizer.sot_sequence]] * len(self.clips)


@pytest.fixture(scope="module")
def bench() -> Bench:
    made = Bench()
    assert made.generator.decoder == ONNXRUNTIME
    return made


@pytest.mark.parametrize("beams", [1, 5])
@pytest.mark.parametrize("prompt", ["", " A talk about birds, boats and the weather."])
def test_texts_are_those_of_ctranslate2_but_for_rounding(bench: Bench, beams: int, prompt: str) -> None:
    prompts = bench.prompts(prompt)
    theirs, ours = bench.theirs(beams, prompts), bench.ours(beams, prompts)
    assert len(bench.clips) == len(ours) == 8
    same = 0
    for expected, found in zip(theirs, ours, strict=True):
        alike = SequenceMatcher(None, expected.tokens, found.tokens, autojunk=False).ratio()
        same += expected.tokens == found.tokens
        assert alike > 0.6
        assert found.avg_logprob == pytest.approx(expected.avg_logprob, abs=0.1)
        assert found.no_speech_prob == pytest.approx(expected.no_speech_prob, abs=0.1)
        assert expected.unlikely is None and found.unlikely is not None and 0 <= found.unlikely < 0.5
    assert same >= 5


def test_a_batch_gives_what_each_of_its_items_gives_alone(bench: Bench) -> None:
    together = bench.ours(5, bench.prompts())
    for at, found in enumerate(together):
        speech = bench.generator.speech(pick(bench.encoded, [at]))
        (alone,) = bench.generator.generate(speech, [0], bench.prompts()[:1], bench.wanted(5))
        assert alone.tokens == found.tokens


def test_what_was_heard_serves_several_searches_and_threads(bench: Bench) -> None:
    speech = bench.generator.speech(bench.encoded)

    def found(beams: int, members: list[int]) -> list[list[int]]:
        prompts = [bench.prompts()[at] for at in members]
        return [each.tokens for each in bench.generator.generate(speech, members, prompts, bench.wanted(beams))]

    orders = [(1, bench.everything), (5, [3, 1]), (1, [2]), (5, bench.everything[::-1])]
    alone = [found(*order) for order in orders]
    assert alone[1] == [alone[3][-4], alone[3][-2]] and alone[2] == alone[0][2:3]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda order: found(*order), orders * 3)) == alone * 3


def test_what_was_heard_is_computed_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []
    remember = Decoder.remember

    def counted(self: Decoder, encoded: Any) -> Any:
        computed.append(len(encoded))
        return remember(self, encoded)

    monkeypatch.setattr(Decoder, "remember", counted)
    speech = bench.generator.speech(bench.encoded)
    for beams in (1, 2):
        bench.generator.generate(speech, [0, 1], bench.prompts()[:2], bench.wanted(beams))
    bench.generator.generate(speech, [0, 1], bench.prompts()[:2], bench.wanted(1, 0.4))
    assert computed == [8]


def test_samples_and_texts_without_times_are_left_to_ctranslate2(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    untimed = [[*bench.tokenizer.sot_sequence, bench.tokenizer.no_timestamps]] * len(bench.clips)
    monkeypatch.setattr(BeamSearch, "run", lambda *_: pytest.fail("our own search was asked"))
    assert max(max(each.tokens) for each in bench.ours(1, untimed)) < bench.tokenizer.eot
    speech = bench.generator.speech(bench.encoded)
    drawn = bench.generator.generate(speech, bench.everything, bench.prompts(), bench.wanted(1, 0.5))
    assert all(each.unlikely is None for each in drawn)


def test_tokens_are_said_when_ctranslate2_says(bench: Bench) -> None:
    speech = bench.generator.speech(bench.encoded)
    found = bench.generator.generate(speech, bench.everything, bench.prompts(), bench.wanted(5))
    texts = [[token for token in each.tokens if token < bench.tokenizer.eot] for each in found]
    frames = [1000, 700, *[1500] * (len(texts) - 2)]
    start, width = list(bench.tokenizer.sot_sequence), 7
    aligner = bench.generator.aligner(speech, bench.everything, found)
    assert aligner is not None
    ours = aligner.align(None, start, texts, frames, median_filter_width=width)
    theirs = bench.model.model.align(bench.encoded, start, texts, frames, median_filter_width=width)
    apart = []
    for mine, expected, text in zip(ours, theirs, texts, strict=True):
        first: dict[int, int] = {}
        for token, frame in expected.alignments:
            first.setdefault(token, frame)
        assert [token for token, _ in mine.alignments] == list(first) == list(range(len(text) + 1))
        apart += [abs(frame - first[token]) for token, frame in mine.alignments]
        assert np.mean(mine.text_token_probs) == pytest.approx(np.mean(expected.text_token_probs), abs=0.1)
        assert len(mine.text_token_probs) == len(text)
    assert np.mean(apart) < 1 and np.mean(np.array(apart) > 5) < 0.05, "frames of 20 ms"


def test_what_ctranslate2_has_found_it_times_itself(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    speech = bench.generator.speech(bench.encoded)
    theirs = bench.theirs(1, bench.prompts())
    assert bench.generator.aligner(speech, bench.everything, theirs) is None
    plain = Generator(bench.model, bench.folder, 1, CTRANSLATE2)
    ours = bench.ours(1, bench.prompts())
    assert plain.aligner(plain.speech(bench.encoded), bench.everything, ours) is None
    monkeypatch.setattr(bench.generator, "_heads", [])
    assert bench.generator.aligner(speech, bench.everything, ours) is None, "the model does not tell which heads to use"


@pytest.mark.parametrize(
    ("told", "heads"),
    [
        (None, []),
        ("{}", []),
        ('{"alignment_heads": null}', []),
        ('{"alignment_heads": [[1, 0], [3, 5]]}', [(1, 0), (3, 5)]),
        ('{"alignment_heads": [[1, 0], [4, 5]]}', []),
        ('{"alignment_heads": [[1, 0], [3, 6]]}', []),
        ('{"alignment_heads": [[1, 0], [-1, 5]]}', []),
        ('{"alignment_heads": [[1]]}', []),
        ('{"alignment_heads": "abc"}', []),
        ("null", []),
    ],
)
def test_heads_are_those_of_the_model(
    tmp_path: Path, bench: Bench, told: str | None, heads: list[tuple[int, int]]
) -> None:
    for file in bench.folder.iterdir():
        if file.name != "config.json":
            (tmp_path / file.name).symlink_to(file.resolve())
    if told:
        (tmp_path / "config.json").write_text(told)
    assert Generator(bench.model, tmp_path, 1)._heads == heads


def test_a_part_of_what_was_heard_is_not_computed_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    speech = bench.generator.speech(bench.encoded)
    whole = speech.memory(bench.everything)
    monkeypatch.setattr(Decoder, "remember", lambda *_: pytest.fail("it was computed again"))
    part = speech.of([5, 2])
    assert part.encoded([0, 1]).shape[0] == 2
    for name, array in part.memory([1]).arrays.items():
        np.testing.assert_array_equal(array[0], whole.arrays[name][2])


def test_models_that_are_not_known_are_left_to_ctranslate2(bench: Bench, tmp_path: Path) -> None:
    weights = read_weights(bench.folder / "model.bin")
    assert is_known(weights)
    assert not is_known({**weights, "decoder/pre_norm": np.array(0, np.int8)})
    assert not is_known({**weights, "decoder/layer_0/ffn/linear_0/weight": np.zeros((2, 2), np.int16)})
    (tmp_path / "model.bin").write_bytes(b"\7" + bytes(20))
    assert Generator(bench.model, tmp_path, 1).decoder == CTRANSLATE2
    with pytest.raises(Unavailable, match=r"model\.decoder 'onnxruntime' cannot be used: .* has version 7"):
        Generator(bench.model, tmp_path, 1, ONNXRUNTIME)


def test_whatever_is_wrong_with_our_own_decoder_ctranslate2_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("decoder/layer_1/self_attention/layer_norm/gamma")

    monkeypatch.setattr(generator, "Decoder", fail)
    caplog.set_level("INFO")
    assert Generator(bench.model, bench.folder, 1).decoder == CTRANSLATE2
    assert (
        "texts come from CTranslate2, not from the decoder in ONNX Runtime: KeyError: 'decoder/layer_1" in caplog.text
    )
    with pytest.raises(Unavailable, match="cannot be used: KeyError"):
        Generator(bench.model, bench.folder, 1, ONNXRUNTIME)


def test_wide_models_are_left_to_ctranslate2_unless_they_are_asked_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator, "WIDEST", 383)
    assert Generator(bench.model, bench.folder, 1).decoder == CTRANSLATE2
    assert Generator(bench.model, bench.folder, 1, ONNXRUNTIME).decoder == ONNXRUNTIME


def test_where_it_was_not_measured_it_has_to_be_asked_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert Generator(bench.model, bench.folder, 1).decoder == CTRANSLATE2
    assert Generator(bench.model, bench.folder, 1, ONNXRUNTIME).decoder == ONNXRUNTIME


def test_full_precision_is_left_to_ctranslate2(bench: Bench) -> None:
    exact = WhisperModel(str(bench.folder), device="cpu", compute_type="float32", cpu_threads=1, local_files_only=True)
    assert Generator(exact, bench.folder, 1).decoder == CTRANSLATE2
    with pytest.raises(Unavailable, match="compute type is float32, and this decoder computes in int8"):
        Generator(exact, bench.folder, 1, ONNXRUNTIME)
