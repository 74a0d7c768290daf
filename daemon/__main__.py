"""Makes `python -m daemon` the same as `transcribed`."""

from daemon.cli.app import main

main()
