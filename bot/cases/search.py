"""Finding a case: by its reference, by a service it was referred to, by words of its notes.

Words are kept as keyed tokens: they can be asked for, and not be read. What is looked for stands in no address
and no log.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, false, func, or_, select

from bot.cases import lists, numbers
from bot.cases.desk import Desk
from bot.cases.may import Staff
from bot.dialogue.flow import Library
from bot.dialogue.letters import fold, spellings
from bot.dialogue.model import SOURCE_LANGUAGE
from storage import KeyRing, insert_into, tables

CASES, WORDS, REFERRALS = tables.cases, tables.case_words, tables.referrals
_SAME = CASES.alias("named")  # cases again, inside the search for them

SHORTEST = 3  # letters of a word that is kept; numbers are kept from two digits
_SHORTEST_NUMBER = 2
MOST_WORDS = 2_000  # of one text
MOST_ASKED = 8  # words of one search
LONGEST = 200  # characters of one search
_PREFIX = 3  # characters of a reference that are enough to look for it


def index(desk: Desk, row: Row[Any], text: str) -> None:
    """Let a case be found by the words of this text (a note, the name of a service)."""
    words = sorted({word for spelt in spellings(text) for word in _words(spelt)})[:MOST_WORDS]
    if words:
        statement = insert_into(desk.conn.dialect.name, WORDS).on_conflict_do_nothing()
        desk.conn.execute(statement, [{"word": desk.keyring.index("word", one), "case_id": row.id} for one in words])


def found(conn: Connection, keyring: KeyRing, staff: Staff, library: Library, text: str, page: int = 1) -> lists.Page:
    """The cases that `staff` may see and that fit what was typed, newest first. A whole reference stands alone."""
    rows = conn.execute(query(conn.dialect.name, keyring, staff, library, text, page)).all()
    return lists.Page(tuple(lists.line(row) for row in rows[: lists.PAGE]), len(rows) > lists.PAGE)


def query(dialect: str, keyring: KeyRing, staff: Staff, library: Library, text: str, page: int = 1) -> Select[Any]:
    """The statement of `found`. All three ways lead to ids, so that none makes the others slow."""
    text = text[:LONGEST]
    fits = or_(_by_reference(text, dialect), _by_service(library, text), _by_words(keyring, text))
    begin = (page - 1) * lists.PAGE
    ordered = lists.lines().where(fits & lists.visible(staff)).order_by(CASES.c.opened_at.desc(), CASES.c.id.desc())
    return ordered.limit(lists.PAGE + 1).offset(begin)


def asked(text: str) -> bool:
    """Whether there is anything in it that can be looked for."""
    return bool(_words(fold(text[:LONGEST]))) or bool(_reference(text))


def is_whole_reference(text: str) -> bool:
    """Whether it is a reference and nothing else."""
    return len(_reference(text)) > numbers.REFERENCE_LENGTH


# ---------------------------------------------------------------- the three ways


def _by_reference(text: str, dialect: str) -> ColumnElement[bool]:
    begins = _reference(text)
    if not begins:
        return false()
    whole = len(begins) > numbers.REFERENCE_LENGTH  # with its hyphen
    fits = _SAME.c.reference == begins if whole else _begins(begins, dialect)
    return CASES.c.id.in_(select(_SAME.c.id).where(fits))


def _begins(begins: str, dialect: str) -> ColumnElement[bool]:
    """References that begin so, as each database finds them along an index: SQLite by a range in its order."""
    if dialect == "postgresql":
        return _SAME.c.reference.like(f"{begins}%")
    return (_SAME.c.reference >= begins) & (_SAME.c.reference < begins[:-1] + chr(ord(begins[-1]) + 1))


def _reference(text: str) -> str:
    """The (beginning of a) reference that somebody typed, or ""."""
    raw = "".join(text.upper().split()).replace("-", "")
    if not _PREFIX <= len(raw) <= numbers.REFERENCE_LENGTH or any(one not in numbers.ALPHABET for one in raw):
        return ""
    return numbers.read_reference(raw) if len(raw) > _PREFIX else raw


def _by_service(library: Library, text: str) -> ColumnElement[bool]:
    """Referred to a service whose name, in any language, or key has every word."""
    words = set(fold(text).split())
    keys = [key for key in library.directory.services if words and words <= _names(library, key)]
    if not keys:
        return false()
    return CASES.c.id.in_(select(REFERRALS.c.case_id).where(REFERRALS.c.service.in_(keys)))


def _names(library: Library, service: str) -> set[str]:
    key = f"services:{service}"
    names = {library.words(key, language) for language in (SOURCE_LANGUAGE, *library.languages)}
    return {word for name in (service, *names) for word in fold(name).split()}


def _by_words(keyring: KeyRing, text: str) -> ColumnElement[bool]:
    """Each of the words stands somewhere in the notes of the case."""
    words = _words(fold(text))[:MOST_ASKED]
    if not words:
        return false()
    return CASES.c.id.in_(_all_of([keyring.index("word", word) for word in words]))


def _all_of(tokens: Sequence[bytes]) -> Select[Any]:
    with_any = select(WORDS.c.case_id).where(WORDS.c.word.in_(tokens))
    if len(tokens) == 1:
        return with_any
    return with_any.group_by(WORDS.c.case_id).having(func.count() == len(tokens))


def _words(folded: str) -> list[str]:
    """The words that are kept and asked for, each once: short ones ("de", "la") say nothing."""
    long_enough = (word for word in folded.split() if len(word) >= (_SHORTEST_NUMBER if word.isdigit() else SHORTEST))
    return list(dict.fromkeys(long_enough))
