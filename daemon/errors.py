"""The few kinds of failure. The message says what happened; the hint says what a person can do about it.

A recording error is about one file. An environment error is about the machine: it makes work wait and costs no
recording an attempt.
"""

ASK_THE_DOCTOR = "`transcribed doctor` looks for the reason"
"""What a hint begins with where nothing more is known."""
INSTALL_CUBLAS = (
    "CTranslate2 needs cuBLAS for CUDA 12, also beside a newer CUDA: pip install nvidia-cublas-cu12, and have "
    "LD_LIBRARY_PATH name its folder nvidia/cublas/lib; docs/service.md has the lines, at NVIDIA"
)
"""The hint where that library is missing."""
ANOTHER_CTRANSLATE2 = (
    "some versions of CTranslate2 fail on some cards: install another one (pip install ctranslate2==VERSION; "
    "docs/service.md names those that are known, at NVIDIA), or set model.device = 'cpu' meanwhile"
)
"""The hint where a card cannot do what it should."""


class TranscribedError(Exception):
    """A failure that a person can act on."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class BadConfig(TranscribedError):
    """The configuration cannot be used (exit code 2)."""


class BadRecording(TranscribedError):
    """This recording can never be transcribed as it is: it is rejected at once, without a retry."""


class FailedRecording(TranscribedError):
    """This recording failed, but another attempt may succeed; the attempt is charged."""


class RecordingChanged(TranscribedError):
    """The file is no longer the version that was queued; the newer version is a job of its own."""


class RecordingGone(TranscribedError):
    """The file no longer exists."""


class Unavailable(TranscribedError):
    """The environment lacks something (a model, device, disk or folder): wait and try again (exit code 4)."""


class AlreadyRunning(TranscribedError):
    """Another daemon holds the database (exit code 3)."""
