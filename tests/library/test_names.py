"""The lists of names hold against the code that uses them."""

import inspect
import re
from pathlib import Path

from bot.cases import statuses
from bot.dialogue import engine, safety
from bot.dialogue.scene import Scene
from bot.library.names import CASE_NAMES, ENGINE_ANSWERS, ENGINE_FLOWS, STATUSES, WORDS, WORLD_NAMES

BOT = Path(__file__).resolve().parents[2] / "bot"


def _said_by_the_code():
    """Phrases named in the code: whole keys, and the beginnings of keys made while running."""
    text = "\n".join(path.read_text() for path in BOT.rglob("*.py") if path.parent != BOT / "library")
    whole = set(re.findall(r"""["'`]words:([a-z_]+)["'`]""", text))
    begun = set(re.findall(r"""["']words:([a-z_]*)\{""", text))
    return whole, begun


def test_phrases_the_code_says_are_those_an_editor_must_write():
    whole, begun = _said_by_the_code()
    assert whole <= set(WORDS)
    assert all(any(word.startswith(start) for word in WORDS) for start in begun)


def test_no_phrase_is_asked_for_that_the_code_never_says():
    whole, begun = _said_by_the_code()
    made = {word for word in WORDS if any(start and word.startswith(start) for start in begun)}
    picked = {"none", "done", "skip"}  # steps/choose.py says one of these
    assert set(WORDS) == whole | made | picked


def test_names_of_the_world_are_those_a_scene_knows():
    assert set(re.findall(r'case "([a-z_.]+)":', inspect.getsource(Scene.value))) == set(WORLD_NAMES)
    assert set(re.findall(r'"(case\.[a-z_]+)":', inspect.getsource(Scene.case_values))) == set(CASE_NAMES["status"])


def test_flows_the_engine_calls():
    source = inspect.getsource(engine)
    called = set(re.findall(r'_call\("([a-z]+)"', source)) | set(re.findall(r'_go_in\(\s*"([a-z]+)"', source))
    assert called <= set(ENGINE_FLOWS)
    assert ENGINE_ANSWERS["distress"]["heard"] == safety.KINDS


def test_statuses_are_those_of_cases():
    assert set(statuses.STATUSES) == set(STATUSES)
