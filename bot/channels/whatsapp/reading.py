"""What a delivery holds. Pure: JSON in, `Walk` out; nothing in it can raise.

One delivery carries entries, each with changes, each with messages and statuses, of all numbers and concerns of
the account. What is for our number and said to us becomes an `Incoming`; what is neither an answer nor a
question (reactions, what was edited or taken back, groups) is passed over, and counted.

An address is the phone number the message came from (digits), or, for people who show none, `user:` and the id
by which this business alone knows them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.channels.base import Incoming, Status
from bot.channels.whatsapp import limits
from bot.channels.whatsapp.errors import GIVE_UP, meaning, typed
from bot.channels.whatsapp.templates import ANSWERS
from bot.dialogue.model import MAX_TAP_BYTES, File, Heard, Place

USER = "user:"  # before an id that is no phone number

MEDIA = {"audio": "voice", "image": "photo", "document": "document"}
PASSED_OVER = {
    "reaction",  # a heart below our words is no answer
    "system",  # somebody has a new number, or a new phone
    "edit",  # the words as they were first written were answered
    "revoke",
    "pin",
    "unpin",
}
KINDS_OF_STATUS = {"sent", "delivered", "read", "failed"}
FILE_REF = re.compile(r"[A-Za-z0-9_-]{1,128}")
PHONE = re.compile(r"[0-9]{1,32}")
TAP = re.compile(r"[^\s:]+/[^\s:]+:[^\s:]+")

Json = dict[str, object]


@dataclass(slots=True)
class Walk:
    """What one delivery brings. `errors`: codes the account reports, `failed`: of
    messages that failed; `moved`: people with a new number.
    """

    messages: list[Incoming] = field(default_factory=list)
    statuses: list[tuple[str, Status]] = field(default_factory=list)
    errors: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    passed_over: int = 0
    moved: int = 0
    elsewhere: int = 0  # for other numbers of the account


def walk(delivery: object, phone_id: str) -> Walk:
    """Everything in a delivery that concerns the number `phone_id`; messages in the order they were written."""
    found = Walk()
    written: list[tuple[int, Incoming]] = []
    for entry in _objects(_object(delivery).get("entry")):
        for change in _objects(entry.get("changes")):
            value = _object(change.get("value"))
            if change.get("field") != "messages":
                found.passed_over += 1
            elif _word(_object(value.get("metadata")).get("phone_number_id")) != phone_id:
                found.elsewhere += 1
            else:
                written += _messages(value, found)
                found.statuses += _statuses(value, found)
                found.errors += [_code(error) for error in _objects(value.get("errors"))]
    found.messages = [incoming for _, incoming in sorted(written, key=lambda one: one[0])]
    return found


# ---------------------------------------------------------------- messages


def _messages(value: Json, found: Walk) -> Iterator[tuple[int, Incoming]]:
    people = _objects(value.get("contacts"))
    for message in _objects(value.get("messages")):
        message_id, address, kind = _id(message.get("id")), _address(message, people), _word(message.get("type"))
        found.moved += kind == "system"
        if not message_id or not address or message.get("group_id") or kind in PASSED_OVER:
            found.passed_over += 1
            continue
        heard, ref = _heard(message)
        moment = _moment(message)
        yield moment, Incoming(address, message_id, heard, file_ref=ref, said_at=_said_at(moment))


def _address(message: Json, people: list[Json]) -> str:
    phone = _word(message.get("from"))
    if PHONE.fullmatch(phone):
        return phone
    user = _id(message.get("from_user_id"))
    if not user and len(people) == 1:
        user = _id(people[0].get("user_id"))
    for person in people:  # the number may stand with the person alone
        wa_id = _word(person.get("wa_id"))
        if user and person.get("user_id") == user and PHONE.fullmatch(wa_id):
            return wa_id
    return USER + user if user else ""


def _moment(message: Json) -> int:
    """Seconds since 1970; what has none keeps its place at the beginning."""
    said = _word(message.get("timestamp"))
    return int(said) if re.fullmatch(r"[0-9]{1,12}", said) else 0


def _said_at(moment: int) -> datetime | None:
    """None for what can't be a time of theirs: ten digits reach from 2001 to 2286."""
    return datetime.fromtimestamp(moment, UTC) if len(str(moment)) == 10 else None  # noqa: PLR2004


def _heard(message: Json) -> tuple[Heard, str]:
    """What was said, and what a file of it is fetched by."""
    kind = _word(message.get("type"))
    told = _object(message.get(kind))
    match kind:
        case "text":
            return _text(told.get("body")), ""
        case "interactive":
            reply = _object(told.get(_word(told.get("type"))))
            return _tap(reply.get("id"), reply.get("title")), ""
        case "button":
            return _quick_reply(told), ""
        case "location":
            return _place(told), ""
        case "contacts":
            return _shared(message), ""
        case "request_welcome":  # the chat was opened for the first time
            return Heard("start"), ""
        case "audio" | "image" | "document":
            ref = _word(told.get("id"))
            if FILE_REF.fullmatch(ref):
                return Heard(MEDIA[kind], text=_cut(told.get("caption")), file=File("", MEDIA[kind])), ref
            return Heard("unknown", text=_cut(told.get("caption"))), ""
        case _:  # a sticker, a video, an order, what they can't pass on (131051), what comes up next year
            return Heard("unknown", text=_cut(told.get("caption"))), ""


def _text(words: object) -> Heard:
    text = _cut(words)
    return Heard("text", text=text) if text.strip() else Heard("unknown")


def _tap(tap: object, label: object) -> Heard:
    """A press; what can't be one of ours counts as its label, written."""
    found = _word(tap)
    return Heard("tap", tap=found) if 0 < len(found.encode()) <= MAX_TAP_BYTES else _text(label)


def _quick_reply(told: Json) -> Heard:
    """The button of a template. Ours says "read": nothing is answered by it, what waits is shown again."""
    payload = _word(told.get("payload"))
    if payload in ANSWERS:
        return Heard("start")
    if TAP.fullmatch(payload) and len(payload.encode()) <= MAX_TAP_BYTES:
        return Heard("tap", tap=payload)
    return _text(told.get("text") or payload)


def _place(told: Json) -> Heard:
    latitude, longitude = _degrees(told.get("latitude"), 90), _degrees(told.get("longitude"), 180)
    if latitude is None or longitude is None:
        return Heard("unknown")
    return Heard("location", place=Place(latitude, longitude))


def _shared(message: Json) -> Heard:
    """The numbers of contacts somebody shared, as if they had been written."""
    phones = [
        _word(phone.get("phone")) or _word(phone.get("wa_id"))
        for contact in _objects(message.get("contacts"))
        for phone in _objects(contact.get("phones"))[:1]
    ]
    return _text(", ".join(phone for phone in phones if phone))


# ---------------------------------------------------------------- statuses


def _statuses(value: Json, found: Walk) -> Iterator[tuple[str, Status]]:
    for status in _objects(value.get("statuses")):
        message_id, kind = _id(status.get("id")), _word(status.get("status"))
        if not message_id or kind not in KINDS_OF_STATUS:
            found.passed_over += 1
        elif kind == "failed":
            codes = [_code(error) for error in _objects(status.get("errors"))]
            code = codes[0] if codes else 0
            found.failed.append(code)
            yield message_id, Status(kind, typed((meaning(code) if codes else None) or GIVE_UP, code))
        else:
            yield message_id, Status(kind)


def _code(error: Json) -> int:
    code = error.get("code")
    if isinstance(code, str) and re.fullmatch(r"[0-9]{1,9}", code):
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) and abs(code) < 10**9 else 0


# ---------------------------------------------------------------- JSON, whatever it is


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _word(value: object) -> str:
    """A word as text; half a surrogate pair is valid JSON and cannot be stored as UTF-8."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**30 else ""
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _id(value: object) -> str:
    found = _word(value)
    return found if len(found) <= limits.ID else ""


def _cut(value: object) -> str:
    return _word(value)[: limits.TEXT_IN]


def _degrees(value: object, most: int) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -most <= value <= most:  # false for NaN
        return None
    return float(value)
