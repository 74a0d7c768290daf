"""Engines on the machines of a Ray cluster: runs in a child of the daemon, and on the nodes."""
