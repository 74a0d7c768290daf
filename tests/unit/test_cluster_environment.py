"""What Ray's processes are started with: the token of the file and no other, and limits that Ray itself knows."""

import json
import os
import subprocess
import sys
from pathlib import Path

from daemon.cluster.environment import LOST_HEAD_S, environment

LOOK = """
import json
from ray._private.ray_constants import RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S as drain_s
from ray._raylet import AuthenticationMode, AuthenticationTokenLoader, get_authentication_mode
with_token = get_authentication_mode() == AuthenticationMode.TOKEN
token = AuthenticationTokenLoader.instance().get_raw_token() if with_token else None
print(json.dumps([with_token, token, drain_s]))
"""
KNOWN = Path("core") / "src" / "ray" / "raylet" / "raylet"


def seen_by_ray(token_file: Path | None, **users: str) -> list[object]:
    """What Ray makes of the variables: whether there is one, the token, time to drain."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        env={**os.environ, **users, **environment(token_file)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return list(json.loads(done.stdout))


def test_ray_takes_the_token_of_the_file_whatever_else_is_set(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a" * 64)
    seen = seen_by_ray(tmp_path / "token", RAY_AUTH_TOKEN="b" * 64, RAY_AUTH_MODE="disabled")
    assert seen == [True, "a" * 64, 10.0]


def test_a_cluster_without_a_token_is_asked_without_one() -> None:
    assert seen_by_ray(None, RAY_AUTH_MODE="token")[:2] == [False, None]


def test_ray_knows_every_variable() -> None:
    """A limit that a version of Ray has under another name would do nothing."""
    import ray

    folder = Path(ray.__file__).parent
    known = (folder / KNOWN).read_bytes() + b"".join(file.read_bytes() for file in folder.glob("_private/*.py"))
    known += b"".join(file.read_bytes() for file in folder.glob("_common/usage/*.py"))
    assert [name for name in environment(Path("token")) if name.encode() not in known] == []


def test_the_file_of_the_token_is_found_from_any_folder() -> None:
    assert environment(Path("token"))["RAY_AUTH_TOKEN_PATH"] == str(Path.cwd() / "token")
    assert environment(None)["RAY_gcs_rpc_server_reconnect_timeout_s"] == str(LOST_HEAD_S)
