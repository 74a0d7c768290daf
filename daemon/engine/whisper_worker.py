"""An engine child that has Whisper's libraries loaded before it is told which model to load."""

from daemon.engine import loader
from daemon.engine.worker import main

__all__ = ["loader", "main"]
