"""The folders of this repository."""

from pathlib import Path

import pytest

from bot.library.check import check
from bot.library.files import read_folder
from bot.library.load import build
from tests.library.small import changed, line_of

ROOT = Path(__file__).resolve().parents[2]
EN = "locales/en/LC_MESSAGES/bot.po"


@pytest.fixture(scope="module")
def files():
    return read_folder(ROOT)


def test_nothing_is_wrong_with_our_own_files(files):
    assert "\n".join(map(str, check(build(files)))) == ""


def test_eight_mistakes_are_all_named(files):
    """Missing step, unreachable step, duplicate key, placeholder unknown, placeholder lost in English,
    required language missing, tap over 64 bytes, loop without a wait."""
    key = "une_cle_" * 8
    new = f"""\
title: Essai
keywords: [essai de fautes]
start: first
steps:
  first:
    say: Bonjour {{nobody}}.
    choices:
      - {{key: {key}, label: Un choix, go: nowhere}}
      - {{key: b, label: Deux, go: second}}
  second: {{say: Deux., go: third}}
  third: {{say: Trois., go: second}}
  alone: {{say: Seul., go: main.menu}}
"""
    planted = {**files, "flows/essai.yaml": new.encode()}
    planted = changed(planted, "flows/stop.yaml", "anywhere: true", "anywhere: true\nanywhere: false")
    planted = changed(planted, EN, "keeps them? {organisation.name}", "keeps them? the organisation")
    told = {(issue.sort, issue.path, issue.line) for issue in check(build(planted))}
    essai = "flows/essai.yaml"
    lost = planted[EN].decode().splitlines()
    line = next(number for number, text in enumerate(lost, 1) if "keeps them? the organisation" in text)
    context = max(number for number, text in enumerate(lost[:line], 1) if text.startswith("msgctxt"))
    assert told >= {
        ("missing_step", essai, line_of(planted, essai, "go: nowhere")),
        ("unreachable", essai, line_of(planted, essai, "alone")),
        ("duplicate_key", "flows/stop.yaml", line_of(planted, "flows/stop.yaml", "anywhere: false")),
        ("unknown_placeholder", essai, line_of(planted, essai, "{nobody}")),
        ("placeholder_lost", EN, context),
        ("untranslated", essai, line_of(planted, essai, "Un choix")),
        ("long_tap", essai, line_of(planted, essai, key)),
        ("loop", essai, line_of(planted, essai, "second: {")),
    }
