"""The catalogs of the page: every text is in each of them, and nothing else."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from string import Formatter

import pytest

from daemon.config.alert_rules import RULES
from daemon.monitor.rules import FIRING, PENDING, RESOLVED, UNKNOWN
from daemon.store import outbox
from daemon.store.schema import STATES
from daemon.web.catalogs import CATALOGS, ENGLISH, Catalog, Entry, read
from daemon.web.pages import COMMANDS
from tests.page_texts import (
    COUNTED,
    Texts,
    Unmarked,
    in_modules,
    in_scripts,
    in_templates,
    unmarked_in_scripts,
    unmarked_in_templates,
)

KEYS = {"Alt", "Backspace", "Ctrl", "Delete", "Enter", "Escape", "Shift"}
TERMS = {
    "states": set(STATES),
    "commands": {*COMMANDS, "priority"},
    "alerts": {PENDING, FIRING, RESOLVED, UNKNOWN},
    "rules": {rule.name for rule in RULES},
    "deliveries": {outbox.COMMAND, outbox.WEBHOOK, outbox.NOTIFY, outbox.RECORDING},
    "delivered": {outbox.WAITING, outbox.SENT, outbox.UNSENT, outbox.DROPPED},
    "keys": KEYS,
}
TRANSLATED = sorted(set(CATALOGS) - {ENGLISH})
translated = pytest.mark.parametrize("code", TRANSLATED)


def forms(entry: Entry) -> list[str]:
    return [entry] if isinstance(entry, str) else list(entry.values())


def sentences(catalog: Catalog) -> list[tuple[str, str]]:
    """Each text in English with each form of its translation."""
    entries = [*catalog.texts.items(), *catalog.scripts.items()]
    return [(english, form) for english, entry in entries for form in forms(entry)]


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def differences(there: Texts, entries: Mapping[str, Entry], place: str) -> str:
    """What is to be done to a table of a catalog, with lines to be copied into it."""
    added = [f"{json.dumps(text, ensure_ascii=False)} = # {', '.join(sorted(files))}"
             for text, files in there.items() if text not in entries]  # fmt: skip
    gone = [json.dumps(text, ensure_ascii=False) for text in entries if text not in there]
    added = [f"{place} lacks", *added] if added else []
    return "\n".join([*added, *([f"{place} has what nothing shows any more", *gone] if gone else [])])


def test_the_page_speaks_five_languages() -> None:
    assert set(CATALOGS) == {"en", "de", "fr", "es", "zh"}


def test_every_text_is_marked_for_translation() -> None:
    found = [*unmarked_in_templates(), *unmarked_in_scripts()]
    assert not found, "\n" + "\n".join(found)


@translated
def test_every_text_is_in_the_catalog(code: str) -> None:
    of_pages = in_templates()
    for text, files in in_modules().items():
        of_pages.setdefault(text, set()).update(files)
    catalog = CATALOGS[code]
    found = [
        differences(of_pages, catalog.texts, f"[texts] of daemon/web/languages/{code}.toml"),
        differences(in_scripts(), catalog.scripts, f"[scripts] of daemon/web/languages/{code}.toml"),
    ]
    assert not any(found), "\n" + "\n".join(found)


@translated
def test_every_word_of_the_database_has_a_name(code: str) -> None:
    assert {kind: set(words) for kind, words in CATALOGS[code].terms.items()} == TERMS
    assert all(name for words in CATALOGS[code].terms.values() for name in words.values())


@translated
def test_translations_have_the_same_values_as_the_english_text(code: str) -> None:
    catalog = CATALOGS[code]
    for english, entry in [*catalog.texts.items(), *catalog.scripts.items()]:
        if isinstance(entry, str):
            assert places(entry) == places(english), english
        else:
            assert set(entry) == ({"one", "other"} if catalog.singular else {"other"}), english
            assert places(entry["other"]) == places(english) and places(forms(entry)[0]) <= places(english), english


@translated
def test_what_counts_something_has_a_form_for_each_number(code: str) -> None:
    def counted(entries: Mapping[str, Entry]) -> set[str]:
        return {text for text, entry in entries.items() if not isinstance(entry, str)}

    catalog = CATALOGS[code]
    assert counted(catalog.texts) == {*in_templates(COUNTED), *in_modules(COUNTED)}
    assert counted(catalog.scripts) == set(in_scripts(COUNTED))


@translated
def test_nothing_stays_english_and_the_same_text_is_the_same_everywhere(code: str) -> None:
    catalog = CATALOGS[code]
    for english, form in sentences(catalog):
        words = re.findall(r"[^\W\d_]{2,}", re.sub(r"{[^}]*}", "", english))
        assert form.strip() and (len(words) < 2 or form != english), english
    both = set(catalog.texts) & set(catalog.scripts)
    assert {text: catalog.texts[text] for text in both} == {text: catalog.scripts[text] for text in both}


def test_french_has_its_spaces_before_signs() -> None:
    for _, form in sentences(CATALOGS["fr"]):
        assert not re.search(r"(?<!\u00a0):|(?<!\u202f)[;?!]|«(?!\u00a0)|(?<!\u00a0)»", form), form
        assert "'" not in form, form


def test_chinese_has_its_own_signs() -> None:
    han = r"[\u4e00-\u9fff]"
    for _, form in sentences(CATALOGS["zh"]):
        assert not re.search(rf"{han}\s?[,.:;?!()]|[,:;?!()]\s?{han}", form), form
        assert not re.search(rf"{han}[A-Za-z0-9{{]|[A-Za-z0-9}}]{han}", form), f"no space: {form}"


def test_counts_take_the_form_of_their_language() -> None:
    def said(code: str) -> list[str]:
        return [CATALOGS[code].counted("{count} line", "{count} lines", count) for count in (0, 1, 2)]

    assert said("en") == ["{count} lines", "{count} line", "{count} lines"]
    assert said("de") == ["{count} Zeilen", "{count} Zeile", "{count} Zeilen"]
    assert said("fr") == ["{count} ligne", "{count} ligne", "{count} lignes"]
    assert said("zh") == ["{count} 行"] * 3


def test_what_is_missing_is_said_in_english() -> None:
    catalog = CATALOGS["de"]
    assert catalog.text("no such text") == "no such text" == catalog.term("states", "no such text")
    assert [catalog.counted("one", "others", count) for count in (1, 2)] == ["one", "others"]


def test_a_catalog_with_another_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "xx.toml").write_text('tag = "xx"\nname = "X"\nsingular = [1]\n[text]\n')
    with pytest.raises(ValueError, match=r"xx\.toml must have exactly these keys: tag, name, singular, texts"):
        read(tmp_path / "xx.toml")


def test_a_text_that_is_computed_cannot_be_translated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file := tmp_path / "page.html").write_text('{{ _("Hello " ~ name) }}')
    monkeypatch.setattr("tests.page_texts.TEMPLATES", [file])
    with pytest.raises(Unmarked, match=r"page\.html"):
        in_templates()


@pytest.mark.parametrize(
    "template",
    [
        "<p>Hello</p>",
        '<a aria-label="Hello"></a>',
        '{{ "Hello" if x else "" }}',
        "{% if x %}Hello{% endif %}",
        "{{ x or 'Hello' }}",
    ],
)
def test_a_text_that_is_not_marked_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: str) -> None:
    (file := tmp_path / "page.html").write_text(
        f'<p class="state">{{{{ _("Fine") }}}} txt</p>{template}'.replace(" txt", "")
    )
    monkeypatch.setattr("tests.page_texts.TEMPLATES", [file])
    (found,) = unmarked_in_templates()
    assert found.startswith("page.html: 'Hello'") and list(in_templates()) == ["Fine"]


@pytest.mark.parametrize("script", ['say("It is done.");', "say(`It is done, ${name}.`);", 'const x = "Done.";'])
def test_a_text_of_a_script_that_is_not_marked_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    (file := tmp_path / "page.js").write_text(f'// It is done.\nsay(t("It is fine."));\n{script}\n')
    monkeypatch.setattr("tests.page_texts.SCRIPTS", [file])
    (found,) = unmarked_in_scripts()
    assert found.startswith("page.js: ") and list(in_scripts()) == ["It is fine."]
