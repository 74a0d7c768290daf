"""`python -m daemon` is `transcribed`."""

from daemon.cli.app import main

main()
