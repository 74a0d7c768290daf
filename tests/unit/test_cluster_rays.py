"""What is told of what Ray says of an error."""

import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install 'transcribed[cluster]'")

from daemon.cluster.rays import _line

IMPORT = """The actor died because of an error raised in its creation task, \x1b[36mray::Agent.__init__()\x1b[39m (pid=387)
RuntimeError: The actor with name Agent failed to import on the worker. This may be because of needed libraries:

Traceback (most recent call last):
  File "function_manager.py", line 672, in _load_actor_class_from_gcs
ModuleNotFoundError: No module named 'daemon'
"""


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (IMPORT, "ModuleNotFoundError: No module named 'daemon'"),
        ("The actor 6c80 is unavailable: RpcError: RPC error: Socket closed\nmore", None),
        ("\x1b[36mOne\x1b[39m line", "One line"),
        ("\n", "RuntimeError"),
    ],
)
def test_the_line_that_says_why(said: str, told: str | None) -> None:
    assert _line(RuntimeError(said)) == (told or said.splitlines()[0])
