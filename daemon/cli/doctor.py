"""`transcribed doctor`: what is wrong with this machine and this installation, and what to do about it."""

import os
import sys
import textwrap
from collections import Counter
from contextlib import nullcontext
from dataclasses import asdict, replace

from rich.console import Console
from rich.text import Text

from daemon.cli.common import EXIT_ENVIRONMENT, EXIT_FAILED, ConfigOption, JsonOption, print_json
from daemon.doctor.findings import FAILED, OK, WARNING, Finding
from daemon.store.records import readable

COLOURS = {OK: "green", WARNING: "yellow", FAILED: "bold red"}
LEVEL_COLUMNS, SUBJECT_COLUMNS = 8, 14
INDENT = " " * (LEVEL_COLUMNS + SUBJECT_COLUMNS)
TEXT_COLUMNS_LEAST = 30


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

        for found in examine(config_file, tell):
            # A path may hold bytes that are no text.
            text, cure = (readable(os.fsencode(each)) for each in (found.text, found.cure))
            finding = replace(found, text=text, cure=cure)
            findings.append(finding)
            if not as_json:
                console.print(rendered(finding, console.width if console.is_terminal else None), soft_wrap=True)
    levels = Counter(finding.level for finding in findings)
    if as_json:
        print_json({"ok": levels[OK] == len(findings), "findings": [asdict(finding) for finding in findings]})
    elif levels[OK] == len(findings):
        console.print(Text("all is well", style="green"))
    else:
        warnings = "1 warning" if levels[WARNING] == 1 else f"{levels[WARNING]} warnings"
        console.print(f"{levels[FAILED]} failed, {warnings}, {levels[OK]} ok")
    if levels[FAILED]:
        sys.exit(EXIT_ENVIRONMENT)
    if levels[WARNING]:
        sys.exit(EXIT_FAILED)


def rendered(finding: Finding, columns: int | None) -> Text:
    """Return a finding, with its cure below.

    Args:
        finding: What was found.
        columns: Where lines are broken, but for long paths, which can be copied then; None breaks none.
    """
    lines = _broken(finding.text, columns)
    cure = [Text(each, style="bold") for each in _broken(f"→ {finding.cure}", columns)] if finding.cure else []
    level = Text(f"{finding.level:{LEVEL_COLUMNS}}", style=COLOURS[finding.level])
    head = Text.assemble(level, f"{finding.subject:{SUBJECT_COLUMNS}}{lines[0]}")
    return Text("\n").join([head, *(Text(INDENT) + each for each in [*map(Text, lines[1:]), *cure])])


def _broken(text: str, columns: int | None) -> list[str]:
    if columns is None:
        return [text]
    width = max(TEXT_COLUMNS_LEAST, columns - len(INDENT))
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]
