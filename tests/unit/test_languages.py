from faster_whisper.tokenizer import _LANGUAGE_CODES

from daemon.config.languages import LANGUAGES, WITHOUT_SPACES


def test_the_languages_are_those_of_the_models() -> None:
    assert set(_LANGUAGE_CODES) == LANGUAGES


def test_languages_without_spaces_are_languages() -> None:
    assert WITHOUT_SPACES < LANGUAGES and "ko" not in WITHOUT_SPACES
