"""The engine: who is heard first, what a tap is worth, back, misses, coming back, holds, bounds."""

import functools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.dialogue import drafts, engine, holding
from bot.dialogue.model import (
    AddToCase,
    Alert,
    CallOff,
    CaseView,
    Conversation,
    File,
    Frame,
    Heard,
    Hold,
    Need,
    OpenCase,
    Place,
    Text,
    World,
)
from bot.dialogue.steps import Wait
from bot.library import files, load
from bot.wording import word
from tests.library.small import small_library

ROOT = Path(__file__).resolve().parent.parent.parent
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WISH = "je veux mourir"


@functools.cache
def real():
    library = load.build(files.read_folder(ROOT)).library
    assert library is not None
    return library


@functools.cache
def small(flows="{}"):
    return small_library(**json.loads(flows))


def with_flows(**flows):
    """The small library with more flows, each given as its steps."""
    written = {
        name: json.dumps({"title": name, "start": next(iter(steps)), "steps": steps}) for name, steps in flows.items()
    }
    return small(json.dumps(written))


def as_heard(what):
    if isinstance(what, Heard):
        return what
    if what.startswith("tap "):
        return Heard("tap", tap=what.removeprefix("tap "))
    return Heard(what) if what == "start" else Heard("text", text=what)


class Chat:
    """One person and the engine; the host answers `known`, or that there is nothing."""

    def __init__(self, library=None, frames=(), *, known=None, language="fr", **conversation):
        self.library = library or real()
        frames = tuple(Frame(*frame) if isinstance(frame, tuple) else frame for frame in frames)
        self.talk = Conversation(language=language, frames=frames, **conversation)
        self.now, self.known, self.turn = NOW, known or {}, None

    def hear(self, *many):
        for what in many:
            world = World(self.now, known=self.known)
            turn = engine.advance(self.library, self.talk, as_heard(what), world)
            while turn.needs:
                assert turn.conversation is self.talk, "a turn with needs has happened"
                assert turn.says == turn.effects == ()
                world = replace(world, known={**world.known, **dict.fromkeys(turn.needs, ())})
                turn = engine.advance(self.library, self.talk, as_heard(what), world)
            self.talk, self.turn = turn.conversation, turn
        return self

    def later(self, **span):
        self.now += timedelta(**span)
        return self

    @property
    def at(self):
        return f"{self.talk.top.flow}/{self.talk.top.step}" if self.talk.frames else "nowhere"

    @property
    def keys(self):
        return [say.text.key for say in self.turn.says]

    @property
    def effects(self):
        return list(self.turn.effects)

    @property
    def taps(self):
        return [option.tap for option in self.turn.says[-1].options]

    @property
    def words(self):
        return [word(say, self.library, self.talk.language).text for say in self.turn.says]


def at_the_story():
    """A complaint without a name, at the point where the story is asked."""
    chat = Chat().hear("plainte", "oui", "1", "non", "passer")
    assert chat.at == "complaint/account"
    return chat


def held():
    """A request for a person, held by staff."""
    chat = Chat(facts={"consent": "agreed"}).hear("personne", "autre chose", "passer")
    assert chat.at == "person/waiting"
    chat.talk = holding.hold(chat.library, chat.talk, "c" * 32, World(chat.now))
    return chat


# ---------------------------------------------------------------- distress before everything


@pytest.mark.parametrize(
    "words", [WISH, "JE VEUX MOURIR !!", "I want to die", "je veux mourrir", "passer, je veux mourir"]
)
@pytest.mark.parametrize(
    "before", [[], ["bonjour"], ["plainte"], ["plainte", "oui"], ["1"], ["langue"], ["aide"], ["effacer"]]
)
def test_distress_is_caught_first_anywhere(before, words):
    """At the first word, in any step, in any language offered: the alert goes out and the distress flow speaks."""
    chat = Chat().hear(*before, words)
    assert chat.effects == [Alert("suicide")]
    assert chat.at.startswith("distress/")


def test_distress_is_caught_while_staff_hold_the_chat():
    """Also when what is said would join a case."""
    chat = held().hear(WISH)
    assert Alert("suicide") in chat.effects
    assert chat.at.startswith("distress/")


def test_distress_is_caught_after_days_and_when_the_hold_is_over():
    """No "continue or restart?" comes before it."""
    chat = held().later(days=9).hear(WISH)
    assert Alert("suicide") in chat.effects
    assert chat.at.startswith("distress/")


def test_distress_in_a_story_is_kept_and_not_asked_again():
    """A story with safety words is an answer; after the distress flow the next question comes, nothing is filed."""
    chat = at_the_story().hear("Il m'a frappé. Je veux mourir.")
    assert chat.effects == [Alert("suicide")]
    assert [frame.flow for frame in chat.talk.frames] == ["main", "complaint", "distress"]
    assert chat.talk.frames[1].answers["account"] == "Il m'a frappé. Je veux mourir."
    assert (chat.talk.frames[1].step, chat.talk.frames[1].answered) == ("account", True)
    assert not any(key.startswith("complaint/") for key in chat.keys)
    chat.hear("non", "non", "oui")
    assert chat.at == "complaint/review"
    assert chat.effects == []


def test_distress_in_a_question_it_does_not_answer_changes_nothing_there():
    """Where a phone number was asked, the question stays as it was, and no miss is counted against the person."""
    chat = Chat(frames=[("main", "to_complaint"), ("complaint", "phone", {"identity": "yes"})], misses=2).hear(WISH)
    assert [frame.flow for frame in chat.talk.frames] == ["main", "complaint", "distress"]
    assert chat.talk.frames[1].step == "phone"
    assert "phone" not in chat.talk.frames[1].answers


def test_a_story_with_distress_files_nothing_by_itself():
    """Where the very next step would file a case, the person is not asked nothing: the answer waits for them."""
    chat = Chat(facts={"consent": "agreed"}).hear("personne", "autre chose", WISH)
    assert chat.effects == [Alert("suicide")]
    assert chat.talk.frames[-2].step == "about"


def test_more_distress_inside_distress_is_told_when_it_is_new_and_never_misunderstood():
    """Another kind is another alert; the same is none; the question is asked again without "not understood"."""
    chat = Chat().hear(WISH).hear("ils vont me tuer")
    assert chat.effects == [Alert("danger")]
    assert chat.at == "distress/danger"
    assert chat.keys == ["distress/danger:say"]
    chat.hear("ils vont me tuer")
    assert chat.effects == []
    assert chat.keys == ["distress/danger:say"]
    assert chat.talk.misses == 0


def test_worse_words_after_weary_ones_begin_distress_anew():
    """ "Mort de fatigue" tells nobody; "je veux mourir" right behind it does, and says who is on call."""
    chat = Chat().hear("je suis mort de fatigue")
    assert chat.effects == []
    assert chat.at == "distress/weary"
    chat.hear(WISH)
    assert chat.effects == [Alert("suicide")]
    assert chat.at == "distress/danger"
    assert len(chat.talk.frames) == 2


def test_distress_while_a_trained_person_holds_the_chat_reaches_them():
    """Inside the distress flow what is written joins the request; what is new is told besides."""
    chat = Chat(known={Need("restricted", "c" * 32): True}).hear(WISH, "oui", "oui")
    assert chat.at == "distress/go_on_held"
    chat.talk = holding.hold(chat.library, chat.talk, "c" * 32, World(chat.now))
    chat.hear("ils vont me tuer")
    assert chat.effects == [Alert("danger"), AddToCase("ils vont me tuer", case="c" * 32)]
    assert chat.at == "distress/go_on_held"


def test_words_of_distress_join_no_case_that_others_read():
    """Whatever hold there is on the distress flow itself: the words stay among the trained few."""
    chat = Chat(known={Need("restricted", "c" * 32): False}).hear(WISH, "oui", "oui")
    chat.talk = holding.hold(chat.library, chat.talk, "c" * 32, World(chat.now))
    chat.hear("ils vont me tuer")
    assert chat.effects == [Alert("danger")]


def test_a_hold_below_many_flows_stays_below_distress():
    """The oldest flow is dropped to make room: the hold still counts from the place it was made at."""
    chat = held()
    full = (*chat.talk.frames, *[Frame("help", chat.library.flows["help"].start)] * (engine.MAX_FRAMES - 1))
    chat.talk = replace(chat.talk, frames=full[: engine.MAX_FRAMES])
    chat.talk = holding.hold(chat.library, chat.talk, "c" * 32, World(chat.now))
    chat.hear(WISH)
    assert chat.at == "distress/danger"
    chat.hear("il veut me frapper")
    assert AddToCase not in [type(effect) for effect in chat.effects]


def test_harmless_words_that_look_alike_are_no_distress():
    """ "Mort de rire" is not distress."""
    assert Chat().hear("bonjour", "mort de rire").effects == []


# ---------------------------------------------------------------- taps


def test_a_tap_counts_once():
    """The second tap of the same button is gently told so, and the waiting step is asked again."""
    chat = at_the_story().hear("Six mois.", "tap complaint/review:yes")
    assert [type(effect) for effect in chat.effects] == [OpenCase]
    chat.hear("tap complaint/review:yes")
    assert chat.effects == []
    assert chat.keys == ["words:already_done", "main/menu:say"]


def test_an_old_tap_changes_nothing_and_shows_where_we_are():
    """A button of a step that is over says "already done" and the waiting step, with its buttons."""
    chat = Chat().hear("plainte", "oui").hear("tap main/menu:documents")
    assert chat.keys == ["words:already_done", "complaint/kind:say"]
    assert chat.taps == ["complaint/kind:delay", "complaint/kind:conduct", "complaint/kind:serious"]
    assert chat.talk.top.answers == {}


@pytest.mark.parametrize(
    "tap",
    ["", ":", "x", "complaint", "complaint/file:go", "main/menu:nothing", "nowhere/nothing:yes", "complaint/kind:",
     "reply/:go", "reply/x:go", "read/x:go", "reply/" + "0" * 32 + ":go", "read/" + "0" * 32 + ":go", "é" * 5000,
     "main/menu:complaint:go", "/", "\x00", "main/agreed:go"],
)  # fmt: skip
def test_a_forged_tap_does_nothing(tap):
    """Taps nobody was offered change nothing: no effect, no hold, the step is asked again."""
    chat = Chat().hear("plainte", "oui")
    before = chat.talk
    chat.hear(Heard("tap", tap=tap))
    assert chat.keys == ["words:already_done", "complaint/kind:say"]
    assert (chat.effects, chat.talk.frames, chat.talk.hold) == ([], before.frames, None)


def test_an_old_yes_never_consents():
    """Neither the old button nor a forged one gives consent at any other step."""
    for tap in ("tap main/privacy:yes", "tap consent/question:yes", "tap consent/question_demonstration:yes"):
        for before in (["bonjour"], ["plainte", "oui", "1"], []):
            chat = Chat().hear(*before, tap)
            assert "consent" not in chat.talk.facts
    chat = Chat(language="").hear("start", "français", "regarder", "tap main/privacy:yes")
    assert "consent" not in chat.talk.facts
    assert chat.at == "main/where"


def test_a_yes_to_a_question_that_editors_took_away_is_no_yes_to_another():
    """The step is gone: what was said is not taken as the answer to what is asked instead."""
    for said in ("oui", "tap consent/asked_before:yes", "1", "d'accord"):
        chat = Chat(frames=[("main", "menu"), ("consent", "asked_before")]).hear(said)
        assert "consent" not in chat.talk.facts
        assert chat.keys == ["words:carried_over", "consent/question:say"]


def test_the_reply_button_holds_the_chat_only_for_a_case_that_staff_answered():
    """Reply below a real answer: what comes next joins that case, in words or voice."""
    case = "c" * 32
    chat = Chat(known={Need("answers", case): ("Bonjour",)}).hear("bonjour", f"tap {holding.reply_tap(case)}")
    assert chat.keys == ["words:reply_prompt"]
    assert chat.talk.hold.case == case
    chat.hear("Merci, j'arrive lundi.")
    assert chat.effects == [AddToCase("Merci, j'arrive lundi.", case=case)]
    chat.hear(Heard("voice", file=File("f" * 32, "voice", 4)))
    assert chat.effects == [AddToCase({"kind": "voice", "id": "f" * 32, "seconds": 4}, case=case)]


def test_the_read_button_shows_the_answers_and_leaves_the_dialogue_where_it_is():
    """Of a restricted case the words come only after the tap; the waiting step stays."""
    case = "c" * 32
    chat = Chat(known={Need("answers", case): ("Un", "Deux")}).hear("plainte", "oui", f"tap {holding.read_tap(case)}")
    assert chat.words == ["Une personne vous répond :\nUn", "Une personne vous répond :\nDeux"]
    assert chat.taps == [holding.reply_tap(case)]
    assert chat.at == "complaint/kind"


# ---------------------------------------------------------------- words everywhere

EVERYWHERE = {
    "menu": "main/menu", "MENU !": "main/menu", "aide": "help", "help": "help", "langue": "language/which",
    "language": "language/which", "plainte": "complaint/safe", "complaint": "complaint/safe",
    "personne": "person/grave",
    "talk to a person": "person/grave", "stop": "nowhere", "au revoir": "nowhere", "effacer": "erase/sure",
    "delete": "erase/sure", "où est ma demande": "status/how", "my request": "status/how", "mɔgɔ": "person/grave",
}  # fmt: skip


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("said", EVERYWHERE)
def test_words_that_work_everywhere_work_in_every_waiting_step(said, language):
    """In each step that waits, whatever its language; what is said is never saved as the answer."""
    library = real()
    for flow in library.flows.values():
        for step in flow.steps.values():
            if not step.WAITS or (flow.name, step.name) == ("distress", "weary"):
                continue
            chat = Chat(frames=[("main", "menu"), (flow.name, step.name)], language=language)
            if step.passing() and step.enter(engine.Scene(library, World(NOW), chat.talk)) != Wait():
                continue  # nothing to choose from here
            labels = [library.words(o.label.key, lang) for lang in library.languages
                      for o in step.options(engine.Scene(library, World(NOW), chat.talk)) if o.label.key]  # fmt: skip
            if said.casefold() in (label.casefold() for label in labels):
                continue  # the very words of a button here
            chat.hear(said)
            wanted = EVERYWHERE[said]
            if wanted == "help":  # says its words, then the step again
                assert chat.keys[0].startswith("help/"), (flow.name, step.name)
                assert chat.at == f"{flow.name}/{step.name}"
            else:
                assert chat.at.startswith(wanted), (flow.name, step.name, chat.at)
            assert said not in map(str, (a for frame in chat.talk.frames for a in frame.answers.values()))


# ---------------------------------------------------------------- back


def test_back_undoes_the_answer_and_asks_again():
    """Each "back" is one question, without its answer; the words work in any language."""
    chat = Chat().hear("plainte", "oui", "1", "non")
    assert chat.talk.top.answers == {"kind": "delay", "identity": "no"}
    chat.hear("back")
    assert (chat.at, dict(chat.talk.top.answers)) == ("complaint/identity", {"kind": "delay"})
    chat.hear("retour")
    assert (chat.at, dict(chat.talk.top.answers)) == ("complaint/kind", {})
    chat.hear("en arrière", "retour")
    assert chat.at == "main/menu"


def test_back_never_passes_an_effect():
    """After something was filed, Back cannot return to before it."""
    chat = Chat(facts={"consent": "agreed"}).hear("bonjour", "personne", "autre chose", "passer")
    assert chat.at == "person/waiting"
    chat.hear("retour")
    assert chat.at == "main/menu"
    assert chat.effects == []
    chat.hear("retour")
    assert chat.keys == ["words:nothing_before", "main/menu:say"]


def test_back_from_a_chosen_flow_after_filing_does_not_start_it_again():
    """The menu called the flow; Back after its effect shows the menu, not the flow's first question."""
    chat = Chat(facts={"consent": "agreed"}).hear("bonjour", "tap main/menu:person", "autre chose", "passer", "retour")
    assert chat.at == "main/menu"
    assert len(chat.talk.frames) == 1


def test_back_leaves_a_called_flow():
    """Out of a flow's first question, back to the flow that was interrupted."""
    chat = Chat().hear("plainte", "oui", "langue", "retour")
    assert chat.at == "complaint/kind"
    assert len(chat.talk.frames) == 2


def test_back_at_the_very_beginning_says_so():
    """There is nothing before the first question."""
    chat = Chat(language="").hear("start", "retour")
    assert chat.keys == ["words:nothing_before", "main/language:say"]


def test_back_takes_consent_back():
    """Back to the question of consent, then no: nothing of the yes is left."""
    chat = Chat(language="").hear("start", "français", "d'accord")
    assert chat.talk.facts["consent"] == "agreed"
    chat.hear("retour")
    assert chat.at == "main/privacy"
    assert "consent" not in chat.talk.facts
    chat.hear("regarder")
    assert "consent" not in chat.talk.facts


def test_the_trail_does_not_grow():
    """A hundred times through the same steps leaves a trail no longer than the steps."""
    chat = Chat().hear("bonjour")
    for _ in range(30):
        chat.hear("1", "1", "1", "aucun")
        chat.hear("menu")
    chat.hear(*["tap main/menu:help"] * 30)
    assert chat.at == "main/menu"
    assert len(chat.talk.top.trail) <= 2


# ---------------------------------------------------------------- misses


def test_three_misses_kindly_then_simply_then_a_person():
    """The first is a kind retry with the buttons, the second simpler words, the third offers a person."""
    chat = Chat().hear("bonjour", "qsdfgh wxcvbn")
    assert chat.keys == ["words:not_understood"]
    assert len(chat.taps) == len(chat.library.flows["main"].steps["menu"].choices)
    chat.hear("qsdfgh wxcvbn")
    assert chat.keys == ["words:not_understood", "words:not_understood_simple"]
    assert len(chat.taps) == len(chat.library.flows["main"].steps["menu"].choices)
    chat.hear("qsdfgh wxcvbn")
    assert chat.at == "lost/offer"
    chat.hear("non")
    assert chat.at == "main/menu"


def test_understanding_in_between_forgives_misses():
    """Three misses in a row, not in all."""
    chat = Chat().hear("bonjour", "qsdfgh", "qsdfgh", "1", "qsdfgh", "qsdfgh")
    assert chat.at == "documents/where"
    assert chat.talk.misses == 2


def test_a_miss_tells_what_is_needed():
    """A question for a phone number says what it needs."""
    chat = Chat(frames=[("complaint", "phone")]).hear("euh voilà")
    assert chat.keys == ["words:needs_phone"]


def test_nobody_is_lost_in_distress():
    """In the distress flow the question comes again as often as needed."""
    chat = Chat().hear(WISH, *["qsdfgh"] * 5)
    assert chat.at == "distress/danger"


@pytest.mark.parametrize("kind", ["unknown", "voice", "photo", "document", "location"])
def test_what_a_choice_cannot_take_is_kindly_refused(kind):
    """A sticker, a voice note, a place where a choice is asked: asked again, nothing breaks."""
    heard = Heard(kind, file=File("f", kind) if kind in ("voice", "photo", "document") else None,
                  place=Place(1.0, 2.0) if kind == "location" else None)  # fmt: skip
    chat = Chat().hear("bonjour", heard)
    assert chat.at == "main/menu"
    assert chat.keys == ["words:not_handled" if kind == "unknown" else "words:not_understood"]


# ---------------------------------------------------------------- coming back


def test_after_days_continue_restart_or_menu():
    """Back after more than a day in the middle of something: asked what to do; each way leads where it says."""
    for said, place in (("1", "complaint/kind"), ("2", "complaint/safe"), ("3", "main/menu")):
        chat = Chat().hear("plainte", "oui").later(hours=25).hear("bonjour")
        assert chat.at == "resume/welcome"
        assert "plainte" not in " ".join(chat.words).casefold()
        assert chat.hear(said).at == place


def test_coming_back_soon_or_to_the_menu_is_no_coming_back():
    """Within a day nothing is asked; at the menu there is nothing to continue."""
    assert Chat().hear("plainte", "oui").later(hours=23).hear("1").at == "complaint/identity"
    assert Chat().hear("bonjour").later(days=30).hear("1").at == "documents/where"


def test_opening_the_page_shows_the_waiting_step():
    """ "start" repeats the question, and after days asks what to do."""
    chat = Chat().hear("plainte", "oui", "start")
    assert chat.keys == ["complaint/kind:say"]
    assert chat.later(days=2).hear("start").at == "resume/welcome"
    assert chat.hear("start").at == "resume/welcome"
    assert len(chat.talk.frames) == 3


# ---------------------------------------------------------------- editors change flows under people's feet


@pytest.mark.parametrize(
    ("frames", "place"),
    [
        ([("main", "to_complaint"), ("complaint", "gone")], "complaint/safe"),
        ([("main", "to_complaint"), ("gone", "gone")], "complaint/safe"),
        ([("main", "gone"), ("complaint", "kind")], "main/language"),
        ([("gone", "gone")], "main/menu"),
        ([("main", "to_help")], "main/menu"),
        ([("main", "menu"), ("complaint", "signed")], "complaint/safe"),
    ],
)
def test_a_place_that_is_gone_is_carried_over(frames, place):
    """A missing step or flow, or one that does not wait any more: told, and asked at the nearest place there is."""
    chat = Chat(frames=frames).hear("oui")
    assert chat.keys[0] == "words:carried_over"
    assert chat.at == place
    assert chat.keys.count("words:carried_over") == 1
    assert chat.hear("menu").at == "main/menu"


def test_words_everywhere_and_distress_work_where_a_place_is_gone():
    """A carried-over person can still leave and still be heard."""
    frames = [("main", "to_complaint"), ("complaint", "gone")]
    assert Chat(frames=frames).hear("menu").at == "main/menu"
    assert Chat(frames=frames).hear(WISH).effects == [Alert("suicide")]


def test_a_hold_whose_place_is_gone_is_called_off():
    """Nothing is announced later about a hold that ended with its place."""
    chat = Chat(frames=[("gone", "gone")], hold=Hold("c" * 32, NOW + timedelta(hours=1), 1)).hear("oui")
    assert chat.effects == [CallOff(holding.hold_name("c" * 32))]
    assert chat.talk.hold is None


# ---------------------------------------------------------------- holds


def test_while_held_words_join_the_case_and_a_tap_takes_the_chat_back():
    """Text, voice, photo join; a sticker does not; a tap of the waiting step ends the hold and calls its end off."""
    chat = held().hear("Encore ceci.")
    assert chat.effects == [AddToCase("Encore ceci.", case="c" * 32)]
    assert chat.keys == ["words:added_to_case"]
    chat.hear(Heard("unknown"))
    assert (chat.effects, chat.keys) == ([], ["words:not_handled"])
    chat.hear(Heard("location", place=Place(1.0, 2.0)))
    assert chat.effects == [AddToCase({"kind": "location", "latitude": 1.0, "longitude": 2.0}, case="c" * 32)]
    chat.hear("tap person/waiting:back_to_it")
    assert chat.effects == [CallOff(holding.hold_name("c" * 32))]
    assert chat.talk.hold is None
    assert chat.at == "main/menu"


def test_a_hold_outlasts_help_on_top_of_it():
    """Asking for help or a language runs as ever; then what is said joins the case again."""
    chat = held().hear("langue")
    assert chat.at == "language/which"
    chat.hear("anglais")
    assert (chat.effects, chat.talk.language) == ([], "en")
    chat.hear("Encore ceci.")
    assert chat.effects == [AddToCase("Encore ceci.", case="c" * 32)]


@pytest.mark.parametrize("word", ["menu", "stop", "retour", "personne"])
def test_leaving_ends_the_hold(word):
    """Who leaves is no longer held: what they say next is an answer again."""
    chat = held().hear(word)
    assert chat.talk.hold is None
    assert CallOff(holding.hold_name("c" * 32)) in chat.effects
    assert not any(isinstance(effect, AddToCase) for effect in chat.hear("1").effects)


def test_a_hold_ends_by_itself():
    """After its time nothing joins the case any more."""
    chat = held().later(hours=49).hear("Encore ceci.")
    assert chat.effects == []
    assert chat.talk.hold is None


# ---------------------------------------------------------------- bounds


def test_a_loop_without_a_wait_is_stopped():
    """A flow that never waits raises, it does not run forever."""
    library = with_flows(
        ring={"begin": {"say": "Prêt ?", "choices": [{"key": "go", "label": "Allons", "go": "one"}]},
              "one": {"say": "Un", "go": "two"},
              "two": {"branch": [{"when": {"x": "y"}, "go": "begin"}], "else": "one"}}
    )  # fmt: skip
    with pytest.raises(engine.LoopError):
        Chat(library, [("main", "menu"), ("ring", "begin")]).hear("tap ring/begin:go")


def test_never_more_than_eight_frames():
    """Flows that call each other endlessly stay within the bound."""
    flows = {
        f"deep{n}": {"ask": {"ask": "text", "say": "Quoi ?", "save_as": "x", "go": "down"},
                     "down": {"call": f"deep{(n + 1) % 20}", "go": "over"}, "over": {"end": "return"}}
        for n in range(20)
    }  # fmt: skip
    chat = Chat(with_flows(**flows), [("main", "menu"), ("deep0", "ask")])
    for number in range(19):
        chat.hear("encore")
        assert len(chat.talk.frames) <= engine.MAX_FRAMES
        assert chat.at == f"deep{number + 1}/ask"


def test_long_and_strange_texts():
    """10,000 characters are kept, one more is too long; NUL and writing direction marks go, letters stay."""
    chat = at_the_story()
    chat.hear("é" * 10_001)
    assert chat.keys == ["words:too_long"]
    assert "10000" in chat.words[0].replace("\u202f", "").replace(" ", "")
    chat.hear("é" * 10_000)
    assert chat.talk.top.answers["account"] == "é" * 10_000
    chat = at_the_story().hear("a\x00b \u202eعربي\u202c ɲɛ\u0301 \ud800")
    assert chat.talk.top.answers["account"] == "ab عربي ɲɛ\u0301 "


def test_a_conversation_can_be_stored():
    """What a turn leaves behind goes through JSON and comes back the same."""
    chat = held().hear("langue")
    stored = msgspec.json.decode(msgspec.json.encode(chat.talk), type=Conversation)
    assert stored == chat.talk


def test_drafts_go_and_nobody_is_left_where_nothing_waits():
    """Without its sensitive answers a dialogue begins anew at the menu: the step that called it does not wait."""
    chat = at_the_story().hear("Six mois.")
    assert drafts.has_drafts(chat.library, chat.talk)
    bare = drafts.without_drafts(chat.library, chat.talk)
    assert "Six mois." not in str(bare)
    chat.talk = bare
    assert chat.hear("bonjour").at == "main/menu"
    chat = Chat().hear("bonjour", "tap main/menu:complaint", "oui", "1", "non", "Kayes")
    chat.talk = drafts.without_drafts(chat.library, chat.talk)
    assert chat.hear("1").turn.says
    assert chat.at.startswith("main/menu")
    assert "words:carried_over" not in chat.keys


# ---------------------------------------------------------------- whatever is heard

WORDS = st.sampled_from(
    ["oui", "non", "1", "2", "3", "7", "menu", "retour", "aide", "stop", "plainte", "personne", "langue", "English",
     "français", "effacer", "passer", "1, 3", "aucun", "je veux mourir", "mort de fatigue", "ma demande", "papiers",
     "bonjour", "76 12 34 56", "Kayes", "envoyer", "changer", "7612 3456 7890 1234", "no", "send", "", " ", "\x00"]
)  # fmt: skip
FILES = st.sampled_from(["voice", "photo", "document"]).map(lambda kind: Heard(kind, file=File("f" * 32, kind, 3)))
HEARD = st.one_of(
    WORDS.map(lambda words: Heard("text", text=words)),
    st.sampled_from(["newest", "older"]),  # a tap of what was said
    st.text(max_size=40).map(lambda words: Heard("text", text=words)),
    FILES,
    st.sampled_from([Heard("start"), Heard("unknown"), Heard("location", place=Place(12.6, -8.0))]),
    st.text(max_size=30).map(lambda tap: Heard("tap", tap=tap)),
    st.integers(1, 60).map(lambda hours: timedelta(hours=hours)),
)
CASE = CaseView("c" * 32, "K4T-9QM7", "new", NOW, ("Bonjour",))
REFERRAL = "d" * 32
KNOWN = {  # what the host may find; for every other thing heard it finds none of it
    "cases": (CASE,),
    "case": (),
    "answers": ("Bonjour",),
    "restricted": True,
    "settling": True,
    "consents": ((REFERRAL, "Oui ou non ?"),),
    "consent": ("yes", "no"),
}


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(HEARD, st.integers(0, 9)), max_size=14), st.booleans(), st.sampled_from(["", "fr", "en"]))
def test_whatever_is_heard_a_step_waits(things, demonstration, language):
    """No sequence raises; a step always waits (or the dialogue is over), within eight frames; the same inputs give
    the same turn and leave their own conversation as it was; all says can be worded, all taps fit."""
    library, talk, now = real(), Conversation(language=language), NOW
    taps = ["main/menu:complaint", holding.read_tap(CASE.id)]
    for thing, chance in things:
        if isinstance(thing, timedelta):
            now += thing
            continue
        if isinstance(thing, str):
            thing = Heard("tap", tap=taps[-1 - chance % len(taps)] if thing == "older" else taps[-1])  # noqa: PLW2901
        world = World(now, demonstration=demonstration, paging=demonstration)
        before = msgspec.json.encode(talk)
        turn = engine.advance(library, talk, thing, world)
        for _ in range(8):
            if not turn.needs:
                break
            found = {need: KNOWN[need.what] if chance % 2 else type(KNOWN[need.what])() for need in turn.needs}
            world = replace(world, known={**world.known, **found})
            turn = engine.advance(library, talk, thing, world)
        assert not turn.needs
        assert engine.advance(library, talk, thing, world) == turn
        assert msgspec.json.encode(talk) == before
        for say in turn.says:
            message = word(say, library, turn.conversation.language)
            assert message.text
            assert all(len(button.tap.encode()) <= 64 and button.label for button in message.options)
            taps += [button.tap for button in message.options]
        talk = turn.conversation
        assert len(talk.frames) <= engine.MAX_FRAMES
        if talk.frames:
            assert library.flows[talk.top.flow].steps[talk.top.step].WAITS
        if any(isinstance(effect, OpenCase) and effect.hold for effect in turn.effects):
            talk = holding.hold(library, talk, "c" * 32, world)
        assert msgspec.json.decode(msgspec.json.encode(talk), type=Conversation) == talk


def test_text_fields_are_exclusive():
    """The model's Text is one thing at a time in what the engine says."""
    for say in Chat().hear("bonjour").turn.says:
        text = say.text
        assert isinstance(text, Text)
        assert sum(map(bool, (text.key, text.literal, text.moment, text.items))) == 1


# ---------------------------------------------------------------- words under a photo


def test_distress_under_a_photo_is_heard():
    chat = at_the_story()
    chat.hear(Heard("photo", text="je veux mourir", file=File("f1", "photo")))
    assert chat.talk.top.flow == "distress"


def test_what_is_written_under_a_photo_goes_with_it():
    chat = at_the_story()
    chat.hear(Heard("photo", text="Voici le reçu.", file=File("f1", "photo")))
    saved = [frame.answers.get("account") for frame in chat.talk.frames]
    assert {"kind": "photo", "id": "f1", "seconds": 0, "text": "Voici le reçu."} in saved
