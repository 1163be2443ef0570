"""Every talk of flows/*.talk, and the one who plays them."""

import dataclasses
from pathlib import Path

import pytest

from bot import talks
from bot.library import files, load

ROOT = Path(__file__).resolve().parent.parent.parent
BUILT = load.build(files.read_folder(ROOT))
TALKS = [
    talk
    for path in sorted((ROOT / "flows").glob("*.talk"))
    for talk in talks.read(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
]
PLAYS = [
    pytest.param(talk, language, id=f"{talk.path}:{talk.line}-{language}")
    for talk in TALKS
    if BUILT.library
    for language in talks.languages_of(talk, BUILT.library)
]


@pytest.fixture(scope="module")
def stage():
    assert BUILT.library, "\n".join(map(str, BUILT.issues))
    with talks.Stage(BUILT.library) as stage:
        yield stage


def play(stage, content, language="fr", path="flows/planted.talk"):
    """How the first talk of a text goes."""
    return stage.play(talks.read(path, content)[0], language)


def test_the_library_can_be_played():
    """The files in the repository build a library."""
    assert BUILT.library, "\n".join(map(str, BUILT.issues))


@pytest.mark.parametrize(("talk", "language"), PLAYS)
def test_a_talk(stage, talk, language):
    """What happens is what the talk says, in its own language and, for French ones, in the others."""
    assert stage.play(talk, language).problem == ""


def test_every_flow_has_a_talk():
    """Each flow has a talk file of its own, with at least one talk."""
    assert set(BUILT.library.flows) == {Path(talk.path).stem for talk in TALKS}


def test_run_all_finds_nothing_and_every_step_is_passed():
    """`segin check` plays all talks: nothing differs, and no step of any flow is without a talk."""
    assert talks.run_all(files.read_folder(ROOT)) == []


def test_a_french_talk_is_played_in_every_language_and_an_english_one_in_its_own(stage):
    """French talks are played in each required language, others only as they are written."""
    content = "# a\nyou: x\n\n# b\nlanguage: en\nyou: x\n\n# c\nwords: fr\nyou: x\n\n# d\nwords: en\nyou: x\n"
    french, english, as_written, new = talks.read("flows/planted.talk", content)
    library = dataclasses.replace(stage.library, languages={**stage.library.languages, "bm": "Bamanankan"})
    assert talks.languages_of(french, library) == library.required == ("fr", "en")
    assert talks.languages_of(english, library) == talks.languages_of(new, library) == ("en",)
    assert talks.languages_of(as_written, library) == ("fr",)


@pytest.mark.parametrize(
    "line",
    [
        "bob: bonjour",
        "you bonjour",
        "    Que voulez-vous faire ?",
        "now case opened",
        "language: anglais",
        "words: xyz",
        "you: (vocal 12s)",
        "rules: x",
    ],
)
def test_a_line_that_is_none_is_told_with_its_place(line):
    """A line of no known kind is told with path and line."""
    with pytest.raises(talks.Differs, match=r"^flows/planted\.talk:3: "):
        talks.read("flows/planted.talk", f"# Un titre\nyou: bonjour\n{line}\n")


def test_a_line_above_the_first_title_is_told():
    """Lines need a title above them."""
    with pytest.raises(talks.Differs, match=r"^flows/planted\.talk:1: "):
        talks.read("flows/planted.talk", "you: bonjour\n# trop tard\n")


@pytest.mark.parametrize("tap", ["main/menu:nowhere", "main/nowhere:yes", "nowhere"])
def test_a_press_on_a_button_that_is_nowhere_is_told(stage, tap):
    """A talk can't press what no step offers."""
    problem = play(stage, f"# Menu\nlanguage: fr\nyou: (tap {tap})\n").problem
    assert problem.startswith("flows/planted.talk:3: ")
    assert f"« {tap} » n'existe pas" in problem


def test_a_language_nobody_offers_is_told(stage):
    """A talk in a language that organisation.yaml does not name."""
    assert "organisation.yaml" in play(stage, "# Menu\nlanguage: snk\nyou: x\n", "snk").problem


GOOD = "# Menu\nlanguage: fr\nyou: bonjour\nbot: Que voulez-vous faire ?\n"


def test_the_planted_talk_is_good_before_it_is_spoilt(stage):
    """The talk that the next test spoils passes as it is."""
    played = play(stage, GOOD)
    assert played.problem == ""
    assert "main/menu" in played.passed


@pytest.mark.parametrize(
    ("line", "told", "words"),
    [
        ("bot: Que faites-vous ?", 4, "attendu : Que faites-vous ?"),
        ("bot: Que voulez-vous", 4, "attendu : Que voulez-vous"),
        ("bot: Que voulez-vous faire ? [Oui] [Non]", 4, "boutons attendus : [Oui] [Non]"),
        ("now: alert suicide", 4, "n'a pas eu lieu"),
        ("bot: Que voulez-vous faire ?\nbot: Encore ?", 5, "n'a rien dit"),
        ("you: aide", 4, "dit aussi : Que voulez-vous faire ?"),
        (
            "bot: Que voulez-vous faire ?\nyou: je veux mourir\nbot: Merci …\nbot: Êtes-vous …\nyou: 1",
            8,
            "il y a eu aussi",
        ),
        ("bot: Que voulez-vous faire ?\nstaff: Bonjour", 5, "pas de dossier"),
    ],
)
def test_a_talk_that_differs_fails(stage, line, told, words):
    """The player finds other words, other buttons, things that did not happen and things left out, by path:line."""
    content = GOOD.replace("bot: Que voulez-vous faire ?", line)
    problem = play(stage, content).problem
    assert problem.startswith(f"flows/planted.talk:{told}: « Menu »: ")
    assert words in problem


def test_the_last_words_left_out_fail(stage):
    """A talk that stops before all was said fails."""
    assert "dit aussi" in play(stage, "# Menu\nlanguage: fr\nyou: bonjour\n").problem


def test_a_rule_nobody_knows_is_told(stage):
    """A misspelt rule is told with the talk's place, and the rules are as before."""
    problem = play(stage, "# Règle\nlanguage: fr\nrules: payed_on_mars\nyou: bonjour\n").problem
    assert problem.startswith("flows/planted.talk:1: ")
    assert "payed_on_mars" in problem


def test_a_missing_translation_of_a_talk_is_seen_in_the_other_language(stage):
    """What differs in another language is told with that language."""
    problem = play(stage, GOOD.replace("?\n", "? [Une seule]\n"), "en").problem
    assert "(en anglais)" in problem


def test_staff_answer_the_case_of_the_talk_and_not_an_older_one(stage):
    """Two talks file cases at the same moment; each gets the answer to its own."""
    content = (
        "# Réponse\nlanguage: fr\nyou: personne\nbot: …\nbot: …\nyou: non\nbot: …\nyou: oui\nbot: …\nyou: passer\n"
        "now: case opened request/person\nbot: …\nbot: …\n"
        "staff: Bonjour Awa\nbot: Une personne vous répond : Bonjour Awa [Répondre]\n"
    )
    for _ in range(4):
        assert play(stage, content).problem == ""


def test_steps_in_no_talk_are_told():
    """A step that no talk passes is a problem, named with its file."""
    small = {path: content for path, content in files.read_folder(ROOT).items() if not path.endswith(".talk")}
    problems = talks.run_all({**small, "flows/planted.talk": GOOD.encode()})
    assert any(
        problem.startswith("flows/complaint.yaml: aucun essai ne passe par l'étape « file »") for problem in problems
    )
    assert not any("« menu »" in problem and "main.yaml" in problem for problem in problems)


def test_talks_of_a_broken_library_are_not_played():
    """With a mistake in a flow, one problem says that it comes first."""
    broken = {**files.read_folder(ROOT), "flows/main.yaml": b"title: x\nstart: nowhere\nsteps: {}\n"}
    assert talks.run_all(broken) == [
        "les essais (flows/*.talk) ne peuvent pas être joués avant que ces fautes soient corrigées"
    ]
