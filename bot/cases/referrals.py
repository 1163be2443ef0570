"""Passing a case on to a service of the directory: asked for, agreed to, sent, answered, taken back.

Nothing is told to a service that the person did not agree to, word by word (`consents.Terms`). What is told is taken
down when the question is asked: what staff change later is not covered by that yes.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import Row, insert, select

from bot.cases import alerts, consenting, consents, search, services, statuses, telling
from bot.cases.consenting import write
from bot.cases.desk import Desk, NoSuchCase, NotPossible
from bot.cases.referred import Answer, Referral, Reminder, answers_of, consented_fields, of_case, read, silent, tellable
from bot.contacts import padded
from bot.dialogue import holding
from bot.dialogue.flow import Library
from bot.dialogue.model import Say, Text, literal
from bot.wording import word
from storage import tables, uuid7

REFERRALS = tables.referrals

__all__ = ["Answer", "Asked", "Referral", "Reminder", "consented_fields", "of_case", "silent", "tellable"]

SILENT_FOR = timedelta(days=7)
"""A service that said nothing for a week is asked again: offices here meet weekly, and a person cannot wait longer."""

LONGEST = {"name": 200, "phone": 200, "summary": 500, "answer": 2000}  # letters

ANSWERS = {"accepted": "accept", "rejected": "reject", "done": "finish"}

ANONYMOUS = (
    "Ce dossier est sans nom : nous ne pouvons pas demander l'accord de la personne. Dites-lui dans une réponse ce que "
    "le service peut faire ; elle ira si elle veut."
)
CLOSED = "Ce dossier est terminé. Rouvrez-le, puis orientez-le."
NO_SERVICE = "Choisissez un service de la liste."
NOTHING_TOLD = "Cochez au moins une chose que le service doit savoir."
EMPTY = "Écrivez ce que vous avez coché."
TOO_LONG = "C'est trop long."
ASKED_ALREADY = "Ce service est déjà proposé dans ce dossier."
NO_CHAT = "Nous ne pouvons pas écrire à cette personne. Lisez-lui les mots à voix haute."
HOW = "Dites comment la personne a répondu."
NO_LONGER = "L'orientation n'en est plus là."
WHY = "Écrivez pourquoi."
PROTECTED = "Ce résumé dit qui est la personne. Demandez d'abord à connaître son identité."


@dataclass(frozen=True, slots=True)
class Asked:
    """What staff ask for. `told`: ticked field → words; those of "region" and "story" are taken from the case.

    `way`: "chat", or "aloud" for whoever can't be written to. `language`: the one they are read aloud in.
    """

    service: str
    told: Mapping[str, str] = field(repr=False)
    way: str = "chat"
    language: str = ""


# ---------------------------------------------------------------- deeds


def propose(desk: Desk, reference: str, asked: Asked, library: Library, version: int | None = None) -> Referral:
    """Ask the person: in the chat at once, or by words that are read aloud to them.

    Raises `NoSuchCase`, `NotPossible`, `Changed`.
    """
    contact = telling.contact_of(desk.conn, desk.keyring, reference)
    row = _found(desk, reference, version)
    _check(desk, row, asked, library)
    reached = telling.reached(contact, row)
    if asked.way == "chat":
        if reached is None:
            raise NotPossible(NO_CHAT)
        if alerts.in_other_hands(desk, row):
            raise NotPossible(alerts.IN_OTHER_HANDS)
        language = reached.conversation.language
    else:
        language = asked.language if asked.language in library.languages else row.language or ""
    told = _taken_down(desk, row, asked, library)
    name = library.words(f"services:{asked.service}", language)
    terms = consents.Terms(
        service=name,
        told=told,
        words=_question(name, told, library, language),
        language=language or "fr",
        revision=library.revision,
        asked=asked.way,
    )
    referral_id = uuid7()
    values = {"id": referral_id, "case_id": row.id, "service": asked.service, "status": "proposed"}
    values |= {"created_by": desk.staff_id, "created_at": desk.now}
    desk.conn.execute(insert(REFERRALS), {**values, "terms": consents.seal(desk.key(row), terms, referral_id)})
    search.index(desk, row, name)
    # not the words: they may say who it is, and more people read the thread
    desk.note_event(row, "consent_asked", reason=name)
    changes: dict[str, Any] = {"last_step_at": desk.now}
    if asked.way == "chat":
        changes |= {"owed": False, "answered_at": desk.now, "first_answer_at": row.first_answer_at or desk.now}
        if statuses.can(row.status, "ask"):
            changes["status"] = statuses.after(row.status, "ask")
    desk.change(row, **changes)
    desk.log("refer: ask", row, asked.way)
    if asked.way == "chat" and reached is not None:
        _ask_in_chat(desk, row, reached, terms, referral_id, library)
    return read(desk, row, _one(desk, row, referral_id.hex))


def record(desk: Desk, reference: str, referral: str, said: str, how: str, version: int | None = None) -> None:
    """What the person said to the words that were read to them: `said` is "yes" or "no", `how` "oral" or "paper"."""
    row, one = _of(desk, reference, referral, version)
    if how not in ("oral", "paper") or said not in ("yes", "no"):
        raise NotPossible(HOW)
    if not consenting.say(desk.conn, desk.key(row), one, consenting.SAID[said], how, desk.now):
        raise NotPossible(NO_LONGER)
    desk.note_event(row, consenting.EVENTS[consenting.SAID[said]], reason=consents.terms_of(desk.key(row), one).service)
    _touch(desk, row, f"refer: {consenting.SAID[said]}", how)


def send(desk: Desk, reference: str, referral: str, version: int | None = None) -> None:
    """The summary was handed to the service; from here on it is its turn."""
    row, one = _of(desk, reference, referral, version)
    _step(desk, one, "send", sent_at=desk.now, remind_at=desk.now + SILENT_FOR)
    desk.note_event(row, "referral_sent", reason=consents.terms_of(desk.key(row), one).service)
    _touch(desk, row, "refer: send", status=_referred(row.status))


def answered(desk: Desk, reference: str, referral: str, answer: str, words: str, version: int | None = None) -> None:
    """What the service said: one of `ANSWERS`, and its words."""
    row, one = _of(desk, reference, referral, version)
    if answer not in ANSWERS:
        raise NotPossible("Dites ce que le service a répondu.")
    if len(words) > LONGEST["answer"]:
        raise NotPossible(TOO_LONG)
    given = {"status": answer, "words": words.strip(), "at": desk.now.isoformat()}
    said = [*answers_of(desk.key(row), one), given]
    sealed = desk.key(row).seal(padded(msgspec.json.encode(said)), consents.ANSWER, one.id.bytes)
    _step(desk, one, ANSWERS[answer], answer=sealed, answered_at=desk.now, remind_at=None)
    _touch(desk, row, f"refer: {answer}")


def remind(desk: Desk, reference: str, referral: str, version: int | None = None) -> None:
    """The service was asked again: it has another `SILENT_FOR`."""
    row, one = _of(desk, reference, referral, version)
    if one.status != "sent":
        raise NotPossible(NO_LONGER)
    _store(desk, one, remind_at=desk.now + SILENT_FOR)
    _touch(desk, row, "refer: remind")


def revoke(desk: Desk, reference: str, referral: str, reason: str, version: int | None = None) -> None:
    """The person took it back, or staff give it up. A service that knows of it must be told: that stays a task."""
    row, one = _of(desk, reference, referral, version)
    if not reason.strip():
        raise NotPossible(WHY)
    _step(desk, one, "revoke", remind_at=desk.now if one.sent_at else None)
    service = consents.terms_of(desk.key(row), one).service
    desk.note_event(row, "consent_revoked", reason=f"{service} : {reason.strip()}")
    _touch(desk, row, "refer: revoke")


def told_off(desk: Desk, reference: str, referral: str, version: int | None = None) -> None:
    """The service was told that the person took it back."""
    row, one = _of(desk, reference, referral, version)
    if one.status != "revoked" or one.remind_at is None:
        raise NotPossible(NO_LONGER)
    _store(desk, one, remind_at=None)
    desk.note_event(row, "referral_ended", reason=consents.terms_of(desk.key(row), one).service)
    _touch(desk, row, "refer: told")


def one(desk: Desk, row: Row[Any], referral: str) -> Referral:
    """One referral of a case. Raises `NoSuchCase`."""
    return read(desk, row, _one(desk, row, referral))


def summary(desk: Desk, reference: str, referral: str) -> tuple[Row[Any], Referral]:
    """What may be printed for a service. Raises `NotPossible` without a yes that holds."""
    row = desk.find(reference, "refer")
    found = read(desk, row, _one(desk, row, referral))
    if not found.agreed:
        raise NotPossible("Sans l'accord de la personne, il n'y a pas de résumé.")
    if found.hidden:
        raise NotPossible(PROTECTED)
    desk.log("refer: summary", row)
    return row, found


# ---------------------------------------------------------------- the parts


def _found(desk: Desk, reference: str, version: int | None) -> Row[Any]:
    row = desk.find(reference, "refer", version)
    if row.anonymous:
        raise NotPossible(ANONYMOUS)
    return row


def _check(desk: Desk, row: Row[Any], asked: Asked, library: Library) -> None:
    """Raises `NotPossible`, in words for whoever fills in the form."""
    if desk.staff_id is None:
        raise NotPossible("Dites d'abord qui vous êtes.")
    if row.status in ("resolved", "closed"):
        raise NotPossible(CLOSED)
    service = library.directory.services.get(asked.service)
    if service is None or not services.may_refer_to(service, desk.now.date()):
        raise NotPossible(NO_SERVICE)
    if not asked.told or not set(asked.told) <= set(consents.FIELDS):
        raise NotPossible(NOTHING_TOLD)
    if asked.way not in ("chat", "aloud"):
        raise NotPossible(HOW)
    same = (REFERRALS.c.case_id == row.id) & (REFERRALS.c.service == asked.service)
    if desk.conn.execute(select(REFERRALS.c.id).where(same, REFERRALS.c.status.in_(consents.OPEN))).first():
        raise NotPossible(ASKED_ALREADY)


def _taken_down(desk: Desk, row: Row[Any], asked: Asked, library: Library) -> dict[str, str]:
    """What is told, in the order of `consents.FIELDS`. Raises `NotPossible` for what is empty or not theirs to tell."""
    known, told = tellable(desk, row, library), dict[str, str]()
    for name in (name for name in consents.FIELDS if name in asked.told):
        if name not in known:
            raise NotPossible(PROTECTED if name in consents.IDENTITY else NOTHING_TOLD)
        words = known[name] if name in ("region", "story") else " ".join(asked.told[name].split())
        if not words:
            raise NotPossible(EMPTY)
        if len(words) > LONGEST.get(name, len(words)):
            raise NotPossible(TOO_LONG)
        told[name] = words
    return told


def _question(service: str, told: Mapping[str, str], library: Library, language: str) -> str:
    parts = (Text(key=f"words:consent_{name}", values={"value": literal(words)}) for name, words in told.items())
    values = {"service": literal(service), "told": Text(items=tuple(parts), style="inline")}
    return word(Say(Text(key="words:consent_question", values=values)), library, language).text


def _ask_in_chat(
    desk: Desk, row: Row[Any], contact: Any, terms: consents.Terms, referral_id: uuid.UUID, library: Library
) -> None:
    """The question itself; of a restricted case only that something waits: the phone may be shared."""
    contact.call_off(desk.conn, holding.hold_name(row.id.hex))
    asked = holding.consent_question(terms.words, referral_id.hex)
    say = Say(*holding.neutral_notice(row.id.hex)) if row.restricted else Say(*asked)
    telling.tell(desk.conn, contact, say, library, desk.now)


def _of(desk: Desk, reference: str, referral: str, version: int | None) -> tuple[Row[Any], Row[Any]]:
    row = _found(desk, reference, version)
    return row, _one(desk, row, referral)


def _one(desk: Desk, row: Row[Any], referral: str) -> Row[Any]:
    try:
        wanted = uuid.UUID(referral)
    except ValueError:
        raise NoSuchCase(NoSuchCase.__doc__) from None
    mine = (REFERRALS.c.id == wanted) & (REFERRALS.c.case_id == row.id)
    one = desk.conn.execute(select(REFERRALS).where(mine).with_for_update()).first()
    if one is None:
        raise NoSuchCase(NoSuchCase.__doc__)
    return one


def _step(desk: Desk, one: Row[Any], deed: str, **values: Any) -> None:
    status = consents.after(one.status, deed)
    if not status:
        raise NotPossible(NO_LONGER)
    _store(desk, one, status=status, **values)


def _store(desk: Desk, one: Row[Any], **values: Any) -> None:
    write(desk.conn, one, **values)


def _touch(desk: Desk, row: Row[Any], deed: str, detail: str = "", **values: Any) -> None:
    """Whoever looks at the case is told that something changed."""
    desk.change(row, last_step_at=desk.now, **values)
    desk.log(deed, row, detail)


def _referred(status: str) -> str:
    """The status of the case once a service has it; whoever refers a new one works on it."""
    if not statuses.can(status, "refer") and statuses.can(status, "start"):
        status = statuses.after(status, "start")
    return statuses.after(status, "refer") if statuses.can(status, "refer") else status
