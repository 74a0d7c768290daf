"""Where models lie, by what the environment says."""

from pathlib import Path

import pytest

from daemon.config.paths import hugging_face, packaged


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CACHE_HOME", "CACHE_DIRECTORY", "HF_HUB_CACHE", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/someone")


def test_in_the_home_folder_unless_told_otherwise() -> None:
    assert packaged() == Path("/home/someone/.cache/transcribed/models")
    assert hugging_face() == Path("/home/someone/.cache/huggingface/hub")


def test_a_unit_has_its_own_cache_and_the_users_word_goes_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", "/var/cache/transcribed")
    assert packaged() == Path("/var/cache/transcribed/transcribed/models")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert packaged() == Path("/cache/transcribed/models")


def test_downloads_are_where_hugging_face_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", "/hf")
    assert hugging_face() == Path("/hf/hub")
    monkeypatch.setenv("HF_HUB_CACHE", "/elsewhere")
    assert hugging_face() == Path("/elsewhere")
