"""The limits that the daemon was started with (ulimit, a unit's Limit…=), which its children inherit."""

import logging
import resource

from daemon.errors import Unavailable

log = logging.getLogger(__name__)

DECODER_BYTES = 1 << 30
"""Address space that decoding needs: a decoder with its libraries and the VAD at work maps 0.45 GB (VmPeak, 16 kHz WAV,
windows of 2 minutes); twice that leaves room for windows of an hour and codecs with large frames."""


def check_limits() -> None:
    """Tell whether a decoder can work under the limits of this process, before any recording is begun.

    Raises:
        Unavailable: the limit on the address space is too low to decode anything.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY:
        return
    if hard < DECODER_BYTES:
        raise Unavailable(
            f"the address space is limited to {hard >> 20} MB, and decoding needs {DECODER_BYTES >> 20} MB",
            "raise the limit: `ulimit -v` in a shell, LimitAS= in a systemd unit",
        )
    log.info("the address space is limited to %d MB; children keep within it", hard >> 20)
