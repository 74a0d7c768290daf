"""Models are loaded as they are asked for, or refused with what there is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from faster_whisper import WhisperModel

from daemon.config.engines import CTRANSLATE2, ONNXRUNTIME
from daemon.engine.loader import load
from daemon.engine.model_files import resolve
from daemon.errors import Unavailable
from tests.builders import load_model
from tests.integration.test_whisper import clip, text

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]


@pytest.mark.parametrize("compute_type", ["float16", "bfloat16", "int8_float16", "int8_bfloat16"])
def test_a_compute_type_that_the_device_lacks_is_refused_with_what_it_has(compute_type: str) -> None:
    import ctranslate2

    if compute_type in ctranslate2.get_supported_compute_types("cpu"):
        pytest.skip(f"this CPU supports {compute_type}")
    with pytest.raises(Unavailable) as caught:
        load(load_model(compute_type=compute_type))
    assert compute_type in caught.value.message and "int8" in caught.value.hint


@pytest.mark.parametrize("compute_type", ["float32", "int16", "int8_float32"])
def test_other_compute_types_transcribe(compute_type: str) -> None:
    import ctranslate2

    if compute_type not in ctranslate2.get_supported_compute_types("cpu"):
        pytest.skip(f"this CPU does not support {compute_type}")
    model, ready = load(load_model(compute_type=compute_type))
    assert ready.compute_type == compute_type
    assert ready.decoder == (ONNXRUNTIME if compute_type == "int8_float32" else CTRANSLATE2)
    assert "plumber" in text(model.run([clip("memo-1.opus")])[0])


@pytest.mark.parametrize("decoder", [CTRANSLATE2, ONNXRUNTIME])
def test_texts_come_from_the_decoder_that_is_asked_for(decoder: str) -> None:
    model, ready = load(load_model(decoder=decoder))
    assert ready.decoder == decoder
    assert "plumber" in text(model.run([clip("memo-1.opus")])[0])


def test_a_decoder_that_cannot_compute_the_model_is_refused() -> None:
    with pytest.raises(Unavailable, match="computes in int8") as caught:
        load(load_model(compute_type="float32", decoder=ONNXRUNTIME))
    assert caught.value.hint == 'set it to "auto"'


def test_a_language_is_known_if_the_model_has_a_token_for_it(base_model: str) -> None:
    _, ready = load(load_model(name=base_model))
    assert len(ready.languages) == 99 and "de" in ready.languages and "yue" not in ready.languages


def test_the_shipped_folder_of_a_model_can_be_named_directly(tmp_path: Path) -> None:
    link = tmp_path / "my-model"
    link.symlink_to(resolve("tiny.en"))
    _, ready = load(load_model(name=str(link)))
    assert ready.model == str(link) and ready.languages == ("en",)


@pytest.mark.parametrize("file", ["model.bin", "tokenizer.json", "config.json"])
def test_a_model_with_a_damaged_file_is_named_with_what_is_wrong(tmp_path: Path, file: str) -> None:
    for each in resolve("tiny.en").iterdir():
        (tmp_path / each.name).symlink_to(each)
    (tmp_path / file).unlink()
    (tmp_path / file).write_bytes(b"{ no such thing")
    with pytest.raises(Unavailable, match=f"model '{tmp_path}' in {tmp_path} cannot be loaded on cpu: .") as caught:
        load(load_model(name=str(tmp_path)))
    assert "transcribed doctor" in caught.value.hint


def fails(*_: Any, **_named: Any) -> None:
    raise RuntimeError("parallel_for failed: cudaErrorInvalidDevice: invalid device ordinal")


def test_where_the_times_of_words_fail_all_else_is_transcribed_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    chunk = clip("memo-1.opus")
    # More than a second that the time stamps leave out has its words placed, too, asked for or not.
    longer = replace(chunk, audio=chunk.audio + bytes(8 * 32_000))
    model, _ = load(load_model())
    before = [text(each) for each in model.run([chunk])]
    monkeypatch.setattr(WhisperModel, "add_word_timestamps", fails)
    with pytest.raises(RuntimeError):
        model.run([longer])
    model, ready = load(load_model())
    assert not ready.word_times and "cudaErrorInvalidDevice" in ready.word_fault and ready.canary
    assert [text(each) for each in model.run([chunk])] == before
    assert "plumber" in text(model.run([longer])[0])


def test_where_nothing_can_be_computed_the_failure_says_with_what(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WhisperModel, "encode", fails)
    monkeypatch.setattr("daemon.engine.encoder.Encoder._encoded", fails)
    with pytest.raises(
        Unavailable, match=r"cannot transcribe on cpu with CTranslate2 .* cudaErrorInvalidDevice"
    ) as caught:
        load(load_model())
    assert "install another one" in caught.value.hint
