"""Entering a case for somebody: a hotline, a suggestion box, a visit, a word passed on.

It gets the same reference, deadline and receipt as a case from the chat. The form brings a token that was drawn when it
was opened: the case's id and its receipt follow from it, so that a form sent twice files once and shows the same paper.

Whoever may not see the case gets that paper only for as long as a press twice or a line that broke may take: the
receipt opens what they may not read. The token says when its form was opened: an anonymous case keeps no hour itself.
"""

import secrets
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select

from bot.cases import filing, numbers
from bot.cases.desk import Desk, NoSuchCase, NotPossible
from bot.dialogue.flow import Library
from bot.dialogue.letters import clean
from bot.dialogue.model import Say, Text, literal
from bot.wording import word
from storage import tables

CASES = tables.cases

WAYS = ("hotline", "suggestion_box", "walk_in", "relay")

REACHED = ("other", "visit", "none")
"""How somebody is reached without harm: at the number they gave (the complaint flow calls it "other"), when they come
again, or not at all."""

SHOWN_FOR = 30 * 60
"""Seconds since a form was opened. So long the form, sent again, shows the paper to whoever may not see the case:
somebody at the desk is signed out after 15 idle minutes."""

LONGEST = {"account": 8000, "name": 200, "phone": 40}  # letters


@dataclass(frozen=True, slots=True)
class Entry:
    """What staff wrote down of somebody. `consented`: they heard the words of `consent_words` and agreed."""

    way: str
    category: str
    account: str = field(repr=False)
    anonymous: bool = True
    region: str = ""
    language: str = ""
    name: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    reach: str = ""
    consented: bool = False


@dataclass(frozen=True, slots=True)
class Entered:
    """What the person takes home. `due_at`: the day alone counts for an anonymous case."""

    reference: str
    receipt: str = field(repr=False)
    due_at: datetime
    anonymous: bool
    restricted: bool


class AlreadyFiled(NotPossible):
    """The same form, later, by somebody who may not see the case."""


def new_token() -> str:
    """Belongs to one form, and says when it was opened: who changes that has another token, and so another case."""
    return f"{int(time.time()):x}.{secrets.token_urlsafe(24)}"


def consent_words(library: Library, language: str) -> str:
    """What is read aloud before a name is kept."""
    text = Text(key="words:consent_aloud", values={"organisation": literal(library.organisation.name or "Segin")})
    return word(Say(text), library, language).text


def enter(desk: Desk, entry: Entry, token: str, library: Library) -> Entered:
    """File what somebody said; whoever writes it down may not be allowed to read it afterwards.

    Raises `NotPossible` for what can't be filed. The same form again: the same case, the same receipt; later
    (`SHOWN_FOR`) only for those who may see the case, others get `NotPossible`.
    """
    case_id, receipt = _of_token(desk, token)
    row = desk.conn.execute(select(CASES).where(CASES.c.id == case_id)).first()
    if row is not None:
        if not _is_fresh(token) and not sees(desk, row.reference):
            raise AlreadyFiled("Ce dossier est enregistré, et son papier a été montré. Il ne se montre pas deux fois.")
        return Entered(row.reference, receipt, row.due_at, row.anonymous, row.restricted)
    _check(entry, library)
    category = library.categories[entry.category]
    new = filing.New(
        category.kind,
        category,
        entry.anonymous,
        entry.region or None,
        entry.language or None,
        entry=entry.way,
        due_at=filing.due(library, category, desk.now),
        id=case_id,
        receipt=receipt,
    )
    filed, thread = filing.file_case(desk.conn, desk.keyring, new, desk.now)
    told = {"name": entry.name, "account": entry.account, "reach": entry.reach, "phone": entry.phone}
    story = {name: clean(words).strip() for name, words in told.items() if words.strip()}
    filing.tell_story(thread, story, restricted=category.restricted)
    if not entry.anonymous:
        language = entry.language if entry.language in library.languages else ""
        heard = {"event": "consented", "words": consent_words(library, language), "language": language}
        thread.say("system", heard, staff_id=desk.staff_id)
    row = desk.conn.execute(select(CASES).where(CASES.c.id == case_id)).one()
    # an anonymous case must not be told by the hour in which somebody stood at the desk: the deed alone is noted
    desk.log("enter", None if entry.anonymous else row, entry.way)
    return Entered(filed.reference, receipt, row.due_at, row.anonymous, row.restricted)


def _of_token(desk: Desk, token: str) -> tuple[uuid.UUID, str]:
    """The id and the receipt of the form's case. Nobody can choose them, nor make those of somebody else's form."""
    if not token or desk.staff_id is None:
        raise NotPossible("Ce formulaire n'est plus valable. Ouvrez-le à nouveau.")
    owner = desk.staff_id.bytes
    case_id = uuid.UUID(bytes=desk.keyring.index("entered case", owner, token)[:16], version=4)
    return case_id, numbers.receipt_of(desk.keyring.index("entered receipt", owner, token))


def _is_fresh(token: str) -> bool:
    opened, dot, _ = token.partition(".")
    try:
        return bool(dot) and abs(time.time() - int(opened, 16)) <= SHOWN_FOR
    except ValueError:  # no form of ours
        return False


def _check(entry: Entry, library: Library) -> None:
    """Raises `NotPossible`, in words for whoever fills in the form."""
    wrong = (*_wrong_of_case(entry, library), *(_wrong_without_name(entry) if entry.anonymous else _wrong_named(entry)))
    for is_wrong, why in wrong:
        if is_wrong:
            raise why


def _wrong_of_case(entry: Entry, library: Library) -> tuple[tuple[bool, NotPossible], ...]:
    regions, languages = ("", *library.directory.regions), ("", *library.languages)
    return (
        (entry.way not in WAYS, NotPossible("Dites comment la demande est arrivée.")),
        (entry.category not in library.categories, NotPossible("Choisissez une catégorie.")),
        (not entry.account.strip(), NotPossible("Écrivez ce que la personne a dit.")),
        (entry.region not in regions, NotPossible("Choisissez une région.")),
        (entry.language not in languages, NotPossible("Choisissez une langue.")),
        (any(len(getattr(entry, name)) > most for name, most in LONGEST.items()), NotPossible("C'est trop long.")),
    )


def _wrong_without_name(entry: Entry) -> tuple[tuple[bool, NotPossible], ...]:
    told = bool(entry.name.strip() or entry.phone.strip() or entry.reach)
    why = NotPossible("Sans nom, rien qui mène à la personne n'est gardé : effacez le nom et comment la joindre.")
    return ((told, why),)


def _wrong_named(entry: Entry) -> tuple[tuple[bool, NotPossible], ...]:
    number = entry.reach == "other" and not entry.phone.strip()
    consent = NotPossible("Lisez les mots à la personne : sans son accord, son nom n'est pas gardé.")
    return (
        (not entry.consented, consent),
        (entry.reach not in REACHED, NotPossible("Dites comment joindre la personne sans danger.")),
        (number, NotPossible("Écrivez le numéro où la joindre.")),
    )


def sees(desk: Desk, reference: str) -> bool:
    """Whether whoever entered it may open it now."""
    try:
        desk.find(reference, "see")
    except NoSuchCase:
        return False
    return True
