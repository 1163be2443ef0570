"""The deeds that move a case on its way, and those that say what it is. Each is decided, versioned and audited.

Events stand in the thread as lines of the author "system", `{"event": …}`, sealed like all of it: staff read them, the
person does not. Their reasons are there as well, and never in the audit log.
"""

import uuid
from typing import Any

import msgspec
from sqlalchemy import Row, select

from bot import contacts
from bot.cases import alerts, exclusions, filing, statuses, telling, transcripts
from bot.cases.desk import Desk, NotPossible
from bot.contacts import Contact
from bot.dialogue import holding
from bot.dialogue.flow import Category, Library
from bot.dialogue.model import Say, Text

LONGEST_ID = 64  # letters of a number elsewhere

EXTERNAL = "external_id"  # the label of its seal

STEPS = ("acknowledge", "start", "ask", "resolve", "close", "reopen")
"""The deeds of the table that staff do by a button of their own; each needs the right to `work`."""


# ---------------------------------------------------------------- on its way


def acknowledge(desk: Desk, reference: str, library: Library, version: int | None = None) -> None:
    """Somebody read it. The person is told, if that costs nobody anything: in an ordinary case's chat, at once."""
    contact = telling.contact_of(desk.conn, desk.keyring, reference)
    row = _found(desk, reference, "acknowledge", version)
    _step(desk, row, "acknowledge")
    if (contact := _told(contact, row)) is not None and telling.in_window(contact, desk.now):
        telling.tell(desk.conn, contact, Say(Text(key="words:case_read")), library, desk.now)


def start(desk: Desk, reference: str, version: int | None = None) -> None:
    """Somebody works on it: whoever says so, if nobody did."""
    row = _found(desk, reference, "start", version)
    _step(desk, row, "start", assignee_id=row.assignee_id or desk.staff_id)  # or nobody would


def wait(desk: Desk, reference: str, version: int | None = None) -> None:
    """The person was asked something; their next words bring it back."""
    _step(desk, _found(desk, reference, "ask", version), "ask")


def resolve(desk: Desk, reference: str, library: Library, words: str = "", version: int | None = None) -> str:
    """It is done, as far as staff can tell; the person is asked whether it is settled. `words`: a last plain answer.

    Returns where they are asked: "chat", or "mailbox" (when they look with their receipt).
    """
    contact = telling.contact_of(desk.conn, desk.keyring, reference)
    row = _found(desk, reference, "resolve", version)
    if alerts.in_other_hands(desk, row):
        raise NotPossible(alerts.IN_OTHER_HANDS)
    contact = telling.reached(contact, row)
    at, words, to = desk.moment(row), words.strip(), "chat" if contact else "mailbox"
    message_id, answered = None, dict[str, Any]()
    if words:
        message_id = desk.thread(row).say("staff", {"said": words, "to": to}, staff_id=desk.staff_id)
        answered = {"owed": False, "answered_at": at, "first_answer_at": row.first_answer_at or at}
    desk.note_event(row, "resolved")
    _step(desk, row, "resolve", resolved_at=at, settled=None, **answered)
    if contact is not None:
        _ask(desk, row, contact, library, words, message_id)
    return to


def _ask(
    desk: Desk, row: Row[Any], contact: Contact, library: Library, words: str, message_id: uuid.UUID | None
) -> None:
    """Is it settled? Of a restricted case only a neutral notice: the question comes after its tap."""
    case_id = row.id.hex
    contact.call_off(desk.conn, holding.hold_name(case_id))
    if row.restricted:
        say = Say(*holding.neutral_notice(case_id))
    else:
        say = Say(*holding.settled_question(case_id, words), accepts=("voice", "photo", "document"))
        telling.may_hold(contact, case_id, library, desk.now)
    telling.tell(desk.conn, contact, say, library, desk.now, message_id)


def close(desk: Desk, reference: str, outcome: str, version: int | None = None) -> None:
    """It is over. `outcome`: one of `statuses.OUTCOMES`."""
    row = _found(desk, reference, "close", version)
    if outcome not in statuses.OUTCOMES:
        raise NotPossible("Dites comment le dossier finit.")
    desk.note_event(row, "closed", outcome=outcome)
    _step(desk, row, "close", detail=outcome, outcome=outcome, closed_at=desk.moment(row))


def reopen(desk: Desk, reference: str, library: Library, reason: str, version: int | None = None) -> None:
    """It was not over. A new deadline begins; in an ordinary case's chat the person is told."""
    contact = telling.contact_of(desk.conn, desk.keyring, reference)
    row = _found(desk, reference, "reopen", version)
    if not reason.strip():
        raise NotPossible("Écrivez pourquoi vous rouvrez ce dossier.")
    desk.note_event(row, "reopened", reason=reason.strip())
    _step(desk, row, "reopen", settled=None, **filing.reopening(row, library, desk.now))
    if (contact := _told(contact, row)) is not None:
        telling.tell(desk.conn, contact, Say(Text(key="words:case_reopened")), library, desk.now)


# ---------------------------------------------------------------- what it is


def categorise(desk: Desk, reference: str, category: str, library: Library, version: int | None = None) -> None:
    """Another category, for the same readers. To those who are cleared a case goes by `restrict`."""
    row = desk.find(reference, "work", version)
    new = _category(category, library)
    if row.restricted and not new.restricted:
        raise NotPossible("Un dossier restreint reste restreint.")
    if new.restricted and not row.restricted:
        raise NotPossible("Cette catégorie est lue par la petite équipe formée : confiez-lui le dossier.")
    if new.kind != row.kind:
        raise NotPossible("Cette catégorie est d'une autre sorte.")
    desk.change(row, category=new.key, last_step_at=desk.moment(row))
    desk.log("category", row, new.key)


def restrict(
    desk: Desk, reference: str, category: str, library: Library, version: int | None = None, *, sure: bool
) -> None:
    """Hand it to those who are cleared: from here on nobody else knows of it, whoever hands it over included.

    It begins anew for them, with their own clock; whoever it names won't be among them.
    """
    row = desk.find(reference, "restrict", version)
    new = _category(category, library)
    if not sure:
        raise NotPossible("Cochez que vous avez compris : vous ne verrez peut-être plus ce dossier.")
    if row.restricted or not new.restricted:
        raise NotPossible("Choisissez une catégorie que lit la petite équipe formée.")
    told = (message.get("story", message.get("said")) for message in _messages(desk, row))
    written = (f"{one.text} {one.summary}" for one in transcripts.read(desk, row).values())
    exclusions.heed(desk.thread(row), *told, *written)
    due_at = filing.due(library, new, desk.now)
    desk.note_event(row, "restricted")
    desk.change(
        row,
        kind=new.kind,
        category=new.key,
        restricted=True,
        assignee_id=None,
        status=statuses.after(row.status, "restrict"),
        due_at=filing.as_kept(due_at, anonymous=row.anonymous),
        owed=True,
        last_step_at=desk.moment(row),
    )
    desk.log("restrict", row, new.key)


def move(desk: Desk, reference: str, region: str, library: Library, version: int | None = None) -> None:
    """To another region's staff. `region`: a key of the directory, or "" for none."""
    row = desk.find(reference, "work", version)
    if region and region not in library.directory.regions:
        raise NotPossible("Choisissez une région.")
    desk.change(row, region=region or None)
    desk.log("region", row, region)


def number_elsewhere(desk: Desk, reference: str, number: str, version: int | None = None) -> None:
    """Its number in another system (MiMOSA, Primero), sealed; "" takes it away."""
    row = desk.find(reference, "work", version)
    number = number.strip()
    if len(number) > LONGEST_ID:
        raise NotPossible("Ce numéro est trop long.")
    sealed = desk.key(row).seal(contacts.padded(msgspec.json.encode(number)), EXTERNAL, row.id.bytes)
    desk.change(row, external_id=sealed if number else None)
    desk.log("number elsewhere", row, "" if number else "removed")


def external_id(desk: Desk, row: Row[Any]) -> str:
    """Its number in another system, opened; "" for none."""
    if row.external_id is None:
        return ""
    return str(msgspec.json.decode(desk.key(row).open(row.external_id, EXTERNAL, row.id.bytes)))


def keep(desk: Desk, reference: str, reason: str, version: int | None = None, *, on: bool) -> None:
    """Keep it beyond its days, for a court; or let it go again."""
    row = desk.find(reference, "hold", version)
    if not reason.strip():
        raise NotPossible("Écrivez pourquoi.")
    if on == row.legal_hold:
        raise NotPossible("C'est déjà fait.")
    desk.note_event(row, "kept" if on else "not_kept", reason=reason.strip())
    desk.change(row, legal_hold=on)
    desk.log("keep" if on else "keep no more", row)


# ---------------------------------------------------------------- the parts


def _found(desk: Desk, reference: str, deed: str, version: int | None) -> Row[Any]:
    row = desk.find(reference, "work", version)
    if not statuses.can(row.status, deed):
        raise NotPossible("Le dossier n'en est plus là.")
    return row


def _step(desk: Desk, row: Row[Any], deed: str, detail: str = "", **values: Any) -> None:
    desk.change(row, status=statuses.after(row.status, deed), last_step_at=desk.moment(row), **values)
    desk.log(deed, row, detail)


def _told(contact: Contact | None, row: Row[Any]) -> Contact | None:
    """Who hears of it by the way: nobody of a restricted case."""
    return None if row.restricted else telling.reached(contact, row)


def _category(key: str, library: Library) -> Category:
    if key not in library.categories:
        raise NotPossible("Choisissez une catégorie.")
    return library.categories[key]


def _messages(desk: Desk, row: Row[Any]) -> list[dict[str, Any]]:
    messages = filing.MESSAGES
    query = select(messages).where(messages.c.case_id == row.id, messages.c.author == "person")
    key = desk.key(row)
    return [filing.open_body(key, one.id, one.body) for one in desk.conn.execute(query)]
