"""The desk: answers find their way, nobody learns of what is not theirs, everything is in the audit log."""

import pytest

from bot.cases import statuses
from bot.cases.desk import Desk, NoSuchCase, NotPossible
from bot.cases.may import OPERATOR, Staff
from bot.staff import accounts as desks
from storage import audit, tables
from tests.people import OGG, House, real_library, texts

CASES, OUTBOX, AUDIT = tables.cases, tables.outbox, tables.audit_log
AGENT = Staff("", "Awa", "agent")
READER = Staff("", "Mariam", "protection", cleared=True)
UNCLEARED = Staff("", "Oumar", "protection")


@pytest.fixture
def house(store, keyring):
    return House(store, keyring, real_library())


async def at(house, staff, deed):
    """Do something at the desk, in one transaction."""
    return await house.store.run(lambda conn: deed(Desk(conn, house.keyring, staff, house.now)))


async def answer(house, reference, words="Venez lundi.", staff=READER):
    return await at(house, staff, lambda desk: desk.answer(reference, words, house.library))


async def ordinary(house, address="awa"):
    """A request for a person; the chat is held. Its reference."""
    await house.consent(address)
    await house.talk(address, "personne", "autre chose", "J'attends depuis six mois.")
    return await newest(house, restricted=False)


async def restricted(house, address="ali"):
    """A grave complaint with a name. Its reference."""
    await house.consent(address)
    await house.talk(
        address, "plainte", "oui", "3", "oui", "Ali", "Kayes", "Il a demandé de l'argent.", "ici", "envoyer"
    )
    return await newest(house, restricted=True)


async def anonymous(house, address="eve"):
    """An ordinary complaint without a name. Its reference."""
    await house.consent(address)
    await house.talk(address, "plainte", "oui", "1", "sans nom", "passer", "Un retard.", "envoyer")
    return next(row.reference for row in await house.rows(CASES) if row.anonymous)


async def newest(house, *, restricted):
    rows = [row for row in await house.rows(CASES) if row.restricted == restricted and not row.anonymous]
    return max(rows, key=lambda row: row.opened_at).reference


async def row_of(house, reference):
    return next(row for row in await house.rows(CASES) if row.reference == reference)


# ---------------------------------------------------------------- answers


async def test_an_answer_comes_into_the_chat(house):
    """The words with a button to reply; the status goes on; what the person writes next joins the case."""
    reference = await ordinary(house)
    before = await house.waiting("awa")
    assert await answer(house, reference) == "chat"
    *_, said = await house.waiting("awa", before[-1].seq)
    assert said.message.text == "Une personne vous répond :\nVenez lundi."
    case = await row_of(house, reference)
    assert [button.tap for button in said.message.options] == [f"reply/{case.id.hex}:go"]
    assert case.status == "in_progress"
    await house.hear("awa", "Merci, je viens.")
    _, thread = await at(house, READER, lambda desk: desk.show(reference))
    assert [(line.author, line.content) for line in thread] == [
        ("person", {"about": "J'attends depuis six mois."}),
        ("staff", "Venez lundi."),
        ("person", "Merci, je viens."),
    ]


async def test_a_person_at_rest_is_held_by_an_answer_one_in_the_midst_is_not(house):
    """Who is at the menu writes back at once; who answers another question is not drawn out of it."""
    reference = await ordinary(house)
    await house.talk("awa", "menu")
    assert (await house.contact("awa")).conversation.hold is None
    await answer(house, reference)
    case = await row_of(house, reference)
    assert (await house.contact("awa")).conversation.hold.case == case.id.hex
    await house.talk("awa", "menu", "plainte", "oui")
    await answer(house, reference)
    assert (await house.contact("awa")).conversation.hold is None
    told = await house.hear("awa", "1")
    assert "donner votre nom" in texts(told)[-1]
    told = await house.hear("awa", f"tap reply/{case.id.hex}:go")
    assert "Écrivez votre réponse" in texts(told)[-1]
    await house.voice("awa")
    _, thread = await at(house, READER, lambda desk: desk.show(reference))
    file = await at(house, READER, lambda desk: desk.file(reference, thread[-1].content["id"]))
    assert (file.kind, file.body) == ("voice", OGG)


async def test_nobody_replies_into_a_case_that_is_not_theirs(house):
    """A tap with the id of somebody else's case holds nothing and reads nothing."""
    reference = await ordinary(house)
    await answer(house, reference)
    case = await row_of(house, reference)
    await house.consent("thief")
    for tap in (f"reply/{case.id.hex}:go", f"read/{case.id.hex}:go"):
        told = await house.talk("thief", f"tap {tap}")
        assert not any("lundi" in text for text in texts(told))
        assert (await house.contact("thief")).conversation.hold is None


async def test_what_is_added_to_a_case_that_is_gone_is_not_pretended(house):
    """The case expired while the chat was held: no "it was added", and the hold is over."""
    await ordinary(house)
    await house.store.run(lambda conn: conn.execute(CASES.delete()))
    told = await house.hear("awa", "Encore ceci.")
    assert "ajouté" not in texts(told)[-1]
    assert (await house.contact("awa")).conversation.hold is None


async def test_an_answer_to_an_anonymous_case_waits_in_its_mailbox(house):
    """No chat gets it; the receipt's status shows it; the audit and the case name the day alone."""
    reference = await anonymous(house)
    before = await house.count(OUTBOX)
    house.later(hours=5)
    assert await answer(house, reference) == "mailbox"
    assert await house.count(OUTBOX) == before
    summary, thread = await at(house, READER, lambda desk: desk.show(reference))
    assert {len(moment) for moment in (summary.opened_at, summary.due_at, summary.last_step_at)} == {10}
    assert [len(line.at) for line in thread] == [10, 10]
    assert (summary.channel, summary.language) == (None, None)


async def test_of_a_restricted_case_the_chat_shows_a_neutral_notice(house):
    """Neither the answer nor its topic is in the notice; the tap shows it; then the person may reply."""
    reference = await restricted(house)
    before = (await house.contact("ali")).last_seq
    assert await answer(house, reference, "Nous avons parlé au bureau.") == "chat"
    (notice,) = await house.waiting("ali", before)
    assert notice.message.text == "Vous avez un message."
    (button,) = notice.message.options
    for row in await house.rows(OUTBOX):
        contact = await house.contact("ali")
        assert "bureau" not in contact.read_message(row.id, row.body).text
    told = await house.hear("ali", f"tap {button.tap}")
    assert texts(told)[-1] == "Une personne vous répond :\nNous avons parlé au bureau."
    told = await house.hear("ali", f"tap {told.said[-1].message.options[0].tap}")
    await house.hear("ali", "Merci.")
    _, thread = await at(house, READER, lambda desk: desk.show(reference))
    assert thread[-1].content == "Merci."


async def test_an_answer_to_somebody_who_blocked_us_waits_in_the_mailbox(house):
    """They are left in peace."""
    reference = await ordinary(house)
    await house.store.run(lambda conn: conn.execute(tables.contacts.update().values(blocked_at=house.now)))
    before = await house.count(OUTBOX)
    assert await answer(house, reference) == "mailbox"
    assert await house.count(OUTBOX) == before


@pytest.mark.parametrize("words", ["", "  \n"])
async def test_an_answer_needs_words(house, words):
    """An empty answer is refused, and nothing of it stays."""
    reference = await ordinary(house)
    with pytest.raises(NotPossible):
        await answer(house, reference, words)
    assert (await row_of(house, reference)).status == "new"


async def test_a_closed_case_is_not_answered(house):
    """It must be reopened first."""
    reference = await ordinary(house)
    await house.store.run(lambda conn: conn.execute(CASES.update().values(status="closed")))
    with pytest.raises(NotPossible, match="fermé"):
        await answer(house, reference)


# ---------------------------------------------------------------- who sees what


async def test_unknown_and_not_for_you_look_alike(house):
    """The same error, the same words, no trace that tells them apart, for each deed."""
    hidden = await restricted(house)
    for staff in (AGENT, UNCLEARED, OPERATOR):
        for deed in (
            lambda desk, reference: desk.show(reference),
            lambda desk, reference: desk.answer(reference, "x", house.library),
            lambda desk, reference: desk.file(reference, "0" * 32),
        ):
            told = []
            for reference in (hidden, "222-2222", "", "\x00", "K4T"):
                with pytest.raises(NoSuchCase) as error:
                    await at(house, staff, lambda desk, d=deed, r=reference: d(desk, r))
                told.append(str(error.value))
            assert len(set(told)) == 1
            assert hidden not in told[0]
    assert await house.count(AUDIT) == 0


async def test_an_identity_is_hidden_at_the_command_line_as_well(house):
    """Of a restricted case nobody reads the name without being granted it."""
    reference = await restricted(house)
    _, thread = await at(house, READER, lambda desk: desk.show(reference))
    assert thread[0].content == {
        "name": {"kind": "hidden"}, "reach": {"kind": "hidden"},
        "place": "Kayes", "account": "Il a demandé de l'argent.",
    }  # fmt: skip


async def test_lists_and_their_counts_are_of_what_one_may_see(house):
    """A restricted case is neither listed nor counted for those not cleared, also not in the audit log."""
    one, hidden, third = await ordinary(house), await restricted(house), await anonymous(house)
    seen = {}
    for staff in (AGENT, READER, UNCLEARED, OPERATOR):
        seen[staff.name] = {case.reference for case in await at(house, staff, lambda desk: desk.cases())}
    assert seen == {
        "Awa": {one, third}, "Mariam": {one, hidden, third}, "Oumar": set(), "command line": {one, third},
    }  # fmt: skip
    assert [row.detail for row in await house.rows(AUDIT)] == [""] * 4


async def test_a_region_limits_an_agent(house):
    """Cases of another region are not there for an agent of one."""
    reference = await ordinary(house)
    await house.store.run(lambda conn: conn.execute(CASES.update().values(region="gao")))
    kayes = Staff("", "K", "agent", regions=("kayes",))
    assert await at(house, kayes, lambda desk: desk.cases()) == []
    with pytest.raises(NoSuchCase):
        await answer(house, reference, staff=kayes)


async def test_lists_by_status_with_what_is_due_first(house):
    """Open, all, or one status; an answered case is no longer overdue."""
    one, two = await ordinary(house, "awa"), await restricted(house)
    listed = await at(house, READER, lambda desk: desk.cases())
    assert [case.reference for case in listed] == [two, one]
    assert not any(case.overdue for case in listed)
    house.later(days=6)
    assert all(case.overdue for case in await at(house, READER, lambda desk: desk.cases()))
    await answer(house, one)
    overdue = {case.reference: case.overdue for case in await at(house, READER, lambda desk: desk.cases())}
    assert overdue == {one: False, two: True}
    assert [case.reference for case in await at(house, READER, lambda desk: desk.cases(status="new"))] == [two]
    assert len(await at(house, READER, lambda desk: desk.cases(status="all"))) == 2
    assert {case.status for case in await at(house, READER, lambda desk: desk.cases())} <= set(statuses.OPEN)


async def test_every_deed_is_in_the_audit_log(house):
    """List, show, file, answer: who, what, which case, never what it says; the chain holds."""
    reference = await ordinary(house)
    case = await row_of(house, reference)
    await at(house, AGENT, lambda desk: desk.cases())
    await at(house, AGENT, lambda desk: desk.show(reference))
    await answer(house, reference, "Secret de bureau", staff=AGENT)
    rows = await house.rows(AUDIT)
    assert [(row.staff, row.deed, row.case_id) for row in rows] == [
        ("Awa", "list", None), ("Awa", "show", case.id), ("Awa", "answer", case.id),
    ]  # fmt: skip
    assert "Secret" not in str(rows)
    assert await house.store.read(audit.verify) is None


async def test_a_deed_that_fails_is_not_in_the_log(house, monkeypatch):
    """Deed and log are one transaction."""
    reference = await ordinary(house)

    def wrong(*_):
        raise RuntimeError("planted")

    monkeypatch.setattr(Desk, "_deliver", wrong)
    with pytest.raises(RuntimeError):
        await answer(house, reference)
    assert await house.count(AUDIT) == 0
    assert (await row_of(house, reference)).status == "new"


# ---------------------------------------------------------------- staff


async def test_staff_come_and_go(house):
    """One name is one person, whatever its capitals; who is disabled is nobody; all of it is logged."""
    add = {"cleared": True, "regions": ("kayes",), "now": house.now}
    made = await house.store.run(lambda conn: desks.add_staff(conn, "Mariam", "protection", **add))
    with pytest.raises(NotPossible):
        await house.store.run(lambda conn: desks.add_staff(conn, "MARIAM", "agent", **add))
    found = await house.store.read(lambda conn: desks.find_staff(conn, "mariam"))
    assert (found, found.regions) == (made, ("kayes",))
    assert await house.store.run(lambda conn: desks.disable_staff(conn, "Mariam", house.now))
    assert not await house.store.run(lambda conn: desks.disable_staff(conn, "Mariam", house.now))
    assert await house.store.read(lambda conn: desks.find_staff(conn, "Mariam")) is None
    assert [row.deed for row in await house.rows(AUDIT)] == ["staff add", "staff disable"]
    assert [one["disabled"] for one in await house.store.read(desks.all_staff)] == [True]
