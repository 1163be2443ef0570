"""Alerts: one for a person in distress and for a case that waits too long, seen by those on call and nobody else."""

import asyncio
import uuid
from datetime import timedelta

import pytest

from bot.cases import alerts, on_call
from bot.cases.desk import Changed, Desk, NotPossible
from bot.cases.may import Staff
from bot.dialogue.model import Alert, Forget
from storage import audit, tables
from tests.cases.on_duty import ALERTS, WISH, alert_of, at, guard, open_house
from tests.people import texts

CASES, MESSAGES, EXCLUSIONS = tables.cases, tables.case_messages, tables.exclusions
AGENT = Staff("", "Awa", "agent")
SENTINEL = "Kouroukanfouga"


@pytest.fixture
def house(store, keyring):
    return open_house(store, keyring)


async def held(house, address="awa"):
    """An ordinary request; its staff hold the chat. Its reference."""
    await house.consent(address)
    await house.talk(address, "personne", "autre chose", "J'attends depuis six mois.")
    (row,) = [row for row in await house.rows(CASES) if not row.restricted]
    return row.reference


async def case(house, category="distress", *, restricted=True, anonymous=False, contact_id=None, **more):
    """A case that staff entered. Its id."""
    case_id = uuid.uuid4()
    within = house.library.categories[category].reply_within
    values = {
        "id": case_id, "reference": case_id.hex[:8], "kind": "request", "category": category, "status": "new",
        "restricted": restricted, "anonymous": anonymous, "opened_at": house.now, "due_at": house.now + within,
        "last_step_at": house.now, "in_chat": False, "data_key": b"", "receipt_index": case_id.bytes,
        "contact_id": contact_id, **more,
    }  # fmt: skip
    await house.store.run(lambda conn: conn.execute(CASES.insert(), values) and None)
    return case_id


async def look(house):
    """What time brings. Returns whether there was anything to do."""
    found = await house.store.read(lambda conn: alerts.to_do(conn, house.library, house.now))
    await house.store.run(lambda conn: alerts.look(conn, house.library, house.now))
    return found


async def close_all(house):
    await house.store.run(lambda conn: conn.execute(ALERTS.update().values(closed_at=house.now, next_at=None)) and None)


# ---------------------------------------------------------------- words of distress


async def test_words_of_distress_make_an_alert_in_their_own_commit(house):
    """Whose, what kind, when to page first; nothing of what was said."""
    await house.consent("awa")
    await house.hear("awa", f"{WISH} {SENTINEL}")
    row, contact = await alert_of(house), await house.contact("awa")
    assert (row.contact_id, row.kind, row.case_id, row.held_case_id) == (contact.id, "suicide", None, None)
    assert (row.at, row.next_at, row.stage) == (house.now, house.now, 0)
    assert SENTINEL not in str(row)


async def test_a_turn_that_fails_raises_no_alert(house, monkeypatch):
    """Alert and turn are one transaction."""
    await house.consent("awa")
    monkeypatch.setattr("bot.round.Round._speak", lambda *_, **__: 1 / 0)
    with pytest.raises(Exception):  # noqa: B017, PT011 - not even the apology can be said
        await house.hear("awa", WISH)
    assert await house.count(ALERTS) == 0


async def test_the_case_filed_afterwards_joins_the_alert(house):
    await house.consent("awa")
    await house.talk("awa", WISH, "oui", "oui")
    row, (filed,) = await alert_of(house), await house.rows(CASES)
    assert (row.case_id, row.kind) == (filed.id, "suicide")
    assert filed.category == "distress"
    assert not await look(house)


async def test_more_words_make_no_second_alert_and_no_new_page(house):
    """The gravest kind counts; pages go on where they were."""
    await house.consent("awa")
    await house.hear("awa", "on me retient ici")
    await house.store.run(lambda conn: conn.execute(ALERTS.update().values(stage=1)) and None)
    house.later(minutes=5)
    await house.hear("awa", WISH)
    row = await alert_of(house)
    assert (row.kind, row.stage, row.next_at) == ("suicide", 1, house.now - timedelta(minutes=5))


@pytest.mark.parametrize(("minutes", "stage"), [(59, 3), (60, 0)])
async def test_words_after_an_hour_without_pages_begin_anew(house, minutes, stage):
    """Whoever took it has had an hour; who paged in vain, too."""
    await house.consent("awa")
    await house.hear("awa", "on me retient ici")
    await house.store.run(lambda conn: conn.execute(ALERTS.update().values(stage=3, next_at=None)) and None)
    house.later(minutes=minutes)
    await house.hear("awa", WISH)
    assert (await alert_of(house)).stage == stage


async def test_after_a_closed_alert_there_is_a_new_one(house):
    await house.consent("awa")
    await house.hear("awa", "on me retient ici")
    await close_all(house)
    await house.hear("awa", WISH)
    assert sorted(row.kind for row in await house.rows(ALERTS)) == ["held", "suicide"]


async def test_who_erases_themself_leaves_the_alert(house):
    await house.consent("awa")
    await house.hear("awa", WISH)
    told = await house.talk("awa", "effacer", "oui")
    assert any(isinstance(effect, Forget) for result in house.results for effect in result.effects), texts(told)
    row = await alert_of(house)
    assert (row.contact_id, row.closed_at) == (None, None)


# ---------------------------------------------------------------- cases


async def test_an_urgent_case_from_elsewhere_alerts_once(house):
    """A distress call that staff wrote down; ordinary and merely restricted ones don't."""
    urgent = await case(house)
    await case(house, "conduct")
    await case(house, "person", restricted=False)
    assert await look(house)
    assert not await look(house)
    row = await alert_of(house)
    assert (row.case_id, row.kind, row.next_at) == (urgent, "urgent", house.now)


async def test_a_restricted_case_nobody_answered_in_time_alerts_once(house):
    """Also one that was only marked as read; it closes by itself once somebody answered."""
    late = await case(house, "conduct")
    await case(house, "person", restricted=False)
    house.later(hours=23, minutes=59)
    assert not await look(house)
    house.later(days=10)
    assert await look(house)
    assert not await look(house)
    row = await alert_of(house)
    assert (row.case_id, row.kind) == (late, "overdue")
    await house.store.run(lambda conn: conn.execute(CASES.update().values(status="acknowledged")) and None)
    assert not await look(house)
    await house.store.run(lambda conn: conn.execute(CASES.update().values(owed=False)) and None)
    assert await look(house)
    assert (await alert_of(house)).closed_at == house.now


async def test_an_urgent_case_nobody_read_in_time_pages_anew(house):
    """In the same row, even if somebody took it."""
    await case(house)
    await look(house)
    taken = {"taken_by": uuid.uuid4(), "taken_at": house.now, "next_at": None, "stage": 1}
    await house.store.run(lambda conn: conn.execute(ALERTS.update().values(**taken)) and None)
    house.later(hours=24)
    assert await look(house)
    row = await alert_of(house)
    assert (row.stage, row.next_at, row.taken_by) == (0, house.now, None)


async def test_beside_an_anonymous_case_stands_the_day_alone(house):
    await case(house, anonymous=True)
    await look(house)
    row = await alert_of(house)
    assert row.at == house.now.replace(hour=0, minute=0, second=0, microsecond=0)
    assert row.contact_id is None
    assert row.id.version == 4


async def test_workers_that_look_together_make_one_alert(house):
    """None waits for another, none makes a second row."""
    for _ in range(5):
        await case(house)
    await asyncio.gather(
        *(house.store.run(lambda conn: alerts.look(conn, house.library, house.now), lane) for lane in (0, 1, 0, 1))
    )
    await look(house)
    assert await house.count(ALERTS) == 5
    assert len({row.case_id for row in await house.rows(ALERTS)}) == 5


@pytest.mark.only_on("postgresql")
async def test_a_look_waits_for_nobody_at_work_with_a_case(house):
    """A round or a desk holds contact or case: this case comes with the next look."""
    await house.consent("awa")
    contact = await house.contact("awa")
    await case(house, contact_id=contact.id)
    begun, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold(conn):
        conn.execute(tables.contacts.select().with_for_update()).all()
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(10)

    holding = asyncio.create_task(house.store.run(hold, 1))
    await begun.wait()
    await house.store.run(lambda conn: alerts.look(conn, house.library, house.now), 0)
    assert await house.count(ALERTS) == 0
    go_on.set()
    await holding
    await look(house)
    assert await house.count(ALERTS) == 1


async def test_an_answer_ends_the_pages(house):
    await case(house)
    await look(house)
    answered = {"answered_at": house.now, "status": "in_progress"}
    await house.store.run(lambda conn: conn.execute(CASES.update().values(**answered)) and None)
    assert await look(house)
    row = await alert_of(house)
    assert (row.next_at, row.closed_at) == (None, None)
    await house.store.run(lambda conn: conn.execute(CASES.update().values(status="resolved")) and None)
    await look(house)
    assert (await alert_of(house)).closed_at == house.now


async def test_an_alert_goes_along_with_its_case_when_that_is_merged(house):
    """Being part of another case is no end of it."""
    part = await case(house)
    await look(house)
    main = await case(house, "conduct", status="in_progress")
    merged = CASES.update().where(CASES.c.id == part).values(merged_into=main, status="closed")
    await house.store.run(lambda conn: conn.execute(merged) and None)
    assert await look(house)
    assert not await look(house)
    row = await alert_of(house)
    assert (row.case_id, row.closed_at, row.next_at) == (main, None, house.now)


async def test_closed_alerts_without_a_case_are_forgotten(house):
    await house.consent("awa")
    await house.hear("awa", WISH)
    await close_all(house)
    house.later(days=29)
    await look(house)
    assert await house.count(ALERTS) == 1
    house.later(days=1)
    await look(house)
    assert await house.count(ALERTS) == 0


# ---------------------------------------------------------------- a chat that staff hold


async def thread(house):
    """All that stands in ordinary cases, opened."""

    def read(conn):
        desk = Desk(conn, house.keyring, AGENT, house.now)
        return str([desk.show(one.reference) for one in desk.cases(status="all")])

    return await house.store.run(read)


async def test_what_is_said_in_distress_is_not_for_the_agent_who_holds_the_chat(house):
    """Neither the words that began it nor what follows, also with a yes; afterwards the hold goes on."""
    await held(house)
    for words in (f"{WISH} {SENTINEL}1", f"je veux mourir {SENTINEL}2", "Je ne peux pas parler", "non"):
        await house.hear("awa", words)
    assert SENTINEL not in await thread(house)
    await house.hear("awa", "oui")  # back to where they were
    await house.hear("awa", "Bonjour encore")
    shown = await thread(house)
    assert "Bonjour encore" in shown
    assert SENTINEL not in shown
    row, (ordinary,) = await alert_of(house), await house.rows(CASES)
    assert row.held_case_id == ordinary.id


async def test_an_answer_in_the_midst_of_distress_draws_nothing_into_the_case(house):
    """The alert was closed, the agent answers, the person even presses « Répondre »: words of distress stay out."""
    reference = await held(house)
    await house.hear("awa", WISH)
    await close_all(house)
    await at(house, AGENT, lambda desk: desk.answer(reference, "Venez lundi.", house.library))
    told = await house.hear("awa", f"Oui, {SENTINEL}3")
    assert SENTINEL not in await thread(house)
    waiting = [said for said in await house.waiting("awa") if "Venez lundi." in said.message.text]
    await house.hear("awa", f"tap {waiting[0].message.options[0].tap}")
    await house.hear("awa", "je vais me tuer " + SENTINEL, cursor=told.said[-1].seq)
    assert SENTINEL not in await thread(house)
    assert len(await house.rows(ALERTS)) == 2 or (await house.rows(ALERTS))[0].closed_at
    await house.hear("awa", "Je viens lundi.")
    assert "Je viens lundi." in await thread(house)


async def test_words_of_distress_reach_those_who_were_asked_to_write(house):
    """Inside the restricted case they join it, and its alert."""
    await house.consent("awa")
    await house.talk("awa", WISH, "oui", "oui")
    await house.hear("awa", f"ils vont me tuer {SENTINEL}")
    reader = await guard(house)
    (row,) = await house.rows(CASES)
    _, lines = await at(house, reader, lambda desk: desk.show(row.reference))
    assert SENTINEL in str(lines)
    assert (await alert_of(house)).case_id == row.id


async def test_nobody_else_writes_into_that_chat_meanwhile(house):
    """The agent is refused kindly, nothing of the answer is stored; afterwards it goes."""
    reference = await held(house)
    reader = await guard(house)
    await house.hear("awa", WISH)

    def write(desk):
        return desk.answer(reference, "Venez lundi.", house.library)

    with pytest.raises(NotPossible, match="Une collègue formée suit cette personne en ce moment"):
        await at(house, AGENT, write)
    assert await house.count(MESSAGES, MESSAGES.c.author == "staff") == 0
    alert = await alert_of(house)
    await at(house, reader, lambda desk: on_call.close(desk, alert.id.hex, "mistake"))
    assert await at(house, AGENT, write) == "chat"


async def test_where_nobody_is_trained_nobody_is_said_to_follow(house):
    """Then the agent is the only one there is."""
    reference = await held(house)
    await guard(house, cleared=False)
    await guard(house, "Fatou", disabled_at=house.now)
    await house.hear("awa", WISH)
    assert await at(house, AGENT, lambda desk: desk.answer(reference, "Venez.", house.library)) == "chat"


async def test_a_late_restricted_case_is_no_sign_in_another_case(house):
    """The ordinary case of the same person must not tell that there is a restricted one."""
    reference = await held(house)
    await guard(house)
    contact = await house.contact("awa")
    await case(house, "conduct", contact_id=contact.id)
    house.later(days=2)
    await look(house)
    assert (await alert_of(house)).kind == "overdue"
    assert await at(house, AGENT, lambda desk: desk.answer(reference, "Venez.", house.library)) == "chat"


# ---------------------------------------------------------------- what staff on call do


async def test_taking_and_closing(house):
    """Audited without a word of what it is about; the second one to take it is told."""
    one, two = await guard(house), await guard(house, "Fatou")
    case_id = await case(house)
    await look(house)
    (seen,) = await at(house, one, on_call.open_alerts)
    assert (seen.kind, seen.person, seen.taken_by, seen.more_pages) == ("urgent", "case", "", True)
    await at(house, one, lambda desk: on_call.take(desk, seen.id))
    with pytest.raises(Changed):
        await at(house, two, lambda desk: on_call.take(desk, seen.id))
    (again,) = await at(house, two, on_call.open_alerts)
    assert (again.taken_by, again.more_pages) == ("Mariam", False)
    await at(house, two, lambda desk: on_call.take(desk, again.id, again.taken_id))
    with pytest.raises(NotPossible):
        await at(house, two, lambda desk: on_call.close(desk, seen.id, "whatever"))
    await at(house, two, lambda desk: on_call.close(desk, seen.id, "reached"))
    assert await at(house, one, on_call.open_alerts) == []
    assert (await alert_of(house)).outcome == "reached"
    rows = [row for row in await house.rows(tables.audit_log) if not row.deed.startswith("staff")]
    assert [(row.staff, row.deed, row.case_id, row.detail) for row in rows] == [
        ("Mariam", "alerts", None, ""), ("Mariam", "take_alert", case_id, ""), ("Fatou", "alerts", None, ""),
        ("Fatou", "take_alert", case_id, ""), ("Fatou", "close_alert", case_id, "reached"),
        ("Mariam", "alerts", None, ""),
    ]  # fmt: skip
    assert await house.store.read(audit.verify) is None


async def test_who_did_not_ask_to_be_written_to_is_left_alone(house):
    """There is no case to take; the alert can only be closed."""
    reader = await guard(house)
    await house.consent("awa")
    await house.talk("awa", WISH, "oui", "non")
    (seen,) = await at(house, reader, on_call.open_alerts)
    assert (seen.person, seen.reference) == ("silent", "")
    with pytest.raises(NotPossible, match="n'a pas demandé"):
        await at(house, reader, lambda desk: on_call.take(desk, seen.id))
    await at(house, reader, lambda desk: on_call.close(desk, seen.id, "not_asked"))


async def test_who_is_kept_out_of_a_case_of_that_person_knows_of_no_alert(house):
    """By account and by office; unknown and hidden look alike."""
    named, neighbour = await guard(house), await guard(house, "Fatou", office="Kayes")
    reader = await guard(house, "Aminata", office="Gao")
    await house.consent("awa")
    await house.hear("awa", WISH)
    contact = await house.contact("awa")
    about = await case(house, "conduct", contact_id=contact.id)
    for kept_out in ({"staff_id": uuid.UUID(named.id)}, {"office": "Kayes"}):
        values = {"id": uuid.uuid4(), "case_id": about, "staff_id": None, "office": None, **kept_out}
        await house.store.run(lambda conn, v=values: conn.execute(EXCLUSIONS.insert(), v) and None)
    (seen,) = await at(house, reader, on_call.open_alerts)
    for staff in (named, neighbour):
        assert await at(house, staff, on_call.open_alerts) == []
        for unknown in (seen.id, uuid.uuid4().hex, "x"):
            with pytest.raises(on_call.NotOpen):
                await at(house, staff, lambda desk, one=unknown: on_call.close(desk, one, "mistake"))


async def test_the_alert_is_an_effect_of_the_turn(house):
    """What is written and what the engine asked for are the same."""
    await house.consent("awa")
    await house.hear("awa", WISH)
    assert [effect for result in house.results for effect in result.effects if isinstance(effect, Alert)]
