"""What became of what was sent: statuses find their lane, once, in any order, by hundreds."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot import deliveries as module
from bot.cases.desk import Desk
from bot.cases.may import Staff
from bot.cases.thread import became, messages
from bot.channels.base import BadTemplate, Blocked, Closed, Fault, GiveUp, Retry, Status
from bot.deliveries import Deliveries
from bot.outbox import Lanes
from storage import tables
from tests.people import House, real_library

OUTBOX, LANES, CONTACTS, DELIVERIES, PAUSES = (
    tables.outbox, tables.lanes, tables.contacts, tables.deliveries, tables.pauses,
)  # fmt: skip
KNOCK = tables.KNOCK
READER = Staff("", "Mariam", "supervisor")


@pytest.fixture
def house(store, keyring):
    house = House(store, keyring)
    house.now = datetime.now(UTC) - timedelta(seconds=1)
    return house


@pytest.fixture
def faults():
    return []


@pytest.fixture
def lanes(house):
    return Lanes(house.store, house.keyring, {"windowed": house.windowed, "phone": house.phone})


@pytest.fixture
async def deliveries(house, lanes, faults):
    made = Deliveries(house.store, house.keyring, serve=lanes.serve, on_fault=lambda *told: faults.append(told))
    yield made
    await made.stop()
    await lanes.stop()


async def write(house, address, *words, channel=None):
    channel = channel or house.windowed
    for word in words:
        await house.hear(address, word, channel=channel)
    return (await house.contact(address, channel)).id


def sent(house, address):
    return [text for who, text in house.windowed.sent if who == address]


async def statuses(house):
    return [row.status for row in await house.rows(DELIVERIES)]


async def test_what_was_sent_is_kept_sealed_until_the_provider_has_it(house, lanes, deliveries):
    """Not sent again meanwhile; a status of any kind but "failed" lets it go."""
    awa = await write(house, "awa", "carnet")
    await lanes._serve(awa)
    (row,) = await house.rows(OUTBOX)
    assert row.sent_at is not None
    await lanes._serve(awa)
    assert sent(house, "awa") == ["Quoi ?"]
    await deliveries.status(house.windowed, "id-1", Status("sent"))
    assert await house.count(OUTBOX) == 0
    assert await statuses(house) == ["sent"]


async def test_statuses_come_in_any_order_and_more_than_once(house, lanes, deliveries):
    """Read stays read."""
    await lanes._serve(await write(house, "awa", "carnet"))
    for kind in ("read", "delivered", "read", "sent", "failed", "wondered"):
        await deliveries.status(house.windowed, "id-1", Status(kind, GiveUp() if kind == "failed" else None))
    assert await statuses(house) == ["read"]
    assert await house.count(OUTBOX) == 0


async def test_ids_nobody_knows_are_passed_over(house, lanes, deliveries, monkeypatch):
    """Those of another channel as well."""
    monkeypatch.setattr(module, "EARLY", 0.01)
    await lanes._serve(await write(house, "awa", "carnet"))
    await deliveries.status(house.windowed, "id-99", Status("failed", Blocked()))
    await deliveries.status(house.phone, "id-1", Status("failed", Blocked()))
    await asyncio.gather(*deliveries._early)
    assert await statuses(house) == ["sent"]
    assert (await house.rows(CONTACTS))[0].blocked_at is None


async def test_a_status_that_is_earlier_than_our_own_commit_is_not_lost(house, lanes, deliveries, monkeypatch):
    monkeypatch.setattr(module, "EARLY", 0.2)
    awa = await write(house, "awa", "carnet")
    await deliveries.status(house.windowed, "id-1", Status("delivered"))
    await lanes._serve(awa)
    await asyncio.gather(*deliveries._early)
    assert await statuses(house) == ["delivered"]
    assert await house.count(OUTBOX) == 0


async def test_the_window_was_over_after_all(house, lanes, deliveries):
    """Failed with `Closed`: the message is back at its place, they are knocked, and have it when they write."""
    awa = await write(house, "awa", "carnet", "un")
    await lanes._serve(awa)
    assert sent(house, "awa") == ["Quoi ?", "Dit : un", "Quoi ?"]
    for message_id in ("id-1", "id-3"):
        await deliveries.status(house.windowed, message_id, Status("delivered"))
    await deliveries.status(house.windowed, "id-2", Status("failed", Closed()))
    await lanes.quiet()
    assert house.windowed.knocks == [("awa", "")]
    assert len(sent(house, "awa")) == 3
    await write(house, "awa", "deux")
    lanes.serve(awa)
    await lanes.quiet()
    assert sent(house, "awa")[3:] == ["Dit : un", "Dit : deux", "Quoi ?"]


async def test_they_wrote_since(house, lanes, deliveries):
    """An old `Closed`: the window is open again, so the message simply goes once more."""
    awa = await write(house, "awa", "carnet")
    await lanes._serve(awa)
    house.now = datetime.now(UTC)
    await write(house, "awa", "un")
    await deliveries.status(house.windowed, "id-1", Status("failed", Closed()))
    await lanes.quiet()
    assert house.windowed.knocks == []
    assert sent(house, "awa") == ["Quoi ?", "Quoi ?", "Dit : un", "Quoi ?"]


async def test_a_person_who_is_gone_closes_their_lane(house, lanes, deliveries):
    awa = await write(house, "awa", "carnet")
    await lanes._serve(awa)
    await deliveries.status(house.windowed, "id-1", Status("failed", Blocked()))
    assert (await house.contact("awa", house.windowed)).blocked
    assert await house.count(OUTBOX) == 0
    await write(house, "awa", "un")
    await lanes._serve(awa)
    assert sent(house, "awa")[1:] == ["Dit : un", "Quoi ?"]


async def test_later_and_faults_bring_it_back_and_wait(house, lanes, deliveries):
    awa, ali = await write(house, "awa", "carnet"), await write(house, "ali", "carnet")
    await lanes._serve(awa)
    await lanes._serve(ali)
    await deliveries.status(house.windowed, "id-1", Status("failed", Retry(40)))
    await deliveries.status(house.windowed, "id-2", Status("failed", Fault("away", 40)))
    await lanes.quiet()
    assert await house.count(OUTBOX, OUTBOX.c.sent_at.is_(None)) == 2
    assert len(house.windowed.sent) == 2
    assert await house.count(LANES, LANES.c.not_before > datetime.now(UTC) + timedelta(seconds=30)) == 1
    assert await house.count(PAUSES) == 1


async def test_a_message_nobody_can_get_goes(house, lanes, deliveries, caplog):
    await lanes._serve(await write(house, "awa", "carnet"))
    await deliveries.status(house.windowed, "id-1", Status("failed", GiveUp()))
    assert await house.count(OUTBOX) == 0
    assert await statuses(house) == ["failed"]
    assert "Quoi" not in caplog.text


async def test_one_that_fails_again_and_again_is_given_up(house, lanes, deliveries):
    awa = await write(house, "awa", "carnet")
    await lanes._serve(awa)
    await house.store.run(lambda conn: conn.execute(OUTBOX.update().values(attempts=30)))
    await deliveries.status(house.windowed, "id-1", Status("failed", Retry(0)))
    (row,) = await house.rows(OUTBOX)
    assert (row.sent_at, row.gave_up_at is not None) == (None, True)


async def test_a_fault_told_by_a_status_counts_once(house, lanes, deliveries, faults):
    await lanes._serve(await write(house, "awa", "carnet"))
    told = [deliveries.status(house.windowed, "id-1", Status("failed", Fault("payment", 40))) for _ in range(3)]
    await asyncio.gather(*told)
    assert faults == [("windowed", "payment")]


# ---------------------------------------------------------------- knocks


async def change(house, statement):
    await house.store.run(lambda conn: conn.execute(statement))


def an_hour_ago():
    return datetime.now(UTC) - timedelta(hours=1)


async def parked(house, lanes, address="awa"):
    """Somebody who wrote too long ago, and was knocked for."""
    who = await write(house, address, "carnet")
    await change(house, CONTACTS.update().values(window_until=an_hour_ago()))
    await lanes._serve(who)
    return who


async def days_later(house, lanes, who, days):
    """Whether they are knocked for again."""
    for moment in (OUTBOX.c.due_at, CONTACTS.c.window_until, LANES.c.knocked_at, DELIVERIES.c.at):
        for row in await house.rows(moment.table):
            earlier = getattr(row, moment.name) - timedelta(days=days)
            this = moment.table.update().where(next(iter(moment.table.primary_key)) == row[0])
            await change(house, this.values({moment.name: earlier}))
    before = len(house.windowed.knocks)
    found = await house.store.read(lambda conn: lanes.desk.unserved(conn, "windowed", 9))
    await lanes._serve(who)
    assert (found == [who]) == (len(house.windowed.knocks) > before)
    return bool(found)


async def test_a_knock_is_known_by_its_id(house, lanes, deliveries):
    """It arrived: nothing follows from that. What it told of still waits."""
    awa = await parked(house, lanes)
    (row,), (waits,) = await house.rows(DELIVERIES), await house.rows(OUTBOX)
    assert (row.part, row.outbox_id, row.status) == (KNOCK, waits.id, "sent")
    for kind in ("sent", "delivered", "read"):
        await deliveries.status(house.windowed, "knock-1", Status(kind))
    assert await statuses(house) == ["read"]
    assert (await house.rows(OUTBOX)) == [waits]
    assert not await days_later(house, lanes, awa, 2)


async def test_a_knock_for_somebody_who_is_gone_closes_their_lane(house, lanes, deliveries):
    awa = await parked(house, lanes)
    await deliveries.status(house.windowed, "knock-1", Status("failed", Blocked()))
    assert (await house.contact("awa", house.windowed)).blocked
    assert (await house.count(OUTBOX), await house.count(LANES, LANES.c.closed_at.is_not(None))) == (0, 1)
    assert not await days_later(house, lanes, awa, 2)


@pytest.mark.parametrize("why", [GiveUp(), BadTemplate(), Closed(), Retry(2), Fault("payment", 1)])
async def test_a_knock_that_failed_is_tried_again_in_its_time(house, lanes, deliveries, why):
    """A day later, not at once; not for ever; and no more once one arrived."""
    awa = await parked(house, lanes)
    (before,) = await house.rows(OUTBOX)
    await deliveries.status(house.windowed, "knock-1", Status("failed", why))
    await lanes.quiet()
    await change(house, PAUSES.update().values(not_before=an_hour_ago()))
    assert await house.rows(OUTBOX) == [before]
    assert not await days_later(house, lanes, awa, 0.9)
    assert await days_later(house, lanes, awa, 0.2)
    await deliveries.status(house.windowed, "knock-2", Status("failed", why))
    await change(house, PAUSES.update().values(not_before=an_hour_ago()))
    assert await days_later(house, lanes, awa, 1.1)
    await deliveries.status(house.windowed, "knock-3", Status("delivered"))
    assert not await days_later(house, lanes, awa, 1.1)


async def test_nobody_is_knocked_for_in_vain_for_ever(house, lanes, deliveries):
    awa = await parked(house, lanes)
    await deliveries.status(house.windowed, "knock-1", Status("failed", GiveUp()))
    assert not await days_later(house, lanes, awa, 15)


@pytest.mark.parametrize("outcome", [GiveUp(), Closed()])
async def test_a_knock_that_was_not_even_taken_is_tried_again_as_well(house, lanes, outcome):
    house.windowed.outcomes["knock awa"] = [outcome]
    awa = await parked(house, lanes)
    assert await statuses(house) == ["failed"]
    assert not await days_later(house, lanes, awa, 0.9)
    assert await days_later(house, lanes, awa, 0.2)


async def test_a_template_in_trouble_is_told_to_operators(house, faults, deliveries):
    """By a status, or at once."""
    channels = {"windowed": house.windowed}
    lanes = Lanes(house.store, house.keyring, channels, on_fault=lambda *told: faults.append(told))
    await parked(house, lanes)
    await deliveries.status(house.windowed, "knock-1", Status("failed", BadTemplate()))
    house.windowed.outcomes["knock ali"] = [BadTemplate()]
    await parked(house, lanes, "ali")
    assert faults == [("windowed", "template")] * 2


async def test_what_is_told_of_a_knock_touches_no_message(house, lanes, deliveries):
    """They answered it: what waited is on its way when the knock is told to be read, or to have failed."""
    for address, status in (("awa", Status("read")), ("ali", Status("failed", Retry(0)))):
        who = await parked(house, lanes, address)
        await write(house, address, "un")
        await lanes._serve(who)
        kept = await house.count(OUTBOX, OUTBOX.c.sent_at.is_not(None))
        await deliveries.status(house.windowed, f"knock-{len(house.windowed.knocks)}", status)
        await lanes.quiet()
        assert await house.count(OUTBOX, OUTBOX.c.sent_at.is_not(None)) == kept
        assert sent(house, address) == ["Quoi ?", "Dit : un", "Quoi ?"]


async def test_the_desk_sees_that_an_answer_waits_and_what_became_of_the_knock(store, keyring):
    """Never that the answer was read: the template was."""
    house = House(store, keyring, real_library())
    house.now = datetime.now(UTC) - timedelta(seconds=1)
    lanes = Lanes(store, keyring, {"windowed": house.windowed})
    deliveries = Deliveries(store, keyring, serve=lanes.serve)
    await house.consent("awa", house.windowed)
    await write(house, "awa", "personne", "autre chose", "Six mois.")
    awa = (await house.contact("awa", house.windowed)).id
    await lanes._serve(awa)
    (case,) = await house.rows(tables.cases)

    def desk(conn):
        return Desk(conn, keyring, READER, house.now)

    async def fate():
        thread = await store.run(lambda conn: messages(desk(conn), case))
        return next(one.fate for one in thread if one.author == "staff")

    await store.run(lambda conn: desk(conn).answer(case.reference, "Venez jeudi.", real_library()))
    assert await fate() == "waits"
    await lanes._serve(awa)
    assert await fate() == "sent"
    answer = f"id-{len(house.windowed.sent)}"
    await deliveries.status(house.windowed, answer, Status("failed", Closed()))
    await lanes.quiet()
    assert await fate() == "told"
    for kind in ("delivered", "read"):
        await deliveries.status(house.windowed, "knock-1", Status(kind))
        assert await fate() == "told"
    await change(house, LANES.update().values(knocked_at=None))
    await lanes._serve(awa)
    await deliveries.status(house.windowed, "knock-2", Status("failed", GiveUp()))
    assert await fate() == "untold"
    house.now = datetime.now(UTC)
    await write(house, "awa", "Oui.")
    await lanes._serve(awa)
    assert await fate() == "sent"
    last = max(number for number, (_, text) in enumerate(house.windowed.sent, 1) if "Venez jeudi." in text)
    await deliveries.status(house.windowed, f"id-{last}", Status("read"))
    assert await fate() == "read"


# ---------------------------------------------------------------- the rest


async def test_an_erased_person_leaves_no_delivery(store, keyring):
    """Statuses that come later find nobody and make nobody."""
    house = House(store, keyring, real_library())
    house.now = datetime.now(UTC) - timedelta(seconds=1)
    lanes = Lanes(store, keyring, {"windowed": house.windowed})
    deliveries = Deliveries(store, keyring)
    await house.consent("awa", house.windowed)
    await lanes._serve(await write(house, "awa", "bonjour"))
    assert await house.count(DELIVERIES) > 0
    await write(house, "awa", "effacer", "oui")
    assert await house.count(DELIVERIES) == 0
    await deliveries.status(house.windowed, "id-1", Status("failed", Blocked()))
    await deliveries.stop()
    assert await house.count(CONTACTS, CONTACTS.c.blocked_at.is_not(None)) == 0


async def test_the_desk_sees_what_became_of_an_answer(store, keyring):
    """By the case's message; the person's own channel says it."""
    house = House(store, keyring, real_library())
    house.now = datetime.now(UTC) - timedelta(seconds=1)
    lanes = Lanes(store, keyring, {"windowed": house.windowed})
    deliveries = Deliveries(store, keyring)
    await house.consent("awa", house.windowed)
    await write(house, "awa", "personne", "autre chose", "Six mois.")
    awa = (await house.contact("awa", house.windowed)).id
    await lanes._serve(awa)
    (case,) = await house.rows(tables.cases)
    await store.run(
        lambda conn: Desk(conn, keyring, READER, house.now).answer(case.reference, "Venez jeudi.", real_library())
    )
    await lanes._serve(awa)
    words = [row.id for row in await house.rows(tables.case_messages) if row.author == "staff"]
    assert await store.read(lambda conn: became(conn, words)) == {words[0]: "sent"}
    await deliveries.status(house.windowed, f"id-{len(house.windowed.sent)}", Status("read"))
    assert await store.read(lambda conn: became(conn, words)) == {words[0]: "read"}


async def test_they_are_kept_for_eight_days(house, lanes):
    """And a message of which nothing was ever told, for an hour."""
    await lanes._serve(await write(house, "awa", "carnet"))
    house.later(minutes=30)
    await house.store.run(house.followups.tidy)
    assert await house.count(OUTBOX) == 1
    house.later(minutes=40)
    await house.store.run(house.followups.tidy)
    assert (await house.count(OUTBOX), await house.count(DELIVERIES)) == (0, 1)
    await house.store.run(lambda conn: conn.execute(CONTACTS.update().values(draft_until=None)))
    house.later(days=9)
    await house.store.run(house.followups.tidy)
    assert await house.count(DELIVERIES) == 0


async def test_hundreds_at_once_share_a_commit(house, lanes, deliveries):
    """240 statuses of 80 messages, three each and shuffled: a few transactions, every one of them read."""
    people = [await write(house, f"p{n}", "carnet") for n in range(80)]
    await asyncio.gather(*(lanes._serve(who) for who in people))
    commits, right = [], house.store.run

    async def run(work, lane=0, **shared):
        commits.append(1)
        return await right(work, lane, **shared)

    house.store.run = run
    told = [(f"id-{n % 80 + 1}", kind) for n, kind in enumerate(["read", "sent", "delivered"] * 80)]
    await asyncio.gather(*(deliveries.status(house.windowed, one, Status(kind)) for one, kind in told))
    assert len(commits) <= 3
    assert await house.count(OUTBOX) == 0
