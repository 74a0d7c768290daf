"""Stored segments become the files of a transcript, all of them or none."""
