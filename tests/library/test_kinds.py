"""Step kinds and rules explain themselves: the manual and the schema are made from them."""

import inspect
import json
from pathlib import Path

import pytest

from bot.dialogue.rules import RULES
from bot.dialogue.steps import KINDS
from bot.library import manual, schema
from bot.library.draw import mermaid
from bot.library.flows import keys_of, read_flow
from bot.library.reading import read_yaml
from tests.library.small import small_files, small_library

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("word", KINDS)
def test_every_kind_has_an_example_that_can_be_read(word):
    example = manual.example(KINDS[word])
    assert example, f"{word}: no Example in its docstring"
    steps = "\n".join(f"  {line}" for line in example.splitlines())
    file, issues = read_flow("flows/x.yaml", f"title: X\nstart: x\nsteps:\n{steps}\n".encode())
    assert issues == ()
    [step] = file.flow.steps.values()
    assert word == step.KIND


@pytest.mark.parametrize("word", KINDS)
def test_every_key_of_a_kind_is_explained(word):
    explained = inspect.getdoc(KINDS[word])
    for key in set(keys_of(KINDS[word])) - {"say", "go"}:  # these mean the same everywhere
        assert key in explained, f"{word}: {key}"


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_a_docstring(name):
    assert inspect.getdoc(RULES[name])


@pytest.mark.parametrize("module", [manual, schema], ids=["manual", "schema"])
def test_what_is_made_from_the_code_is_current(module):
    path = ROOT / module.PATH
    assert path.read_text(encoding="utf-8") == module.written(), f"run: python -m {module.__name__}"


def test_the_manual_tells_every_kind_and_rule():
    text = manual.written()
    assert all(f"### {word}\n" in text for word in KINDS)
    assert all(f"`{name}`" in text for name in RULES)


def _flow_files():
    return [*small_files().items(), *((str(path), path.read_bytes()) for path in (ROOT / "flows").glob("*.yaml"))]


def test_the_schema_allows_what_flows_hold():
    kinds = json.loads(schema.written())["$defs"]
    for path, content in _flow_files():
        if "flows/" in path:
            for step in read_yaml(path, content)[0].value["steps"].values():
                word = next((key for key in step if key in KINDS and key != "say"), "say")
                allowed = kinds[f"step_{word}"]
                assert set(step) <= set(allowed["properties"])
                assert set(allowed["required"]) <= set(step)


def test_a_diagram_shows_every_way():
    for flow in small_library().flows.values():
        drawn = mermaid(flow)
        lines = drawn.splitlines()
        assert sum("-->" in line for line in lines) == len(flow.table) + 1  # and the one that begins
        for row in flow.table:
            target = ("out_" if row.leaves else "s_") + row.target.replace(".", "__")
            assert any(line.startswith(f"  s_{row.step} -->") and line.endswith(f" {target}") for line in lines)
        for name, step in flow.steps.items():
            assert f"  s_{name}" in drawn
            assert any(f"s_{name}" in line.replace(",", " ").split() for line in lines if "waits" in line) == step.WAITS


def test_a_diagram_says_labels_and_conditions():
    flows = small_library().flows
    assert '-->|"Porter plainte"| s_to_complaint' in mermaid(flows["main"])
    assert '-->|"consented"| s_file' in mermaid(flows["person"])
    assert '-->|"situation = abroad"| s_papers' in mermaid(flows["person"])
    assert "out_main__menu" in mermaid(flows["resume"])


def test_words_that_mermaid_would_trip_over():
    text = 'title: X\nkeywords: [x]\nstart: end\nsteps:\n  end: {say: "\\"a\\" <b> #1 & [c] | d", end: stop}\n'
    drawn = mermaid(small_library(x=text).flows["x"])
    assert '"<b>end</b><br/>au revoir<br/>#quot;a#quot; #lt;b#gt; #35;1 #amp; [c] | d"' in drawn
