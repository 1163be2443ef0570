"""Who must not know of a case: whoever it names.

When a restricted case is filed, or more is said in it, its words are compared with the names of those who work here,
in the same transaction, before anybody can read it. What is only spoken in a voice note is not found.

Words alone never hide a case from all who could read it: whoever writes chooses whom they name.
"""

import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, delete, insert, select, update

from bot.dialogue.letters import fold
from storage import random_id, tables

EXCLUSIONS, STAFF, CASES, DRAFTS = tables.exclusions, tables.staff, tables.cases, tables.reply_drafts

ALL_NAMED = "all_named"
"""The event in a thread whose words name all who could read it: nobody was kept out, people decide."""

OWN = ("name", "phone", "reach")
"""Answers that tell of the person who speaks, not of whom they speak about."""

_FEWEST = 2  # words of an office's name: "Kayes" alone is a town, and no office


@dataclass(frozen=True, slots=True)
class Named:
    """Who is named in some words: members of staff by id, and offices."""

    staff: tuple[uuid.UUID, ...] = ()
    offices: tuple[str, ...] = ()


class Thread(Protocol):
    """What `filing.Thread` has, as far as it is needed here."""

    @property
    def conn(self) -> Connection: ...

    @property
    def case_id(self) -> uuid.UUID: ...

    def say(self, author: str, body: Mapping[str, Any]) -> uuid.UUID:
        """One more message."""


def exclude(conn: Connection, case_id: uuid.UUID, *, staff_id: uuid.UUID | None = None, office: str = "") -> bool:
    """Keep a case from somebody, or from everybody of an office. False when it was kept from them already.

    Those who are of the office now are kept out by themselves as well: another spelling of it lets none of them in.
    """
    if staff_id is None:
        for member in members(conn, office):
            exclude(conn, case_id, staff_id=member)
    same = EXCLUSIONS.c.staff_id == staff_id if staff_id else EXCLUSIONS.c.office == office
    if conn.execute(select(EXCLUSIONS.c.id).where(EXCLUSIONS.c.case_id == case_id, same)).first():
        return False
    row = {"id": random_id(), "case_id": case_id, "staff_id": staff_id, "office": None if staff_id else office}
    conn.execute(insert(EXCLUSIONS), row)
    return True


def members(conn: Connection, office: str) -> list[uuid.UUID]:
    """Those whose office it is, however it is spelt."""
    if not fold(office):
        return []
    rows = conn.execute(select(STAFF.c.id, STAFF.c.office).where(STAFF.c.office != ""))
    return [row.id for row in rows if same_office(row.office, office)]


def same_office(one: str, other: str) -> bool:
    """Whether two spellings mean one office; "" is none."""
    return bool(fold(one)) and fold(one) == fold(other)


def include(conn: Connection, case_id: uuid.UUID, exclusion_id: uuid.UUID) -> bool:
    """Let somebody know of the case again. False when it was not kept from them."""
    mine = (EXCLUSIONS.c.case_id == case_id) & (EXCLUSIONS.c.id == exclusion_id)
    return bool(conn.execute(delete(EXCLUSIONS).where(mine)).rowcount)


def heed(thread: Thread, *contents: object) -> None:
    """Keep a restricted case from all whom `contents` name: words, or stories by answer name.

    Where that would leave nobody to read it, it is kept from none of them, and the thread says so.
    """
    conn, staff, offices = thread.conn, set[uuid.UUID](), set[str]()
    for content in contents:
        named = names_in(conn, " ".join(words_of(content)))
        staff.update(named.staff)
        offices.update(named.offices)
    keep_from(thread, Named(tuple(sorted(staff)), tuple(sorted(offices))))


def keep_from(thread: Thread, named: Named) -> None:
    """Keep a restricted case from these, unless nobody would be left; nothing of theirs stays with it."""
    if not (named.staff or named.offices):
        return
    conn, case_id = thread.conn, thread.case_id
    gone = {*named.staff, *(member for office in named.offices for member in members(conn, office))}
    before = readers(conn, case_id)
    if before and before <= gone:
        thread.say("system", {"event": ALL_NAMED})
        return
    for office in named.offices:
        exclude(conn, case_id, office=office)
    for staff_id in named.staff:
        exclude(conn, case_id, staff_id=staff_id)
    let_go(conn, case_id, gone)


def readers(conn: Connection, case_id: uuid.UUID) -> set[uuid.UUID]:
    """Those who may read a restricted case: cleared, here, and not kept out of it."""
    cleared = STAFF.c.cleared & (STAFF.c.role == "protection") & STAFF.c.disabled_at.is_(None)
    there = conn.execute(select(STAFF.c.id, STAFF.c.office).where(cleared)).all()
    staff, offices = kept_out(conn, case_id)
    return {row.id for row in there if row.id not in staff and fold(row.office) not in offices}


def kept_out(conn: Connection, case_id: uuid.UUID) -> tuple[set[uuid.UUID], set[str]]:
    """From whom a case is kept: ids, and offices as they are compared."""
    rows = conn.execute(select(EXCLUSIONS.c.staff_id, EXCLUSIONS.c.office).where(EXCLUSIONS.c.case_id == case_id)).all()
    offices = {fold(row.office) for row in rows if row.office}
    return {row.staff_id for row in rows if row.staff_id}, offices - {""}


def let_go(conn: Connection, case_id: uuid.UUID, gone: Collection[uuid.UUID]) -> None:
    """Nothing of theirs stays with the case: it is nobody's again, and what they had begun to write goes."""
    conn.execute(delete(DRAFTS).where(DRAFTS.c.case_id == case_id, DRAFTS.c.staff_id.in_(gone)))
    theirs = (CASES.c.id == case_id) & CASES.c.assignee_id.in_(gone)
    conn.execute(update(CASES).where(theirs).values(assignee_id=None))


def names_in(conn: Connection, words: str) -> Named:
    """Who is named: all words of a name, in any order; an office by its words one after the other."""
    said = _split(words)
    if not said:
        return Named()
    rows = conn.execute(select(STAFF.c.id, STAFF.c.name, STAFF.c.office)).all()
    there, line = frozenset(said), _line(said)
    staff = tuple(row.id for row in rows if _has_name(there, row.name))
    return Named(staff, tuple(sorted(office for office in {row.office for row in rows} if _has_office(line, office))))


def names(words: str, name: str, office: str) -> bool:
    """Whether words name somebody, by their name or by their office."""
    said = _split(words)
    return _has_name(frozenset(said), name) or _has_office(_line(said), office)


def words_of(content: object) -> Iterator[str]:
    """The words somebody wrote, of whatever a case holds; not those they told of themselves."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        if "kind" in content:  # a file with a line under it, or a place
            yield str(content.get("text", ""))
        else:
            for name, value in content.items():
                if name not in OWN:
                    yield from words_of(value)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from words_of(value)


def _has_name(said: frozenset[str], name: str) -> bool:
    wanted = _split(name)
    return bool(wanted) and said.issuperset(wanted)


def _has_office(line: str, office: str) -> bool:
    wanted = _split(office)
    return len(wanted) >= _FEWEST and _line(wanted) in line


def _line(words: list[str]) -> str:
    return f" {' '.join(words)} "


def _split(words: str) -> list[str]:
    return fold(words).split()
