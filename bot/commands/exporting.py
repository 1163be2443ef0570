"""`segin cases export`: rows of ordinary cases, as /console/exports gives them. `--receipt`: `own_data`."""

import argparse
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TypeVar

from sqlalchemy import Connection

from bot.app import key_ring, open_store
from bot.cases import exports, periods
from bot.cases.desk import Desk, NotPossible
from bot.cases.may import OPERATOR, may
from bot.cases.periods import BadPeriod
from bot.commands import own_data
from bot.library.shelf import Shelf
from bot.settings import Settings
from bot.staff.accounts import find_staff

T = TypeVar("T")


def add_to(deeds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`export` among the deeds of `segin cases`."""
    deed = deeds.add_parser("export", help="rows of ordinary cases for spreadsheets, with HXL tags and P-codes")
    deed.add_argument("--as", dest="staff", metavar="NAME", help="who you are (a supervisor; with --receipt a reader)")
    deed.add_argument(
        "--receipt",
        action="store_true",
        help="instead, what is kept of one case, as JSON for its person; the receipt comes from standard input",
    )
    deed.add_argument("--format", default="csv", choices=list(exports.MEDIA_TYPES))
    deed.add_argument("--from", dest="first", metavar="DAY", help="opened from this day on, such as 2026-11-01")
    deed.add_argument("--to", dest="last", metavar="DAY", help="to this day (this month, when both are left out)")
    deed.add_argument("--identified", action="store_true", help="with references and numbers in other systems")
    deed.add_argument("--reason", default="", help="why with identifiers; kept in the audit log")
    deed.add_argument("--output", metavar="FILE", type=Path, help="where to write (standard output, when left out)")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Writes the export. Raises `NotPossible` in words for whoever asked, and with a receipt `NoSuchCase`."""
    if given.receipt:
        return own_data.run(settings, given)
    with open_store(settings, make=False) as store:
        keyring = key_ring(settings, store)
        now, shelf = datetime.now(UTC), Shelf()

        def at_desk(work: Callable[[Desk], T]) -> Callable[[Connection], T]:
            def in_transaction(conn: Connection) -> T:
                staff = find_staff(conn, given.staff) if given.staff else OPERATOR
                if staff is None or not may(staff, "export_rows"):
                    raise NotPossible(f"{given.staff or 'this account'} may not export; a supervisor may")
                shelf.current(conn)
                return work(Desk(conn, keyring, staff, now))

            return in_transaction

        def make(desk: Desk) -> tuple[exports.Wanted, IO[bytes], int]:
            wanted = _wanted(given, now, shelf.library.organisation.timezone)
            try:
                return wanted, *exports.make(desk, shelf.library, wanted, given.format)
            except exports.TooFew:
                raise NotPossible("fewer than five cases are too few without identifiers; choose more days") from None

        wanted, file, rows = store.read_now(at_desk(make))
        with file:
            store.run_now(at_desk(lambda desk: exports.log_export(desk, wanted, given.format, rows)))
            if given.output:
                with given.output.open("wb") as target:
                    given.output.chmod(0o600)
                    shutil.copyfileobj(file, target)
            else:
                shutil.copyfileobj(file, sys.stdout.buffer)
                sys.stdout.buffer.flush()
    print(f"{rows} cases", file=sys.stderr)
    return 0


def _wanted(given: argparse.Namespace, now: datetime, zone: str) -> exports.Wanted:
    days = {"period": "days", "from": given.first, "to": given.last} if given.first or given.last else {}
    try:
        return exports.Wanted(periods.read(days, now, zone), given.identified, given.reason)
    except BadPeriod:
        raise NotPossible("--from and --to are two days such as 2026-11-01, the first before the last") from None
    except exports.NoReason:
        raise NotPossible("--identified needs --reason, in ten letters at least; it is kept in the audit log") from None
