"""The file for whisper.cpp."""

from daemon.bench.runtimes.ggml import words
from daemon.engine.model_files import resolve


def test_the_words_are_the_bytes_of_the_tokens() -> None:
    found = words(resolve("tiny.en"))
    assert len(found) == 50256, "the tokens after these are no text"
    assert found[314] == b" I" and found[198] == b"\n"
    assert "é".encode() in found and b"\xc3" in found
