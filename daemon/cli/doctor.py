"""`transcribed doctor`: what is wrong with this machine and this installation, and what to do about it."""

import sys
from collections import Counter
from contextlib import nullcontext
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from daemon.cli.common import EXIT_ENVIRONMENT, EXIT_FAILED, ConfigOption, JsonOption, print_json
from daemon.doctor.findings import FAILED, OK, WARNING, Finding

COLOURS = {OK: "green", WARNING: "yellow", FAILED: "bold red"}
LEVEL_COLUMNS, SUBJECT_COLUMNS = 7, 13


def doctor(config_file: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check machine, configuration, folders, database, model and service, and say how to cure what is wrong.

    Exit code 0: all is well, 1: there are warnings, 4: something does not work. It may run beside the daemon. As root
    it checks as the daemon's user.
    """
    # Not at the top: the other commands need none of it, and start sooner without.
    from daemon.doctor.examination import examine

    console = Console(highlight=False)
    shows = console.is_terminal and not as_json
    findings = []
    with console.status("") if shows else nullcontext() as status:

        def tell(subject: str) -> None:
            if status is not None:
                status.update(f"checking: {subject}")

        for finding in examine(config_file, tell):
            findings.append(finding)
            if not as_json:
                console.print(line(finding))
    levels = Counter(finding.level for finding in findings)
    if as_json:
        print_json({"ok": levels[OK] == len(findings), "findings": [asdict(finding) for finding in findings]})
    elif levels[OK] == len(findings):
        console.print(Text("all is well", style="green"))
    else:
        console.print(f"{levels[FAILED]} failed, {levels[WARNING]} warnings, {levels[OK]} ok")
    if levels[FAILED]:
        sys.exit(EXIT_ENVIRONMENT)
    if levels[WARNING]:
        sys.exit(EXIT_FAILED)


def line(finding: Finding) -> Table:
    """Render a finding, with its cure below."""
    table = Table.grid(padding=(0, 1))
    table.add_column(width=LEVEL_COLUMNS)
    table.add_column(width=SUBJECT_COLUMNS)
    table.add_column(overflow="fold")
    table.add_row(Text(finding.level, style=COLOURS[finding.level]), Text(finding.subject), Text(finding.text))
    if finding.cure:
        table.add_row("", "", Text(finding.cure, style="bold"))
    return table
