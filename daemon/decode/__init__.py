"""Runs in the decoder child: a media file becomes chunks of speech."""
