"""Every sentence that a person may read is said in every language of the bank."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest
from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]
CATALOGUES = {"zh-hans": "zh_Hans", "zh-hant": "zh_Hant"}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")
# What holds no text of ours; the demonstration's people and the tests are nobody's screen.
NO_TEXT = shutil.ignore_patterns(".*", "tests", "bench", "docs", "static", "__pycache__", "*.mo")


def catalogue(locale: str, *, root: Path = ROOT) -> polib.POFile:
    return polib.pofile(str(root / "locale" / locale / "LC_MESSAGES" / "django.po"))


def said(entry: polib.POEntry) -> list[str]:
    """Return everything that the entry is translated by, one text or one a plural form."""
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def test_there_is_a_catalogue_for_every_language_but_english() -> None:
    assert {code for code, _name in settings.LANGUAGES} - {"en"} == set(CATALOGUES)


@pytest.mark.parametrize("locale", CATALOGUES.values())
def test_nothing_is_left_untranslated_or_in_doubt(locale: str) -> None:
    entries = catalogue(locale)

    assert [entry.msgid for entry in entries if not all(said(entry))] == []
    assert [entry.msgid for entry in entries if entry.fuzzy] == []
    assert [entry.msgid for entry in entries if entry.obsolete] == []


@pytest.mark.parametrize("locale", CATALOGUES.values())
def test_placeholders_are_those_of_the_english(locale: str) -> None:
    differing = [
        entry.msgid
        for entry in catalogue(locale)
        for text in said(entry)
        if set(PLACEHOLDER.findall(text)) != set(PLACEHOLDER.findall(entry.msgid_plural or entry.msgid))
    ]

    assert differing == []


def test_both_scripts_say_the_same_sentences() -> None:
    hans, hant = ({(entry.msgctxt, entry.msgid) for entry in catalogue(locale)} for locale in CATALOGUES.values())

    assert hans == hant


@pytest.mark.skipif(not shutil.which("xgettext"), reason="no xgettext on PATH: apt-get install gettext")
def test_the_catalogues_hold_what_the_code_says_now(tmp_path: Path) -> None:
    shutil.copytree(ROOT, tmp_path, ignore=NO_TEXT, dirs_exist_ok=True)

    locales = [f"--locale={locale}" for locale in CATALOGUES.values()]
    options = ["--no-obsolete", "--add-location=never", "--no-wrap"]
    subprocess.run([sys.executable, "manage.py", "makemessages", *locales, *options], cwd=tmp_path, check=True)

    for locale in CATALOGUES.values():
        fresh, kept = catalogue(locale, root=tmp_path), catalogue(locale)
        assert {(entry.msgctxt, entry.msgid) for entry in fresh} == {(entry.msgctxt, entry.msgid) for entry in kept}
