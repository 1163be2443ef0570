"""Pages: "1 alerte" and a link to whoever is on duty, at once, at 15 and at 60 minutes, until somebody takes it."""

import asyncio
import email
import email.policy
import logging
import uuid
from datetime import timedelta

import pytest

from bot.cases import alerts, disclosures, links, on_call, paging
from bot.library.shelf import Shelf
from bot.mail import Mail, NotSetUp, Server, read_server
from bot.paging import TelegramWay
from bot.settings import BadSetting, Settings
from bot.worker import Worker, page_words
from storage import tables
from tests.cases.on_duty import (
    ALERTS,
    LINK,
    WISH,
    MailServer,
    Noting,
    alert_of,
    at,
    end_lease,
    guard,
    look,
    on_rota,
    open_house,
    sender,
)
from tests.cases.test_desk import CASES, restricted, row_of
from tests.channels.telegram.fake_api import Answer, FakeTelegram, blocked
from tests.people import House, real_library, texts

SENTINEL = "Kouroukanfouga"
MONDAY = 0  # the house begins on Monday 23 November 2026, 09:17 in Bamako


@pytest.fixture
def house(store, keyring):
    return open_house(store, keyring)


@pytest.fixture
def mail():
    with MailServer() as server:
        yield server


async def distress(house, address="awa"):
    await house.consent(address)
    await house.talk(address, f"{WISH} {SENTINEL}", "oui", "oui")


def read_mail(taken):
    """(to, subject, body) of what the server took."""
    recipients, content = taken
    message = email.message_from_string(content, policy=email.policy.default)
    assert message["To"] == recipients[0]
    return recipients, message["Subject"], message.get_content().strip().replace("\r\n", "\n")


# ---------------------------------------------------------------- what goes out


async def test_by_mail_and_telegram_in_the_language_of_each(house, mail):
    """A real server of each; "1 alerte" and the link, nothing else; one mail for each address."""
    await guard(house, "Mariam", email="mariam@example.org")
    await guard(house, "Grace", language="en", email="grace@example.org", telegram="5501234567")
    await distress(house)
    async with FakeTelegram() as api:
        ways = {"email": Mail(mail.url, "garde@example.org"), "telegram": TelegramWay(api.token, api.url)}
        one = sender(house, **ways)
        await look(one)
        await one.stop()
        subject, body = one.words("en")
        assert [(sent["text"], sent["chat"]["id"]) for sent in api.sent()] == [(body, 5501234567)]
        assert not api.violations
    assert sorted(map(read_mail, mail.taken)) == [
        (["grace@example.org"], subject, body),
        (["mariam@example.org"], "1 alerte", f"1 alerte\n{LINK}"),
    ]
    everything = str(mail.taken) + str(api.sent())
    (case,) = await house.rows(tables.cases)
    for secret in (SENTINEL, case.reference, case.id.hex, "suicide", "distress", "détresse"):
        assert secret not in everything


def test_the_words_of_a_page():
    """How many, where to look; without a public address not even that."""
    words = page_words(Settings(public_url="https://segin.example.org/"))
    assert words("fr") == words("bm") == ("1 alerte", f"1 alerte\n{LINK}")
    assert words("en") == ("1 alert", f"1 alert\n{LINK}")
    assert page_words(Settings())("fr") == ("1 alerte", "1 alerte")


async def test_a_mail_server_elsewhere_must_encrypt(house, mail, monkeypatch):
    """Without STARTTLS nothing is handed in, least of all the password; this machine itself is trusted."""
    assert Server("127.0.0.1", 25, tls=False).loopback
    assert Server("localhost", 25, tls=False).loopback
    assert not Server("mail.example.org", 25, tls=False).loopback
    monkeypatch.setattr(Server, "loopback", False)
    await guard(house, email="mariam@example.org")
    await distress(house)
    one = sender(house, email=Mail(mail.url, "garde@example.org"))
    await look(one)
    await one.stop()
    assert mail.taken == []
    assert one.value("segin_pages_total", way="email", how="failed") == 1


def test_the_address_of_a_mail_server():
    assert read_server("smtp://awa%40x:p%2Fw@mail.example.org") == Server(
        "mail.example.org", 587, False, "awa@x", "p/w"
    )
    assert read_server("smtps://mail.example.org").port == 465
    for wrong in ("mail.example.org", "http://x", "smtp://", "smtp://x:port", "smtp://awa@x", "smtp://x/path"):
        with pytest.raises(NotSetUp):
            read_server(wrong)
    for given in ({"SEGIN_SMTP_URL": "geheim"}, {"SEGIN_SMTP_URL": "smtp://a:geheim@x", "SEGIN_MAIL_FROM": "x"}):
        with pytest.raises(BadSetting) as error:
            Settings.read(given)
        assert "geheim" not in str(error.value)
    assert "geheim" not in repr(read_server("smtp://a:geheim@x"))


# ---------------------------------------------------------------- when


async def test_at_once_at_15_and_at_60_minutes(house):
    """By the alert's clock; then no more."""
    await guard(house, email="mariam@example.org")
    await distress(house)
    way, went = Noting(), []
    one = sender(house, email=way)
    begun = house.now
    for minute in (0, 1, 14, 15, 16, 59, 60, 61, 75, 600):
        house.now = begun + timedelta(minutes=minute)
        before = len(way.sent)
        await look(one, one)
        went += [minute] * (len(way.sent) - before)
    assert went == [0, 15, 60]


async def test_who_takes_it_ends_the_pages(house):
    reader = await guard(house, email="mariam@example.org")
    await distress(house)
    way = Noting()
    one = sender(house, email=way)
    await look(one)
    house.later(minutes=14)
    (seen,) = await at(house, reader, on_call.open_alerts)
    await at(house, reader, lambda desk: on_call.take(desk, seen.id))
    house.later(minutes=1)
    await look(one)
    assert len(way.sent) == 1


async def test_after_an_hour_of_silence_one_page_is_enough(house):
    """Pages that were due meanwhile are not sent one after the other."""
    await guard(house, email="mariam@example.org")
    await distress(house)
    house.later(minutes=20)
    way = Noting()
    one = sender(house, email=way)
    await look(one, one, one)
    assert len(way.sent) == 1
    assert (await alert_of(house)).next_at == house.now + timedelta(minutes=40)


async def test_two_workers_send_one_page_each_stage(house):
    """Whoever has the lease sends it."""
    await guard(house, email="mariam@example.org")
    await distress(house)
    ways = Noting(), Noting()
    senders = [sender(house, email=way) for way in ways]
    for _ in range(3):
        await asyncio.gather(*(look(one) for one in senders * 3))
        house.later(minutes=45)
    assert len(ways[0].sent) + len(ways[1].sent) == 3


async def test_a_page_that_was_sent_but_not_marked_goes_again(house, monkeypatch):
    """At least once: the worker died between both; nobody else sends it while the lease holds."""
    await guard(house, email="mariam@example.org")
    await distress(house)
    way = Noting()
    one, two = sender(house, email=way), sender(house, email=way)
    with monkeypatch.context() as planted:
        planted.setattr(paging, "mark", lambda *_: 1 / 0)
        await look(one)
    assert len(way.sent) == 1
    await look(two)
    assert len(way.sent) == 1
    await end_lease(house)
    await look(two)
    assert len(way.sent) == 2
    assert (await alert_of(house)).stage == 1


async def test_a_late_mark_of_a_lost_lease_counts_nothing(house):
    """The other worker's page is its own."""
    await guard(house, email="mariam@example.org")
    await distress(house)
    (page,) = await house.store.run(
        lambda conn: paging.lease(conn, house.keyring, ("email",), "Africa/Bamako", house.now, 9)
    )
    await end_lease(house)
    await look(sender(house, email=Noting()))
    assert await house.store.run(lambda conn: paging.mark(conn, page, house.now)) == -1
    assert (await alert_of(house)).stage == 1


# ---------------------------------------------------------------- trouble


async def test_one_way_that_fails_stops_no_other(house, monkeypatch, caplog):
    """It is tried again by itself; neither log nor metric names an address."""
    monkeypatch.setattr("bot.paging.FIRST_RETRY", 0.01)
    await guard(house, email="mariam@example.org", telegram="5501234567")
    await distress(house)
    bad, good = Noting(), Noting()
    bad.failing = OSError("mariam@example.org is not there")
    one = sender(house, email=bad, telegram=good)
    with caplog.at_level(logging.DEBUG):
        await look(one)
        assert len(good.sent) == 1
        assert (await alert_of(house)).stage == 1
        bad.failing = None
        async with asyncio.timeout(10):
            await asyncio.gather(*one._retries)
    await one.stop()
    assert (len(bad.sent), len(good.sent)) == (1, 1)
    assert one.value("segin_pages_total", way="email", how="failed") >= 1
    assert one.value("segin_pages_total", way="telegram", how="sent") == 1
    assert "OSError" in caplog.text
    assert not any(secret in caplog.text for secret in ("mariam", "Mariam", "5501234567", SENTINEL))


async def test_a_way_that_failed_is_let_be_when_somebody_took_it(house, monkeypatch):
    monkeypatch.setattr("bot.paging.FIRST_RETRY", 0.01)
    reader = await guard(house, email="mariam@example.org", telegram="5501234567")
    await distress(house)
    bad = Noting()
    bad.failing = OSError()
    one = sender(house, email=bad, telegram=Noting())
    await look(one)
    (seen,) = await at(house, reader, on_call.open_alerts)
    await at(house, reader, lambda desk: on_call.take(desk, seen.id))
    async with asyncio.timeout(10):
        await asyncio.gather(*one._retries)
    await one.stop()


async def test_servers_that_are_down_are_tried_until_one_is_there(house, mail):
    """No page is counted before one arrived; then the next one comes at its time."""
    await guard(house, email="mariam@example.org", telegram="5501234567")
    await distress(house)
    mail.refuse = "451 later"
    async with FakeTelegram() as api:
        api.answers["sendMessage"].extend([Answer(502), Answer(429, retry_after=3)])
        ways = {"email": Mail(mail.url, "garde@example.org"), "telegram": TelegramWay(api.token, api.url)}
        one = sender(house, **ways)
        for _ in range(2):
            await look(one)
            assert (await alert_of(house)).stage == 0
            await look(one)  # put off: not at once again
            await end_lease(house)
        house.later(minutes=2)
        await one.refresh()
        assert one.value("segin_alerts_unheard") == 1
        mail.refuse = ""
        api.chats[5501234567] = blocked()
        await look(one)
        await one.refresh()
        await one.stop()
    assert one.value("segin_alerts_unheard") == 0
    assert one.value("segin_pages_total", way="telegram", how="failed") == 3
    assert len(mail.taken) == 1
    row = await alert_of(house)
    assert (row.stage, row.next_at) == (1, house.now + timedelta(minutes=13))


async def test_nobody_at_all_is_an_error_and_a_figure(house, caplog):
    """And as soon as there is somebody, they are told."""
    await guard(house)  # no way
    await guard(house, "Fatou", email="fatou@example.org", cleared=False)
    await guard(house, "Awa", email="awa@example.org", role="agent")
    await guard(house, "Oumou", email="oumou@example.org", disabled_at=house.now)
    await distress(house)
    way = Noting()
    one = sender(house, email=way)
    await look(one)
    assert "nobody who can be told" in caplog.text
    house.later(minutes=2)
    await one.refresh()
    assert (one.value("segin_alerts_unheard"), one.reaches) == (1, False)
    await guard(house, "Kadia", email="kadia@example.org")
    await end_lease(house)
    await look(one)
    await one.refresh()
    assert [sent[0] for sent in way.sent] == ["kadia@example.org"]
    assert (one.value("segin_alerts_unheard"), one.reaches) == (0, True)


# ---------------------------------------------------------------- who


async def told(house):
    """Who is paged for what waits."""
    way = Noting()
    await end_lease(house)
    await house.store.run(lambda conn: conn.execute(ALERTS.update().values(next_at=house.now, stage=0)) and None)
    await look(sender(house, email=way))
    return sorted(address.partition("@")[0] for address, *_ in way.sent)


async def test_whoever_is_on_duty_now(house, caplog):
    """By weekday and minute in the organisation's time; nights span two days; without anybody, all of protection."""
    day, night = await guard(house, "Mariam", email="mariam@x.org"), await guard(house, "Fatou", email="fatou@x.org")
    await guard(house, "Kadia", email="kadia@x.org")
    mute = await guard(house, "Oumou")
    await on_rota(house, day, MONDAY, 8 * 60, 17 * 60)
    await on_rota(house, night, MONDAY, 17 * 60, 24 * 60)
    await on_rota(house, night, MONDAY + 1, 0, 6 * 60)
    await on_rota(house, mute, MONDAY + 1, 6 * 60, 8 * 60)
    await distress(house)
    begun = house.now.replace(hour=0, minute=0, second=0, microsecond=0)
    for hours, expected in (
        (8, ["mariam"]), (16.99, ["mariam"]), (17, ["fatou"]), (23.99, ["fatou"]), (24, ["fatou"]),
        (29.99, ["fatou"]), (30, ["fatou", "kadia", "mariam"]), (40, ["fatou", "kadia", "mariam"]),
    ):  # fmt: skip
        house.now, before = begun + timedelta(hours=hours), caplog.text.count("nobody is on duty")
        assert await told(house) == expected, hours
        assert (caplog.text.count("nobody is on duty") > before) == (len(expected) > 1)
    assert "Mariam" not in caplog.text


async def test_who_must_not_know_is_not_told(house):
    """Kept out of a case of this person by account or by office, on duty or not."""
    named, office = (
        await guard(house, "Mariam", email="mariam@x.org"),
        await guard(house, "Fatou", email="fatou@x.org", office="Kayes"),
    )
    await guard(house, "Kadia", email="kadia@x.org", office="Gao")
    for staff in (named, office):
        await on_rota(house, staff, MONDAY, 0, 24 * 60)
    await distress(house)
    (case,) = await house.rows(tables.cases)

    async def keep_out(**who):
        values = {"id": uuid.uuid4(), "case_id": case.id, "staff_id": None, "office": None, **who}
        await house.store.run(lambda conn: conn.execute(tables.exclusions.insert(), values) and None)

    assert await told(house) == ["fatou", "mariam"]
    await keep_out(staff_id=uuid.UUID(named.id))
    assert await told(house) == ["fatou"]
    await keep_out(office="Kayes")
    assert await told(house) == ["kadia"]


# ---------------------------------------------------------------- what the chat promises


async def taken_in_an_emergency(house):
    """A restricted case that somebody answers, and who took the identity in it. (reference, who)"""
    reference = await restricted(house)
    mariam = await guard(house, email="mariam@example.org")
    await house.store.run(lambda conn: conn.execute(CASES.update().values(owed=False, status="in_progress")) and None)
    await at(house, mariam, lambda desk: disclosures.override(desk, reference, f"{SENTINEL} est à sa porte."))
    return reference, mariam


async def test_an_identity_taken_in_an_emergency_pages_others(house):
    """By the same way as any alert, until a second person has seen it; no word of the reason."""
    reference, mariam = await taken_in_an_emergency(house)
    binta = await guard(house, "Binta", email="binta@example.org")
    way = Noting()
    pager = sender(house, email=way)
    await look(pager)
    assert [(to, subject) for to, subject, _ in way.sent] == [("binta@example.org", "1 alerte")]
    assert SENTINEL not in str(way.sent)
    alert = await alert_of(house)
    assert (alert.kind, alert.stage) == ("override", 1)
    assert await at(house, mariam, on_call.open_alerts) == []  # nor does she say herself that it is all right
    for deed in (
        lambda desk: on_call.take(desk, alert.id.hex),
        lambda desk: on_call.close(desk, alert.id.hex, "mistake"),
    ):
        with pytest.raises(on_call.NotOpen):
            await at(house, mariam, deed)
    (shown,) = await at(house, binta, on_call.open_alerts)
    assert (shown.kind, shown.reference) == ("override", reference)
    house.later(minutes=15)
    await look(pager)
    assert (await alert_of(house)).stage == 2
    row = await row_of(house, reference)
    (request,) = await at(house, binta, lambda desk: disclosures.of_case(desk, row))
    await at(house, binta, lambda desk: disclosures.seen(desk, reference, request.id))
    before = len(way.sent)
    house.later(hours=1)
    await look(pager)
    assert (await alert_of(house)).closed_at is not None
    assert len(way.sent) == before


async def test_it_stands_beside_other_alerts_of_the_case(house):
    """It is no reason not to tell that the case is overdue; an answer to the person does not end it."""
    reference, mariam = await taken_in_an_emergency(house)
    await guard(house, "Binta", email="binta@example.org")
    await at(house, mariam, lambda desk: desk.answer(reference, "Nous arrivons.", house.library))
    await look(sender(house, email=Noting()))
    (alert,) = await house.rows(ALERTS)
    assert (alert.kind, alert.closed_at, alert.stage) == ("override", None, 1)
    await house.store.run(lambda conn: conn.execute(CASES.update().values(owed=True, due_at=house.now)) and None)
    await look(sender(house, email=Noting()))
    assert sorted(one.kind for one in await house.rows(ALERTS)) == ["overdue", "override"]


async def test_it_stays_where_it_was_done(house):
    """Merging the case away makes nobody's own deed theirs to close."""
    reference, mariam = await taken_in_an_emergency(house)
    house.later(minutes=1)
    other = await restricted(house, "sira")
    binta = await guard(house, "Binta", email="binta@example.org")
    await at(house, mariam, lambda desk: links.merge(desk, reference, other))
    way = Noting()
    await look(sender(house, email=way))
    assert [to for to, _, _ in way.sent] == ["binta@example.org"]
    assert "override" not in [one.kind for one in await at(house, mariam, on_call.open_alerts)]
    assert "override" in [one.kind for one in await at(house, binta, on_call.open_alerts)]


async def test_whose_deed_an_alert_tells_of(house):
    """Each override has an alert of its own, told to everybody else; whether there is anybody is said."""
    reference, mariam = await taken_in_an_emergency(house)
    binta = await guard(house, "Binta")
    house.later(minutes=1)
    assert await at(house, binta, lambda desk: disclosures.override(desk, reference, "Moi aussi."))
    rows = sorted(await house.rows(ALERTS), key=lambda row: row.at)
    found = await house.store.read(lambda conn: [alerts.done_by(conn, row) for row in rows])
    assert found == [{uuid.UUID(mariam.id)}, {uuid.UUID(binta.id)}]
    other = await restricted(house, "sira")
    await house.store.run(
        lambda conn: (
            conn.execute(tables.staff.update().where(tables.staff.c.name == "Binta").values(cleared=False)) and None
        )
    )
    assert not await at(house, mariam, lambda desk: disclosures.override(desk, other, "Seule."))


async def test_the_chat_promises_what_is_there_at_this_moment(house, store, keyring):
    """Said only while somebody could be reached; a demonstration says it never."""
    words = "Une personne formée est prévenue."
    one = sender(house, email=Noting())

    async def hears(inhabitants, address):
        inhabitants.inbox.paging = lambda: one.reaches
        await inhabitants.consent(address)
        return any(words in text for text in texts(await inhabitants.hear(address, WISH)))

    await one.refresh()
    assert not await hears(house, "a")
    await guard(house, telegram="5501234567")  # by a way that is not set up
    await one.refresh()
    assert not await hears(house, "b")
    await guard(house, "Fatou", email="fatou@x.org")
    await one.refresh()
    assert await hears(house, "c")
    assert not await hears(House(store, keyring, real_library()), "d")
    await house.store.run(lambda conn: conn.execute(tables.staff.update().values(disabled_at=house.now)) and None)
    await one.refresh()
    assert not await hears(house, "e")


async def test_a_worker_pages_by_what_is_set_up(house, mail):
    """From the setting to the server: the loop does it by itself."""
    await guard(house, email="mariam@example.org")
    settings = Settings(
        demo=True, smtp_url=mail.url, mail_from="garde@example.org", public_url="https://segin.example.org"
    )
    worker = Worker(
        settings,
        house.store,
        house.keyring,
        {"web": house.web},
        shelf=Shelf(fixed=house.library),
        clock=lambda: house.now,
    )
    await worker.start()
    assert worker.inbox.paging()
    house.inbox = worker.inbox
    await distress(house)
    async with asyncio.timeout(20):
        while not mail.taken:  # noqa: ASYNC110 - the server is in a thread of its own
            await asyncio.sleep(0.01)
        await worker.paging.quiet()
    assert read_mail(mail.taken[0]) == (["mariam@example.org"], "1 alerte", f"1 alerte\n{LINK}")
    await worker.stop()
