"""Benchmarks of the user's machine, model and recordings, side by side. Nothing is downloaded for them."""
