"""The `ray` program, ended when the process that started it ends: `python -m daemon.cluster.tied PID start ...`."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""
CLIENT = "--ray-client-server-port="


def main() -> None:
    """Run the command line of Ray."""
    parent = int(sys.argv.pop(1))
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("whoever started this has ended meanwhile")
    if not any(option.startswith(CLIENT) for option in sys.argv):
        without_client()
    from ray.scripts.scripts import main as ray

    sys.argv[0] = "ray"
    ray()


def without_client() -> None:
    """Have no server started for Ray's own client: a head starts one wherever grpcio is, and no option forbids it."""
    sys.modules["grpc"] = None  # type: ignore[assignment]  # an import of it fails then


if __name__ == "__main__":
    main()
