"""Twelve ways of writing a recording into the folder: never a transcript of a part, not even briefly."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import Daemon, MakeDaemon, fake_texts, reconcile, write_wav

WRITERS = {
    "trickle": """
with open(target, "wb") as out:
    for at in range(0, len(data), len(data) // 8):
        out.write(data[at : at + len(data) // 8]); out.flush(); time.sleep(0.2)
""",
    "pauses longer than the settle time with the file open": """
with open(target, "wb") as out:
    out.write(data[:20000]); out.flush(); time.sleep(1.2); out.write(data[20000:])
""",
    "preallocates and fills": """
fd = os.open(target, os.O_CREAT | os.O_WRONLY)
os.posix_fallocate(fd, 0, len(data)); time.sleep(0.8); os.pwrite(fd, data, 0); time.sleep(0.5); os.close(fd)
""",
    "maps it": """
import mmap
fd = os.open(target, os.O_CREAT | os.O_RDWR); os.ftruncate(fd, len(data))
with mmap.mmap(fd, len(data)) as view:
    os.close(fd); time.sleep(0.8); view[:] = data; view.flush(); time.sleep(0.3)
""",
    "opens and closes for each block": """
for at in range(0, len(data), 8000):
    with open(target, "ab") as out: out.write(data[at : at + 8000])
    time.sleep(0.1)
""",
    "hidden name, then renamed": """
with open(folder + "/.hidden.wav.tmp", "wb") as out:
    out.write(data[:9000]); out.flush(); time.sleep(0.8); out.write(data[9000:])
os.rename(folder + "/.hidden.wav.tmp", target)
""",
    "keeps the time of the original": """
with open(target, "wb") as out: out.write(data)
os.utime(target, (1, 1))
""",
    "written backwards": """
fd = os.open(target, os.O_CREAT | os.O_WRONLY)
for at in reversed(range(0, len(data), 8000)):
    os.pwrite(fd, data[at : at + 8000], at); time.sleep(0.1)
os.close(fd)
""",
    "appends while it is transcribed": """
with open(target, "wb") as out: out.write(data[:20000])
time.sleep(0.9)
with open(target, "ab") as out:
    out.write(data[20000:30000]); out.flush(); time.sleep(0.6); out.write(data[30000:])
""",
    "begins anew half-way": """
with open(target, "wb") as out: out.write(data[:25000]); out.flush(); time.sleep(0.6)
with open(target, "wb") as out: out.write(data[:5000]); out.flush(); time.sleep(0.6); out.write(data[5000:])
""",
    "a name of its own, then linked": """
with open(folder + "/.upload", "wb") as out:
    out.write(data[:9000]); out.flush(); time.sleep(0.6); out.write(data[9000:])
os.link(folder + "/.upload", target); os.unlink(folder + "/.upload")
""",
    "fills a hole": """
fd = os.open(target, os.O_CREAT | os.O_WRONLY)
os.pwrite(fd, data[-10000:], len(data) - 10000); time.sleep(0.7); os.pwrite(fd, data[:-10000], 0); os.close(fd)
""",
}

MAY_BE_BEGUN = {"appends while it is transcribed"}
"""Where a part lies there whole and closed for longer than the settle time, it is begun, and given up."""

SMALL = 4
"""So many of them are part of every run."""
DOSES = [
    *(
        pytest.param(style, 1, id=style, marks=() if number < SMALL else pytest.mark.faults)
        for number, style in enumerate(WRITERS)
    ),
    *(pytest.param(style, 20, id=f"{style}, 20 files", marks=pytest.mark.faults) for style in WRITERS),
]


@pytest.mark.guarantee(3)
@pytest.mark.parametrize(("style", "files"), DOSES)
def test_no_half_written_file_is_transcribed(make_daemon: MakeDaemon, tmp_path: Path, style: str, files: int) -> None:
    daemon: Daemon = make_daemon(fake={"delay_s": 0.6}, watching="settle_seconds = 0.4\nrescan_seconds = 1")
    daemon.start().ready()
    (tmp_path / "outside").mkdir()
    wholes = [write_wav(tmp_path / "outside" / f"{number:02}.wav", 1.5, seed=77 + number) for number in range(files)]
    targets = [daemon.inbox / whole.name for whole in wholes]
    texts = {whole.stem: " ".join(fake_texts(whole)) for whole in wholes}
    writers = [write(style, whole, target) for whole, target in zip(wholes, targets, strict=True)]
    until = time.monotonic() + 60
    while time.monotonic() < until and list(daemon.states().values()).count("done") < files:
        only_whole_transcripts(daemon, texts)
        time.sleep(0.02)
    for writer in writers:
        assert writer.wait(30) == 0
    daemon.wait_idle(files)
    only_whole_transcripts(daemon, texts)
    if style not in MAY_BE_BEGUN:
        begun = daemon.query("SELECT count(DISTINCT content_hash) FROM jobs")
        assert begun == [(files,)], "a partial version was opened"
    assert daemon.query("SELECT max(attempts) FROM jobs") == [(1,)]
    assert daemon.stop() == 0
    reconcile(daemon, targets)


def write(style: str, whole: Path, target: Path) -> "subprocess.Popen[bytes]":
    folder = target.parent / f"in-{target.stem}"
    script = (
        f"import os, time\ntarget, folder = {str(target)!r}, {str(folder)!r}\n"
        f"os.mkdir(folder)\ndata = open({str(whole)!r}, 'rb').read()\n"
    )
    return subprocess.Popen([sys.executable, "-c", script + WRITERS[style] + "\nos.rmdir(folder)"])


def only_whole_transcripts(daemon: Daemon, texts: dict[str, str]) -> None:
    for path in daemon.inbox.glob("*.txt"):
        assert path.read_text().strip() == texts[path.stem], f"{path.name} is the transcript of a part"
