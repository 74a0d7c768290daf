"""The service on a real systemd, from `service install` to `uninstall`. The tests go on from each other, in this order."""

import json
import re
import time
from typing import Any

import pytest

from tests.support import wait_until
from tests.systemd.container import CONFIG, DROP, MEETING_S, Container

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(1500)]

UNIT = "transcribed.service"
DATABASE = "/var/lib/transcribed/jobs.db"


@pytest.fixture(scope="module")
def installed(container: Container) -> Container:
    """The container with the service, and anna in the group."""
    container.run("/opt/transcribed/bin/transcribed", "service", "install")
    container.run("usermod", "-aG", "recordings", "anna")
    return container


def jobs(container: Container, user: str = "anna") -> dict[str, str]:
    """path -> state, as somebody of the group sees it."""
    found = json.loads(container.run("transcribed", "jobs", "list", "--limit", "1000", "--json", user=user).stdout)
    return {job["path"]: job["state"] for job in reversed(found)}


def wait_for(container: Container, path: str, state: str = "done", timeout_s: float = 120, user: str = "anna") -> None:
    """Wait until a recording is in a state; the command that asks takes time from the daemon, so not too often."""
    until = time.monotonic() + timeout_s
    while (now := jobs(container, user).get(path)) != state:
        assert time.monotonic() < until, f"{path} is {now}\n{journal(container)}"
        time.sleep(1)


def journal(container: Container, *options: str) -> str:
    return container.journal(UNIT, *options)


def wait_active(container: Container, timeout_s: float = 60) -> None:
    wait_until(lambda: container.shows(UNIT, "ActiveState") == "active", timeout_s, "the service being active")


def drop(container: Container, source: str, name: str, user: str = "anna") -> None:
    container.shell(f"cp /usr/share/{source} {DROP}/{name}", user=user)


def test_a_dry_run_changes_nothing(container: Container) -> None:
    done = container.run("/opt/transcribed/bin/transcribed", "service", "install", "--dry-run")
    assert {line.split()[0] for line in done.stdout.splitlines()} == {"would"}
    assert container.shell(f"ls {DROP} /etc/transcribed; getent passwd transcribed", check=False).stdout == ""


def test_installed_it_runs(installed: Container) -> None:
    assert installed.run("systemctl", "is-enabled", UNIT).stdout.strip() == "enabled"
    assert installed.shows(UNIT, "ActiveState") == "active"
    assert installed.run("stat", "-c", "%U:%G %a", DROP).stdout == "transcribed:recordings 2770\n"
    assert installed.run("stat", "-c", "%U:%G %a", CONFIG).stdout == "root:recordings 640\n"
    assert installed.run("stat", "-c", "%U:%G %a", DATABASE).stdout == "transcribed:recordings 640\n"


def test_decoders_are_in_their_sandbox(installed: Container) -> None:
    drop(installed, "demo.flac", "first.flac")
    wait_for(installed, "first.flac")
    assert "the sandbox of the decoders" not in journal(installed)


def test_installed_twice_it_is_as_before(installed: Container) -> None:
    started = installed.shows(UNIT, "ExecMainStartTimestampMonotonic")
    done = installed.run("transcribed", "service", "install")
    steps = done.stdout.partition("\n\n")[0].splitlines()
    assert {line.split()[0] for line in steps} == {"already"}
    assert installed.shows(UNIT, "ExecMainStartTimestampMonotonic") == started


@pytest.mark.parametrize("umask", ["022", "077", "002"])
def test_who_is_in_the_group_drops_reads_edits_and_deletes(installed: Container, umask: str) -> None:
    name = f"talk-{umask}"
    installed.shell(f"umask {umask} && cat /usr/share/demo.flac > {DROP}/{name}.flac", user="anna")
    wait_for(installed, f"{name}.flac")
    assert "morning" in installed.shell(f"cat {DROP}/{name}.txt", user="anna").stdout.lower()
    installed.shell(f"echo edited >> {DROP}/{name}.txt && rm {DROP}/{name}.srt", user="anna")


def test_a_folder_of_hers_with_what_is_in_it(installed: Container) -> None:
    installed.shell(f"mkdir {DROP}/day && cp /usr/share/demo.flac {DROP}/day/talk.flac", user="anna")
    wait_for(installed, "day/talk.flac")
    assert installed.shell(f"cat {DROP}/day/talk.txt", user="anna").stdout


def test_who_is_in_the_group_sees_what_happens_and_changes_nothing(installed: Container) -> None:
    assert "daemon: running" in installed.run("transcribed", "status", user="anna").stdout
    assert "talk-022.flac" in installed.run("transcribed", "search", "morning", user="anna").stdout
    refused = installed.run("transcribed", "jobs", "retry", "1", user="anna", check=False)
    assert refused.returncode == 4 and "sudo -u transcribed transcribed" in refused.stderr
    installed.run("sudo", "-u", "transcribed", "transcribed", "jobs", "retry", "talk-077.flac")
    assert "daemon: running" in installed.run("transcribed", "status", user="anna").stdout


def test_nobody_else_may(installed: Container) -> None:
    for command in (f"cat {DROP}/talk-022.txt", f"cp /usr/share/demo.flac {DROP}/b.flac", f"cat {DATABASE}"):
        assert installed.shell(command, user="boris", check=False).returncode == 1, command
    refused = installed.run("transcribed", "status", user="boris", check=False)
    assert refused.returncode == 2 and "usermod -aG recordings boris" in refused.stderr


def test_while_the_daemon_is_stopped_the_group_still_reads(installed: Container) -> None:
    installed.run("systemctl", "stop", UNIT)
    assert "daemon: not running" in installed.run("transcribed", "status", user="anna").stdout
    assert "talk-022.flac" in installed.run("transcribed", "search", "morning", user="anna").stdout
    installed.run("systemctl", "start", UNIT)


def test_reload_good_bad_and_doubled(installed: Container) -> None:
    pid = installed.shows(UNIT, "MainPID")
    installed.run("systemctl", "reload", UNIT)
    installed.shell(f"cp {CONFIG} /root/good && echo 'wrong = 1' >> {CONFIG}")
    refused = installed.run("systemctl", "reload", UNIT, check=False)
    assert refused.returncode != 0 and installed.shows(UNIT, "ActiveState") == "active"
    assert "wrong" in journal(installed, "-p", "warning")
    installed.shell(f"cp /root/good {CONFIG}")
    # A second save, with an error, while the first one is being taken.
    installed.shell(f"systemctl reload --no-block {UNIT}; sleep 0.3; echo 'wrong = 1' >> {CONFIG}; sleep 10")
    wait_active(installed)
    installed.shell(f"cp /root/good {CONFIG} && systemctl reload {UNIT}")
    assert installed.shows(UNIT, "MainPID") == pid and installed.shows(UNIT, "NRestarts") == "0"
    drop(installed, "demo.flac", "after-reload.flac")
    wait_for(installed, "after-reload.flac")


def test_kills_in_the_middle_of_the_work_lose_nothing(installed: Container) -> None:
    drop(installed, "meeting.wav", "meeting.wav")
    for _ in range(3):
        restarts = int(installed.shows(UNIT, "NRestarts"))
        wait_for(installed, "meeting.wav", "running")
        time.sleep(2)
        installed.run("systemctl", "kill", "--kill-whom=main", "-s", "KILL", UNIT)
        wait_until(lambda: int(installed.shows(UNIT, "NRestarts")) > restarts, 60, "the restart")  # noqa: B023
        wait_active(installed)
    _done_and_whole(installed, "meeting.wav")


def test_a_reboot_in_the_middle_of_the_work(installed: Container) -> None:
    installed.run("sudo", "-u", "transcribed", "transcribed", "jobs", "retry", "meeting.wav")
    wait_for(installed, "meeting.wav", "running")
    time.sleep(2)
    installed.reboot()
    wait_active(installed)
    _done_and_whole(installed, "meeting.wav")


def _done_and_whole(container: Container, path: str) -> None:
    wait_for(container, path, timeout_s=600)
    stem = path.rpartition(".")[0]
    found: dict[str, Any] = json.loads(container.run("cat", f"{DROP}/{stem}.json", user="anna").stdout)
    starts = [segment["start_s"] for segment in found["segments"]]
    assert starts == sorted(starts) and starts[-1] > MEETING_S - 60, "all of it, each line once"
    statement = "SELECT count(*) FROM (SELECT 1 FROM segments GROUP BY job_id, chunk, idx HAVING count(*) > 1)"
    script = f"import sqlite3; print(*sqlite3.connect('file:{DATABASE}?mode=ro', uri=True).execute({statement!r}).fetchone())"
    assert container.run("python3", "-c", script, user="anna").stdout == "0\n"


def test_a_daemon_that_hangs_is_started_again(installed: Container) -> None:
    installed.shell(
        f"mkdir -p /etc/systemd/system/{UNIT}.d && printf '[Service]\\nWatchdogSec=20\\n' "
        f"> /etc/systemd/system/{UNIT}.d/watchdog.conf && systemctl daemon-reload && systemctl restart {UNIT}"
    )
    pid = installed.shows(UNIT, "MainPID")
    installed.run("kill", "-STOP", pid)
    wait_until(lambda: installed.shows(UNIT, "MainPID") not in (pid, "0"), 90, "another daemon")
    wait_active(installed)
    assert "Watchdog timeout" in journal(installed)
    drop(installed, "demo.flac", "after-watchdog.flac")
    wait_for(installed, "after-watchdog.flac")


def test_a_full_disk_makes_it_wait_and_go_on(installed: Container) -> None:
    installed.shell("mkdir /srv/small && mount -t tmpfs -o size=2m,mode=755 tmpfs /srv/small")
    told = installed.run("transcribed", "service", "install", "--watch", "/srv/small").stdout
    assert "start transcribed.service again" in told
    assert installed.run("stat", "-c", "%U:%G %a", "/srv/small").stdout == "transcribed:recordings 2770\n"
    installed.shell(
        "cp /usr/share/demo.flac /srv/small/a.flac; cat /dev/zero > /srv/small/.filler", "anna", check=False
    )
    listed = ("transcribed", "jobs", "list", "--path", "a.flac", "--json")
    waiting = "the transcript cannot be written"
    wait_until(lambda: waiting in installed.run(*listed, user="anna").stdout, 60, waiting)
    installed.shell("rm /srv/small/.filler", user="anna")
    wait_for(installed, "a.flac")
    assert installed.shell("cat /srv/small/a.txt", user="anna").stdout


def test_a_service_of_ones_own(container: Container) -> None:
    container.run("loginctl", "enable-linger", "boris")
    number = container.run("id", "-u", "boris").stdout.strip()
    session = {"XDG_RUNTIME_DIR": f"/run/user/{number}"}
    wait_until(
        lambda: container.shell(f"test -S /run/user/{number}/bus", check=False).returncode == 0, 30, "his systemd"
    )
    for _ in range(2):
        done = container.run("transcribed", "service", "install", "--user", user="boris", variables=session)
    assert {line.split()[0] for line in done.stdout.partition("\n\n")[0].splitlines()} == {"already"}
    container.shell("cp /usr/share/demo.flac ~/Recordings/mine.flac", user="boris")
    wait_for(container, "mine.flac", user="boris")
    container.run("transcribed", "service", "uninstall", "--user", user="boris", variables=session)
    asked = container.run("systemctl", "--user", "is-active", UNIT, user="boris", check=False, variables=session)
    assert asked.stdout.strip() == "inactive"


def test_the_unit_is_as_hardened_as_it_says(installed: Container) -> None:
    score = re.search(
        r"Overall exposure level for \S+: ([\d.]+)", installed.run("systemd-analyze", "security", UNIT).stdout
    )
    assert score is not None and float(score[1]) <= 1.5


def test_uninstalled_only_the_service_is_gone(installed: Container) -> None:
    installed.run("/opt/transcribed/bin/transcribed", "service", "uninstall")
    assert installed.run("systemctl", "is-active", UNIT, check=False).stdout.strip() == "inactive"
    gone = installed.shell(f"ls /etc/systemd/system/{UNIT} /usr/local/bin/transcribed", check=False)
    assert gone.stdout == ""
    assert "jobs.db" in installed.run("ls", "/var/lib/transcribed").stdout
    assert "meeting.txt" in installed.run("ls", DROP, user="anna").stdout
    again = installed.run("/opt/transcribed/bin/transcribed", "service", "uninstall").stdout
    assert {line.split()[0] for line in again.partition("\n\n")[0].splitlines()} == {"already"}
