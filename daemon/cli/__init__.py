"""The command line: commands, what they print, exit codes."""
