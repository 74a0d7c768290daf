"""The limits that the daemon was started with."""

import logging
import resource

import pytest

from daemon.errors import Unavailable
from daemon.processes.limits import NEEDED, check_limits

UNLIMITED = resource.RLIM_INFINITY


def set_limits(monkeypatch: pytest.MonkeyPatch, **soft: int) -> None:
    limits = {resource.RLIMIT_AS: soft.get("address", UNLIMITED), resource.RLIMIT_DATA: soft.get("data", UNLIMITED)}
    monkeypatch.setattr(resource, "getrlimit", lambda which: (limits[which], UNLIMITED))


def test_without_limits_there_is_nothing_to_say(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    set_limits(monkeypatch)
    check_limits()
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("name", "limit", "said"),
    [("address", resource.RLIMIT_AS, "ulimit -v"), ("data", resource.RLIMIT_DATA, "LimitDATA=")],
)
def test_one_byte_too_few_is_too_few(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, limit: int, said: str
) -> None:
    caplog.set_level(logging.INFO)
    needed = NEEDED[limit].needed_bytes
    set_limits(monkeypatch, **{name: needed})
    check_limits()
    assert "children keep within it" in caplog.text
    set_limits(monkeypatch, **{name: needed - 1})
    with pytest.raises(Unavailable) as caught:
        check_limits()
    assert said in caught.value.hint and f"needs {needed >> 20} MB" in caught.value.message
