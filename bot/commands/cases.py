"""`segin cases list|show|answer`: what staff do from the command line."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from bot.app import key_ring, open_store
from bot.cases import statuses
from bot.cases.desk import Desk, NoSuchCase, NotPossible, Summary
from bot.cases.may import OPERATOR, Staff
from bot.cases.thread import Line
from bot.commands import exporting
from bot.library.shelf import Shelf
from bot.settings import Settings
from bot.staff.accounts import find_staff

T = TypeVar("T")
WHY_NOT = {
    "": "",
    "kept": ", no longer kept",
    "pending": ", being fetched",
    "lost": ", could not be fetched",
    "too_large": ", not kept: too large",
    "unclean": ", not kept: broken, or its metadata can't be removed",
}  # why a file can't be opened


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("cases", help="list, show and answer cases")
    deeds = parser.add_subparsers(dest="deed", required=True)
    for name, about in (
        ("list", "the open cases, the ones due first"),
        ("show", "one case and its thread"),
        ("answer", "write to the person: into the chat, or into the mailbox of the receipt"),
    ):
        deed = deeds.add_parser(name, help=about)
        deed.add_argument(
            "--as", dest="staff", metavar="NAME", help="who you are; restricted cases need a cleared person"
        )
        deed.add_argument("--json", action="store_true", help="print JSON")
        if name == "list":
            deed.add_argument("--status", default="open", choices=["open", "all", *statuses.STATUSES])
        else:
            deed.add_argument("reference", help="the case's reference, such as K4T-9QM7")
        if name == "show":
            deed.add_argument(
                "--save-files", metavar="FOLDER", type=Path, help="also write voice notes and photos there"
            )
        if name == "answer":
            deed.add_argument("words", nargs="?", help="what to say (standard input, when left out)")
    exporting.add_to(deeds)
    parser.set_defaults(run=run)


def run(settings: Settings, given: argparse.Namespace) -> int:
    try:
        return {"list": _list, "show": _show, "answer": _answer, "export": exporting.run}[given.deed](settings, given)
    except (NoSuchCase, NotPossible) as error:
        print(error, file=sys.stderr)
        return 1


def _at_desk(settings: Settings, given: argparse.Namespace, deed: Callable[[Desk, Connection], T]) -> T:
    """Do something at the desk, in one transaction, as the person named."""

    def work(conn: Connection) -> T:
        staff: Staff | None = find_staff(conn, given.staff) if given.staff else OPERATOR
        if staff is None:
            raise NotPossible(f"there is nobody called {given.staff}; segin staff list shows who there is")
        return deed(Desk(conn, keyring, staff, datetime.now(UTC)), conn)

    with open_store(settings, make=False) as store:
        keyring = key_ring(settings, store)
        return store.run_now(work)


def _list(settings: Settings, given: argparse.Namespace) -> int:
    found = _at_desk(settings, given, lambda desk, _: desk.cases(status=given.status))
    if given.json:
        print(json.dumps([dataclasses.asdict(one) for one in found], indent=2, ensure_ascii=False))
        return 0
    for one in found:
        print(_line(one))
    if not found:
        print("No case here.", file=sys.stderr)
    return 0


def _line(one: Summary) -> str:
    marks = "".join(f"  {mark}" for mark, on in (("OVERDUE", one.overdue), ("restricted", one.restricted)) if on)
    who = "anonymous" if one.anonymous else one.channel or ""
    return f"{one.reference}  {one.kind}/{one.category:<10} {one.status:<12} due {one.due_at}  {who}{marks}"


def _show(settings: Settings, given: argparse.Namespace) -> int:
    def deed(desk: Desk, _: Connection) -> tuple[Summary, list[Line], dict[str, tuple[str, bytes]]]:
        summary, lines = desk.show(given.reference)
        saved = {}
        if given.save_files:
            for kind, file_id in _files(lines):
                file = desk.file(given.reference, file_id)
                saved[file_id] = (f"{kind}.{file.media_type.rpartition('/')[2]}", file.body)
        return summary, lines, saved

    summary, lines, saved = _at_desk(settings, given, deed)
    for file_id, (name, body) in saved.items():
        given.save_files.mkdir(parents=True, exist_ok=True)
        (given.save_files / f"{file_id}-{name}").write_bytes(body)
    if given.json:
        thread = [dataclasses.asdict(line) for line in lines]
        print(json.dumps({**dataclasses.asdict(summary), "thread": thread}, indent=2, ensure_ascii=False))
        return 0
    print(_line(summary))
    for line in lines:
        print(f"\n{line.at}  {line.author}")
        content = line.content
        if isinstance(content, Mapping) and "kind" not in content:
            for name, value in content.items():
                print(f"  {name}: {_shown(value)}")
        else:
            print(f"  {_shown(content)}")
    return 0


def _files(lines: list[Line]) -> list[tuple[str, str]]:
    parts: list[object] = []
    for line in lines:
        content = line.content
        parts += list(content.values()) if isinstance(content, Mapping) and "kind" not in content else [content]
    return [(str(p["kind"]), str(p["id"])) for p in parts if isinstance(p, Mapping) and p.get("id")]


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        seconds = f" {value['seconds']} s" if value.get("seconds") else ""
        if value.get("kind") == "location":
            return f"(location {value['latitude']:.5f}, {value['longitude']:.5f})"
        why = WHY_NOT["kept" if value.get("lost") else str(value.get("file", ""))]
        return f"({value.get('kind')}{seconds}{why})"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    # control characters and direction marks could repaint the terminal
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in str(value)).replace("\n", "\n  ")


def _answer(settings: Settings, given: argparse.Namespace) -> int:
    words = given.words if given.words is not None else sys.stdin.read()
    where = _at_desk(settings, given, lambda desk, conn: desk.answer(given.reference, words, Shelf().current(conn)))
    if given.json:
        print(json.dumps({"reference": given.reference, "delivered_to": where}))
    else:
        print("Sent to the chat." if where == "chat" else "Waits in the mailbox: the receipt opens it.")
    return 0
