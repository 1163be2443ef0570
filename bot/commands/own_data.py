"""`segin cases export --receipt`: what is kept of one case, for the person whose case it is.

A member of staff hands it out to whoever brings the receipt. The receipt is read from standard input: arguments of a
command stand in lists of processes and in the shell's history.
"""

import argparse
import getpass
import json
import os
import sys
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row

from bot.app import key_ring, open_store
from bot.cases import filing, merged, referred, thread
from bot.cases.desk import Desk, NoSuchCase, NotPossible
from bot.cases.may import OPERATOR
from bot.settings import Settings
from bot.staff.accounts import find_staff

THEIRS = ("person", "staff")
"""Authors whose words are the person's to have: both sides of what was said. Notes among staff are not in it."""


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Prints JSON, or writes it to `--output` (mode 0600). Raises `NoSuchCase`, `NotPossible`, `Unavailable`.

    An unknown receipt and a case that is not for this member of staff look alike.
    """
    receipt = getpass.getpass("Receipt: ") if sys.stdin.isatty() else sys.stdin.readline()
    with open_store(settings, make=False) as store:
        keyring = key_ring(settings, store)

        def work(conn: Connection) -> dict[str, Any]:
            staff = find_staff(conn, given.staff) if given.staff else OPERATOR
            if staff is None:
                raise NotPossible(f"there is nobody called {given.staff}; segin staff list shows who there is")
            return export(Desk(conn, keyring, staff, datetime.now(UTC)), receipt)

        told = store.run_now(work)
    body = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    if given.output:
        given.output.unlink(missing_ok=True)
        descriptor = os.open(given.output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(body)
    else:
        print(body, end="")
    if told["files"]:
        where = f"segin cases show {told['reference']} --save-files FOLDER"
        print(f"{told['files']} files are not in it: {where}", file=sys.stderr)
    if told["identity_left_out"]:
        print("Name and number are left out: ask for the identity in the console first.", file=sys.stderr)
    return 0


def export(desk: Desk, receipt: str) -> dict[str, Any]:
    """One case as its person may have it, or the one it was joined with, written down in the audit log:

    `reference kind category status outcome region language opened_at last_step_at` (times as `segin cases show` has
    them), `thread`: `[{author, at, content}]`, `referrals`: `[{service, status, asked, told, consented_at}]`, `files`:
    how many, `identity_left_out`: whether this member of staff may not know name and number.

    Raises `NoSuchCase`.
    """
    known = filing.by_receipt(desk.conn, desk.keyring, receipt)
    if known is None:
        raise NoSuchCase(NoSuchCase.__doc__)
    row = desk.find(merged.goes_on_in(desk.conn, known).reference, "export_case")
    desk.log("export own data", row)
    lines = [line for line in thread.lines(desk, row) if line.author in THEIRS]
    return {
        "reference": row.reference,
        "kind": row.kind,
        "category": row.category,
        "status": row.status,
        "outcome": row.outcome,
        "region": row.region,
        "language": row.language,
        "opened_at": thread.when(row, row.opened_at),
        "last_step_at": thread.when(row, row.last_step_at),
        "thread": [{"author": line.author, "at": line.at, "content": line.content} for line in lines],
        "referrals": _referrals(desk, row),
        "files": sum(1 for line in lines for part in _parts(line.content) if "id" in part),
        "identity_left_out": not row.anonymous and bool(thread.hidden(desk, row)),
    }


def _referrals(desk: Desk, row: Row[Any]) -> list[dict[str, Any]]:
    """To whom what was told, in the very words that were agreed to."""
    return [
        {
            "service": one.terms.service,
            "status": one.status,
            "asked": one.terms.words,
            "told": dict(one.told),
            "consented_at": thread.when(row, one.consented_at) if one.consented_at else None,
        }
        for one in referred.of_case(desk, row)
    ]


def _parts(content: object) -> list[dict[str, Any]]:
    """What is no plain words in one message: files and places."""
    if not isinstance(content, dict):
        return []
    return [content] if "kind" in content else [one for one in content.values() if isinstance(one, dict)]
