"""Handing over: the round that says something leases the lanes it says it in, so that nobody has to ask for them.

Only where that is plain: lane and window are open, the lane is free, nothing older waits in it, its channel has room
and no pause. Every other lane is asked for as ever (`bot/lanes.py`). Lease and words are one commit: nothing is sent
before it.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, bindparam, insert, or_, select, update

from bot import lanes
from bot.channels.base import Channel, Said
from bot.channels.fitting import fit
from bot.contacts import Contact
from bot.dialogue.model import Message
from bot.lanes import LANES, OUTBOX, PAUSES, Due
from storage import among, database_now, many

_BEHIND = (
    select(OUTBOX.c.id)
    .where(
        OUTBOX.c.contact_id == LANES.c.contact_id,
        OUTBOX.c.seq > 0,
        OUTBOX.c.gave_up_at.is_(None),
        OUTBOX.c.sent_at.is_(None),
    )
    .exists()
)
_TAKE = (
    update(LANES)
    .where(
        LANES.c.contact_id.in_(bindparam("ids", expanding=True)),
        LANES.c.closed_at.is_(None),
        or_(LANES.c.until.is_(None), LANES.c.until < bindparam("now")),
        LANES.c.not_before <= bindparam("now"),
        ~_BEHIND,
    )
    .values(owner=bindparam("worker"), fence=LANES.c.fence + 1, until=bindparam("end"))
    .returning(LANES.c.contact_id, LANES.c.fence)
)
_FIRST = insert(LANES)
_PAUSED = select(PAUSES.c.channel)


class Ready(Struct, frozen=True):
    """What a turn says first to a contact of a channel that is pushed to; its row is about to be written.

    `new`: a contact of this very round, so there is no lane yet. `late`: the window is over, it waits in its lane.
    """

    contact_id: uuid.UUID
    row_id: uuid.UUID
    channel: str
    address: str
    message: Message
    due_at: datetime
    new: bool
    late: bool = False


def first_of(contact: Contact, address: str, said: Said, due_at: datetime, *, new: bool) -> Ready:
    """What is said first in a turn, once it has its place among the contact's rows."""
    row_id = next(row["id"] for row in contact.outgoing if row["seq"] == said.seq)
    late = contact.window_until is not None and contact.window_until <= due_at
    return Ready(contact.id, row_id, contact.channel, address, said.message, due_at, new, late)


def lease(
    conn: Connection, ready: list[Ready], room: Mapping[str, float], channels: Mapping[str, Channel], worker: str
) -> dict[uuid.UUID, Due]:
    """What may be sent as soon as this transaction is committed, by contact; at most `room` in each channel.

    To be called before the rows are written, with the contacts locked.
    """
    paused = {row.channel for row in among(conn, _PAUSED)}
    left = {channel: 0 if channel in paused else many for channel, many in room.items()}
    chosen = {}
    for one in ready:
        if left.get(one.channel, 0) >= 1:
            left[one.channel] -= 1
            chosen[one.contact_id] = one
    now = database_now(conn)
    first = [one.contact_id for one in chosen.values() if one.new]
    fences = dict.fromkeys(first, 1)
    if first:
        lane = {"fence": 1, "owner": worker, "until": now + lanes.LEASE, "not_before": now}
        many(conn, _FIRST, [{"contact_id": contact_id, **lane} for contact_id in first])
    if known := list(chosen.keys() - fences.keys()):
        taken = among(conn, _TAKE, ids=known, now=now, worker=worker, end=now + lanes.LEASE)
        fences.update((row.contact_id, row.fence) for row in taken)
    return {contact_id: _due(chosen[contact_id], fence, channels) for contact_id, fence in fences.items()}


def _due(one: Ready, fence: int, channels: Mapping[str, Channel]) -> Due:
    parts = fit(one.message, channels[one.channel].capabilities)
    return Due(
        one.contact_id, fence, one.row_id, one.channel, one.address, parts[0], due_at=one.due_at, parts=len(parts)
    )  # fmt: skip
