"""The token of a cluster: made once, for one user, and refused where others can read it."""

import os
from pathlib import Path

import pytest

from daemon.cluster.tokens import check, make
from daemon.errors import BadConfig, Unavailable


def test_a_token_is_made_for_its_user_alone_and_kept(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert make(tmp_path / "new" / "token")
    finally:
        os.umask(before)
    token = tmp_path / "new" / "token"
    assert token.stat().st_mode & 0o777 == 0o600
    first = token.read_text()
    assert len(first) == 64 and first == first.strip()
    assert not make(token)
    assert token.read_text() == first
    check(token)


def test_no_two_are_alike(tmp_path: Path) -> None:
    make(tmp_path / "a")
    make(tmp_path / "b")
    assert (tmp_path / "a").read_text() != (tmp_path / "b").read_text()


def test_where_it_cannot_be_written_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="file/token"):
        make(tmp_path / "file" / "token")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_token_that_is_open_to_others_is_refused(mode: int, tmp_path: Path) -> None:
    make(tmp_path / "token")
    (tmp_path / "token").chmod(mode)
    with pytest.raises(BadConfig, match=f"mode {mode:04o}") as refused:
        check(tmp_path / "token")
    assert refused.value.hint == f"chmod 600 {tmp_path / 'token'}"


def test_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"there is no token at .*/token") as missing:
        check(tmp_path / "token")
    assert "--token-file" in missing.value.hint


@pytest.mark.parametrize("content", ["", "short", "two words that are long enough", "é" * 40, "a" * 5000])
def test_what_is_no_token_is_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(BadConfig, match="holds no token"):
        check(file)


def test_a_line_break_at_its_end_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("a" * 64 + "\n")
    file.chmod(0o600)
    check(file)
