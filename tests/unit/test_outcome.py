import pytest

from daemon.transcribe.outcome import backoff_s


@pytest.mark.parametrize(("attempts", "least_s"), [(1, 30), (2, 60), (3, 120), (6, 960)])
def test_the_wait_doubles_with_some_jitter(attempts: int, least_s: float) -> None:
    waits = {backoff_s(attempts, 30) for _ in range(50)}
    assert all(least_s <= wait <= least_s * 1.25 for wait in waits)
    assert len(waits) > 1


def test_no_wait_if_so_configured() -> None:
    assert backoff_s(3, 0) == 0
