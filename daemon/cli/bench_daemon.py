"""`transcribed bench daemon`."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.bench import JsonFile, Load, Repeats
from daemon.cli.reports import progress, show
