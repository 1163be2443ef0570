"""The console speaks French and English: every word has its English, and no French stands untranslated."""

import io
import re

import pytest
from babel.messages.pofile import read_po

from bot.console import words
from bot.console.rendering import HERE, Rendering
from tests.people import ROOT

PO = ROOT / "locales" / "en" / "LC_MESSAGES" / "console.po"
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")
TEMPLATES = sorted((HERE / "templates").rglob("*.html"))
# What reads alike in every language.
ALIKE = {"Segin", "HXL", "CSV", "JSON", "XLSX", "PDF", "Tab", "Ctrl", "Esc"}


@pytest.fixture(scope="module")
def english():
    with PO.open("rb") as file:
        return {str(one.id): one for one in read_po(file, locale="en") if one.id}


@pytest.fixture(scope="module")
def french():
    return {str(one.id) for one in words.found() if one.id}


def test_every_word_has_its_english(english, french):
    """`python -m bot translations` brings new words in; then somebody writes their English."""
    missing = [one for one in french if one not in english or not english[one].string or english[one].fuzzy]
    assert not missing, f"{len(missing)} without English in {PO.relative_to(ROOT)}:\n" + "\n".join(sorted(missing))


def test_no_english_is_left_over(english, french):
    """What no page says any more is kept as obsolete."""
    assert set(english) <= french


def test_what_is_filled_in_stays(english):
    """`%(name)s` and `{n}` are in both languages."""
    for french, message in english.items():
        if message.string:
            assert sorted(PLACEHOLDER.findall(french)) == sorted(PLACEHOLDER.findall(str(message.string))), french


@pytest.mark.parametrize(
    ("key", "french", "english"),
    [
        ("Saisir un dossier", "Saisir un dossier", "Enter a case"),
        ("« Est-ce réglé ? »", "«\u00a0Est-ce réglé\u00a0?\u00a0»", "“Is it settled?”"),
        ("Bureau :", "Bureau\u00a0:", "Office:"),
    ],
)
def test_no_line_begins_with_a_sign(key, french, english):
    """Words from the code as well as those of templates: French keeps its signs with a space that no line breaks at."""
    rendering = Rendering(ROOT / "locales", lambda: "UTC")
    assert rendering.translate(key, "fr") == french
    assert rendering.translate(key, "en") == english


def test_two_sentences_are_no_word(french):
    """`NotPossible("a" if … else "b")` is gathered as one: mark each with `N_`."""
    assert not [one for one in french if re.search(r"[a-zé][.?!][A-ZÉ]", one)]


def test_updating_keeps_what_is_there(english):
    """And does nothing when nothing is new; no date in the file changes by itself."""
    content = words.update(PO.read_bytes(), "en")
    assert words.update(content, "en") == content
    again = read_po(io.BytesIO(content), locale="en")
    assert {str(one.id): one.string for one in again if one.id and one.string} == {
        french: one.string for french, one in english.items() if one.string
    }


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(HERE / "templates")))
def test_no_words_stand_untranslated(path):
    """All that is read in a template, or aloud, goes through `_`."""
    text = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
    text = re.sub(r"<script\b.*?</script>|<meta\b[^>]*>", "", text, flags=re.DOTALL)
    text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", " ", text, flags=re.DOTALL)
    read = re.findall(r'(?:aria-label|title|alt|placeholder|data-label)="([^"]*)"', text)
    read += re.findall(r">([^<>]*)<", f">{text}<")
    found = [
        word for piece in read for word in re.findall(r"[^\W\d_]{2,}", re.sub(r"/console[\w/-]*|&\w+;", "", piece))
    ]
    assert not [word for word in found if word not in ALIKE]
