"""Where a link leads: to a flow by its keyword, past language and privacy, and never out of something begun."""

import pytest

from bot.dialogue import led
from bot.dialogue.model import Heard
from tests.people import House, real_library, texts


@pytest.fixture
def house(store, keyring):
    return House(store, keyring, real_library())


async def test_somebody_known_lands_where_the_link_says(house):
    """Without the menu in between."""
    await house.consent("awa")
    told = await house.hear("awa", "start", start="plainte")
    typed = await house.hear("ali", "start") and await house.consent("ali")
    typed = await house.hear("ali", "plainte")
    assert texts(told) == texts(typed)
    assert (await house.contact("awa")).conversation.top.flow == (await house.contact("ali")).conversation.top.flow


async def test_a_newcomer_chooses_a_language_first(house):
    """Language and privacy come first; then the link's flow, and the word is forgotten."""
    first = await house.hear("awa", "start", start="Plainte")
    assert "Choisissez votre langue" in texts(first)[-1]
    assert (await house.contact("awa")).conversation.facts[led.LINK] == "plainte"
    await house.talk("awa", "français", "regarder")
    for _ in range(6):  # what editors ask before the menu
        talk = (await house.contact("awa")).conversation
        if talk.top.flow != "main":
            break
        await house.hear("awa", "1")
    assert talk.top.flow == "complaint"
    assert led.LINK not in talk.facts


@pytest.mark.parametrize("word", ["xyzzy", "", "oui", "'; DROP TABLE contacts", "effacer pas"])
async def test_words_that_name_no_flow_are_passed_over(house, word):
    await house.consent("awa")
    told = await house.hear("awa", "start", start=word)
    plain = await house.hear("awa", "start")
    assert texts(told)[-1] == texts(plain)[-1]
    assert led.LINK not in (await house.contact("awa")).conversation.facts


async def test_whoever_is_in_the_midst_of_something_stays_there(house):
    await house.consent("awa")
    await house.talk("awa", "plainte")
    before = (await house.contact("awa")).conversation
    await house.hear("awa", "start", start="personne")
    after = (await house.contact("awa")).conversation
    assert after.frames == before.frames
    assert led.LINK not in after.facts


# ---------------------------------------------------------------- the poster of a region


REGION = "J'ai noté votre région : Kayes.\nUne autre région ? Écrivez « menu » et son nom."


@pytest.fixture(params=["start", "Menu Kayes", "menu  kayes.", "Menu Kayess", "Bonjour, menu kayes"])
def link(request, house):
    """The poster of Kayes, as a link of Telegram and the web chat brings it, and as WhatsApp's is sent."""

    async def follow(name):
        return await house.hear(name, request.param, **({"start": "kayes"} if request.param == "start" else {}))

    return follow


async def past_the_first_questions(house, name):
    """Agrees to nothing but looking, lives in Mali."""
    return await house.talk(name, "regarder", "chez moi")


async def test_a_newcomer_is_not_asked_for_the_region(house, link):
    """Language and privacy as ever; above the menu they are told, and training is looked for there."""
    assert "Choisissez votre langue" in texts(await link("awa"))[-1]
    assert "Si vous êtes d'accord" in texts(await house.hear("awa", "français"))[-1]
    told = await past_the_first_questions(house, "awa")
    assert texts(told) == [REGION, "Que voulez-vous faire ?"]
    assert led.LINK not in (await house.contact("awa")).conversation.facts
    assert texts(await house.hear("awa", "formations"))[-1].startswith("Quel métier")
    assert REGION not in texts(await house.talk("awa", "aide", "menu"))  # once


async def test_who_came_without_a_link_is_asked(house):
    await house.consent("awa")
    assert "Dans quelle région" in texts(await house.talk("awa", "start", "formations"))[-1]


async def test_somebody_known_is_told_above_the_menu(house, link):
    await house.consent("awa")
    await house.hear("awa", "start")
    told = await link("awa")
    assert texts(told)[-2:] == [REGION, "Que voulez-vous faire ?"]
    assert texts(await house.talk("awa", "formations"))[-1].startswith("Quel métier")


async def test_another_poster_another_region(house, link):
    await link("awa")
    await house.talk("awa", "français")
    await past_the_first_questions(house, "awa")
    told = await house.hear("awa", "menu gao")
    assert "J'ai noté votre région : Gao." in texts(told)[-2]
    assert (await house.contact("awa")).conversation.facts["region"] == "gao"


async def test_whoever_waits_for_the_region_is_asked_no_more(house, link):
    """They read the poster to answer."""
    await house.consent("awa")
    assert "Dans quelle région" in texts(await house.talk("awa", "start", "formations"))[-1]
    told = await link("awa")
    assert texts(told)[-1].startswith("Quel métier")


async def test_a_list_on_the_way_is_of_the_region_they_name(house):
    """They are told that the region is noted: the list below may not be of another one. The trade stays."""
    await house.consent("awa")
    asked = await house.talk("awa", "start", "formations", "Sikasso", "couture", "20 ans")
    assert "dans votre région : Sikasso" in texts(asked)[-1]
    told = await house.talk("awa", "retour", "20 ans", "menu kayes")
    assert texts(told)[0] == REGION
    assert "dans votre région : Kayes" in texts(told)[-1]
    answers = (await house.contact("awa")).conversation.top.answers
    assert (answers["region"], answers["age"]) == ("kayes", 20)


async def test_a_story_loses_nothing(house, link):
    """Its question comes again below the region; what was told stays."""
    await house.consent("awa")
    asked = await house.talk("awa", "start", "plainte", "oui", "1", "2", "Le guichet, à Kayes")
    before = (await house.contact("awa")).conversation
    assert (before.top.step, before.top.answers["place"]) == ("account", "Le guichet, à Kayes")
    told = await link("awa")
    after = (await house.contact("awa")).conversation
    assert after.frames == before.frames
    assert texts(told)[-2:] == [REGION, texts(asked)[-1]]
    assert after.facts["region"] == "kayes"
    assert texts(await house.talk("awa", "aide", "menu")) == ["Que voulez-vous faire ?"]


async def test_in_distress_nobody_speaks_of_a_region_that_waits(house, link):
    """A newcomer who scanned, and then says what is graver: the region is told of at the menu, no earlier."""
    await link("awa")
    told = await house.talk("awa", "français", "je veux mourir")
    assert (await house.contact("awa")).conversation.top.flow == "distress"
    assert REGION not in texts(told)


@pytest.mark.parametrize(
    "text",
    [
        "Menu",
        "le menu",
        "menu du jour à Kayes",
        "Menu Kayes pour ma soeur qui rentre",
        "Menu formation à Kayes et à Gao",
        "Menu Kayes ou Gao",
        "Menu 2",
        "Kayes",
        "Je cherche du travail à Kayes",
        "bienvenue à Kayes",
        "Menu " + "Kayes " * 20,
    ],
)
def test_a_sentence_is_no_link(text):
    heard = Heard("text", text=text)
    assert led.read(real_library(), heard, "") == (heard, led.Link())


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("MENU KAYES", led.Link("kayes")),
        ("Menu Kay es", led.Link("kayes")),
        ("Menuu Gao", led.Link("gao")),
        ("Menu Gaoo", led.Link("gao")),
        ("Menu Gao a", led.Link("gao")),
        ("menu segou", led.Link("segou")),
        ("Menu Ségou", led.Link("segou")),
        ("menu tombouctu", led.Link("tombouctou")),
        ("Menu Kayes English", led.Link("kayes", language="en")),
        ("Menu Kayes Bamanankan", led.Link("kayes", language="bm")),
        ("Menu kayes français", led.Link("kayes", language="fr")),
        ("Menu English", led.Link(language="en")),
    ],
)
def test_a_link_that_is_typed(text, link):
    assert led.read(real_library(), Heard("text", text=text), "") == (Heard("start"), link)


@pytest.mark.parametrize(
    ("start", "link"),
    [
        ("kayes", led.Link("kayes")),
        ("kayes_en", led.Link("kayes", language="en")),
        ("KAYES-bm", led.Link("kayes", language="bm")),
        ("en", led.Link(language="en")),
        ("plainte-en", led.Link(word="plainte", language="en")),
        ("kayes-xx", led.Link()),
        ("snk", led.Link()),  # not offered
        ("-_-", led.Link()),
        ("xyzzy-en", led.Link(language="en")),
    ],
)
def test_what_a_link_carries(start, link):
    assert led.read(real_library(), Heard("start"), start) == (Heard("start"), link)


# ---------------------------------------------------------------- its language


@pytest.mark.parametrize("what", [{"what": "start", "start": "kayes-en"}, {"what": "Menu Kayes English"}])
async def test_a_newcomer_goes_on_in_the_language_of_the_poster(house, what):
    """Still greeted by a program that says so, and told how to change; privacy is not passed over."""
    told = await house.hear("awa", **what)
    assert texts(told)[0] == "Hello. I am Segin, a program.\nTo change the language, write “language”."
    assert "If you agree" in texts(told)[-1]
    assert {said.message.language for said in told.said} == {"en"}
    talk = (await house.contact("awa")).conversation
    assert (talk.language, talk.facts.get("consent")) == ("en", None)
    told = await house.talk("awa", "look", "home")
    assert texts(told) == [
        "I have noted your region: Kayes.\nAnother region? Write “menu” and its name.",
        "What do you want to do?",
    ]


async def test_a_language_that_was_chosen_stays(house):
    await house.consent("awa")
    told = await house.hear("awa", "start", start="kayes-en")
    assert texts(told)[-2:] == [REGION, "Que voulez-vous faire ?"]


async def test_a_language_comes_before_the_flow_of_a_link(house):
    await house.hear("awa", "start", start="plainte-en")
    await house.talk("awa", "look", "home")
    talk = (await house.contact("awa")).conversation
    assert (talk.language, talk.top.flow) == ("en", "complaint")


async def test_the_language_may_be_changed_at_once(house):
    told = await house.talk("awa", "Menu Kayes English", "language")
    assert "Choose your language" in texts(told)[-1]
    told = await house.talk("awa", "français")
    assert "Si vous êtes d'accord" in texts(told)[-1]
