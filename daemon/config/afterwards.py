"""What is done when the job of a recording has ended."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What is done when the job of a recording has ended."""

    on_done: tuple[str, ...] = ()
    """The command for one that is done; empty for none."""
    on_failed: tuple[str, ...] = ()
    """The command for one that has failed for good."""
    after_success: str = "leave"
    """`leave`, `move` or `delete`: what becomes of the recording itself."""
    after_success_days: float = 0.0
    done_folder: str = "done"
    """Where it is moved to, below its watched folder."""
