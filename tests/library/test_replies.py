"""content/replies.yaml: what editors write for staff is checked like all they write, and may be left out."""

import pytest

from bot.cases import replies
from bot.library.check import check
from bot.library.load import build
from bot.library.names import REPLY_NAMES
from tests.library.small import small_files
from tests.people import real_library

PATH = "content/replies.yaml"


def told(words):
    """What is said of the small library with these replies: (sort, line)."""
    files = {**small_files(), PATH: words.encode()}
    return [(issue.sort, issue.line) for issue in check(build(files)) if issue.path == PATH]


def test_without_the_file_nothing_is_missing():
    """Staff write their own words."""
    files = small_files()
    assert PATH not in files
    assert [issue for issue in check(build(files)) if issue.path == PATH] == []


@pytest.mark.parametrize("name", REPLY_NAMES)
def test_what_may_be_named_is_filled_in_or_left_as_a_blank(name):
    """Each name is a value of the case, or has the name of its blank."""
    assert ("unknown_placeholder", 2) not in told(f"hello: |-\n  Bonjour {{{name}}}\n")
    known = {"case.reference", "case.status"}
    assert name in known | set(replies.BLANKS)


@pytest.mark.parametrize(
    ("words", "issue"),
    [
        ("ok: Bonjour\nhello: Bonjour {staff.nom}\n", ("unknown_placeholder", 2)),
        ("ok: Bonjour\nhello: Bonjour {case.receipt}\n", ("unknown_placeholder", 2)),
        ("ok: Bonjour\n\nhello: Bonjour {staff.name\n", ("brace", 3)),
        ("ok: Bonjour\nBad Key: Bonjour\n", ("bad_name", 2)),
        ("ok: Bonjour\nempty: [1]\n", ("wrong_type", 2)),
    ],
)
def test_a_mistake_is_told_with_its_line(words, issue):
    """Unknown names, a brace that is open, a key that is no name, words that are none."""
    assert issue in told(words)


def test_the_real_replies_are_there_in_french_and_english():
    """Each has words of its own in both."""
    library = real_library()
    keys = [key for key in library.texts["fr"] if key.startswith(replies.PREFIX)]
    assert len(keys) >= 8
    assert all(library.texts["en"][key] != library.texts["fr"][key] for key in keys)
