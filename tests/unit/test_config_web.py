"""The table [web]."""

from pathlib import Path

import pytest

from daemon.config import reader
from daemon.config.settings import Settings
from daemon.config.web import user_name
from daemon.errors import BadConfig


def load(folder: Path, text: str) -> Settings:
    (folder / "config.toml").write_text(text)
    return reader.load(folder / "config.toml")


def test_paths_are_relative_to_the_file_and_links_in_them_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    web = load(tmp_path, '[web]\nusers_file = "users.json"\n[web.users.ada]\nfolders = ["link", "/abs"]\n').web
    assert web.users_file == str(tmp_path / "users.json")
    assert web.users["ada"].folders == (tmp_path / "real", Path("/abs"))
    assert load(tmp_path, "").web.users_file == ""


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('listen = "8642"', "must be an address"),
        ('hosts = ["https://page.example"]', "name of a machine"),
        ('hosts = ["page.example:80"]', "name of a machine"),
        ('proxy_header = "X Remote"', "name of a header"),
        ("session_days = 0", "greater than 0"),
        ("share_days_max = 366", "less than or equal to 365"),
        ("share_days_max = -1", "greater than or equal to 0"),
        ("[web.users.Ada]", "small letters"),
        ('[web.users."../x"]', "small letters"),
        ("[web.users.ada]\nwrites = true", "unknown"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, line: str, reason: str) -> None:
    with pytest.raises(BadConfig, match=reason):
        load(tmp_path, f"[web]\n{line}\n")


def test_names_of_users() -> None:
    assert user_name("ada.b-2_c") == "ada.b-2_c"
    for name in ("", "a b", "Ada", "-a", "é", "a" * 64):
        with pytest.raises(ValueError, match="small letters"):
            user_name(name)
