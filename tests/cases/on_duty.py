"""Staff on call, and servers that take their pages: what tests of alerts need."""

import uuid
from dataclasses import replace

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from prometheus_client import CollectorRegistry

from bot.cases.desk import Desk
from bot.library.shelf import Shelf
from bot.paging import Paging
from bot.settings import Settings
from bot.staff import accounts
from bot.talks import EXAMPLE
from bot.worker import page_words
from storage import tables
from tests.people import House, real_library

ALERTS = tables.alerts
WISH = "je veux en finir"
LINK = "https://segin.example.org/console/alerts"


def open_library():
    """The library of the repository, of an organisation that serves people."""
    library = real_library()
    organisation = replace(EXAMPLE, timezone=library.organisation.timezone)
    return replace(library, organisation=organisation)


def open_house(store, keyring):
    return House(store, keyring, open_library())


async def guard(house, name="Mariam", *, language="fr", email="", telegram="", role="protection", office="", **more):
    """A member of staff, cleared for restricted cases, with ways to be told."""

    def add(conn):
        cleared = more.pop("cleared", role == "protection")
        made = accounts.add_staff(conn, name, role, cleared=cleared, regions=(), now=house.now, office=office)
        staff_id = uuid.UUID(made.id)
        conn.execute(accounts.STAFF.update().where(accounts.STAFF.c.id == staff_id).values(language=language, **more))
        if email or telegram:
            accounts.set_ways(conn, house.keyring, staff_id, {"email": email, "telegram": telegram})
        return accounts.find_staff(conn, name)

    return await house.store.run(add)


async def at(house, staff, deed):
    """Do something at the desk, in one transaction."""
    return await house.store.run(lambda conn: deed(Desk(conn, house.keyring, staff, house.now)))


async def on_rota(house, staff, weekday, opens, closes):
    values = {"id": uuid.uuid4(), "staff_id": uuid.UUID(staff.id), "weekday": weekday, "opens": opens, "closes": closes}
    await house.store.run(lambda conn: conn.execute(tables.rota.insert(), values) and None)


async def end_lease(house):
    """As if the worker that had it was away for long."""
    await house.store.run(lambda conn: conn.execute(ALERTS.update().values(lease_until=None)) and None)


async def alert_of(house):
    (row,) = await house.rows(ALERTS)
    return row


class Noting:
    """A way that notes what it is asked to send; `failing` raises instead."""

    def __init__(self):
        self.sent, self.failing = [], None

    async def send(self, address, subject, body):
        if self.failing is not None:
            raise self.failing
        self.sent.append((address, subject, body))

    async def close(self): ...


def sender(house, **ways):
    """The sender of pages of one worker; it looks only when a test says so."""
    settings = Settings(public_url="https://segin.example.org")
    metrics = CollectorRegistry()
    made = Paging(
        house.store,
        house.keyring,
        Shelf(fixed=house.library),
        ways,
        page_words(settings),
        metrics=metrics,
        clock=lambda: house.now,
    )
    made.value = lambda name, **labels: metrics.get_sample_value(name, labels)
    return made


async def look(*senders):
    """One look of each, and all that comes of it."""
    for one in senders:
        await one.take()
    for one in senders:
        await one.quiet()


class MailServer:
    """A real SMTP server on this machine; `taken` are (recipients, message as text), `refuse` an answer instead."""

    def __init__(self):
        self.taken, self.refuse = [], ""
        self._controller = Here(self, hostname="127.0.0.1", port=0)

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - as aiosmtpd has it
        if self.refuse:
            return self.refuse
        self.taken.append((envelope.rcpt_tos, envelope.content.decode()))
        return "250 OK"

    def __enter__(self):
        self._controller.start()
        self.url = f"smtp://127.0.0.1:{self._controller.port}"
        return self

    def __exit__(self, *_):
        self._controller.stop()


class Here(Controller):
    """At whatever port is free."""

    def factory(self):
        return SMTP(self.handler, hostname="localhost")

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()
