"""What both sides said about a case, as staff read it: who, when, in which form, and what became of it on the way.

Of a restricted case the identity is shown only to those who may know it: `hidden` is where that is decided.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Row, select

from bot.cases import filing
from storage import tables
from storage.tables import KNOCK

if TYPE_CHECKING:
    from bot.cases.desk import Desk

MESSAGES, OUTBOX, STAFF, FILES = tables.case_messages, tables.outbox, tables.staff, tables.attachments
DELIVERIES = tables.deliveries

IDENTITY = frozenset({"name", "phone", "reach", "address"})
"""What tells who somebody is: answers of a story by name, and `address`, by which their channel knows them."""

HIDDEN = {"kind": "hidden"}
"""Stands for what one may not know."""

SOUNDS = ("audio/", "video/mp4", "video/webm", "video/3gpp")  # sound alone in a container looks like a film
PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif")


@dataclass(frozen=True, slots=True)
class Line:
    """One message of a case's thread. `content` is words, or the answers of the story by name."""

    author: str
    at: str
    content: object


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that was said.

    `kind`: "words", "voice", "photo", "document", "location", "list" (keys that were picked) or "hidden".
    `state` of a file: "" (there), why its bytes are not there (`filing.files_missing`), or "kept" (was only a draft and
    is gone). `shown`: how a page may show it: "sound", "picture", or "" (to be saved).
    """

    kind: str
    text: str = ""
    id: str = ""
    seconds: int = 0
    state: str = ""
    shown: str = ""
    latitude: float = 0.0
    longitude: float = 0.0
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `said` is what was said, `story` the answers by name, `event` what the system notes.

    `at` is the day alone where `day_only`. `fate`, of words of staff: "mailbox", "waits" (in the lane), "told" (it
    waits for the person to write: a knock told them so), "untold" (as that, and the knock failed), "sent", "delivered",
    "read", "failed", or "" when nothing is known.
    """

    id: str
    author: str
    name: str
    at: datetime
    day_only: bool
    said: Part | None = None
    story: Mapping[str, Part] = field(default_factory=dict)
    event: str = ""
    told: Mapping[str, str] = field(default_factory=dict)  # what an event says besides: outcome, reason …
    fate: str = ""

    @property
    def parts(self) -> tuple[Part, ...]:
        """All that was said in it."""
        return (*((self.said,) if self.said else ()), *self.story.values())


def hidden(desk: "Desk", row: Row[Any]) -> frozenset[str]:
    """What of a case this member of staff may not know, out of `IDENTITY`."""
    return frozenset() if desk.may("identity", row) else IDENTITY


def lines(desk: "Desk", row: Row[Any]) -> list[Line]:
    """The thread in plain values, for the command line."""
    kept_back, missing = hidden(desk, row), filing.files_missing(desk.conn, row.id)
    found = []
    for message, body in _opened(desk, row):
        content = body.get("story", body.get("said", body.get("event")))
        found.append(Line(message.author, when(row, message.at), _plain(content, missing, kept_back)))
    return found


def messages(desk: "Desk", row: Row[Any]) -> list[Message]:
    """The thread for the case page, oldest first."""
    kept_back, missing = hidden(desk, row), filing.files_missing(desk.conn, row.id)
    types = _types(desk.conn, row.id)
    opened = list(_opened(desk, row))
    names = staff_names(desk.conn, (message.staff_id for message, _ in opened))
    fates = _fates(desk, row, opened)

    def part(value: object) -> Part:
        return _part(value, missing, types)

    found = []
    for message, body in opened:
        story = body.get("story")
        story = story if isinstance(story, Mapping) else {}
        found.append(
            Message(
                id=message.id.hex,
                author=message.author,
                name=names.get(message.staff_id, ""),
                at=message.at,
                day_only=row.anonymous,
                said=part(body["said"]) if "said" in body else None,
                story={name: Part("hidden") if name in kept_back else part(value) for name, value in story.items()},
                event=str(body.get("event", "")),
                told={name: str(value) for name, value in body.items() if name not in ("said", "story", "event", "to")},
                fate=fates.get(message.id, ""),
            )
        )
    return found


def when(row: Row[Any], at: datetime) -> str:
    """A time in ISO 8601, in UTC; the day alone for anonymous cases."""
    return at.date().isoformat() if row.anonymous else at.isoformat(timespec="seconds").replace("+00:00", "Z")


def staff_names(conn: Connection, ids: Iterable[uuid.UUID | None]) -> dict[uuid.UUID | None, str]:
    """Names of members of staff by id, of those who left as well."""
    wanted = {one for one in ids if one is not None}
    if not wanted:
        return {}
    return {row.id: row.name for row in conn.execute(select(STAFF.c.id, STAFF.c.name).where(STAFF.c.id.in_(wanted)))}


def became(conn: Connection, case_message_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """What providers told of words of staff: id of the case's message → the last status known."""
    return _last(conn, case_message_ids, DELIVERIES.c.part != KNOCK)


def knocked(conn: Connection, case_message_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """As `became`, of the knocks sent for them: "told" or "untold"."""
    statuses = _last(conn, case_message_ids, DELIVERIES.c.part == KNOCK)
    return {one: "untold" if status == "failed" else "told" for one, status in statuses.items()}


def _last(conn: Connection, case_message_ids: Iterable[uuid.UUID], which: ColumnElement[bool]) -> dict[uuid.UUID, str]:
    theirs = DELIVERIES.c.case_message_id.in_(list(case_message_ids))
    rows = conn.execute(select(DELIVERIES).where(theirs, which).order_by(DELIVERIES.c.at))
    return {row.case_message_id: row.status for row in rows}


def shown_as(kind: str, media_type: str) -> str:
    """How a page may show a file, by what its bytes say it is: "sound", "picture", or "" for one to be saved."""
    if media_type in PICTURES:
        return "picture"
    if media_type.startswith("audio/") or (kind == "voice" and media_type.startswith(SOUNDS)):
        return "sound"
    return ""


# ---------------------------------------------------------------- the parts


def _opened(desk: "Desk", row: Row[Any]) -> Iterable[tuple[Row[Any], dict[str, Any]]]:
    key = desk.key(row)
    query = select(MESSAGES).where(MESSAGES.c.case_id == row.id).order_by(MESSAGES.c.position)
    for message in desk.conn.execute(query):
        yield message, filing.open_body(key, message.id, message.body)


def _plain(content: object, missing: Mapping[str, str], kept_back: frozenset[str]) -> object:
    """A file that is not there has no id, and says why: "file" (`filing.files_missing`)."""
    if not isinstance(content, Mapping):
        return content
    if "kind" not in content:
        return {
            name: HIDDEN if name in kept_back else _plain(value, missing, frozenset())
            for name, value in content.items()
        }
    state = missing.get(str(content.get("id")))
    return {**content, "id": "", "file": state} if state else content


def _part(value: object, missing: Mapping[str, str], types: Mapping[str, str]) -> Part:
    if isinstance(value, list | tuple):
        return Part("list", items=tuple(map(str, value)))
    if not isinstance(value, Mapping):
        return Part("words", str(value))
    kind, text = str(value.get("kind", "")), str(value.get("text", ""))
    if kind == "location":
        return Part(kind, text, latitude=float(value["latitude"]), longitude=float(value["longitude"]))
    file_id = str(value.get("id", ""))
    state = "kept" if value.get("lost") or not file_id else missing.get(file_id, "")
    shown = shown_as(kind, types.get(file_id, "")) if not state else ""
    return Part(kind, text, "" if state else file_id, int(value.get("seconds") or 0), state, shown)


def _types(conn: Connection, case_id: uuid.UUID) -> dict[str, str]:
    rows = conn.execute(select(FILES.c.id, FILES.c.media_type).where(FILES.c.case_id == case_id))
    return {row.id.hex: row.media_type for row in rows}


def _fates(desk: "Desk", row: Row[Any], opened: Iterable[tuple[Row[Any], Mapping[str, Any]]]) -> dict[uuid.UUID, str]:
    """What became of words of staff. What is not in a lane any more was taken: by the page, or by the provider."""
    to = {message.id: str(body.get("to", "")) for message, body in opened if message.author == "staff"}
    if not to:
        return {}
    found = {one: "mailbox" if where == "mailbox" else "" for one, where in to.items()}
    if row.contact_id is None:
        return found
    found |= {one: "sent" for one, where in to.items() if where == "chat"} | became(desk.conn, to)
    columns = (OUTBOX.c.case_message_id, OUTBOX.c.gave_up_at, OUTBOX.c.sent_at)
    waits = select(*columns).where(OUTBOX.c.contact_id == row.contact_id, OUTBOX.c.case_message_id.in_(to))
    told = knocked(desk.conn, to)
    for one in desk.conn.execute(waits):  # one that came back waits, though it was sent before
        if one.gave_up_at:
            found[one.case_message_id] = "failed"
        elif not one.sent_at:
            found[one.case_message_id] = told.get(one.case_message_id, "waits")
    return found
