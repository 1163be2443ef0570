"""Writing to the person: the box below the thread, its drafts and the editors' canned replies."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import Row, select

from bot.cases import alerts, drafts, replies, statuses
from bot.cases.desk import Desk, NotPossible
from bot.console.asking import Ask
from bot.console.rendering import N_, saying
from bot.console.routes import route
from bot.console.sections import section
from bot.dialogue.flow import Library
from storage import tables

CONTACTS = tables.contacts

SENT = {
    "chat": saying("sent-chat", N_("Envoyé dans la discussion de la personne.")),
    "mailbox": saying("sent-mailbox", N_("Gardé : la personne le lira avec son numéro.")),
}
KEPT = saying("draft-kept", N_("Brouillon gardé."))

BLANKS = (
    N_("jour"), N_("heure"), N_("lieu"), N_("papier"), N_("à écrire"), N_("votre nom"), N_("organisation"),
    N_("contact"), N_("de garde"), N_("numéro de garde"), N_("heures de garde"),
)  # fmt: skip
"""The names of blanks (`replies.BLANKS`), for the translators."""


@dataclass(frozen=True)
class Way:
    """Where an answer goes: "chat" or "mailbox"; `why` not the chat: "anonymous", "not_in_chat", "blocked", "gone".

    `window`: "open" until `until`, "closed" (the person is first told that a message waits), or "" (no such end).
    """

    to: str
    why: str = ""
    window: str = ""
    until: datetime | None = None


@section("case/_answer.html", order=20, side=False)
def box(desk: Desk, row: "Row[Any]", library: Library) -> dict[str, object] | None:
    """The box, for those who may answer."""
    if not desk.may("answer", row):
        return None
    return {
        "can": statuses.can(row.status, "answer"),
        "other_hands": alerts.in_other_hands(desk, row),
        "way": _way(desk, row),
        "draft": (words := drafts.read(desk, row)),
        "blanks": replies.blanks_in(words),
        "replies": replies.all_of(row, library),
        "may_ask": row.status == "waiting" or statuses.can(row.status, "ask"),
        "waits": row.status == "waiting",
        "version": row.version,
    }


def _way(desk: Desk, row: "Row[Any]") -> Way:
    if row.anonymous:
        return Way("mailbox", "anonymous")
    columns = (CONTACTS.c.blocked_at, CONTACTS.c.window_until)
    contact = desk.conn.execute(select(*columns).where(CONTACTS.c.id == row.contact_id)).first()
    if contact is None:
        return Way("mailbox", "gone")
    if not row.in_chat:
        return Way("mailbox", "not_in_chat")
    if contact.blocked_at is not None:
        return Way("mailbox", "blocked")
    # its minute stands beside their other cases as well: of a restricted one it would tell who it is
    if contact.window_until is None or not desk.may("identity", row):
        return Way("chat")
    open_still = contact.window_until > desk.now
    return Way("chat", window="open" if open_still else "closed", until=contact.window_until)


@route("POST", "/console/cases/{reference}/answer", "answer")
async def answer(ask: Ask) -> web.StreamResponse:
    """Send what was written. If it can't be, it stays as a draft."""
    words, waits = _words(ask), ask.form.get("ask") == "1"
    try:
        to = await ask.desk(lambda desk: desk.answer(ask.reference, words, ask.library, ask.version, ask=waits))
    except NotPossible:  # `Changed` is one
        await ask.desk(lambda desk: drafts.save(desk, ask.reference, words))
        raise
    return ask.go(_page(ask), SENT[to])


@route("POST", "/console/cases/{reference}/draft", "answer")
async def draft(ask: Ask) -> web.StreamResponse:
    """Keep what is being written."""
    words = _words(ask)
    await ask.desk(lambda desk: drafts.save(desk, ask.reference, words))
    if ask.request.headers.get("HX-Request"):
        return ask.page("case/_draft.html", kept=bool(words.strip()))
    return ask.go(_page(ask), KEPT)


@route("POST", "/console/cases/{reference}/reply", "answer")
async def reply(ask: Ask) -> web.StreamResponse:
    """Put a canned reply below what is written, with its blanks filled in, and keep both as the draft."""
    words = _words(ask)

    def put(desk: Desk) -> str:
        row = desk.find(ask.reference, "answer")
        try:
            canned = replies.filled(desk, row, str(ask.form.get("reply", "")), ask.library, ask.translate)
        except KeyError:
            raise NotPossible("Choisissez une réponse toute prête.") from None
        both = f"{words.rstrip()}\n\n{canned}" if words.strip() else canned
        drafts.save(desk, ask.reference, both)
        return both

    both = await ask.desk(put)
    if ask.request.headers.get("HX-Request"):
        base = f"/console/cases/{ask.reference}"
        return ask.page("case/_words.html", words=both, base=base, blanks=replies.blanks_in(both), told_kept=True)
    return ask.go(_page(ask), KEPT)


def _words(ask: Ask) -> str:
    return str(ask.form.get("words", ""))


def _page(ask: Ask) -> str:
    return f"/console/cases/{ask.reference}"
