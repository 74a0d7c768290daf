"""The names of languages."""

from daemon.config.language_names import CODES, NAMES, name_of
from daemon.config.languages import LANGUAGES


def test_every_language_has_a_name_of_its_own() -> None:
    assert set(NAMES) == LANGUAGES
    assert len(CODES) == len(NAMES)


def test_names_are_those_of_the_api() -> None:
    assert (name_of("en"), name_of("ht"), name_of("xx"), name_of(None)) == ("english", "haitian creole", "xx", "")
    assert CODES["haitian creole"] == "ht"
