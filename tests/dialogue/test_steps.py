"""Recorded cases of every step kind: tests/dialogue/cases/<kind>.yaml says what is heard and what must come of it.

A file is a list of cases. `steps` are the steps of a flow `tiny`, entered at the first; `flows` are others beside
it. Each turn hears something (the first one may leave that out: then the flow is entered) and tells what must be:
`says` (the words), `taps` (of the last one), `effects`, `answers`, `facts`, `at` (the step that waits), `language`.
What is left out is not looked at.
"""

import functools
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from ruamel.yaml import YAML

from bot.dialogue import engine
from bot.dialogue.model import (
    AddToCase,
    Alert,
    CallOff,
    CaseView,
    Conversation,
    File,
    Forget,
    Frame,
    Heard,
    Need,
    OpenCase,
    Place,
    Settle,
    World,
)
from bot.dialogue.steps import KINDS
from bot.library.load import build, catalogue_path
from bot.wording import word
from tests.library.small import english, small_files

CASES = Path(__file__).parent / "cases"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # a Monday morning
BEGIN = {"say": "Prêt ?", "choices": [{"key": "go", "label": "Allons"}]}


def recorded(kind):
    path = CASES / f"{kind}.yaml"
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")) if path.exists() else []


ALL = [pytest.param(case, id=f"{kind}: {case['name']}") for kind in sorted(KINDS) for case in recorded(kind)]


@functools.cache
def library(flows):
    files = small_files(**json.loads(flows))
    built = build({**files, catalogue_path("en"): english(files)})
    assert built.library is not None, "\n".join(map(str, built.issues))
    return built.library


def library_of(case):
    first = next(iter(case["steps"]))
    steps = {"begin": {**BEGIN, "go": first}, **case["steps"]}
    flows = {"tiny": {"title": "Petit", "start": "begin", "steps": steps}}
    for name, steps in case.get("flows", {}).items():
        flows[name] = {"title": name, "start": next(iter(steps)), "steps": steps}
    return library(json.dumps({name: json.dumps(flow, ensure_ascii=False) for name, flow in flows.items()}))


def heard(value):
    if value is None:
        return Heard("tap", tap="tiny/begin:go")
    if isinstance(value, str):
        return Heard("text", text=value)
    ((kind, what),) = value.items()
    if kind == "tap":
        return Heard("tap", tap=what)
    if kind == "location":
        return Heard("location", place=Place(*what))
    if kind in ("voice", "photo", "document"):
        return Heard(kind, file=File(what, kind, 12 if kind == "voice" else 0))
    return Heard(kind)


def known(case):
    """What the host would have read."""
    facts = {}
    for key, views in case.get("known", {}).items():
        what, _, about = key.partition(" ")
        facts[Need(what, about)] = tuple(
            CaseView(view["id"], view["reference"], view["status"], NOW.replace(day=20), tuple(view.get("answers", ())))
            for view in views
        )
    return facts


def shown(effect):
    """An effect in one line."""
    match effect:
        case OpenCase():
            marks = "".join(f" {mark}" for mark in ("anonymous", "hold") if getattr(effect, mark))
            return f"open {effect.kind}/{effect.category}{marks} {json.dumps(effect.story, ensure_ascii=False)}"
        case AddToCase():
            where = f"case {effect.case}" if effect.case else f"receipt {effect.receipt}"
            return f"add to {where}: {json.dumps(effect.content, ensure_ascii=False)}"
        case Settle():
            where = f"case {effect.case}" if effect.case else f"receipt {effect.receipt}"
            return f"{'settled' if effect.yes else 'not settled'} {where}"
        case Alert(kind):
            return f"alert {kind}"
        case Forget():
            return "forget"
        case CallOff(cancel):
            return f"call off {cancel}"
    raise AssertionError(effect)


def place(conversation):
    return f"{conversation.top.flow}/{conversation.top.step}" if conversation.frames else "nowhere"


def came_of(library, turn):
    """What a turn brought, in the words of the case files."""
    language = turn.conversation.language
    said = [word(say, library, language) for say in turn.says]
    answers = dict(turn.conversation.top.answers) if turn.conversation.frames else {}
    return {
        "says": [message.text for message in said],
        "taps": [f"{button.tap} {button.label}" for button in said[-1].options] if said else [],
        "many": bool(said) and said[-1].many,
        "accepts": list(said[-1].accepts) if said else [],
        "effects": [shown(effect) for effect in turn.effects],
        "answers": answers,
        "facts": dict(turn.conversation.facts),
        "at": place(turn.conversation),
        "depth": len(turn.conversation.frames),
        "language": language,
        "passed": list(turn.passed),
    }


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_recorded_cases(kind):
    """No step kind is without a recorded case that really uses it."""
    cases = recorded(kind)
    assert cases, f"record what a {kind} step does in tests/dialogue/cases/{kind}.yaml"
    assert any(kind in step for case in cases for step in case["steps"].values())


def test_no_case_is_recorded_for_a_kind_that_is_gone():
    """Every file of cases belongs to a kind."""
    assert {path.stem for path in CASES.glob("*.yaml")} <= set(KINDS)


@pytest.mark.parametrize("case", ALL)
def test_a_recorded_case(case):
    """What a step hears brings what was recorded: words, taps, effects, answers, facts, the step that waits."""
    library = library_of(case)
    world = World(NOW, known=known(case), **case.get("world", {}))
    conversation = Conversation(
        language=case.get("language", "fr"),
        frames=(Frame("main", "menu"), Frame("tiny", "begin", case.get("before", {}))),
        facts=case.get("facts", {}),
    )
    for number, expected in enumerate(case["turns"], 1):
        turn = engine.advance(library, conversation, heard(expected.get("hear")), world)
        assert turn.needs == (), f"turn {number} lacks what the host knows"
        found = came_of(library, turn)
        wanted = {key: value for key, value in expected.items() if key != "hear"}
        assert wanted, f"turn {number} expects nothing"
        assert {key: found[key] for key in wanted} == wanted, f"turn {number}"
        assert turn.conversation.heard_at == NOW
        conversation = replace(turn.conversation, heard_at=None)
