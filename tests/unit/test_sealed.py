"""Whether somebody has edited what an installation wrote."""

import pytest

from daemon.install.sealed import Present, compare, is_untouched, sealed

EDITED = sealed("one\n") + "two\n"


@pytest.mark.parametrize(
    ("content", "text", "present"),
    [
        (sealed("one\n"), "one\n", Present.CURRENT),
        (sealed("one\n"), "new\n", Present.OLD),
        (EDITED, "one\n", Present.CURRENT),
        (EDITED, "new\n", Present.EDITED),
        ("one\n", "one\n", Present.CURRENT),
        ("one\n", "new\n", Present.EDITED),
        ("", "new\n", Present.EDITED),
        (sealed("one\n").replace("\n", " \n", 1), "new\n", Present.EDITED),
    ],
)
def test_what_is_there_compared_with_what_would_be_written(content: str, text: str, present: Present) -> None:
    assert compare(content, text) is present


def test_what_nobody_has_touched() -> None:
    assert is_untouched(sealed("one\n"))
    assert not is_untouched(EDITED) and not is_untouched("one\n")


def test_the_first_line_is_a_comment_for_toml_and_systemd() -> None:
    first, rest = sealed("one\n").split("\n", 1)
    assert first.startswith("# ") and rest == "one\n"
