"""The program `transcribed`, also as `python -m daemon`."""

import gc
import sys


def main() -> None:
    """Run a command. That of the daemon has its engine's libraries loaded meanwhile."""
    if sys.argv[1:2] == ["run"]:
        from daemon.processes import ahead

        ahead.start()
    gc.disable()  # What modules make stays: looking for garbage meanwhile costs a tenth of the time.
    # Not at the top: it takes half a second, in which the other process is under way.
    from daemon.cli.app import main as command

    gc.enable()
    command()


if __name__ == "__main__":
    main()
