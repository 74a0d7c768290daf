"""Runs in the engine child: a batch of chunks becomes segments."""
