"""Somebody leaves: nothing more goes to their address, and what waited goes.

A page leaves by itself (« Quitter »). Telegram tells that somebody blocked the bot; it may tell so again, much later,
and in another order than it happened, because memberships and messages come by lines of their own. So a leaving with
a date is heard once, as a message is, and dates win over the order in which things come:

- A leaving changes nothing for somebody who said something later: whoever wrote after blocking is reachable.
- What was said before a leaving and comes after it is taken, but nothing is said to it, and they stay left in peace.

Dates are whole seconds; within one, what comes last wins. A word without a date (a tap) was said when it came. Where
that is wrong, or where somebody's very first word comes after their leaving, they count as reachable until the next
send is refused (`halts.block`): a mistake that mends itself, as the other would not.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, exists, or_, select, update

from bot import contacts
from bot.channels.base import Channel
from bot.contacts import CONTACTS, Contact
from storage import KeyRing, insert_into, tables

HEARD, OUTBOX = tables.heard, tables.outbox

SECOND = timedelta(seconds=1)


def leave(channel: str, address_index: bytes) -> Callable[[Connection], None]:
    """Somebody leaves now. Told again, the first time counts."""

    def close(conn: Connection) -> None:
        _close(conn, _this(channel, address_index), CONTACTS.c.blocked_at.is_(None), datetime.now(UTC))

    return close


def left(
    keyring: KeyRing, channel: Channel, address_index: bytes, at: datetime, now: datetime
) -> Callable[[Connection], None]:
    """A provider tells that somebody left, and when. Told again, it does nothing."""
    this, leaving = _this(channel.name, address_index), _leaving(keyring, at)
    heard = {"address_index": address_index, "message_index": leaving, "at": at, "expires_at": None}
    if channel.repeats is not None:
        heard["expires_at"] = now + timedelta(seconds=channel.repeats)

    def hear(conn: Connection) -> None:
        conn.execute(select(CONTACTS.c.id).where(this).with_for_update())  # behind the lock all that was heard shows
        if contacts.heard_before(conn, [(address_index, leaving)]):
            return
        if not _said_since(conn, address_index, at):
            _close(conn, this, or_(CONTACTS.c.blocked_at.is_(None), CONTACTS.c.blocked_at < at), at)
        conn.execute(insert_into(conn.dialect.name, HEARD).on_conflict_do_nothing(), heard)

    return hear


def has_left_since(conn: Connection, keyring: KeyRing, contact: Contact, said_at: datetime | None) -> bool:
    """Whether this contact is closed by a leaving that is later than what was said. Both dates are the provider's."""
    if said_at is None or contact.blocked_at is None or said_at >= contact.blocked_at:
        return False
    return bool(contacts.heard_before(conn, [(contact.index, _leaving(keyring, contact.blocked_at))]))


def _leaving(keyring: KeyRing, at: datetime) -> bytes:
    """What names a leaving among what an address was heard to say: its date, for `update_id` may begin anew."""
    return keyring.index("message", f"left {at.timestamp()}")


def _this(channel: str, address_index: bytes) -> ColumnElement[bool]:
    return (CONTACTS.c.channel == channel) & (CONTACTS.c.address_index == address_index)


def _said_since(conn: Connection, address_index: bytes, at: datetime) -> bool:
    """Whether something was heard of this address that is later; a later leaving counts, too."""
    later = (HEARD.c.address_index == address_index) & (HEARD.c.at >= at + SECOND)
    return bool(conn.scalar(select(exists().where(later))))


def _close(conn: Connection, this: ColumnElement[bool], counts: ColumnElement[bool], at: datetime) -> None:
    contact = select(CONTACTS.c.id).where(this).scalar_subquery()
    conn.execute(delete(OUTBOX).where(OUTBOX.c.contact_id == contact))
    conn.execute(update(CONTACTS).where(this, counts).values(blocked_at=at))
