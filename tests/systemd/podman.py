"""Containers without Docker: podman and runc, with a store of their own."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support import ROOT, wait_until

TOOLS = ("buildah", "podman", "podman-compose", "runc", "catatonit")
SOMEBODY = 4321
"""Owns the drop folder, as a user of the machine around the container does."""
IMAGE = "localhost/transcribed"
STORAGE = '[storage]\ndriver = "vfs"\ngraphroot = "{0}/graph"\nrunroot = "{0}/run"\n'
CONTAINERS = """
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[containers]
netns = "host"
default_ulimits = ["nofile=20000:20000", "nproc=30000:30000"]
init_path = "{0}"
"""


class Podman:
    """Podman, and what belongs to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "storage.conf").write_text(STORAGE.format(folder))
        (folder / "containers.conf").write_text(CONTAINERS.format(shutil.which("catatonit")))
        self.environment = {
            **os.environ,
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "CONTAINERS_CONF": str(folder / "containers.conf"),
        }

    def run(
        self, *arguments: str, program: str = "podman", check: bool = True, variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **(variables or {})}
        done = subprocess.run(
            [program, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1200
        )
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done

    def build(self, base: Path, wheels: Path) -> None:
        """Build the image of docs/docker on that Debian, where pip finds all that it needs: nothing can be pulled."""
        archive = str(self.folder / "base.tar")
        renamed = f"--transform=s,^{str(wheels).lstrip('/')},wheels,"
        self.run("-cf", archive, "-C", str(base), ".", renamed, str(wheels), program="tar")
        lines = ("PIP_NO_INDEX=1", "PIP_FIND_LINKS=/wheels", "PATH=/usr/local/bin:/usr/bin:/bin")
        self.run("import", *(f"--change=ENV {line}" for line in lines), archive, "localhost/base")
        how = ["--isolation", "chroot", "--format", "docker", "--build-arg", "BASE=localhost/base"]
        self.run("bud", *how, "-f", "docs/docker/Dockerfile", "-t", IMAGE, ".", program="buildah")


class Running:
    """A container of the image that runs, hardened, with folders of somebody from outside.

    Args:
        podman: What runs it.
        folder: Where its folders are.
    """

    def __init__(self, podman: Podman, folder: Path) -> None:
        self.podman = podman
        self.folder = folder
        for name in ("recordings", "state", "models"):
            (folder / name).mkdir()
            os.chown(folder / name, SOMEBODY, SOMEBODY)
        volumes = [f"--volume={folder / name}:/{name}" for name in ("recordings", "state", "models")]
        hardened = [
            "--read-only",
            "--cap-drop=all",
            "--security-opt=no-new-privileges",
            f"--user={SOMEBODY}:{SOMEBODY}",
        ]
        self.id = podman.run("run", "--detach", "--init", *hardened, *volumes, IMAGE).stdout.strip()

    def ready(self, times: int = 1) -> None:
        """Wait until the daemon has said so often that it is ready."""
        wait_until(lambda: self.log().count("ready: drop") >= times, 120, "the daemon being ready")

    def log(self) -> str:
        done = self.podman.run("logs", self.id)
        return done.stdout + done.stderr

    def drop(self, recording: Path) -> None:
        copy = Path(shutil.copy(recording, self.folder / "recordings"))
        os.chown(copy, SOMEBODY, SOMEBODY)

    def wait_for(self, name: str, timeout_s: float = 120) -> Path:
        """Wait for a file of a transcript."""
        path = self.folder / "recordings" / name
        wait_until(path.exists, timeout_s, name)
        return path

    def is_healthy(self) -> bool:
        return self.podman.run("healthcheck", "run", self.id, check=False).returncode == 0

    def exit_code(self) -> int:
        state: dict[str, Any] = json.loads(self.podman.run("inspect", self.id).stdout)[0]["State"]
        return int(state["ExitCode"])

    def pid(self) -> int:
        """The daemon's process id outside the container."""
        lines = self.podman.run("top", self.id, "hpid", "args").stdout.splitlines()
        return next(int(line.split()[0]) for line in lines if "python3 /opt/transcribed/bin/transcribed run" in line)
