"""Where a link leads: to a flow by its keyword, past language and privacy, and never out of something begun."""

import pytest

from bot.dialogue import led
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


async def test_a_region_is_remembered(house):
    """The poster of a transit centre says where its reader is: nobody asks again."""
    await house.consent("awa")
    await house.hear("awa", "start", start="kayes")
    assert (await house.contact("awa")).conversation.facts["region"] == "kayes"
