"""Turns stored segments into the files of a transcript: all of them or none."""
