"""`segin serve|talk|migrate|audit`: what operators do."""

import argparse
import asyncio
import secrets
import sys
from collections.abc import AsyncIterator

from bot.app import first_publish, key_ring, open_store, serve
from bot.channels import terminal
from bot.channels.base import Incoming, Unavailable
from bot.dialogue.model import Heard
from bot.library.shelf import NoLibrary
from bot.settings import Settings
from bot.worker import NotReal, Worker
from storage import Anchor, BadAnchor, audit, upgrade


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    serving = commands.add_parser("serve", help="serve the web chat, the channels and the console")
    serving.add_argument("--watch", action="store_true", help="read the folders directly while writing flows")
    serving.set_defaults(run=run_serve)

    talking = commands.add_parser("talk", help="chat in the terminal")
    talking.add_argument("--as", dest="name", metavar="NAME", help="come back as somebody who talked before")
    talking.set_defaults(run=run_talk)

    migrating = commands.add_parser("migrate", help="bring the database to the newest form")
    migrating.set_defaults(run=run_migrate)

    auditing = commands.add_parser("audit", help="the log of what staff did")
    verifying = auditing.add_subparsers(dest="deed", required=True).add_parser(
        "verify", help="find rows that were changed, and print the head to keep elsewhere"
    )
    verifying.add_argument("--head", metavar="NUMBER:HASH", help="a head printed earlier: rows cut off since are found")
    auditing.set_defaults(run=run_audit)


def run_serve(settings: Settings, given: argparse.Namespace) -> int:
    import uvloop  # noqa: PLC0415 - only the server needs it

    try:
        uvloop.run(serve(settings, watch=given.watch))
    except (NotReal, NoLibrary, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def run_migrate(settings: Settings, given: argparse.Namespace) -> int:  # noqa: ARG001 - one form for every command
    if not settings.database_url:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    upgrade(settings.url)
    print("The database is up to date.")
    return 0


def run_audit(settings: Settings, given: argparse.Namespace) -> int:
    expected = []
    if given.head:
        number, _, digest = given.head.partition(":")
        try:
            expected.append(audit.Head(int(number), bytes.fromhex(digest)))
        except ValueError:
            print("--head takes what segin audit verify printed: NUMBER:HASH", file=sys.stderr)
            return 2
    anchor = Anchor(settings.audit_path)
    try:
        kept = anchor.heads()
    except (BadAnchor, OSError) as error:
        print(f"{anchor.path}: {error}", file=sys.stderr)
        return 1
    with open_store(settings, make=False) as store:
        fault = store.read_now(lambda conn: audit.verify(conn, *expected, *kept))
        head = store.read_now(audit.head)
    print(fault or "Every row is as it was written.")
    print(
        f"Compared with {len(kept)} kept in {anchor.path}." if kept else f"No head was kept: there is no {anchor.path}."
    )
    if head:
        print(f"Head: {head.number}:{head.hash.hex()}")
    return 1 if fault else 0


def run_talk(settings: Settings, given: argparse.Namespace) -> int:
    try:
        asyncio.run(_talk(settings, given.name or secrets.token_hex(8)))
    except NoLibrary as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def _talk(settings: Settings, name: str) -> None:
    channel = terminal.Terminal(lambda text: print(f"\n{text}\n", flush=True))
    store = open_store(settings)
    first_publish(store, settings.library_dir)
    worker = Worker(settings, store, key_ring(settings, store), {channel.name: channel})
    await worker.start()
    print("Write, or a number. (voice 12s), (photo), (location) stand for those. Ctrl-D leaves.", flush=True)
    try:
        await worker.hear(channel, Incoming(name, secrets.token_hex(8), Heard("start")))
        await worker.lanes.quiet()
        async for line in _lines():
            heard, body = channel.heard(line)
            try:
                await worker.hear(channel, Incoming(name, secrets.token_hex(8), heard, body))
                await worker.lanes.quiet()  # a number typed next is meant for what is shown then
            except Unavailable:
                print(worker.words("words:unavailable"), flush=True)
    finally:
        await worker.stop()


async def _lines() -> AsyncIterator[str]:
    """Lines as they are typed; the loop goes on meanwhile, so that staff's answers appear."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line.strip():
            yield line.rstrip("\n")
