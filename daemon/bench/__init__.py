"""Benchmarks: the user's machine, model and recordings, measured side by side. Nothing is downloaded for them."""
