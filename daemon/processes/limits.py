"""The limits that the daemon was started with (ulimit, a unit's Limit…=), which its children inherit."""

import logging
import resource
from dataclasses import dataclass

from daemon.errors import Unavailable

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Needed:
    """A limit that decoding may run into, and how to raise it."""

    what: str
    needed_bytes: int
    ulimit: str
    unit: str


NEEDED = {
    resource.RLIMIT_AS: Needed("the address space is", 1 << 30, "-v", "LimitAS"),
    resource.RLIMIT_DATA: Needed("the memory for data is", 1 << 29, "-d", "LimitDATA"),
}
"""What decoding needs: a decoder with its libraries and the VAD at work maps 0.45 GB, of which 0.15 GB are data (VmPeak
and VmData, 16 kHz WAV, windows of 5 minutes), with 20 recordings open 0.8 GB and 0.24 GB. The rest is room for longer
windows and for codecs with large frames."""


def check_limits() -> None:
    """Tell whether a decoder can work under the limits of this process, before any recording is begun.

    The soft limits count: they are what children run under, and raising them is not for us.

    Raises:
        Unavailable: a limit is too low to decode anything.
    """
    for limit, need in NEEDED.items():
        soft, _ = resource.getrlimit(limit)
        if soft == resource.RLIM_INFINITY:
            continue
        if soft < need.needed_bytes:
            raise Unavailable(
                f"{need.what} limited to {soft >> 20} MB, and decoding needs {need.needed_bytes >> 20} MB",
                f"raise the limit: `ulimit {need.ulimit}` in a shell, {need.unit}= in a systemd unit",
            )
        log.info("%s limited to %d MB; children keep within it", need.what, soft >> 20)
