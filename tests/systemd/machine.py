"""An emulated computer (QEMU) with a kernel of its own, whose control groups tell systemd when memory ran out.

Those of a container are the host's, which may be of the old kind. Emulated, all is ten to twenty times as slow.
"""

import json
import shutil
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from tests.systemd.container import PATH, chroot

KERNEL = "linux-image-cloud-amd64"
TOOLS = ("mmdebstrap", "mount", "mke2fs", "qemu-system-x86_64")
DISK = "3G"
MEMORY = "2G"
PORT = "commands"
ANSWERER = f"""\
import json, subprocess
with open("/dev/virtio-ports/{PORT}", "r+b", buffering=0) as port, open(port.fileno(), "wb", closefd=False) as answers:
    for command in port:
        done = subprocess.run(json.loads(command), stdin=subprocess.DEVNULL, capture_output=True, text=True)
        answers.write(json.dumps([done.returncode, done.stdout, done.stderr]).encode() + b"\\n")
        answers.flush()
"""
"""What runs commands in the computer: a line of JSON in, a line of JSON out."""
ANSWERER_UNIT = f"""\
[Unit]
BindsTo=dev-virtio\\x2dports-{PORT}.device
After=dev-virtio\\x2dports-{PORT}.device
[Service]
ExecStart=/usr/bin/python3 /usr/local/lib/answerer.py
Environment=PATH={PATH} LANG=C.UTF-8
[Install]
WantedBy=multi-user.target
"""
WRITE = """\
import base64, pathlib, sys
path = pathlib.Path(sys.argv[1])
path.parent.mkdir(parents=True, exist_ok=True)
path.write_bytes(base64.b64decode(sys.argv[2]))
"""


class Machine:
    """The computer, with the content of a folder on its disk."""

    def __init__(self, root: Path, folder: Path) -> None:
        (root / "usr" / "local" / "lib" / "answerer.py").write_text(ANSWERER)
        (root / "etc" / "systemd" / "system" / "answerer.service").write_text(ANSWERER_UNIT)
        chroot(root, "systemctl", "--quiet", "enable", "answerer.service")
        self._disk = folder / "disk"
        subprocess.run(["mke2fs", "-qq", "-t", "ext4", "-d", str(root), str(self._disk), DISK], check=True, timeout=300)
        self._kernel, self._initrd = folder / "vmlinuz", folder / "initrd.img"
        for kept in (self._kernel, self._initrd):
            (found,) = (root / "boot").glob(f"{kept.name}-*")
            shutil.copy(found, kept)
        self._console = folder / "console.log"
        self._qemu: subprocess.Popen[str] | None = None

    def boot(self) -> None:
        """Start it, and wait until it runs."""
        self._qemu = subprocess.Popen(
            [
                *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", MEMORY),
                *("-nodefaults", "-display", "none", "-no-reboot", "-serial", f"file:{self._console}"),
                *("-kernel", str(self._kernel), "-initrd", str(self._initrd)),
                *("-append", "root=/dev/vda rw console=ttyS0 panic=1"),
                *("-drive", f"file={self._disk},format=raw,if=virtio,cache=unsafe"),
                *("-device", "virtio-serial-pci", "-chardev", f"stdio,id={PORT},signal=off"),
                *("-device", f"virtserialport,chardev={PORT},name={PORT}"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        self.run("systemctl", "is-system-running", "--wait", check=False)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in it as root."""
        assert self._qemu is not None and self._qemu.stdin is not None and self._qemu.stdout is not None
        self._qemu.stdin.write(json.dumps(command) + "\n")
        self._qemu.stdin.flush()
        if not (answer := self._qemu.stdout.readline()):
            pytest.fail(f"the computer is off\n{self._console.read_text('utf-8', 'replace')}")
        done = subprocess.CompletedProcess(command, *json.loads(answer))
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def write(self, path: str, content: bytes) -> None:
        """Write a file, with its folder where that is missing."""
        self.run("python3", "-c", WRITE, path, b64encode(content).decode())

    def shows(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", "-p", name, unit).stdout.strip()

    def stop(self) -> None:
        """Pull the plug, and throw the disk away."""
        if self._qemu is not None:
            self._qemu.kill()
            self._qemu.communicate()
        self._disk.unlink()
