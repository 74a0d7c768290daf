"""The texts of the page, as they stand in its templates, scripts and modules: those that are marked, and those that are not."""

import ast
import json
import re
from collections.abc import Collection, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from jinja2 import Environment, nodes

from tests.support import ROOT

WEB = ROOT / "daemon" / "web"
TEMPLATES = sorted((WEB / "templates").glob("*.html"))
SCRIPTS = sorted((WEB / "static").glob("*.js"))
MODULES = sorted(WEB.glob("*.py"))

NO_TEXT = {"transcribed", "zip", "–"}
"""What is the same in every language."""
READ_ALOUD = ("aria-label", "aria-description", "placeholder", "title", "alt", "label")
"""Attributes that people read or hear."""
SHOWN = ("gettext", "_", "t", "Message")
COUNTED = ("ngettext", "tn")
MARKS = (*SHOWN, *COUNTED)
LETTERS = re.compile(r"[^\W\d_]{2,}")

Texts = dict[str, set[str]]
"""Each text (of one that counts something, the plural) -> the files that have it."""


class Unmarked(Exception):
    """A call of which nobody can see which text it is for."""


# -- templates -----------------------------------------------------------------------------------------------


def in_templates(marks: Collection[str] = MARKS) -> Texts:
    found: Texts = {}
    for file in TEMPLATES:
        for call in _parsed(file).find_all(nodes.Call):
            name = call.node.name if isinstance(call.node, nodes.Name) else ""
            if name in marks:
                found.setdefault(_key(file, name, [_constant(each) for each in call.args]), set()).add(file.name)
    return found


def unmarked_in_templates() -> list[str]:
    """Texts in templates that are shown as they stand there."""
    found = []
    for file in TEMPLATES:
        seen = _Visible()
        seen.feed("".join(_pieces(_parsed(file))))
        seen.close()
        found += [f"{file.name}: {text!r}" for text in seen.texts]
        for output in _parsed(file).find_all(nodes.Output):
            for node in output.nodes:
                found += [f"{file.name}: {text!r} in an expression" for text in _said(node) if LETTERS.search(text)]
    return found


def _parsed(file: Path) -> nodes.Template:
    return Environment().parse(file.read_text("utf-8"))


def _pieces(template: nodes.Template) -> Iterator[str]:
    """The HTML of all branches, one after another; a digit stands for what is computed."""
    for output in template.find_all(nodes.Output):
        for node in output.nodes:
            yield node.data if isinstance(node, nodes.TemplateData) else "0"


def _said(node: nodes.Node) -> Iterator[str]:
    """The constants that may be what an expression shows."""
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, nodes.CondExpr):
        yield from (text for each in (node.expr1, node.expr2) if each is not None for text in _said(each))
    elif isinstance(node, nodes.BinExpr):
        yield from (*_said(node.left), *_said(node.right))
    elif isinstance(node, nodes.Concat):
        yield from (text for each in node.nodes for text in _said(each))
    elif isinstance(node, nodes.Filter) and node.node is not None:
        yield from _said(node.node)


def _constant(node: nodes.Node) -> Any:
    return node.value if isinstance(node, nodes.Const) else None


class _Visible(HTMLParser):
    """What people read or hear of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self._see(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        for name, value in attrs:
            if name in READ_ALOUD or (name == "value" and ("type", "submit") in attrs):
                self._see(value or "")

    def _see(self, text: str) -> None:
        left = " ".join(word for word in text.split() if word not in NO_TEXT)
        if LETTERS.search(left):
            self.texts.append(" ".join(text.split()))


# -- modules -------------------------------------------------------------------------------------------------


def in_modules(marks: Collection[str] = MARKS) -> Texts:
    found: Texts = {}
    for file in MODULES:
        if file.name == "translation.py":
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in marks:
                    args = [each.value if isinstance(each, ast.Constant) else None for each in node.args]
                    found.setdefault(_key(file, name, args), set()).add(file.name)
    return found


def _key(file: Path, name: str, args: list[Any]) -> str:
    """The text by which the catalogs have what a call shows."""
    wanted = args[:2] if name in COUNTED else args[:1]
    if not wanted or not all(isinstance(each, str) for each in wanted):
        raise Unmarked(f"{file.name}: {name}(...) must be called with the text itself, in double quotes")
    return str(wanted[-1])


# -- scripts -------------------------------------------------------------------------------------------------

COMMENT = re.compile(r"(?<!:)//[^\n]*|/\*.*?\*/", re.DOTALL)
STRING = r'"(?:[^"\\\n]|\\.)*"'
CALL = re.compile(rf"\b(tn|t)\(\s*({STRING})?(?:\s*,\s*({STRING}))?")
QUOTED = re.compile(rf"{STRING}|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`")
NO_WORDS = re.compile(r"querySelector|closest|matchMedia|import |new Error")
"""Lines whose strings nobody sees."""
SENTENCE = re.compile(r"[^\W\d_]{2,} [^\W\d_]{2,}|^.[A-Z][a-z]+ ?[.…!?]?.$")
"""Two words side by side, or one with a capital."""
NO_SENTENCES = {'"Files"', '"Enter"', '"Mod"', '"Alt"', '"Shift"'}
"""What browsers call things."""


def in_scripts(marks: Collection[str] = MARKS) -> Texts:
    found: Texts = {}
    for file in SCRIPTS:
        if file.name == "texts.js":
            continue
        for call in CALL.finditer(_code(file)):
            args = [None if each is None else json.loads(each) for each in call.groups()[1:]]
            if call[1] in marks:
                found.setdefault(_key(file, call[1], args), set()).add(file.name)
    return found


def unmarked_in_scripts() -> list[str]:
    """What looks like a text in a script and is shown as it stands there."""
    found = []
    for file in SCRIPTS:
        for line in CALL.sub("", _code(file)).splitlines():
            if not NO_WORDS.search(line):
                texts = (re.sub(r"\$\{[^}]*\}", "0", each) for each in QUOTED.findall(line))
                found += [
                    f"{file.name}: {text}" for text in texts if SENTENCE.search(text) and text not in NO_SENTENCES
                ]
    return found


def _code(file: Path) -> str:
    return COMMENT.sub("", file.read_text("utf-8"))
