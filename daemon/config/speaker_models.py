"""Where the speaker model is on the disk."""

from pathlib import Path

from daemon.config.paths import packaged

CAMPPLUS_SHA256 = "4ea4598a866989b7a37a739a28c1cf9a666ab708692eaa0a3808e11ff598c75d"
"""Of the file that `daemon/speakers/campplus.py` builds: to the byte what the thresholds were measured with."""


CAMPPLUS = f"campplus-{CAMPPLUS_SHA256[:12]}"
"""Which model a voice was heard with: those of two models cannot be compared."""


def campplus() -> Path:
    """Return the file of CAM++, which is there once `transcribed speakers install` has been run."""
    return packaged() / f"{CAMPPLUS}.onnx"
