"""Compares the watched folders with the database and queues the recordings that are complete."""
