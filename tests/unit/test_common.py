import json
from pathlib import Path

import pytest

from daemon.cli.common import load_settings, print_json
from daemon.errors import BadConfig


def test_json_is_readable_and_keeps_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": "Ü 中"})
    printed = capsys.readouterr().out
    assert "Ü 中" in printed and json.loads(printed) == {"text": "Ü 中"} and printed.count("\n") == 3


def test_the_configuration_that_is_named_is_taken(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[[watch]]\npath = "in"\n')
    assert load_settings(tmp_path / "mine.toml").watch[0].path == tmp_path / "in"
    with pytest.raises(BadConfig):
        load_settings(tmp_path / "none.toml")
