"""Slips in the writing of YAML are told in French, at the line where they stand."""

import pytest

from bot.library.reading import read_yaml
from bot.library.sentences import SENTENCES

SLIPS = [
    ("yaml_tab", "a:\n  b: 1\n\tc: 2\n", 3),
    ("yaml_tab", "steps:\n\tfirst: {say: x}\n", 2),
    ("yaml_no_colon", "title: A\nstart offer\nsteps:\n  a: 1\n", 2),
    ("yaml_no_colon", "title A\nstart: offer\n", 1),
    ("yaml_no_colon", "steps:\n  a:\n    say: Bonjour\n    go menu\n  b: 1\n", 4),
    ("yaml_space", "title: A\nstart:offer\nsteps: 1\n", 2),
    ("yaml_quotes", "a:\n  say: C'est : ici\n  go: x\n", 2),
    ("yaml_quotes", "a:\n  - {key: x, label: C'est : ici, go: y}\n  - 2\n", 2),
    ("yaml_comma", "a:\n  - {key: x label: b, go: y}\n", 2),
    ("yaml_apostrophe", "a:\n  say: 'C'est bon'\n  go: x\n", 2),
    ("yaml_apostrophe", "a:\n  - {key: x, label: 'J'aide', go: y}\n", 2),
    ("yaml_after_quote", 'a:\n  say: "Oui" et non\n  go: x\n', 2),
    ("yaml_unclosed", "a:\n  say: 'Bon\n  go: x\nb: 2\n", 2),
    ("yaml_unclosed", "a:\n  - {key: x, label: b, go: y\n  - {key: z, label: b}\nc: 1\n", 2),
    ("yaml_hard_space", "a:\n\u00a0\u00a0say: x\n", 2),
    ("yaml_hard_space", "a:\n  say:\u00a0x\n  go: x\n", 2),
    ("yaml_margin", "a:\n   say: x\n  go: x\n", 3),
    ("yaml_margin", "a:\n  say: x\n    go: x\n", 3),
    ("yaml_start", "a:\n  say: {account} est reçu\n  go: x\n", 2),
    ("yaml_start", "a:\n  say: *important* oui\n", 2),
    ("yaml_start", "a:\n  say: %x\n", 2),
    ("yaml_start", "a:\n  say: !x oui\n", 2),
    ("yaml_dash", "a:\n  -{key: x}\n  - b\n", 2),
    ("yaml_text_right", "a:\n  say: |-\n  Bonjour.\n  go: x\n", 3),
    ("yaml_text_below", "a:\n  say: |- Bonjour\n    vous\n", 2),
    ("yaml_letter", "a: b\nc: d\x07\n", 2),
    ("yaml_backslash", 'a: "c\\d"\n', 1),
    ("yaml_dashes", "a: 1\n---\nb: 2\n", 2),
    ("yaml", "a: b\n,\n", 2),
]


@pytest.mark.parametrize(("sort", "text", "line"), SLIPS)
def test_a_slip_is_told_by_its_sort_and_line(sort, text, line):
    [issue] = read_yaml("flows/x.yaml", text.encode())[1]
    assert (issue.sort, issue.line) == (sort, line)


def test_every_slip_has_its_text_tried():
    sorts = {sort for sort in SENTENCES if sort.startswith("yaml")}
    assert sorts - {sort for sort, *_ in SLIPS} == {"yaml_depth"}


@pytest.mark.parametrize("text", ["a: Bonjour # vous\n", "a: Choix #1\n", "- un mot #2\n"])
def test_words_behind_a_hash_are_not_lost_in_silence(text):
    if text.startswith("a: Choix"):
        assert read_yaml("x", text.encode())[0].value == {"a": "Choix"}
    assert [issue.sort for issue in read_yaml("x", text.encode())[1]] == ["hash_cut"]


@pytest.mark.parametrize(
    "text", ["go: menu # next\n", "n: 5 # five\n", 'a: "Un #1" # note\n', "a: Un#1\n", "z: Africa/Bamako # tz\n"]
)
def test_a_note_behind_a_key_or_quotes_is_fine(text):
    assert read_yaml("x", text.encode())[1] == ()
