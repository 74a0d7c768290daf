"""Restricts a decoder, once it has loaded its libraries, to reading what it was handed, computing and answering.

Limits always apply; a seccomp filter applies where the kernel supports one (Linux on x86-64 and AArch64).
"""

import ctypes
import errno
import os
import platform
import resource
import struct
from collections.abc import Sequence

ADDRESS_SPACE_BYTES = 4 << 30
"""RLIMIT_AS: the libraries map 0.3 GB; a decoder with 20 open recordings in windows of 5 minutes maps 0.8 GB (VmPeak on
2 cores; more cores mean more heaps). A decompression bomb hits this limit rather than the machine."""
LIMITS = {"RLIMIT_AS": ADDRESS_SPACE_BYTES, "RLIMIT_CORE": 0, "RLIMIT_FSIZE": 0}

ARCHITECTURES = {
    # socket, connect, execve, execveat, ptrace, io_uring_setup (which could open sockets past the filter)
    "x86_64": (0xC000003E, 317, (41, 42, 59, 322, 101, 425)),
    "aarch64": (0xC00000B7, 277, (198, 203, 221, 281, 117, 425)),
}
"""machine -> (AUDIT_ARCH of linux/audit.h, number of seccomp(2), numbers of the forbidden system calls)."""
X32_BIT = 0x40000000
"""x86-64 answers to a second set of numbers from here on."""

PR_SET_NO_NEW_PRIVS = 38
SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC = 1, 1
RET_ALLOW, RET_ERRNO = 0x7FFF0000, 0x00050000
LOAD_WORD, JUMP_EQUAL, JUMP_GREATER_OR_EQUAL, RETURN = 0x20, 0x15, 0x35, 0x06
"""Classic BPF (linux/bpf_common.h)."""
NUMBER_OFFSET, ARCHITECTURE_OFFSET = 0, 4
"""In struct seccomp_data."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def enter_sandbox() -> tuple[str, ...]:
    """Give up what decoding does not need.

    Returns:
        What could not be given up, and why; normally empty.
    """
    lowered = (_lower(name, most) for name, most in LIMITS.items())
    return tuple(trouble for trouble in (*lowered, _forbid_calls()) if trouble)


def _forbid_calls() -> str | None:
    """Have the kernel refuse network, programs and tracing; return what could not be forbidden, and why."""
    machine = ARCHITECTURES.get(platform.machine())
    if machine is None:
        return f"network and programs (no seccomp filter for {platform.machine()} is known)"
    architecture, seccomp, forbidden = machine
    code = _filter(architecture, forbidden)
    libc = ctypes.CDLL(None, use_errno=True)
    program = _Program(len(code) // 8, code)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        # For all threads: the one that waits for the end of the daemon is already running.
        done = libc.syscall(seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, ctypes.byref(program))
        if done == 0:
            return None
    return f"network and programs (the kernel takes no seccomp filter: {os.strerror(ctypes.get_errno()).lower()})"


def _lower(name: str, most: int) -> str | None:
    """Lower a limit, and return what is wrong if the system does not allow it.

    A lower limit that the daemon was started with (ulimit, LimitAS=) stays.
    """
    limit = getattr(resource, name)
    least = min([most, *(value for value in resource.getrlimit(limit) if value != resource.RLIM_INFINITY)])
    try:
        resource.setrlimit(limit, (least, least))
    except (OSError, ValueError) as error:
        return f"{name} ({error})"
    return None


def _filter(architecture: int, forbidden: Sequence[int]) -> bytes:
    """Return a BPF program that refuses the forbidden calls, and all calls of another architecture, with EPERM."""
    refuse_in = len(forbidden) + 1
    lines = [
        (LOAD_WORD, 0, 0, ARCHITECTURE_OFFSET),
        (JUMP_EQUAL, 0, refuse_in + 2, architecture),
        (LOAD_WORD, 0, 0, NUMBER_OFFSET),
        (JUMP_GREATER_OR_EQUAL, refuse_in, 0, X32_BIT),
        *((JUMP_EQUAL, refuse_in - 1 - at, 0, number) for at, number in enumerate(forbidden)),
        (RETURN, 0, 0, RET_ALLOW),
        (RETURN, 0, 0, RET_ERRNO | errno.EPERM),
    ]
    return b"".join(struct.pack("HBBI", *line) for line in lines)
