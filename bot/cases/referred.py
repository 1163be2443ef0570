"""What is known of the referrals of a case: what may be told of a person, what was agreed, what services answered."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, or_, select

from bot.cases import consents, filing, lists
from bot.cases.desk import CASES, Desk
from bot.cases.may import Staff
from bot.dialogue.flow import Library
from storage import DataKey, tables

REFERRALS = tables.referrals

MOST = 50  # reminders in one list


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said: "accepted", "rejected" or "done", and its words."""

    status: str
    words: str = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True)
class Referral:
    """A referral as staff read it. `hidden`: fields this reader may not know; `silent`: days without an answer."""

    id: str
    service: str
    status: str
    created_at: datetime
    consented_at: datetime | None
    sent_at: datetime | None
    terms: consents.Terms
    told: Mapping[str, str] = field(repr=False)
    hidden: frozenset[str]
    answers: tuple[Answer, ...]
    silent: int
    to_tell: bool  # the service must still be told that the person took it back

    @property
    def agreed(self) -> bool:
        return self.status in consents.AGREED

    def can(self, deed: str) -> bool:
        return consents.can(self.status, deed)


# ---------------------------------------------------------------- what may be told


def tellable(desk: Desk, row: Row[Any], library: Library) -> dict[str, str]:
    """The fields that may be ticked, with what is known of each; "" where staff write it themselves."""
    story = _story(desk, row)
    found: dict[str, str] = {}
    if desk.may("identity", row):
        found["name"] = _words(story.get("name"))
        found["phone"] = _words(story.get("phone"))
    if row.region:
        found["region"] = library.words(f"regions:{row.region}", "")
    found["summary"] = ""
    words = "\n".join(filter(None, (_words(story.get(name)) for name in _told_words(story))))
    if words:
        found["story"] = words
    return found


def identity(desk: Desk, row: Row[Any]) -> dict[str, str]:
    """What the person told of who they are, by answer name. For those alone who may know it."""
    story = _story(desk, row)
    return {name: words for name in ("name", "phone", "reach") if (words := _words(story.get(name)))}


def consented_fields(desk: Desk, row: Row[Any]) -> list[Referral]:
    """The referrals of a case to which the person agreed, and did not take it back: `told` is what may be passed on.

    For an export of one case. What this member of staff may not know is left out.
    """
    return [one for one in of_case(desk, row) if one.agreed]


def of_case(desk: Desk, row: Row[Any]) -> list[Referral]:
    """The referrals of a case, newest first."""
    query = select(REFERRALS).where(REFERRALS.c.case_id == row.id)
    rows = desk.conn.execute(query.order_by(REFERRALS.c.created_at.desc(), REFERRALS.c.id.desc())).all()
    return [read(desk, row, one) for one in rows]


@dataclass(frozen=True, slots=True)
class Reminder:
    """A referral that waits for staff. `days` since the service got it; `to_tell`: it must hear that it is over."""

    reference: str
    service: str
    days: int
    to_tell: bool


def silent(conn: Connection, staff: Staff, now: datetime) -> list[Reminder]:
    """The services to ask again, and those to tell that a yes was taken back: of one's own cases, longest first.

    One's own: assigned to `staff`, or to nobody and referred by them. Cases they may not see are not among them.
    """
    if not staff.id:
        return []
    mine = uuid.UUID(staff.id)
    theirs = or_(CASES.c.assignee_id == mine, CASES.c.assignee_id.is_(None) & (REFERRALS.c.created_by == mine))
    query = (
        select(CASES.c.reference, REFERRALS.c.service, REFERRALS.c.status, REFERRALS.c.sent_at)
        .join_from(REFERRALS, CASES, CASES.c.id == REFERRALS.c.case_id)
        .where(theirs, lists.visible(staff), REFERRALS.c.remind_at <= now, _open())
        .order_by(REFERRALS.c.remind_at)
        .limit(MOST)
    )
    return [
        Reminder(row.reference, row.service, (now - row.sent_at).days, row.status == "revoked")
        for row in conn.execute(query)
    ]


def _open() -> ColumnElement[bool]:
    """A case that is over waits for no service, unless it goes on in another; of a yes taken back all are told."""
    return or_(CASES.c.status != "closed", CASES.c.merged_into.is_not(None), REFERRALS.c.status == "revoked")


# ---------------------------------------------------------------- the parts


def read(desk: Desk, row: Row[Any], one: Row[Any]) -> Referral:
    key = desk.key(row)
    terms = consents.terms_of(key, one)
    kept_back = frozenset() if desk.may("identity", row) else frozenset(consents.IDENTITY) & set(terms.told)
    silent = (desk.now - one.sent_at).days if one.status == "sent" and one.remind_at <= desk.now else 0
    return Referral(
        one.id.hex,
        one.service,
        one.status,
        one.created_at,
        one.consented_at,
        one.sent_at,
        terms if not kept_back else msgspec.structs.replace(terms, told={}, words=""),
        {name: words for name, words in terms.told.items() if name not in kept_back},
        kept_back,
        tuple(
            Answer(said["status"], said["words"], datetime.fromisoformat(said["at"])) for said in answers_of(key, one)
        ),
        silent,
        one.status == "revoked" and one.remind_at is not None,
    )


def answers_of(key: DataKey, one: Row[Any]) -> list[dict[str, str]]:
    if one.answer is None:
        return []
    found: list[dict[str, str]] = msgspec.json.decode(key.open(one.answer, consents.ANSWER, one.id.bytes))
    return found


def _story(desk: Desk, row: Row[Any]) -> Mapping[str, object]:
    """What the person said when the case was filed, by answer name."""
    messages = filing.MESSAGES
    first = select(messages).where(messages.c.case_id == row.id).order_by(messages.c.position).limit(1)
    message = desk.conn.execute(first).first()
    if message is None:
        return {}
    story = filing.open_body(desk.key(row), message.id, message.body).get("story")
    return story if isinstance(story, Mapping) else {}


def _told_words(story: Mapping[str, object]) -> list[str]:
    """The answers in which somebody tells something, of what a flow may ask for."""
    return [name for name in ("about", "account", "note", "need", "words") if name in story]


def _words(value: object) -> str:
    """What was written; "" for voices and pictures, which no paper can hold."""
    if isinstance(value, Mapping):
        return str(value.get("text", "")).strip()
    return str(value).strip() if isinstance(value, str) else ""
