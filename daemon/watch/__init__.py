"""Watched folders are compared with the database; what is complete is queued."""
