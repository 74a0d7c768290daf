"""Installs the daemon as a systemd service: `transcribed service install`, `uninstall`."""
