"""Head, node and daemon as services of a real systemd, as docs/cluster.md says. The tests go on from each other."""

import re
import shutil

import pytest

from tests.support import ROOT, wait_until
from tests.systemd.container import CONFIG, DROP, Container

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(900)]

HEAD, NODE, DAEMON = "transcribed-head", "transcribed-node", "transcribed"
HOME = "/var/lib/transcribed-cluster"
# Head and node are on one machine here, which they are not elsewhere: the node has ports and files of its own.
DROP_IN = f"""[Service]
Environment=HEAD=127.0.0.1
ExecStart=
ExecStart=/opt/transcribed/bin/transcribed engine join ${{HEAD}} --ports 20800 --token-file {HOME}/token \\
    --folder /var/cache/transcribed-cluster/node
"""
CHANGES = (
    ('device = "auto"', 'device = "none"'),
    ('address = ""', 'address = "127.0.0.1:6379"'),
    ('token_file = ""', f'token_file = "{HOME}/token"'),
)
MADE_ON = (
    "import sqlite3, sys; "
    "db = sqlite3.connect('file:/var/lib/transcribed/jobs.db?mode=ro', uri=True); "
    "print(db.execute('SELECT device FROM jobs WHERE path = ?', sys.argv[1:]).fetchone()[0])"
)


def ready(container: Container) -> int:
    """How many engines on nodes have become ready since the boot."""
    return len(re.findall(r"engine ready: \S+ on [^/,]+/", container.journal(DAEMON, "--boot")))


def transcribe(container: Container, name: str) -> str:
    """Drop the clip, wait for its transcript, and return the device that made it."""
    container.shell(f"cp /usr/share/demo.flac {DROP}/{name}.flac", user="anna")
    try:
        wait_until(lambda: container.shell(f"test -s {DROP}/{name}.txt", check=False).returncode == 0, 90, name)
    except AssertionError:
        raise AssertionError("".join(map(container.journal, (DAEMON, HEAD, NODE)))) from None
    return container.run("python3", "-c", MADE_ON, f"{name}.flac", user="anna").stdout.strip()


@pytest.fixture(scope="module")
def cluster(container: Container) -> Container:
    """The service without an engine of its own, its head, and a node."""
    container.run("/opt/transcribed/bin/transcribed", "service", "install")
    container.run("systemctl", "stop", DAEMON)
    container.run("usermod", "-aG", "recordings", "anna")
    units = container.root / "etc" / "systemd" / "system"
    for unit in (DAEMON, NODE):
        (units / f"{unit}.service.d").mkdir()
    shutil.copy(ROOT / "systemd" / "transcribed-cluster.conf", units / f"{DAEMON}.service.d" / "cluster.conf")
    for unit in (HEAD, NODE):
        shutil.copy(ROOT / "systemd" / f"{unit}.service", units)
    (units / f"{NODE}.service.d" / "here.conf").write_text(DROP_IN)
    container.run("systemctl", "daemon-reload")
    for unit in (HEAD, NODE):
        container.run("systemctl", "enable", "--now", unit)
    file = container.root / CONFIG.removeprefix("/")
    config = file.read_text()
    for before, after in CHANGES:
        assert before in config
        config = config.replace(before, after, 1)
    file.write_text(config)
    container.run("systemctl", "start", DAEMON)
    return container


def test_a_recording_is_transcribed_on_the_node(cluster: Container) -> None:
    wait_until(lambda: ready(cluster) == 1, 90, "the engine on the node")
    assert transcribe(cluster, "first") == "cluster"


def test_whoever_has_the_token_sees_no_recording(cluster: Container) -> None:
    for unit in (HEAD, NODE):
        inside = f"nsenter --target {cluster.shows(unit, 'MainPID')} --mount runuser -u transcribed -- ls"
        cluster.run(*inside.split(), HOME)
        for place in (DROP, "/var/lib/transcribed", "/etc/transcribed", "/home/anna"):
            assert cluster.run(*inside.split(), place, check=False).returncode != 0, f"{unit} sees {place}"


def test_a_node_that_is_killed_is_started_again_and_works(cluster: Container) -> None:
    cluster.run("systemctl", "kill", "--signal=KILL", "--kill-whom=all", NODE)
    wait_until(lambda: ready(cluster) == 2, 120, "the node again")
    assert transcribe(cluster, "second") == "cluster"


def test_a_head_that_is_killed_is_started_again_and_everything_joins_it(cluster: Container) -> None:
    cluster.run("systemctl", "kill", "--signal=KILL", "--kill-whom=all", HEAD)
    wait_until(lambda: ready(cluster) == 3, 180, "the cluster again")
    assert transcribe(cluster, "third") == "cluster"


def test_after_a_reboot_all_three_find_each_other(cluster: Container) -> None:
    cluster.reboot()
    wait_until(lambda: ready(cluster) == 1, 180, "the cluster again")
    assert transcribe(cluster, "fourth") == "cluster"


def test_stopped_they_end_in_order_and_leave_nothing(cluster: Container) -> None:
    for unit in (DAEMON, NODE, HEAD):
        cluster.run("systemctl", "stop", unit)
        assert cluster.shows(unit, "Result") == "success", cluster.journal(unit)
    assert cluster.run("pgrep", "-u", "transcribed", check=False).stdout == ""
