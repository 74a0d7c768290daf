"""A program is measured with all of its children."""

from pathlib import Path

from daemon.bench.measure import run


def test_a_run_is_measured_with_its_children(tmp_path: Path) -> None:
    hungry = "import subprocess,sys,time; x=bytearray(60_000_000); time.sleep(0.6)"
    nested = f"import subprocess,sys; sys.exit(subprocess.call([sys.executable, '-c', {hungry!r}]) or 3)"
    import sys

    usage = run([sys.executable, "-c", nested], tmp_path)
    assert usage.exit_code == 3
    assert usage.wall_s > 0.5 and usage.peak_mb > 65
