"""A chunk becomes the form that OpenAI's API takes."""

import io
import wave
from email.parser import BytesParser
from typing import Any

from daemon.chunk import Chunk
from daemon.engine.elsewhere.request import PROMPT_CHARACTERS, empty_form, form, prompt
from tests.builders import chunk


def fields(of: Chunk, *, language: str = "", words: bool = False) -> dict[str, list[Any]]:
    body, kind = form(of, "a-model", language=language, words=words)
    found: dict[str, list[Any]] = {}
    for part in BytesParser().parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body).get_payload():
        name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
        found.setdefault(str(name), []).append(part.get_payload(decode=True))  # type: ignore[union-attr]
    return found


def test_a_chunk_goes_as_16_bit_wav_with_what_the_model_is_to_know() -> None:
    of = chunk(seconds=1.0, audio=bytes(range(256)) * 125, temperature=0.2, initial_prompt="Größe")
    asked = fields(of, language="de", words=True)
    with wave.open(io.BytesIO(asked.pop("file")[0])) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        assert file.readframes(file.getnframes()) == of.audio
    assert asked == {
        "model": [b"a-model"], "response_format": [b"verbose_json"], "temperature": [b"0.2"], "language": [b"de"],
        "timestamp_granularities[]": [b"segment", b"word"], "prompt": ["Größe".encode()],
    }  # fmt: skip


def test_what_is_not_known_is_left_out() -> None:
    assert fields(chunk(seconds=1.0)).keys() == {
        "model", "response_format", "temperature", "timestamp_granularities[]", "file",
    }  # fmt: skip
    assert fields(chunk(seconds=1.0))["timestamp_granularities[]"] == [b"segment"]


def test_the_file_is_named_for_its_sound() -> None:
    def name(of: Chunk) -> bytes:
        return form(of, "m", language="", words=False)[0].partition(b'filename="')[2].partition(b'"')[0]

    assert name(chunk(1, seconds=1.0)) == name(chunk(2, seconds=1.0)) != name(chunk(1, seconds=1.5))
    assert name(chunk()).endswith(b".wav")


def test_the_prompt_is_what_whisper_is_told_and_what_does_not_fit_is_the_oldest() -> None:
    assert (
        prompt(chunk(hotwords=("Ada", "Linz"), initial_prompt=" Notes. ", previous="And so"))
        == "Ada, Linz Notes. And so"
    )
    assert prompt(chunk()) == ""
    long = prompt(chunk(initial_prompt="Notes.", previous="x" * PROMPT_CHARACTERS + "end"))
    assert len(long) == PROMPT_CHARACTERS and long.startswith("Notes. x") and long.endswith("end")
    assert prompt(chunk(initial_prompt="y" * PROMPT_CHARACTERS, previous="before")) == "y" * PROMPT_CHARACTERS


def test_an_empty_form_has_no_recording() -> None:
    body, kind = empty_form()
    assert b"file" not in body and kind.partition("boundary=")[2].encode() in body
