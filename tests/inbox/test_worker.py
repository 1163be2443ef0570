"""One worker: channels begin and end with it, statuses and files find their way through it, faults are counted."""

import asyncio

import pytest

from bot.channels.base import Fault, Incoming, Status, Unavailable
from bot.dialogue.model import File, Heard
from bot.library.shelf import Shelf
from bot.settings import Settings
from bot.worker import NotReal, Worker
from storage import Unavailable as StorageUnavailable
from storage import tables
from tests.people import OGG, Windowed, notebook


class Noted(Windowed):
    """Notes what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.deeds: list[str] = []

    async def start(self, post) -> None:
        self.post = post
        self.deeds.append("start")

    async def stop(self) -> None:
        self.deeds.append("stop")

    async def send(self, address, message):
        self.deeds.append("send")
        return await super().send(address, message)


def worker(store, keyring, channel, **settings):
    return Worker(
        Settings(demo=True, **settings), store, keyring, {channel.name: channel}, shelf=Shelf(fixed=notebook())
    )


async def until(holds):
    async with asyncio.timeout(10):
        while not await holds():  # noqa: ASYNC110 - what is stored tells when it is over
            await asyncio.sleep(0.01)


async def rows(made, table):
    return await made.store.read(lambda conn: conn.execute(table.select()).all())


async def test_a_channel_begins_and_ends_with_its_worker(store, keyring):
    """Ends after the last send, and before the database is closed; stopping twice does no harm."""
    channel = Noted()
    made = worker(store, keyring, channel)
    await made.start()
    assert channel.post is made
    await made.hear(channel, Incoming("awa", "m1", Heard("text", text="carnet")))
    await made.hang_up()
    assert channel.deeds == ["start", "send", "stop"]
    await made.stop()
    with pytest.raises(StorageUnavailable):
        await made.store.read(lambda _: None)


async def test_a_channel_that_does_not_end_keeps_nobody(store, keyring, caplog):
    channel = Noted()

    async def fails():
        raise RuntimeError("a token")

    channel.stop = fails
    made = worker(store, keyring, channel)
    await made.start()
    await made.stop()
    assert "a token" not in caplog.text


async def test_a_demonstration_reaches_nobody_unless_told_to(store, keyring):
    made = Worker(Settings(), store, keyring, {"windowed": Noted()}, shelf=Shelf(fixed=notebook()))
    if made.demonstration:
        with pytest.raises(NotReal):
            await made.start()


async def test_statuses_and_files_through_the_worker(store, keyring):
    """As a channel would hand them over: through the port alone."""
    channel = Noted()
    channel.files["ref"] = OGG
    made = worker(store, keyring, channel)
    await made.start()
    await made.hear(channel, Incoming("awa", "m1", Heard("text", text="carnet")))
    heard = Heard("voice", file=File("", "voice", 3))
    await made.hear(channel, Incoming("awa", "m2", heard, file_ref="ref"))

    async def fetched():
        return [row.size for row in await rows(made, tables.attachments)] == [len(OGG)]

    await until(fetched)
    await made.lanes.quiet()
    for number in range(1, len(channel.sent) + 1):
        await made.status(channel, f"id-{number}", Status("read"))
    assert {row.status for row in await rows(made, tables.deliveries)} == {"read"}
    await made.stop()
    with pytest.raises(Unavailable):
        await made.status(channel, "id-1", Status("read"))


async def test_the_size_of_files_is_a_setting(store, keyring):
    channel = Noted()
    channel.files["ref"] = OGG + bytes(1024 * 1024)
    made = worker(store, keyring, channel, file_mb=1)
    await made.start()
    await made.hear(channel, Incoming("awa", "m1", Heard("text", text="carnet")))
    heard = Heard("voice", file=File("", "voice", 3))
    await made.hear(channel, Incoming("awa", "m2", heard, file_ref="ref"))

    async def given_up():
        return not await rows(made, tables.fetches)

    await until(given_up)
    assert [row.size for row in await rows(made, tables.attachments)] == [0]
    await made.stop()


async def test_faults_of_a_provider_are_counted(store, keyring, caplog):
    """By channel and why; the log says it, too."""
    channel = Noted()
    channel.outcomes["awa"] = [Fault("credentials")]
    made = worker(store, keyring, channel)
    await made.start()
    await made.hear(channel, Incoming("awa", "m1", Heard("text", text="carnet")))
    await made.lanes.quiet()
    value = made.metrics.get_sample_value("segin_channel_faults_total", {"channel": "windowed", "why": "credentials"})
    assert value == 1
    assert "credentials" in caplog.text
    await made.stop()
