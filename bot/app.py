"""The composition root: builds every part from the settings and connects them."""

import asyncio
import contextlib
import gc
import logging
import signal
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from sqlalchemy import Connection, select

from bot.channels.base import Channel
from bot.channels.rates import TELEGRAM, WHATSAPP, Rates, Table
from bot.channels.telegram import NotSetUp, Telegram
from bot.channels.webchat import WebChat
from bot.channels.whatsapp import WhatsApp
from bot.library import files, revisions
from bot.library.shelf import Shelf
from bot.settings import BadSetting, Settings
from bot.web import Runner, application
from bot.worker import Worker
from storage import Anchor, BadKeys, KeyRing, Store, insert_into, rotation, tables, upgrade

log = logging.getLogger(__name__)

WATCH_EVERY = 0.5  # seconds


def key_ring(settings: Settings, store: Store) -> KeyRing:
    """The keys of the settings, or of the data folder; made there at the first start.

    Raises `BadKeys` when the database was written with other keys, or is under a newer one than these: what is stored
    could not be read, and what is written now could not be read by those who have the right ones.
    """
    known = store.read_now(_key_mark)
    if settings.keys:
        keyring = KeyRing.parse(settings.keys)
    elif settings.key_file.exists():
        keyring = KeyRing.load(settings.key_file)
    elif known is None:
        keyring = KeyRing.create(settings.key_file)
    else:
        raise BadKeys(f"there is no {settings.key_file}, and this database was written with keys; bring them back")
    mark = keyring.index("keys", "mark")
    if known is None:
        first = insert_into(store.dialect, tables.key_mark).on_conflict_do_nothing()
        row = {"id": 1, "mark": mark, "newest": keyring.newest}
        store.run_now(lambda conn: conn.execute(first, row) and None)
        known = store.read_now(_key_mark)
    if known is None or known[0] != mark:
        raise BadKeys("this database was written with other keys; bring those back, or set SEGIN_KEYS")
    _check_newest(settings, store, keyring, known[1])
    return keyring


def _check_newest(settings: Settings, store: Store, keyring: KeyRing, newest: str | None) -> None:
    """Raises `BadKeys` when the ring is an old copy, or lacks a key that a backup brought back needs."""
    where = "SEGIN_KEYS" if settings.keys else str(settings.key_file)
    if newest is None:  # a database of a version that did not write this down
        strange = store.read_now(lambda conn: rotation.uses(conn, keyring)).strange
        if strange:
            log.warning("%d rows are under master keys that %s lacks: bring those back", strange, where)
        else:
            store.run_now(lambda conn: rotation.name_newest(conn, keyring, keyring.newest) and None)
    elif newest not in keyring.ids:
        raise BadKeys(
            f"this database is under key {newest}, which {where} lacks; copy the key file from the machine that"
            f" rotated, or bring the key back (from {settings.key_file}.dropped, or an older copy)"
        )


def _key_mark(conn: Connection) -> tuple[bytes, str | None] | None:
    row = conn.execute(select(tables.key_mark.c.mark, tables.key_mark.c.newest)).one_or_none()
    return None if row is None else (row.mark, row.newest)


class NothingThereError(RuntimeError):
    """A command that looks at what is stored found no database."""


def open_store(settings: Settings, *, make: bool = True) -> Store:
    """The database, brought to the newest form. Raises `storage.Unavailable`, `NothingThereError`.

    Without `make`, no embedded database is made: a command given in another folder would look into an empty one.
    """
    if not make and not settings.database_url and not (settings.data_dir / "segin.db").exists():
        folder = settings.data_dir.resolve()
        raise NothingThereError(f"there is no database in {folder}; SEGIN_DATA_DIR names its folder")
    if not settings.database_url:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    upgrade(settings.url)
    return Store(settings.url, writers=settings.writers, anchor=Anchor(settings.audit_path)).open()


def first_publish(store: Store, folder: Path) -> None:
    """A new database takes the folders as its first revision."""

    def publish(conn: Connection) -> None:
        if revisions.newest(conn) == 0:
            revisions.publish(conn, files.read_folder(folder), author="segin", note="first start", at=datetime.now(UTC))

    store.run_now(publish)


def channels_of(settings: Settings) -> dict[str, Channel]:
    """The channels that are set up: the web chat always, others with their token. Raises `BadSetting`."""
    webchat = WebChat(secure_cookie=settings.public_url.startswith("https:"), behind_proxy=settings.behind_proxy)
    channels: list[Channel] = [webchat]
    if settings.telegram_token:
        try:
            telegram = Telegram(
                token=settings.telegram_token,
                api_url=settings.telegram_api_url,
                secret=settings.telegram_secret,
                mode=settings.telegram_mode,
                public_url=settings.public_url,
                rates=_rates(settings, TELEGRAM),
            )
        except NotSetUp as error:
            raise BadSetting(str(error)) from error
        channels.append(telegram)
    if settings.whatsapp_token:
        channels.append(
            WhatsApp(
                token=settings.whatsapp_token,
                phone_id=settings.whatsapp_phone_id,
                app_secret=settings.whatsapp_app_secret,
                verify_token=settings.whatsapp_verify_token,
                api_url=settings.whatsapp_api_url,
                rates=_rates(settings, WHATSAPP),
            )
        )
    if settings.unlimited_rates:
        log.warning("SEGIN_UNLIMITED_RATES is set: no limit of any provider is kept; only for measuring")
    return {channel.name: channel for channel in channels}


def _rates(settings: Settings, table: Table) -> Rates:
    return Rates(None if settings.unlimited_rates else table)


async def serve(settings: Settings, *, watch: bool = False) -> None:
    """Serve until told to stop (SIGINT, SIGTERM). Raises what `Worker.start` raises."""
    store = open_store(settings)
    first_publish(store, settings.library_dir)
    shelf = Shelf(settings.library_dir if watch else None)
    for issue in shelf.look_again():
        log.warning("%s", issue)
    worker = Worker(settings, store, key_ring(settings, store), channels_of(settings), shelf=shelf)
    runner = Runner(application(worker), access_log=None, shutdown_timeout=5)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port, backlog=1024).start()
        # The library and all modules stay for good: without this, Python's collector goes through all of it again
        # and again while people wait (measured: 60 to 85 ms each time, the worst of the p99).
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 20, 100)  # nearly all of a turn goes without it (measured: 5 % of a turn's CPU)
        log.info("Segin listens at http://%s:%d/", settings.host, settings.port)
        if worker.demonstration:
            missing = ", ".join(shelf.library.organisation.missing)
            log.warning("this is a demonstration: content/organisation.yaml lacks %s", missing)
        watching = asyncio.create_task(_watch(shelf)) if watch else None
        await _told_to_stop()
        if watching:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
    finally:
        await runner.cleanup()


async def _watch(shelf: Shelf) -> None:
    while True:
        await asyncio.sleep(WATCH_EVERY)
        for issue in await asyncio.to_thread(shelf.look_again):
            log.warning("%s", issue)


async def _told_to_stop() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
