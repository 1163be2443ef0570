"""`segin keys rotate`: a new master key, and every data key under it, while workers serve.

On one machine the command does all of it: the new key is on the disk before the first row is wrapped with it, and
workers read the file again by themselves (`storage.crypto`). Workers elsewhere must know a key before it wraps:
`--prepare` adds it behind the others, where it only opens; once the file is everywhere, `rotate` puts it in front.

A ring in SEGIN_KEYS can't be written by a command. `rotate` says what to do by hand, and rewraps once that is done.
"""

import argparse
import asyncio
import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from bot.app import key_ring, open_store
from bot.cases.may import OPERATOR
from bot.settings import Settings
from storage import KeyRing, Store, Unavailable, audit, rotation

SETTLED = 600  # seconds from a change of the file until no transaction that began before is still open

BY_HAND = """\
The keys are in SEGIN_KEYS, which no command can change. Nothing was changed. By hand, in this order:
1. Make a key: echo "{id}:$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')"
2. Put it at the END of SEGIN_KEYS for every worker, and restart them all: they can open with it.
3. Then put it at the BEGINNING for every worker, and restart them all: they wrap with it.
4. segin keys rotate, with the same SEGIN_KEYS: it brings every row under it. The old keys stay where they are."""


class Busy(RuntimeError):
    """another segin keys is at work; nothing was changed"""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`keys` among the commands."""
    keys = commands.add_parser("keys", help="the master keys")
    rotating = keys.add_subparsers(dest="deed", required=True).add_parser(
        "rotate", help="a new master key, and everything under it; again after a stop: it goes on"
    )
    how = rotating.add_mutually_exclusive_group()
    how.add_argument(
        "--prepare", action="store_true", help="with workers on several machines: add the key, do not wrap with it yet"
    )
    how.add_argument("--drop-old", action="store_true", help="remove the keys that no row needs any more")
    keys.set_defaults(run=run)


def run(settings: Settings, given: argparse.Namespace) -> int:
    """0 done, 1 something is left to do, 2 not with a ring in SEGIN_KEYS. Prints counts and ids, never a key.

    Raises `Unavailable`, `BadKeys`, `NothingThereError`.
    """
    with open_store(settings, make=False) as store:
        deed = _prepare if given.prepare else _drop if given.drop_old else _rotate
        try:
            with _alone(settings):
                return deed(settings, store, key_ring(settings, store))
        except (Busy, OSError) as error:
            print(error, file=sys.stderr)
            return 1


def _prepare(settings: Settings, store: Store, ring: KeyRing) -> int:
    if settings.keys:
        return _by_hand(ring)
    if ring.waiting is None:
        ring.prepared().save(settings.key_file)
        ring = KeyRing.load(settings.key_file)
        _log(store, "prepare key", str(ring.waiting))
    print(
        f"{ring.waiting} is in {settings.key_file}, and only opens. Copy the file to every machine that serves; when"
        " all of them have it: segin keys rotate."
    )
    return 0


def _rotate(settings: Settings, store: Store, ring: KeyRing) -> int:
    done = rotation.rewrap(store, ring)
    if done.rewrapped or done.held:
        again = "" if settings.keys else " This ended an earlier rotation; for one more key, run it again."
        return _said(store, ring, done, again)
    if settings.keys:
        print(f"Every row is under {ring.newest}, the first key of SEGIN_KEYS.")
        return _by_hand(ring)
    ring.rotated().save(settings.key_file)  # on the disk before any row needs it
    ring = KeyRing.load(settings.key_file)
    _log(store, "rotate keys", f"new key {ring.newest}")
    return _said(store, ring, rotation.rewrap(store, ring), " Copy the key file anew; keep the old keys for backups.")


def _drop(settings: Settings, store: Store, ring: KeyRing) -> int:
    uses = store.read_now(lambda conn: rotation.uses(conn, ring))
    old = [name for name in ring.ids if name not in (ring.newest, ring.waiting)]
    needed = {name: uses.by_key[name] for name in old if uses.by_key[name]}
    if needed:
        rows = ", ".join(f"{name} by {count} rows" for name, count in needed.items())
        print(f"Still needed: {rows}. Nothing was removed. First: segin keys rotate.", file=sys.stderr)
        return 1
    if not old:
        print(f"There is no old key. {ring.newest} wraps everything.")
        return 0
    names = ", ".join(old)
    if settings.keys:
        print(f"No row needs {names}: take it out of SEGIN_KEYS for every worker, and restart them. {_BACKUPS}")
        return 2
    wait = SETTLED - (time.time() - settings.key_file.stat().st_mtime)
    if wait > 0:
        print(
            f"The key file was changed a moment ago, and a worker may still be writing with {names}. Nothing was"
            f" removed; again in {wait / 60:.0f} minutes.",
            file=sys.stderr,
        )
        return 1
    ring.without(old).save(settings.key_file)
    _log(store, "drop keys", names)
    print(f"Removed: {names}. {_BACKUPS}")
    return 0


_BACKUPS = (
    "Backups made before the rotation can't be read without the old keys: keep a copy of them apart for as long as"
    " those backups are kept, or destroy both. Copies of the key file elsewhere still hold them."
)


def _said(store: Store, ring: KeyRing, done: rotation.Done, more: str) -> int:
    _log(store, "rotate keys", f"{done.rewrapped} rows under {ring.newest}")
    with contextlib.suppress(Unavailable):  # a reader is at work; the log is emptied again with the next tidying
        asyncio.run(store.scrub())
    print(f"{done.rewrapped} rows are under {ring.newest} now.{more}")
    if done.held:
        print(f"{done.held} rows were in use all the time: run segin keys rotate again.", file=sys.stderr)
    if done.unreadable:
        print(f"{done.unreadable} rows were wrapped with keys that are not here, or changed.", file=sys.stderr)
    return 1 if done.held or done.unreadable else 0


def _by_hand(ring: KeyRing) -> int:
    print(BY_HAND.format(id=ring.waiting or ring.next_id), file=sys.stderr)
    return 2


def _log(store: Store, deed: str, detail: str) -> None:
    now = datetime.now(UTC)
    store.run_now(lambda conn: audit.append(conn, at=now, staff=OPERATOR.name, deed=deed, detail=detail) and None)


@contextlib.contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One rotation at a time: two would each put a key in front, and the second would lose the first one's.

    Raises `Busy`. Whoever is killed holds nothing.
    """
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(settings.key_file.with_name(f"{settings.key_file.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(Busy.__doc__) from None
        yield
    finally:
        os.close(descriptor)
