"""Free words: what a message means, learnt from a few examples."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dialogue.understanding import DISTRESS, GRAVE, Examples, Phrases
from tests.dialogue.test_engine import Chat, real

SAID = {
    "work": ["je veux apprendre la soudure à kita", "je cherche du travail", "i want to learn a trade"],
    "lost": ["j'ai perdu mon passeport", "mes papiers sont perdus", "i lost my passport"],
    "amounts": ["combien je touche", "combien d'argent donne le bureau", "how much money do i get"],
    GRAVE: ["on m'a demandé de l'argent", "un agent veut de l'argent pour mon dossier", "they asked me for money"],
    "nowhere": ["on m'a demandé mon nom", "il fait chaud aujourd'hui", "qui a gagné le match"],
    "helping": ["mon frère est en libye", "je cherche de l'aide pour ma sœur"],
}
SLOTS = {
    "trade": {"welding": ["soudure", "soudeur"], "sewing": ["couture", "machine à coudre"]},
    "region": {"kayes": ["Kayes"], "gao": ["Gao"]},
    "cercle": {"kita": ["Kita"], "dire": ["Diré"]},
}
TWO_THINGS = "j'ai perdu mes papiers et je cherche du travail"
EXAMPLES = Examples(
    SAID,
    alike={"country": ["libye", "algérie", "maroc"], "relative": ["frère", "sœur", "cousin"]},
    short={"g": "j'ai", "jveu": "je veux", "largent": "l'argent"},
    not_names=["dire"],
)
PHRASES = Phrases.build(EXAMPLES, SLOTS, {"kita": "kayes", "dire": "tombouctou"})


def meant(text, phrases=PHRASES):
    return [one.target for one in phrases.meanings(text)]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("j'ai perdu mon passeport", "lost"),
        ("J'AI PERDU MON PASSEPORT !!!", "lost"),
        ("g perdu mon paspor", "lost"),
        ("mon passeport est perdu", "lost"),
        ("jveu apprendre la couture à Gao", "work"),
        ("mon cousin est au maroc", "helping"),
        ("combien d'argent je touche", "amounts"),
        ("an agent asked me for money", GRAVE),
    ],
)
def test_what_was_never_said_just_so(text, target):
    assert meant(text)[:1] == [target]


def test_an_example_word_by_word_is_sure():
    for target, texts in SAID.items():
        for text in texts:
            assert [(one.target, one.sure) for one in PHRASES.meanings(text)] == [(target, True)] * (
                target != "nowhere"
            )


@pytest.mark.parametrize(
    "text", ["", "   ", "?!", "👍", "1", "12 34", "xyz", "le la les", "on m'a demandé mon nom de famille", "chaud"]
)
def test_nothing_is_understood(text):
    assert meant(text) == []


def test_names_are_cut_out_and_a_cercle_tells_its_region():
    [one] = PHRASES.meanings("je veux apprendre la machine à coudre a kita")
    assert dict(one.slots) == {"trade": "sewing", "cercle": "kita", "region": "kayes"}


def test_one_slip_in_a_long_name_is_forgiven():
    assert PHRASES.ranked("soudurre")[1] == {"trade": "welding"}
    assert PHRASES.ranked("goa")[1] == {}


def test_an_everyday_word_is_no_name():
    assert PHRASES.ranked("je veux dire")[1] == {}


def test_what_may_be_grave_comes_first():
    found = meant("combien d'argent un agent veut pour mon passeport")
    assert GRAVE in found
    assert found[0] == GRAVE


def test_without_examples_nothing_is_understood():
    assert Phrases().meanings("je cherche du travail") == ()
    assert Phrases.build(Examples(), {}).meanings("je cherche du travail") == ()


@given(st.text(max_size=300))
def test_any_text_is_heard(text):
    assert len(PHRASES.meanings(text)) <= 4


def test_it_is_fast():
    phrases, text = real().phrases, "bonjour je cherche une formation en couture pour ma soeur à Gao"
    phrases.meanings(text)
    begun = time.perf_counter()
    for _ in range(100):
        phrases.meanings(text)
    assert (time.perf_counter() - begun) / 100 < 0.003  # about 0.15 ms on a machine that does nothing else
    started = time.perf_counter()
    phrases.meanings("je ne sais pas " * 3000)
    assert time.perf_counter() - started < 0.2


# ---------------------------------------------------------------- in a dialogue


def test_the_examples_of_the_issue():
    wanted = {
        "je veux apprendre la soudure à Kita": "opportunities",
        "j'ai perdu mon passeport": "documents",
        "on m'a demandé de l'argent": "complaint",
        "je dors plus": "support",
        "combien je touche": "rights",
    }
    for text, flow in wanted.items():
        assert Chat(frames=[("main", "menu")]).hear(text).talk.top.flow == flow


def test_names_are_answers_of_the_flow():
    chat = Chat(frames=[("main", "menu")]).hear("je veux apprendre la soudure à Kita")
    answers = chat.talk.top.answers
    assert (answers["trade"], answers["region"], answers["cercle"]) == ("welding", "kayes", "kita")


def test_a_story_is_never_led_away():
    chat = Chat(frames=[("main", "menu"), ("complaint", "account")]).hear("je veux apprendre la soudure à Kita")
    assert chat.talk.top.flow == "complaint"
    assert chat.talk.top.answers["account"] == "je veux apprendre la soudure à Kita"


@pytest.mark.parametrize(("flow", "step"), [("complaint", "safe"), ("person", "grave")])
def test_nobody_is_led_away_from_what_is_private(flow, step):
    chat = Chat(frames=[("main", "menu"), (flow, step)]).hear("je veux apprendre la soudure à Kita")
    assert chat.at == f"{flow}/{step}"


def test_something_grave_is_asked_about_before_asking_for_a_person():
    chat = Chat(frames=[("main", "menu"), ("person", "grave")]).hear("on m'a demandé de l'argent")
    assert chat.at == "which/which"
    assert chat.taps == ["which/which:grave", "which/which:other"]
    assert chat.hear("tap which/which:grave").talk.top.flow == "complaint"


def test_a_choice_that_was_named_goes_before_what_it_may_mean():
    frames = [("main", "menu"), ("rights", "topics")]
    assert Chat(frames=frames).hear("Combien je touche ?").talk.top.flow == "rights"
    assert Chat(frames=frames).hear("9").talk.top.flow == "rights"


def test_several_meanings_are_asked_about_and_stay_open():
    chat = Chat(frames=[("main", "menu")]).hear(TWO_THINGS)
    assert chat.at == "which/which"
    assert chat.taps == ["which/which:lost", "which/which:opportunities", "which/which:other"]
    assert chat.hear("tap which/which:nothing").at == "which/which"
    assert chat.hear("tap which/which:lost").talk.top.flow == "documents"


def test_another_thing_leads_back_to_the_question():
    chat = Chat(frames=[("main", "menu")]).hear(TWO_THINGS, "autre chose")
    assert chat.at == "main/menu"


def test_what_sounds_like_distress_is_asked_about():
    library = real()
    text = "je regarde le pont chaque soir et je pense au puits"
    if not any(one.target == DISTRESS for one in library.phrases.meanings(text)):
        pytest.fail("no longer understood")
    assert Chat(frames=[("main", "menu")]).hear(text).at in ("distress/weary", "distress/danger", "which/which")


def test_the_first_message_waits_for_language_and_privacy_and_leads_on():
    chat = Chat(language="").hear("je veux apprendre la soudure à Kita")
    assert chat.at == "main/language"
    assert "soudure" not in str(chat.talk)
    chat.hear("Français")
    assert chat.at.startswith("main/privacy")
    chat.hear("oui", "chez moi, au Mali")
    assert chat.talk.top.flow == "opportunities"
    assert "wish" not in chat.talk.facts
    assert chat.talk.top.answers["trade"] == "welding"


def test_a_wish_said_among_the_first_questions_is_kept():
    chat = Chat(language="").hear("bonjour", "français", "j'ai perdu mon passeport")
    assert chat.keys[0] == "words:wish_kept"
    assert chat.at.startswith("main/privacy")
    assert chat.hear("oui", "1").talk.top.flow == "documents"


def test_a_wish_is_dropped_by_asking_for_the_menu():
    chat = Chat(language="").hear("je veux apprendre la soudure à Kita", "français", "menu")
    assert chat.at == "main/menu"


def test_after_a_good_bye_a_sentence_leads_at_once():
    assert Chat(language="fr").hear("j'ai perdu mon passeport").talk.top.flow == "documents"
    assert Chat(language="fr").hear("bonjour").at == "main/menu"


def test_after_a_good_bye_a_choice_of_the_menu_is_that_choice():
    chat = Chat(language="fr", frames=[])
    chat.hear("Formations et travail")
    assert chat.at.startswith("opportunities/")


@pytest.mark.parametrize("said", ["non", "oui", "passer", "papa", "mali"])
def test_a_word_that_answers_leads_nowhere(said):
    """Away from the menu a single word is an answer, understood or not."""
    chat = Chat(frames=[("main", "menu"), ("rights", "kind")])
    chat.hear(said)
    assert chat.at == "rights/kind"


def test_erasing_needs_clear_words():
    story = "mon frère m'a dit de supprimer tout ce que j'ai écrit parce que la police cherche les gens ici chez nous"
    assert Chat(frames=[("main", "menu")]).hear(story).talk.top.flow != "erase"
