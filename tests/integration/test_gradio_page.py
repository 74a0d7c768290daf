"""The example of a page made with Gradio, where Gradio is installed."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.clips import CLIPS
from tests.integration.web_process import free_port, is_served
from tests.support import ROOT, MakeDaemon, wait_until

EXAMPLE = ROOT / "docs" / "examples" / "gradio_page.py"
ASK = f"""
import sys
sys.path.insert(0, {str(EXAMPLE.parent)!r})
from gradio_page import page, text_of
assert [each.label for each in page.output_components] == ["Text", "Language"]
print(*text_of(sys.argv[1], "transcribe"), sep="\\n")
"""


@pytest.mark.model
@pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="gradio is not installed")
def test_a_page_of_thirty_lines_works_over_the_api(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    port = free_port()
    make_daemon(web=f'listen = "127.0.0.1:{port}"').start().ready()
    wait_until(lambda: is_served(port), 20, "the page")
    (recording := tmp_path / "memo.opus").write_bytes((CLIPS / "memo-1.opus").read_bytes())
    environment = {**os.environ, "TRANSCRIBED": f"http://127.0.0.1:{port}", "GRADIO_ANALYTICS_ENABLED": "False"}
    asked = subprocess.run(
        [sys.executable, "-c", ASK, str(recording)], capture_output=True, text=True, env=environment, timeout=100
    )
    assert asked.returncode == 0, asked.stderr
    *text, language = asked.stdout.splitlines()
    assert language in ("en", "english") and len(" ".join(text).split()) > 5


def test_it_is_as_short_as_it_says() -> None:
    lines = EXAMPLE.read_text("utf-8").splitlines()
    assert len(lines) < 50
    compile("\n".join(lines), str(EXAMPLE), "exec")
