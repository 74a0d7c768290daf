"""The command line: the commands, what they print, and their exit codes."""
