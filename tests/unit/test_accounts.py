"""Users and groups of this machine, by name."""

from daemon.install.accounts import group_id, is_member, user_id


def test_those_that_there_are() -> None:
    assert (user_id("root"), group_id("root")) == (0, 0)
    assert is_member("root", "root") and not is_member("nobody", "root")


def test_those_that_there_are_not() -> None:
    assert (user_id("no-such-user"), group_id("no-such-group")) == (None, None)
    assert not is_member("root", "no-such-group") and not is_member("no-such-user", "root")
