"""The README and .env.example name every setting and every command, and no others."""

import argparse
import re
from pathlib import Path

import pytest

from bot.__main__ import parser
from bot.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLE = dict(re.findall(r"^\| `(SEGIN_[A-Z_]+)` \|.*\| (.*?) ?\|$", README, re.MULTILINE))


def commands(of, before=()):
    """Every command, as the words that are typed: ("cases", "list")."""
    groups = [action for action in of._actions if isinstance(action, argparse._SubParsersAction)]
    for group in groups:
        for word, inner in group.choices.items():
            yield from commands(inner, (*before, word))
    if not groups:
        yield before


COMMANDS = {" ".join(words) for words in commands(parser())}


def test_the_table_lists_every_setting_and_no_other():
    assert set(TABLE) == set(Settings.variables())
    assert set(re.findall(r"SEGIN_[A-Z_]+", README)) == set(TABLE)


@pytest.mark.parametrize(("name", "default"), [(name, default) for name, (default, _) in Settings.variables().items()])
def test_the_table_gives_the_default_of(name, default):
    if default:
        assert TABLE[name] == f"`{'0' if default == 'False' else default}`"


def test_the_example_of_an_env_file_lists_every_setting_and_changes_none():
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^#(SEGIN_[A-Z_]+)=", example, re.MULTILINE)) == set(Settings.variables())
    assert all(line.startswith("#") for line in example.splitlines() if line)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_it_names_the_command(command):
    assert re.search(rf"\bsegin {command}\b", README)


def test_it_names_no_other_command():
    code = re.findall(r"```\n(.*?)```", README, re.DOTALL)
    code += re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", README, flags=re.DOTALL))
    written = {
        (first, second)
        for first, second in re.findall(r"\bsegin ([a-z]+)(?: ([a-z]+))?", "\n".join(code))
        if f"{first} {second}" not in COMMANDS and first not in COMMANDS
    }
    assert written == set()


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "bot/README.md"])
def test_what_it_links_to_is_there(name):
    page = ROOT / name
    for link in re.findall(r"(?:\]\(|src=\")([^)\"#]+)", page.read_text(encoding="utf-8")):
        assert "://" in link or (page.parent / link).exists(), link
