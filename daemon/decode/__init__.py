"""Runs in the decoder child and turns media files into chunks of speech."""
