"""Who is told of a download."""

from daemon.engine.downloads import listener, told
from daemon.processes.protocol import Downloading


def test_the_innermost_listener_is_told_and_outside_nobody() -> None:
    one, other = list[Downloading](), list[Downloading]()
    listener()(Downloading("base", 0, 4))
    with told(one.append):
        listener()(Downloading("base", 1, 4))
        with told(other.append):
            listener()(Downloading("base", 2, 4))
        listener()(Downloading("base", 3, 4))
    listener()(Downloading("base", 4, 4))
    assert [each.percent for each in one] == [25, 75] and [each.percent for each in other] == [50]
