"""The program `transcribed`, also as `python -m daemon`."""

import sys


def main() -> None:
    """Run a command. That of the daemon has its engine's libraries loaded meanwhile."""
    if sys.argv[1:2] == ["run"]:
        from daemon.processes import ahead

        ahead.start()
    # Not at the top: it takes half a second, in which the other process is under way.
    from daemon.cli.app import main as command

    command()


if __name__ == "__main__":
    main()
