"""What a server says of its engine comes through, and is not trusted."""

import json
from typing import Any

import pytest

from daemon.guests.abilities import Abilities, packed, unpacked
from daemon.guests.checks import Malformed

CAN = Abilities(
    name="base", model="base, de: large-v3", compute_type="int8", languages=("en", "de"), tasks=("transcribe", "both"),
    word_times=True, cut_context=False, policy="whisper", batch_size=16, detects=True, prompts=True, decoder="ctranslate2",
    word_fault="",
)  # fmt: skip


def test_it_comes_through() -> None:
    assert unpacked(packed(CAN)) == CAN


def test_who_speaks_another_protocol_has_said_nothing() -> None:
    assert unpacked(json.dumps({"protocol": 7, "whatever": "comes"}).encode()) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", 7), ("languages", []), ("languages", ["xx"]), ("tasks", ["sing"]), ("tasks", "both"), ("batch_size", 0),
        ("batch_size", 1.5), ("policy", "hope"), ("detects", "yes"), ("more", 1), ("decoder", None),
    ],
)  # fmt: skip
def test_it_is_refused_if_one_value_is_wrong(key: str, value: Any) -> None:
    with pytest.raises(Malformed):
        unpacked(json.dumps({**json.loads(packed(CAN)), key: value}).encode())


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"<html>"])
def test_what_says_no_protocol_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        unpacked(body)
