"""`segin keys rotate`: a new master key, and every data key under it, while workers serve.

In this order, so that it may be killed anywhere: the key file has the new key, marked as prepared (it only opens); the
database names it as its newest; the file has it in front; the rows follow. No worker wraps with a key that is not on
the disk, and whoever has an old copy of the file can neither start nor rotate beside the new one.

Workers read the file again by themselves (`storage.crypto`). Those on other machines must have a key before it wraps:
`--prepare`, copy the file, then `rotate`. On PostgreSQL, where there may be such workers, `rotate` alone only prepares.

A key that waits is put in front whatever else is left. Without one, rows that an earlier rotation left are brought
under the newest key first; no further key is made then, and the exit status is 1.

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

from sqlalchemy import Connection

from bot.app import key_ring, open_store
from bot.cases.may import OPERATOR
from bot.settings import Settings
from storage import KeyRing, Store, Unavailable, audit, key_file, rotation

SETTLED = 600  # seconds from a change of the file until no transaction that began before is still open

BY_HAND = """\
The keys are in SEGIN_KEYS, which no command can change. Nothing was changed. By hand, in this order:
1. Make a key: echo "k$(od -An -tx1 -N5 /dev/urandom | tr -d ' ')?:$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')"
2. Put it at the END of SEGIN_KEYS for every worker, and restart them all: they can open with it.
3. Then put it at the BEGINNING without its "?" for every worker, and restart them all: they wrap with it.
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
                key_file.clear(settings.key_file)
                return deed(settings, store, key_ring(settings, store))
        except (Busy, OSError) as error:
            print(error, file=sys.stderr)
            return 1


def _prepare(settings: Settings, store: Store, ring: KeyRing) -> int:
    if _some_are_lost(settings, store, ring):
        return 1
    if settings.keys:
        return _by_hand(ring)
    if ring.waiting is None:
        ring = ring.prepared()
        ring.save(settings.key_file)
        _log(store, "prepare key", str(ring.waiting))
    print(
        f"{ring.waiting} is in {settings.key_file}, and only opens. Copy the file to every machine that serves; when"
        " all of them have it: segin keys rotate."
    )
    return 0


def _rotate(settings: Settings, store: Store, ring: KeyRing) -> int:
    if _some_are_lost(settings, store, ring):
        return 1
    if settings.keys:
        return _follow_environment(store, ring)
    if ring.waiting is None:
        if rotation.left(store, ring):
            return _end_earlier(store, ring)
        if store.dialect == "postgresql":
            print("Workers on other machines must have a key before it wraps, so it is only prepared now.")
            _prepare(settings, store, ring)
            return 1
        ring = ring.prepared()
        ring.save(settings.key_file)
    rotated = ring.rotated()
    if not _name(store, ring, rotated.newest, f"new key {rotated.newest}"):
        return 1
    rotated.save(settings.key_file)
    return _rewrap(store, rotated, " Copy the key file anew; keep the old keys for backups.")


def _end_earlier(store: Store, ring: KeyRing) -> int:
    """Bring what is left under the newest key: with one more key in front, nobody could say what was done."""
    if _name(store, ring, ring.newest):
        _rewrap(store, ring, " This ended an earlier rotation; one more segin keys rotate makes a new key.")
    return 1


def _follow_environment(store: Store, ring: KeyRing) -> int:
    if ring.waiting is not None and store.read_now(rotation.named) == ring.waiting:
        return _by_hand(ring)  # others are a step ahead: what they wrapped is not to come back under the older key
    if not _name(store, ring, ring.newest):
        return 1
    if rotation.left(store, ring):
        return _rewrap(store, ring, "")
    print(f"Every row is under {ring.newest}, the first key of SEGIN_KEYS.")
    return _by_hand(ring)


def _drop(settings: Settings, store: Store, ring: KeyRing) -> int:
    uses = store.read_now(lambda conn: rotation.uses(conn, ring))
    old = [name for name in ring.ids if name not in (ring.newest, ring.waiting)]
    needed = {name: uses.by_key[name] for name in old if uses.by_key[name]}
    if uses.strange:
        print(f"{uses.strange} rows are under keys that are not here. Nothing was removed.", file=sys.stderr)
        return 1
    if needed:
        rows = ", ".join(f"{name} by {count} rows" for name, count in needed.items())
        print(f"Still needed: {rows}. Nothing was removed. First: segin keys rotate.", file=sys.stderr)
        return 1
    if not old:
        print(f"There is no old key. {ring.newest} wraps everything.")
        return 0
    names = ", ".join(old)
    # a backup from before the rotation that was brought back may name one of those: nobody could start any more
    if store.read_now(rotation.named) in old and not _name(store, ring, ring.newest):
        return 1
    if settings.keys:
        print(
            f"No row needs {names}: keep a copy apart, then take it out of SEGIN_KEYS for every worker, and restart"
            f" them. That copy {_BACKUPS}"
        )
        return 2
    wait = SETTLED - (time.time() - settings.key_file.stat().st_mtime)
    if wait > 0:
        print(
            f"The key file was changed a moment ago, and a worker may still be writing with {names}. Nothing was"
            f" removed; again in {wait / 60:.0f} minutes.",
            file=sys.stderr,
        )
        return 1
    kept = ring.drop(old, settings.key_file)
    _log(store, "drop keys", names)
    print(f"Removed: {names}, now in {kept}. That file {_BACKUPS}")
    return 0


_BACKUPS = (
    "is needed to read backups made before the rotation, and to put a key back: add its line to the key file again."
    " Take it elsewhere, and destroy it together with those backups. Copies of the key file elsewhere still hold the"
    " old keys."
)


def _some_are_lost(settings: Settings, store: Store, ring: KeyRing) -> bool:
    """Whether there are rows that this ring can't open, which then are told: a rotation would hide the cause."""
    lost = rotation.lost(store, ring)
    if lost.count:
        print(
            f"{lost.count} rows are under keys that are not here, or were changed: {', '.join(lost.first)}"
            f"{', …' if lost.count > len(lost.first) else ''}. Nothing was changed. Bring their keys back first, from"
            f" {settings.key_file}.dropped, an older copy or the machine that rotated.",
            file=sys.stderr,
        )
    return bool(lost.count)


def _name(store: Store, ring: KeyRing, name: str, detail: str = "") -> bool:
    """Write into the database, and the log, that this is the newest key; not if the ring is an old copy after all."""

    def work(conn: Connection) -> bool:
        if not rotation.name_newest(conn, ring, name):
            return False
        if detail:
            audit.append(conn, at=datetime.now(UTC), staff=OPERATOR.name, deed="rotate keys", detail=detail)
        return True

    if store.run_now(work):
        return True
    print(
        "This database is under a key that is not here: it was rotated on another machine just now. No row was"
        " changed. Copy the key file from there.",
        file=sys.stderr,
    )
    return False


def _rewrap(store: Store, ring: KeyRing, more: str) -> int:
    done = rotation.rewrap(store, ring)
    _log(store, "rotate keys", f"{done.rewrapped} rows under {ring.newest}")
    with contextlib.suppress(Unavailable):  # a reader is at work; the log is emptied again with the next tidying
        asyncio.run(store.scrub())
    print(f"{done.rewrapped} rows are under {ring.newest} now.{more}")
    if done.held:
        print(
            f"{done.held} rows are under older keys still: they were in use all the time, or a worker has an older key"
            " file. Run segin keys rotate again.",
            file=sys.stderr,
        )
    if done.unreadable:
        print(f"{done.unreadable} rows were wrapped with keys that are not here, or changed.", file=sys.stderr)
    return 1 if done.held or done.unreadable else 0


def _by_hand(ring: KeyRing) -> int:
    print(BY_HAND, file=sys.stderr)
    if ring.waiting is not None:
        print(f"{ring.waiting} is there already: go on with step 3 when every worker has it.", file=sys.stderr)
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
    target = settings.key_file.resolve()  # the same for all data folders that link to one file
    descriptor = os.open(target.with_name(f"{target.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(Busy.__doc__) from None
        yield
    finally:
        os.close(descriptor)
