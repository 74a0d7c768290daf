"""A full disk: the work waits, says why, loses nothing, burns no attempt, and goes on by itself."""

import shutil
import subprocess

import pytest

from tests.support import Daemon, reconcile, wait_until, write_wav

IN_A_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    probe = [*IN_A_NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(probe, capture_output=True, timeout=10).returncode == 0


@pytest.fixture
def small_disk(make_daemon):
    """A daemon in a mount namespace, with a small tmpfs in one of its folders; commands run in the same namespace."""
    if not can_mount():
        pytest.skip("user namespaces are not allowed here: a small file system cannot be mounted")
    holders: list[subprocess.Popen[str]] = []

    def start(where: str, size: str) -> tuple[Daemon, "subprocess.Popen[str]"]:
        daemon: Daemon = make_daemon(fake={}, jobs="retry_backoff_seconds = 0.2")
        folder = daemon.folder / where
        folder.mkdir(exist_ok=True)
        holder = subprocess.Popen(
            [*IN_A_NAMESPACE, "sh", "-c", f"mount -t tmpfs -o size={size} tmpfs {folder} && exec sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=daemon.folder,
            env=daemon.environment,
        )
        holders.append(holder)
        return daemon, holder

    yield start
    for holder in holders:
        holder.kill()
        holder.communicate()


def say(holder: "subprocess.Popen[str]", command: str) -> str:
    """Run a shell command in the namespace; what it printed."""
    assert holder.stdin is not None and holder.stdout is not None
    holder.stdin.write(f"{command}\necho; echo END\n")
    holder.stdin.flush()
    lines = []
    while (line := holder.stdout.readline().strip()) != "END":
        assert holder.poll() is None, "the shell in the namespace ended"
        lines.append(line)
    return "\n".join(lines).strip()


def test_a_full_drop_folder(small_disk) -> None:
    daemon, holder = small_disk("inbox", "1m")
    recording = write_wav(daemon.folder / "a.wav", 2.0)
    say(holder, f"cp {recording} inbox/ && head -c 2000000 /dev/zero > inbox/.filler 2>/dev/null")
    say(holder, " ".join(daemon.command("run")) + " > /dev/null 2>> daemon.log &")
    wait_until(lambda: "cannot be written" in daemon.reasons().get("a.wav", ""), 30, "the full disk being noticed")
    assert daemon.query("SELECT attempts FROM jobs WHERE path = 'a.wav'") in ([(0,)], [(1,)])
    assert sorted(say(holder, "ls -A inbox").split()) == [".filler", "a.wav"], "something half-written is visible"
    say(holder, "rm inbox/.filler")
    daemon.wait_for({"a.wav": "done"}, 30)
    assert sorted(say(holder, "ls -A inbox").split()) == ["a.json", "a.srt", "a.txt", "a.wav"]
    assert daemon.query("SELECT attempts FROM jobs WHERE path = 'a.wav'") == [(1,)]


def test_a_full_disk_under_the_database(small_disk) -> None:
    daemon, holder = small_disk("var", "12m")
    say(holder, " ".join(daemon.command("run")) + " > /dev/null 2>> daemon.log & echo $! > pid")
    wait_until(lambda: "ready: drop" in daemon.log_text(), 30)
    say(holder, "head -c 20000000 /dev/zero > var/.filler 2>/dev/null")
    recordings = [write_wav(daemon.inbox / f"{number:03}.wav", 0.2, seed=number) for number in range(100)]
    wait_until(lambda: "everything waits" in daemon.log_text(), 30, "the full disk being noticed")
    say(holder, "rm var/.filler")
    wait_until(lambda: len(list(daemon.inbox.glob("*.json"))) == 100, 60, "all files done")
    say(holder, "kill $(cat pid); wait")
    say(holder, "mkdir -p copy && cp -a var/. copy/")
    daemon.database = daemon.folder / "copy" / "jobs.db"
    reconcile(daemon, recordings)
    assert daemon.query("SELECT DISTINCT attempts, state FROM jobs") == [(1, "done")]
