"""`python -m daemon` is `transcribed`."""

from daemon.cli import main

main()
