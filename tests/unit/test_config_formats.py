"""The formats by name: listed once, and named wherever users look for them."""

import re

import pytest

from daemon.config.extensions import MEDIA
from daemon.config.formats import EXTENSIONS, FORMATS
from daemon.config.reader import default_text
from tests.support import ROOT


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        (default_text(), r"^formats = \[(.*)\] +# also (.*)$"),
        ((ROOT / "README.md").read_text("utf-8"), r"^formats = \[(.*)\] +# also (.*)$"),
        ((ROOT / "docs" / "database.md").read_text("utf-8"), r"files named like transcripts \((.*)\)"),
    ],
    ids=["config.toml", "README.md", "docs/database.md"],
)
def test_every_format_is_named_where_users_look_for_it(text: str, listed: str) -> None:
    (found,) = re.finditer(listed, text, re.MULTILINE)
    assert sorted(re.findall(r"\w+", " ".join(found.groups()))) == sorted(FORMATS)


def test_a_name_is_an_extension_that_no_recording_has() -> None:
    assert all(re.fullmatch(r"[a-z0-9]+", form) for form in FORMATS)
    assert {f".{form}" for form in FORMATS} == EXTENSIONS and len(EXTENSIONS) == len(FORMATS)
    assert EXTENSIONS.isdisjoint(MEDIA)
