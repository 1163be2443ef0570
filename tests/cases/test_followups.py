"""What time brings: the end of a hold is said in time, drafts and strangers are forgotten."""

import asyncio
from datetime import timedelta

import pytest

from bot.cases.desk import Desk
from bot.cases.may import Staff
from bot.dialogue import drafts
from storage import Store, audit, tables
from tests.people import House, real_library, texts

CASES, OUTBOX, HEARD, CONTACTS, FILES = (
    tables.cases, tables.outbox, tables.heard, tables.contacts, tables.attachments,
)  # fmt: skip
READER = Staff("", "Mariam", "protection", cleared=True)
ENDED = "Personne n'a encore répondu ici."


@pytest.fixture
def house(store, keyring):
    return House(store, keyring, real_library())


async def hold(house, address="awa", channel=None):
    """A request for a person that holds the chat; everything said is acknowledged."""
    await house.consent(address, channel)
    await house.talk(address, "personne", "autre chose", "Six mois.", channel=channel)
    await house.store.run(lambda conn: conn.execute(OUTBOX.delete().where(OUTBOX.c.seq > 0)))


async def said(house, address="awa"):
    return [one.message.text for one in await house.waiting(address) or ()]


async def say_due(house):
    await house.store.run(house.followups.say_due)


# ---------------------------------------------------------------- words due later


async def test_the_end_of_a_hold_is_said_when_it_is_due_and_once(house):
    """Not before its hours are over; then in words that name the hours; never again."""
    await hold(house)
    house.later(hours=47)
    await say_due(house)
    assert await said(house) == []
    house.later(hours=1)
    for _ in range(3):
        await say_due(house)
    assert [text.partition(" Votre")[0] for text in await said(house)] == [ENDED]
    told = await house.hear("awa", "bonjour")
    assert "ajouté" not in texts(told)[-1]
    assert [one.seq for one in told.said] == sorted(one.seq for one in told.said)
    assert await house.store.read(house.followups._anything_due) is False


async def test_it_is_said_in_the_persons_language(house):
    """By then the person may have changed it."""
    await hold(house)
    await house.talk("awa", "langue", "English")
    await house.store.run(lambda conn: conn.execute(OUTBOX.delete().where(OUTBOX.c.seq > 0)))
    house.later(hours=49)
    await say_due(house)
    (words,) = await said(house)
    assert words.startswith("Nobody") or "48 hours" in words


async def test_an_answer_calls_it_off(house):
    """Staff answered: nobody is told that nobody did."""
    await hold(house)
    (case,) = await house.rows(CASES)
    await house.store.run(
        lambda conn: Desk(conn, house.keyring, READER, house.now).answer(case.reference, "Bonjour.", house.library)
    )
    house.later(hours=60)
    await say_due(house)
    assert await said(house) == ["Une personne vous répond :\nBonjour."]


@pytest.mark.parametrize("leaving", ["menu", "stop", "tap person/waiting_demonstration:back_to_it", "retour"])
async def test_leaving_the_hold_calls_it_off(house, leaving):
    """Who goes back to the program is not told later that nobody answered."""
    await hold(house)
    await house.hear("awa", leaving)
    assert await house.count(OUTBOX, OUTBOX.c.is_say.is_(True)) == 0


async def test_erasing_takes_it_along(house):
    """Nothing is said to somebody who erased themselves."""
    await hold(house)
    told = await house.talk("awa", "effacer", "oui")
    house.later(hours=60)
    await say_due(house)
    assert await said(house) == texts(told)[-1:]


async def test_two_workers_say_it_once(house, database_url):
    """Both look at the same moment; people hear it once."""
    for number in range(6):
        await hold(house, f"p{number}")
    house.later(hours=49)
    with Store(database_url, busy_seconds=5) as second:
        other = House(second, house.keyring, house.library)
        other.now = house.now
        await asyncio.gather(say_due(house), say_due(other), say_due(house), say_due(other), return_exceptions=True)
    await say_due(house)
    for number in range(6):
        assert len(await said(house, f"p{number}")) == 1


async def test_it_is_said_while_people_write(house, database_url):
    """Follow-ups and rounds at the same time: nobody waits for each other, nothing is said twice or lost."""
    for number in range(8):
        await hold(house, f"p{number}")
    house.later(hours=49)
    with Store(database_url, busy_seconds=5) as second:
        other = House(second, house.keyring, house.library)
        other.now = house.now
        await asyncio.gather(
            *(other.hear(f"p{number}", word) for number in range(7, -1, -1) for word in ("aide", "help")),
            *(say_due(house) for _ in range(4)),
        )
    await say_due(house)
    for number in range(8):
        assert sum(ENDED in text for text in await said(house, f"p{number}")) == 1


async def test_the_looking_itself(house, monkeypatch):
    """Started, it says what is due by itself, and stops when told."""
    monkeypatch.setattr("bot.followups.EVERY", 0.01)
    await hold(house)
    house.later(hours=49)
    house.followups.start()
    for _ in range(200):
        await asyncio.sleep(0.01)
        if await said(house):
            break
    await house.followups.stop()
    assert len(await said(house)) == 1


# ---------------------------------------------------------------- what may be forgotten


async def tidy(house):
    await house.store.run(house.followups.tidy)


async def test_a_stranger_is_forgotten_a_day_after_the_last_word(house):
    """Contact, dialogue, drafts, files, what waits and message ids go; who agreed stays."""
    await house.talk("eve", "start", "français", "regarder", "chez moi", "plainte", "oui", "1", "non", "Kayes")
    await house.voice("eve")
    await house.consent("awa")
    await house.hear("awa", "bonjour")
    house.later(hours=23, minutes=59)
    await tidy(house)
    assert await house.contact("eve") is not None
    assert await house.count(FILES) == 1
    house.later(minutes=2)
    await tidy(house)
    assert await house.contact("eve") is None
    assert await house.contact("awa") is not None
    assert await house.count(FILES) == 0
    assert await house.count(HEARD, HEARD.c.address_index == house.index("eve")) == 0
    assert await house.count(HEARD, HEARD.c.address_index == house.index("awa")) == 2
    assert {row.contact_id for row in await house.rows(OUTBOX)} == {(await house.contact("awa")).id}


async def test_a_strangers_day_counts_from_the_first_word(house):
    """Writing on does not keep them longer than they were told; agreeing does."""
    for who in ("eve", "awa"):
        await house.hear(who, "start")
    house.later(hours=20)
    await house.talk("eve", "français")
    await house.talk("awa", "français", "d'accord")
    house.later(hours=5)
    await tidy(house)
    assert await house.contact("eve") is None
    assert await house.contact("awa") is not None


async def test_the_good_bye_of_an_erased_person_can_be_fetched_for_a_day(house):
    """However old the person's own day was."""
    await house.talk("eve", "start", "français")
    house.later(hours=23)
    told = await house.talk("eve", "effacer", "oui")
    house.later(hours=23)
    await tidy(house)
    assert await said(house, "eve") == texts(told)[-1:]


async def test_what_is_left_of_an_erased_person_is_forgotten_too(house):
    """The bare row that let the good-bye be fetched goes after a day."""
    await house.consent("awa")
    await house.talk("awa", "effacer", "oui")
    house.later(hours=25)
    await tidy(house)
    assert await house.count(CONTACTS) == 0
    assert await house.count(HEARD) == 0


async def test_drafts_of_a_person_who_agreed_are_forgotten_after_a_day(house):
    """The unfinished story goes, the person stays and can go on at the menu."""
    await house.consent("awa")
    await house.talk("awa", "bonjour", "tap main/menu:complaint", "oui", "1", "sans nom", "Kayes")
    await house.voice("awa")
    before = await house.contact("awa")
    assert drafts.has_drafts(house.library, before.conversation)
    house.later(hours=25)
    await tidy(house)
    after = await house.contact("awa")
    assert not drafts.has_drafts(house.library, after.conversation)
    assert "Kayes" not in str(after.conversation)
    assert after.conversation.facts == before.conversation.facts
    assert await house.count(FILES) == 0
    await tidy(house)
    told = await house.hear("awa", "bonjour", cursor=after.last_seq)
    assert texts(told) == ["Que voulez-vous faire ?"]
    assert "complaint" not in str((await house.contact("awa")).conversation.frames)


async def test_a_draft_forgotten_is_not_filed_as_if_it_were_there(house):
    """Nor is a case's own file ever taken for a draft."""
    await house.consent("awa")
    await house.talk("awa", "personne", "autre chose")
    await house.voice("awa")
    house.later(days=3)
    await tidy(house)
    assert await house.count(FILES, FILES.c.case_id.is_not(None)) == 1


async def test_message_ids_are_forgotten_when_nobody_will_repeat_them(house):
    """A provider that repeats for an hour: its ids go after that."""
    await house.consent("awa", house.phone)
    await house.hear("awa", "bonjour", channel=house.phone)
    house.later(seconds=3599)
    await tidy(house)
    assert await house.count(HEARD) == 2
    house.later(seconds=1)
    await tidy(house)
    assert await house.count(HEARD) == 0


async def test_a_person_not_heard_for_a_year_is_forgotten(house):
    """The contact goes; their cases lose the link."""
    await hold(house)
    house.later(days=170)
    await tidy(house)
    assert await house.contact("awa") is not None
    house.later(days=196)
    await tidy(house)
    assert await house.count(CONTACTS) == 0


async def test_a_case_is_removed_when_its_days_are_over(house):
    """With its thread and files, and a line in the audit log; a younger one stays."""
    await hold(house)
    category = house.library.categories["person"]
    house.later(days=category.keep_days - 1)
    await house.talk("awa", "menu", "personne", "autre chose")
    await house.voice("awa")
    await tidy(house)
    assert await house.count(CASES) == 2
    house.later(days=1)
    await tidy(house)
    assert await house.count(CASES) == 1
    assert await house.count(tables.case_messages) == 1
    assert await house.count(FILES) == 1
    house.now += timedelta(days=category.keep_days)
    await tidy(house)
    assert await house.count(FILES) == 0
    assert [row.deed for row in await house.rows(tables.audit_log)] == ["expire", "expire"]
    assert await house.store.read(audit.verify) is None


async def test_tidying_twice_at_once_does_no_harm(house, database_url):
    """Two workers tidy at the same moment while a stranger writes again."""
    for number in range(6):
        await house.hear(f"p{number}", "start")
    house.later(hours=25)
    with Store(database_url, busy_seconds=5) as second:
        other = House(second, house.keyring, house.library)
        other.now = house.now
        done = await asyncio.gather(
            tidy(house), tidy(other), other.hear("p3", "bonjour"), tidy(house), return_exceptions=True
        )
    if house.store.dialect == "postgresql":
        assert [one for one in done if isinstance(one, Exception)] == []
    assert await house.count(CONTACTS) <= 1
