"""What Telegram tells (an `Update`), read with suspicion: `read` gives an `Arrived`, or raises `NotJson`.

Only the few fields we use are decoded. Whatever else is JSON is passed over, or, when a person sent something to us
alone that we can't read, heard as "unknown": an update that never gets a 200 would block that person for a day.
Edited messages, reactions, groups, channels, business accounts and so on are passed over on purpose.
"""

import json
from datetime import UTC, datetime

import msgspec
from msgspec import Struct, field

from bot.channels.base import START, Incoming
from bot.channels.telegram.limits import COMMAND, DATE, FILE
from bot.dialogue.model import MAX_TAP_BYTES, File, Heard, Place

MAX_SECONDS = 24 * 3600  # of a sound; a higher figure is no figure
LATITUDE, LONGITUDE = 90, 180  # degrees, at most

# Messages that an app writes by itself: nobody said anything, so nobody is answered.
SERVICE = frozenset(
    """
    boost_added channel_chat_created chat_background_set chat_owner_changed chat_owner_left chat_shared
    checklist_tasks_added checklist_tasks_done connected_website delete_chat_photo direct_message_price_changed
    forum_topic_closed forum_topic_created forum_topic_edited forum_topic_reopened general_forum_topic_hidden
    general_forum_topic_unhidden gift gift_upgrade_sent giveaway_completed giveaway_created group_chat_created
    left_chat_member managed_bot_created message_auto_delete_timer_changed migrate_from_chat_id migrate_to_chat_id
    new_chat_members new_chat_photo new_chat_title paid_message_price_changed pinned_message poll_option_added
    poll_option_deleted proximity_alert_triggered refunded_payment successful_payment suggested_post_approval_failed
    suggested_post_approved suggested_post_declined suggested_post_paid suggested_post_refunded
    supergroup_chat_created unique_gift users_shared video_chat_ended video_chat_participants_invited
    video_chat_scheduled video_chat_started web_app_data write_access_allowed
    """.split()  # noqa: SIM905 - sixty lines otherwise
)


class NotJson(ValueError):
    """The body is no JSON at all."""


class Keyboard(Struct, frozen=True):
    """The buttons below one of our messages."""

    chat: int
    message: int


class Arrived(Struct, frozen=True):
    """What one update asks for. With nothing set it is passed over on purpose."""

    incoming: Incoming | None = None  # somebody said something
    tapped: str = ""  # a tap to be confirmed, by the id of its callback query
    keyboard: Keyboard | None = None  # whose button was tapped: it is retired
    gone: str = ""  # the address of somebody who blocked us
    gone_at: datetime | None = None
    intruded: int | None = None  # a group or channel we were put into


PASSED_OVER = Arrived()

NOTHING = msgspec.Raw()


# ---------------------------------------------------------------- the fields we use


class _Chat(Struct):
    id: int
    type: str


class _Sender(Struct):
    is_bot: bool = False


class _File(Struct):
    file_id: str
    duration: int = 0
    file_size: int = 0
    width: int = 0
    height: int = 0


class _Location(Struct):
    latitude: float
    longitude: float


class _Contact(Struct):
    phone_number: str
    user_id: int = 0


class _Message(Struct):
    message_id: int
    chat: _Chat
    sender: _Sender | None = field(name="from", default=None)
    date: msgspec.Raw = NOTHING
    text: str = ""
    caption: str = ""
    voice: _File | None = None
    audio: _File | None = None
    photo: list[_File] = []
    document: _File | None = None
    animation: msgspec.Raw = NOTHING  # comes with a `document` for old clients; it is none
    location: _Location | None = None
    contact: _Contact | None = None


class _Tapped(Struct):
    message_id: int
    chat: _Chat
    reply_markup: msgspec.Raw = NOTHING


class _Tap(Struct):
    id: str
    message: _Tapped | None = None
    data: str = ""


class _Status(Struct):
    status: str


class _Membership(Struct):
    chat: _Chat
    new_chat_member: _Status
    date: msgspec.Raw = NOTHING


class _Update(Struct):
    message: _Message | None = None
    callback_query: _Tap | None = None
    my_chat_member: _Membership | None = None


_decoder = msgspec.json.Decoder(_Update)


# ---------------------------------------------------------------- reading


def read(body: bytes) -> Arrived:
    """One update. Raises `NotJson`."""
    try:
        update = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # of another shape, or no JSON
        return _salvaged(body)
    if update.message is not None:
        return _message(update.message, body)
    if update.callback_query is not None:
        return _tap(update.callback_query)
    if update.my_chat_member is not None:
        return _membership(update.my_chat_member)
    return PASSED_OVER


def _message(message: _Message, body: bytes) -> Arrived:
    if message.chat.type != "private" or (message.sender is not None and message.sender.is_bot):
        return PASSED_OVER
    said = _said(message)
    if said is None:
        if _is_service(body):
            return PASSED_OVER
        said = Heard("unknown"), "", ""
    heard, file_ref, start = said
    return Arrived(
        Incoming(
            address=str(message.chat.id),
            message_id=_message_id(message.message_id),
            heard=heard,
            file_ref=file_ref,
            start=start,
            said_at=_moment(message.date),
        )
    )


def _said(message: _Message) -> tuple[Heard, str, str] | None:
    """What was said, the id of its file, and what a link carried; None for what we can't read."""
    if message.text:
        return _text(message.text)
    sound = message.voice or message.audio
    if sound is not None:
        return _file("voice", sound, message.caption)
    if message.photo:
        fits = [one for one in message.photo if one.file_size <= FILE]
        return _file("photo", max(fits, key=lambda one: one.width * one.height), message.caption) if fits else None
    if message.document is not None and message.animation is NOTHING:
        return _file("document", message.document, message.caption)
    if message.location is not None:
        place = Place(message.location.latitude, message.location.longitude)
        right = abs(place.latitude) <= LATITUDE and abs(place.longitude) <= LONGITUDE
        return (Heard("location", place=place), "", "") if right else None
    if message.contact is not None and message.contact.phone_number:
        return Heard("text", text=_phone(message.contact)), "", ""
    return None


def _text(text: str) -> tuple[Heard, str, str]:
    """Words; a command is the word it is named for (`/plainte`), in whatever language Segin knows it."""
    command = COMMAND.fullmatch(text)
    if command is None:
        return Heard("text", text=text), "", ""
    name, rest = command[1], (command[2] or "").strip()
    if name.lower() == "start":
        return Heard("start"), "", rest if START.fullmatch(rest) else ""
    return Heard("text", text=f"{name.replace('_', ' ')} {rest}".strip()), "", ""


def _file(kind: str, file: _File, caption: str) -> tuple[Heard, str, str] | None:
    if file.file_size > FILE or not file.file_id:
        return None
    seconds = file.duration if kind == "voice" and 0 <= file.duration <= MAX_SECONDS else 0
    return Heard(kind, text=caption, file=File("", kind, seconds)), file.file_id, ""


def _phone(contact: _Contact) -> str:
    # Somebody on Telegram is known by the international number, which comes with and without its plus.
    number = contact.phone_number
    return f"+{number}" if contact.user_id and number.isdecimal() and not number.startswith("0") else number


def _tap(tap: _Tap) -> Arrived:
    message = tap.message
    if message is None or message.chat.type != "private":
        return Arrived(tapped=tap.id)
    fits = 0 < len(tap.data.encode()) <= MAX_TAP_BYTES
    return Arrived(
        Incoming(
            address=str(message.chat.id),
            message_id=_tap_id(tap.id),
            heard=Heard("tap", tap=tap.data) if fits else Heard("unknown"),
        ),
        tapped=tap.id,
        keyboard=Keyboard(message.chat.id, message.message_id) if message.reply_markup is not NOTHING else None,
    )


def _membership(change: _Membership) -> Arrived:
    status = change.new_chat_member.status
    if change.chat.type == "private":
        gone = Arrived(gone=str(change.chat.id), gone_at=_moment(change.date))
        return gone if status == "kicked" else PASSED_OVER
    return PASSED_OVER if status in {"left", "kicked"} else Arrived(intruded=change.chat.id)


def _moment(date: msgspec.Raw) -> datetime | None:
    """Telegram's date; none where it is no such thing: the rest is read all the same."""
    seconds = bytes(date)
    return datetime.fromtimestamp(int(seconds), UTC) if DATE.fullmatch(seconds) else None


# Unlike `update_id`, which restarts at random after a quiet week, these stay unique within a chat.


def _message_id(number: int) -> str:
    return f"message {number}"


def _tap_id(callback: str) -> str:
    return f"tap {callback}"


# ---------------------------------------------------------------- what has another shape


def _is_service(body: bytes) -> bool:
    message = _loaded(body).get("message")
    return isinstance(message, dict) and not SERVICE.isdisjoint(message)


def _salvaged(body: bytes) -> Arrived:
    """What can still be told of an update whose fields are not what they were: who waits for an answer."""
    update = _loaded(body)
    message, tap = update.get("message"), update.get("callback_query")
    if isinstance(tap, dict) and isinstance(tap.get("id"), str):
        return Arrived(tapped=tap["id"]) if tap["id"].isascii() else PASSED_OVER
    if not isinstance(message, dict) or not SERVICE.isdisjoint(message):
        return PASSED_OVER
    chat, number, sender = message.get("chat"), message.get("message_id"), message.get("from")
    if not isinstance(chat, dict) or chat.get("type") != "private":
        return PASSED_OVER
    if isinstance(sender, dict) and sender.get("is_bot"):
        return PASSED_OVER
    address = chat.get("id")
    if type(address) is not int or type(number) is not int:  # no bool
        return PASSED_OVER
    return Arrived(Incoming(str(address), _message_id(number), Heard("unknown")))


def _loaded(body: bytes) -> dict[str, object]:
    try:
        update = json.loads(body, parse_int=_whole)
    except RecursionError:  # JSON, but nothing that a person sent
        return {}
    except ValueError as error:
        raise NotJson("not JSON") from error
    return update if isinstance(update, dict) else {}


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= 20 else None  # noqa: PLR2004 - a few more than 64 bits have
