"""The page of a case: its facts, what both sides said, and the sections that other pages add."""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import hdrs, web
from sqlalchemy import Connection, Row, func, select

from bot.cases import notes, numbers, thread, transcripts
from bot.cases.desk import CASES, Desk, File, NoSuchCase, Summary
from bot.cases.may import Staff
from bot.console.asking import Ask
from bot.console.pages import live
from bot.console.routes import route
from bot.console.sections import Section, section, sections_of
from bot.console.stories import Stories
from bot.console.wording import Wording
from bot.dialogue.flow import Library
from storage import tables

MESSAGES, NOTES, TRANSCRIPTS = tables.case_messages, tables.notes, tables.transcripts

FILE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Accept-Ranges": "bytes",
}
ENDINGS = {
    "audio/mpeg": "mp3", "audio/ogg": "ogg", "audio/mp4": "m4a", "audio/aac": "aac", "audio/amr": "amr",
    "audio/x-wav": "wav", "video/mp4": "m4a", "video/webm": "weba", "video/3gpp": "3gp", "image/jpeg": "jpg",
    "image/png": "png", "image/webp": "webp", "image/gif": "gif", "application/pdf": "pdf",
}  # fmt: skip


@dataclass(frozen=True)
class Opened:
    """A case as its page shows it."""

    row: "Row[Any]"
    summary: Summary
    assignee: str
    sections: "list[tuple[Section, Any]]"
    digest: str
    may_take: bool
    colleagues: Mapping[str, uuid.UUID]  # to whom it may be assigned, by name


@route("GET", "/console/cases/{reference}", "see")
async def case(ask: Ask) -> web.StreamResponse:
    """The case, with all its sections. Reading it is in the audit log."""
    opened = await ask.desk(lambda desk: _open(desk, ask.reference, ask.library))
    return ask.page("case/case.html", **values_of(ask, opened))


def _open(desk: Desk, reference: str, library: Library) -> Opened:
    row = desk.find(reference, "see")
    desk.log("show", row)
    names = thread.staff_names(desk.conn, (row.assignee_id,))
    sections = sections_of(desk, row, library)
    may_assign = desk.may("assign", row)
    free = row.status != "closed" and (may_assign or row.assignee_id in (None, desk.staff_id))
    return Opened(
        row=row,
        summary=desk.summary(row),
        assignee=names.get(row.assignee_id, ""),
        sections=sections,
        digest=_digest(desk.conn, row),
        may_take=free and desk.may("take", row),
        colleagues=notes.colleagues(desk, row) if may_assign else {},
    )


def values_of(ask: Ask, opened: Opened) -> dict[str, object]:
    """What the templates of a case find."""
    return {
        "case": opened.summary,
        "row": opened.row,
        "assignee": opened.assignee,
        "sections": opened.sections,
        "digest": opened.digest,
        "mine": opened.row.assignee_id is not None and opened.row.assignee_id.hex == ask.staff.id,
        "may_take": opened.may_take,
        "colleagues": opened.colleagues,
        "told": Wording(ask),
        "story": Stories(ask),
        "base": f"/console/cases/{opened.row.reference}",
    }


@section("case/_thread.html", order=10, side=False)
def said(desk: Desk, row: "Row[Any]", _library: Library) -> dict[str, object]:
    """What both sides said."""
    return {
        "messages": thread.messages(desk, row),
        "transcripts": transcripts.read(desk, row),
        "may_transcribe": desk.may("work", row),
    }


# ---------------------------------------------------------------- files


@route("GET", "/console/cases/{reference}/files/{file}", "see")
async def file(ask: Ask) -> web.StreamResponse:
    """A voice note, a photo, a document. What a page can't show is saved. Part of it, if the player asks so."""
    given = ask.request.match_info["file"]
    found = await ask.desk(lambda desk: desk.file(ask.reference, given))
    headers = _headers(ask.reference, found, "download" in ask.request.query)
    asked = _part(ask.request, len(found.body))
    if asked is None:
        return web.Response(body=found.body, headers=headers)
    begin, end = asked
    if begin >= end:
        return web.Response(status=416, headers={**FILE_HEADERS, hdrs.CONTENT_RANGE: f"bytes */{len(found.body)}"})
    headers[hdrs.CONTENT_RANGE] = f"bytes {begin}-{end - 1}/{len(found.body)}"
    return web.Response(status=206, body=found.body[begin:end], headers=headers)


def _headers(reference: str, found: File, save: bool) -> dict[str, str]:
    shown = "" if save else thread.shown_as(found.kind, found.media_type)
    media_type = found.media_type if shown else "application/octet-stream"
    if shown == "sound":
        media_type = media_type.replace("video/", "audio/")
    ending = ENDINGS.get(found.media_type, "bin")
    name = f"{numbers.read_reference(reference)}-{found.kind}.{ending}"
    disposition = f'{"inline" if shown else "attachment"}; filename="{name}"'
    return {**FILE_HEADERS, hdrs.CONTENT_TYPE: media_type, hdrs.CONTENT_DISPOSITION: disposition}


def _part(request: web.Request, size: int) -> tuple[int, int] | None:
    """Which bytes are asked for (from, to), as players of some phones do; None for all. Empty: there are none there."""
    try:
        asked = request.http_range
    except ValueError:
        return None
    if asked.start is None and asked.stop is None:
        return None
    begin, end, _ = asked.indices(size)
    return begin, end


# ---------------------------------------------------------------- what changes meanwhile


@route("GET", "/console/cases/{reference}/live", "see")
async def lives(ask: Ask) -> web.StreamResponse:
    """Tells the open page that there is something new."""
    reference = numbers.read_reference(ask.reference)

    def digest(conn: Connection, staff: Staff, now: datetime) -> str:
        row = conn.execute(select(CASES).where(CASES.c.reference == reference)).first()
        if row is None or not Desk(conn, ask.console.keyring, staff, now).may("see", row):
            raise NoSuchCase
        return _digest(conn, row)

    return await live.stream(ask, digest)


def _digest(conn: Connection, row: "Row[Any]") -> str:
    """A few letters that change with the case, its thread, its notes and what was written down of its sounds."""
    last = select(func.max(MESSAGES.c.position)).where(MESSAGES.c.case_id == row.id).scalar_subquery()
    written = select(func.count()).select_from(NOTES).where(NOTES.c.case_id == row.id).scalar_subquery()
    heard = select(func.count()).select_from(TRANSCRIPTS).where(TRANSCRIPTS.c.case_id == row.id).scalar_subquery()
    found = conn.execute(select(last, written, heard)).one()
    return hashlib.sha256(repr((row.version, row.status, *found)).encode()).hexdigest()[:16]
