"""A chunk as the form that OpenAI's API takes. Pure."""

import io
import wave
from collections.abc import Sequence
from hashlib import blake2b
from secrets import token_hex

from daemon.chunk import SAMPLE_RATE, Chunk

PROMPT_CHARACTERS = 1000
"""More than the 223 tokens that a Whisper model can be told; servers cut it to what they can."""


def form(chunk: Chunk, model: str, *, language: str, words: bool) -> tuple[bytes, str]:
    """Return the bytes of the form, and their type.

    Args:
        chunk: What is to be heard.
        model: As the server names it.
        language: What it is told of the language; "" for nothing.
        words: Whether a time is wanted for every word.
    """
    fields = [
        ("model", model),
        ("response_format", "verbose_json"),
        ("temperature", f"{chunk.temperature:g}"),
        ("timestamp_granularities[]", "segment"),
    ]
    if words:
        fields.append(("timestamp_granularities[]", "word"))
    if language:
        fields.append(("language", language))
    if told := prompt(chunk):
        fields.append(("prompt", told))
    # The same audio always has the same name, and another one another: a server may keep it as a file.
    name = f"{blake2b(chunk.audio, digest_size=12).hexdigest()}.wav"
    return _multipart(fields, name, wav(chunk.audio))


def empty_form() -> tuple[bytes, str]:
    """Return a form with no recording, which every server refuses that knows what to do with one."""
    boundary = token_hex(16)
    return f"--{boundary}--\r\n".encode(), _kind(boundary)


def prompt(chunk: Chunk) -> str:
    """Return what the model is told beforehand: names that may come, a text in the wanted style, what came before."""
    told = " ".join(part for part in (", ".join(chunk.hotwords), chunk.initial_prompt.strip()) if part)
    room = max(0, PROMPT_CHARACTERS - len(told) - 1)
    before = chunk.previous.strip()
    return " ".join(part for part in (told, before[max(0, len(before) - room) :] if room else "") if part)


def wav(audio: bytes) -> bytes:
    """Return int16 samples as a WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(audio)
    return buffer.getvalue()


def _multipart(fields: Sequence[tuple[str, str]], name: str, content: bytes) -> tuple[bytes, str]:
    boundary = token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode("utf-8", "replace")
        for key, value in fields
    ]
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    )
    whole = b"".join([*parts, head.encode(), content, f"\r\n--{boundary}--\r\n".encode()])
    return whole, _kind(boundary)


def _kind(boundary: str) -> str:
    return f"multipart/form-data; boundary={boundary}"
