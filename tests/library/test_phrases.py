"""content/phrases: what editors write of free words, and what `segin check` tells of it."""

from bot.dialogue.understanding import NOWHERE
from bot.library.check import check
from bot.library.load import build
from tests.library.small import line_of, small_files

PATH = "content/phrases/fr.yaml"
GOOD = """\
alike: {country: [libye, maroc]}
short: {g: j'ai}
not_names: [nord]
complaint.kind: [je ne suis pas content]
person: [je veux parler à quelqu'un]
nowhere: [il fait chaud]
"""


def with_phrases(text):
    return {**small_files(), PATH: text.encode()}


def told(text):
    files = with_phrases(text)
    return {(issue.sort, issue.path, issue.line) for issue in check(build(files))}, files


def test_good_phrases_are_learnt():
    library = build(with_phrases(GOOD)).library
    assert told(GOOD)[0] == set()
    assert set(library.phrases.targets) == {"complaint.kind", "person", NOWHERE}
    assert [one.target for one in library.phrases.meanings("je ne suis pas content")] == ["complaint.kind"]


def test_names_of_the_directory_are_known():
    phrases = build(with_phrases(GOOD)).library.phrases
    assert phrases.ranked("soudeur à riviere")[1] == {"trade": "welding", "cercle": "river"}
    assert phrases.ranked("dans le nord")[1] == {}


def test_a_target_that_is_not_there_is_told_and_leads_nowhere():
    text = GOOD + "complaint.kin: [rien ne va]\npersonn: [un humain]\n"
    issues, files = told(text)
    assert issues == {
        ("missing_step", PATH, line_of(files, PATH, "complaint.kin:")),
        ("missing_flow", PATH, line_of(files, PATH, "personn:")),
    }
    assert build(files).library.phrases.meanings("rien ne va") == ()


def test_lists_that_are_none():
    issues, files = told("person: je veux parler\ncomplaint: ['?!']\nalike: {a: libye}\nshort: [g]\n")
    assert issues == {
        ("not_a_list", PATH, 1), ("bad_phrase", PATH, 2), ("not_a_list", PATH, 3), ("not_a_map", PATH, 4),
    }  # fmt: skip
    assert build(files).library is None


def test_a_step_only_phrases_lead_to_is_reachable():
    alone = "title: Seul\nstart: a\nsteps:\n  a: {say: Un., go: c}\n  b: {say: Deux., go: c}\n  c: {end: stop}\n"
    files = {
        **with_phrases(GOOD + "alone: [tout seul]\nalone.b: [tout seul encore]\n"),
        "flows/alone.yaml": alone.encode(),
    }
    sorts = {issue.sort for issue in check(build(files))}
    assert not sorts & {"unreachable", "unreachable_flow"}
