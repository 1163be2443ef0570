"""Lanes in the database: who sends to a contact, what comes next, how it ended. Many lanes in one transaction.

A worker leases a contact's **lane**, never a row: one send in flight per lane, so order is kept, and lanes run
side by side. The lease has an end (the database's clock) and a fence (a number that grows): a worker that was
away too long finds its fence passed and marks nothing.

A retry delays its lane, a give-up frees it, "blocked by the person" closes it. Where free words may be sent only
for so long after the person's last message, a lane whose time is over waits for their next one; they are told once
by template (`knock`), and again only for something new, or where that failed. A fault of the provider pauses its
channel: the row in `pauses` goes with the next success.

Contacts are locked before lanes, in the order of their index, as rounds lock them: nobody waits in a circle.
"""

import logging
import time
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace
from sqlalchemy import BindParameter, ColumnElement, Connection, Row, and_, bindparam, delete, func, or_, select, update

from bot.channels.base import Blocked, Channel, Closed, Fault, GiveUp, Retry
from bot.channels.fitting import fit
from bot.channels.rates import NotYet
from bot.contacts import CONTACTS
from bot.dialogue.model import Conversation, Message
from bot.halts import block, close_window, delivery_index, pause
from storage import DataKey, KeyRing, Tampered, among, database_now, insert_into, many, tables
from storage.tables import KNOCK

log = logging.getLogger(__name__)

OUTBOX, LANES, DELIVERIES, PAUSES = tables.outbox, tables.lanes, tables.deliveries, tables.pauses

LEASE = timedelta(seconds=30)  # a send begins in its first quarter and ends after SEND_TIMEOUT
MOST_ATTEMPTS = 30
OLD = timedelta(days=1)  # a message is given up for asked-for waits only when it is so old, too
KNOCK_AGAIN = timedelta(days=1)
KNOCK_FOR = timedelta(days=14)  # a knock that failed is tried again while what waits is no older

_message = msgspec.json.Decoder(Message).decode
_conversation = msgspec.json.Decoder(Conversation).decode


class Due(Struct, frozen=True):
    """The next thing to do in a lane that is ours: send (a part of) a message, or knock.

    A knock's `row_id` and `case_message_id` are of the message that waits, its `part` is `tables.KNOCK`.
    `since`: when its lease began or was made longer, by the clock of this process.
    """

    contact_id: uuid.UUID
    fence: int
    row_id: uuid.UUID
    channel: str
    address: str
    message: Message
    attempts: int = 0
    due_at: datetime | None = None
    part: int = 0
    parts: int = 1
    knock: bool = False
    case_message_id: uuid.UUID | None = None
    since: float = field(default_factory=time.monotonic)


class Sent(Struct, frozen=True):
    """It went; `message_id` is the provider's."""

    message_id: str = ""


Outcome = Sent | Exception


class Take(Struct, frozen=True):
    """Asks for a lane."""

    contact_id: uuid.UUID


class Ended(Struct, frozen=True):
    """Tells how a send ended, and asks for what comes next."""

    due: Due
    outcome: Outcome


class Desk:
    """What one worker does with lanes, each call in a transaction of the caller's."""

    def __init__(self, keyring: KeyRing, channels: Mapping[str, Channel], worker: str) -> None:
        self.keyring, self.channels, self.worker = keyring, channels, worker

    def unserved(self, conn: Connection, channel: str, most: int) -> list[uuid.UUID]:
        """Lanes of this channel with something to send that nobody serves, the longest waiting first."""
        now = database_now(conn)
        pause = conn.execute(select(PAUSES).where(PAUSES.c.channel == channel)).first()
        if pause is not None and pause.not_before > now:
            return []
        rows = conn.execute(
            select(OUTBOX.c.contact_id)
            .join(CONTACTS, CONTACTS.c.id == OUTBOX.c.contact_id)
            .outerjoin(LANES, LANES.c.contact_id == OUTBOX.c.contact_id)
            .where(
                _waiting(now),
                CONTACTS.c.channel == channel,
                or_(
                    LANES.c.contact_id.is_(None),
                    and_(
                        LANES.c.closed_at.is_(None),
                        or_(LANES.c.until.is_(None), LANES.c.until < now),
                        LANES.c.not_before <= now,
                    ),
                ),
                *(() if self.channels[channel].window is None else (_open_or_to_knock(now),)),
            )
            .group_by(OUTBOX.c.contact_id)
            .order_by(func.min(OUTBOX.c.due_at))
            .limit(1 if pause is not None else most)
        )
        return [row.contact_id for row in rows]

    def step(self, conn: Connection, asked: list[Take | Ended]) -> list[Due | None]:
        """Take lanes and write down how sends ended; what comes next in each of them, None where nothing does."""
        return _Step(self, conn, asked).run()

    def step_blindly(self, conn: Connection, asked: Take | Ended) -> Due | None:
        """As `step` for one where that failed: what ended is written down, what comes next is not looked at."""
        if isinstance(asked, Ended):
            _Step(self, conn, [asked]).run(looking=False)
        return None


def _waiting(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    return and_(
        OUTBOX.c.due_at <= now, OUTBOX.c.seq > 0, OUTBOX.c.gave_up_at.is_(None), OUTBOX.c.sent_at.is_(None)
    )  # fmt: skip


# Each knock is written down, taken or not, together with `knocked_at`; a status may change its row later.
_KNOCK_FAILED = (
    select(DELIVERIES.c.contact_id)
    .where(
        DELIVERIES.c.contact_id == LANES.c.contact_id,
        DELIVERIES.c.part == KNOCK,
        DELIVERIES.c.status == "failed",
        DELIVERIES.c.at >= LANES.c.knocked_at,
    )
    .exists()
)


def _open_or_to_knock(now: datetime) -> ColumnElement[bool]:
    return or_(
        CONTACTS.c.window_until.is_(None),
        CONTACTS.c.window_until > now,
        LANES.c.knocked_at.is_(None),
        LANES.c.knocked_at < CONTACTS.c.window_until,
        and_(
            LANES.c.knocked_at <= now - KNOCK_AGAIN,
            or_(
                OUTBOX.c.due_at > LANES.c.knocked_at,
                and_(OUTBOX.c.due_at > now - KNOCK_FOR, _KNOCK_FAILED.correlate(LANES)),
            ),
        ),
    )


_HOLDERS = (
    select(CONTACTS.c.id, CONTACTS.c.channel)
    .where(CONTACTS.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(CONTACTS.c.address_index)
    .with_for_update(read=True, key_share=True)
)
_LANES = (
    select(LANES.c.contact_id, LANES.c.fence, LANES.c.until, LANES.c.not_before, LANES.c.closed_at)
    .where(LANES.c.contact_id.in_(bindparam("ids", expanding=True)))
    .order_by(LANES.c.contact_id)
    .with_for_update()
)
_OURS = (
    update(LANES)
    .where(LANES.c.contact_id.in_(bindparam("ids", expanding=True)))
    .values(owner=bindparam("worker"), fence=LANES.c.fence + 1, until=bindparam("end"))
)
_OVER = (
    update(LANES)
    .where(
        LANES.c.contact_id.in_(bindparam("ids", expanding=True)),
        ~select(OUTBOX.c.id).where(OUTBOX.c.contact_id == LANES.c.contact_id, _waiting(bindparam("now"))).exists(),
    )
    .values(until=None)
    .returning(LANES.c.contact_id)
)
_LONGER = update(LANES).where(LANES.c.contact_id.in_(bindparam("ids", expanding=True))).values(until=bindparam("end"))
_GONE = delete(OUTBOX).where(OUTBOX.c.id.in_(bindparam("ids", expanding=True)))
_KEPT = update(OUTBOX).where(OUTBOX.c.id.in_(bindparam("ids", expanding=True))).values(sent_at=bindparam("at"))
_PAUSED = select(PAUSES.c.channel, PAUSES.c.not_before)
_HEADS = (
    select(OUTBOX.c.contact_id, func.min(OUTBOX.c.seq).label("seq"), func.max(OUTBOX.c.due_at).label("newest"))
    .where(OUTBOX.c.contact_id.in_(bindparam("ids", expanding=True)), _waiting(bindparam("now")))
    .group_by(OUTBOX.c.contact_id)
    .subquery()
)
_NEXT = (
    select(
        OUTBOX, _HEADS.c.newest, CONTACTS.c.channel, CONTACTS.c.data_key, CONTACTS.c.address, CONTACTS.c.window_until,
        LANES.c.knocked_at,
    )
    .join(_HEADS, and_(OUTBOX.c.contact_id == _HEADS.c.contact_id, OUTBOX.c.seq == _HEADS.c.seq))
    .join(CONTACTS, CONTACTS.c.id == OUTBOX.c.contact_id)
    .join(LANES, LANES.c.contact_id == OUTBOX.c.contact_id)
)  # fmt: skip
_LAST_KNOCK_FAILED = select(LANES.c.contact_id).where(LANES.c.contact_id == bindparam("id"), _KNOCK_FAILED)
_PART = update(OUTBOX).where(OUTBOX.c.id == bindparam("row")).values(part=bindparam("next"))


class _Step:
    """One transaction over many lanes."""

    def __init__(self, desk: Desk, conn: Connection, asked: list[Take | Ended]) -> None:
        self.desk, self.conn, self.asked = desk, conn, asked
        self.since = time.monotonic()  # before the lease's own beginning
        self.now = database_now(conn)
        self.ended = {one.due.contact_id: one for one in asked if isinstance(one, Ended)}
        self.wanted = {one.contact_id for one in asked if isinstance(one, Take)} - set(self.ended)
        self.holders: dict[uuid.UUID, str] = {}  # channels of those whose lane is asked for
        self.lanes: dict[uuid.UUID, Any] = {}  # rows
        self.pauses: dict[str, datetime] = {}
        self.fences: dict[uuid.UUID, int] = {}  # lanes that are ours from here on
        self.free: set[uuid.UUID] = set()  # lanes to be given back

    def run(self, *, looking: bool = True) -> list[Due | None]:
        ids = [*self.wanted, *self.ended]
        # on SQLite nobody else writes: only the channel of those who are new here has to be read
        holders = list(self.wanted) if self.conn.dialect.name == "sqlite" else ids
        if holders:
            self.holders = {row.id: row.channel for row in among(self.conn, _HOLDERS, ids=holders)}
        self.pauses = {row.channel: row.not_before for row in among(self.conn, _PAUSED)}
        self._read_lanes(ids)
        if self.ended:
            self._mark()
        if self.wanted:
            self._take()
        next_ones = self._next() if looking else {}
        self.free |= self.fences.keys() - next_ones.keys()
        self._set_end(self.free, None)
        self._set_end(next_ones.keys() & self.ended.keys(), self.now + LEASE)
        result: list[Due | None] = []
        for one in self.asked:
            contact_id = one.contact_id if isinstance(one, Take) else one.due.contact_id
            result.append(next_ones.pop(contact_id, None))  # asked twice at once, it is given once
        return result

    # ------------------------------------------------------------ taking

    def _read_lanes(self, ids: list[uuid.UUID]) -> None:
        self.lanes = {row.contact_id: row for row in among(self.conn, _LANES, ids=ids)}
        missing = sorted(self.wanted & self.holders.keys() - self.lanes.keys())
        if missing:
            self.conn.execute(
                insert_into(self.conn.dialect.name, LANES).on_conflict_do_nothing(),
                [{"contact_id": contact_id, "fence": 0, "not_before": self.now} for contact_id in missing],
            )
            self.lanes.update({row.contact_id: row for row in among(self.conn, _LANES, ids=missing)})

    def _take(self) -> None:
        pauses = dict(self.pauses)
        for contact_id in self.wanted & self.holders.keys():
            lane, channel = self.lanes.get(contact_id), self.holders[contact_id]
            if lane is None or channel not in self.desk.channels or not self._is_free(lane):
                continue
            if pauses.get(channel, self.now) > self.now:
                continue
            if channel in pauses:
                pauses[channel] = self.now + LEASE  # one lane tries; the others wait for what becomes of it
            self.fences[contact_id] = lane.fence + 1
        taken = list(self.fences.keys() & self.wanted)
        among(self.conn, _OURS, ids=taken, worker=self.desk.worker, end=self.now + LEASE)

    def _is_free(self, lane: Any) -> bool:
        leased = lane.until is not None and lane.until >= self.now
        return lane.closed_at is None and not leased and lane.not_before <= self.now

    def _set_end(self, ids: Iterable[uuid.UUID], end: datetime | None) -> None:
        among(self.conn, _LONGER, ids=list(ids), end=end)

    # ------------------------------------------------------------ what comes next

    def _next(self) -> dict[uuid.UUID, Due]:
        over = among(self.conn, _OVER, ids=list(self.fences), now=self.now)  # most of them: no more is looked for there
        for row in over:
            del self.fences[row.contact_id]
        rows = among(self.conn, _NEXT, ids=list(self.fences), now=self.now)
        found = {row.contact_id: self._due(row) for row in rows}
        return {contact_id: due for contact_id, due in found.items() if due is not None}

    def _due(self, row: Row[Any]) -> Due | None:
        channel = self.desk.channels[row.channel]
        key = DataKey(self.desk.keyring.unwrap(row.data_key))
        address = key.open(row.address, "address", row.contact_id.bytes).decode()
        fence = self.fences[row.contact_id]
        due = Due(row.contact_id, fence, row.id, row.channel, address, Message(""), since=self.since)
        window = row.window_until
        if channel.window is not None and window is not None and window <= self.now:
            if not self._is_to_knock(row, window):
                return None
            message = Message("", language=self._language(row.contact_id, key))
            return replace(due, knock=True, message=message, part=KNOCK, case_message_id=row.case_message_id)
        try:
            message = _message(key.open(row.body, "outbox", row.id.bytes))
        except (Tampered, msgspec.DecodeError):
            log.error("a message in the outbox can't be read; it is set aside")  # noqa: TRY400 - nothing to add
            self._give_up(row.id)
            return None
        parts = fit(message, channel.capabilities)
        part = min(row.part, len(parts) - 1)
        return replace(
            due,
            message=parts[part],
            attempts=row.attempts,
            due_at=row.due_at,
            part=part,
            parts=len(parts),
            case_message_id=row.case_message_id,
        )

    def _is_to_knock(self, row: Row[Any], window: datetime) -> bool:
        """As `_open_or_to_knock` has it."""
        knocked = row.knocked_at
        if knocked is None or knocked < window:
            return True
        if knocked > self.now - KNOCK_AGAIN:
            return False
        if row.newest > knocked:
            return True
        return bool(row.newest > self.now - KNOCK_FOR and self.conn.scalar(_LAST_KNOCK_FAILED, {"id": row.contact_id}))

    def _language(self, contact_id: uuid.UUID, key: DataKey) -> str:
        sealed = self.conn.execute(select(CONTACTS.c.conversation).where(CONTACTS.c.id == contact_id)).scalar_one()
        return _conversation(key.open(sealed, "conversation", contact_id.bytes)).language

    # ------------------------------------------------------------ how sends ended

    def _mark(self) -> None:
        """Those whose lane is still ours; it goes on unless the outcome says that it stops."""
        ours = []
        for contact_id, one in self.ended.items():
            lane = self.lanes.get(contact_id)  # it goes with its contact
            if lane is not None and lane.fence == one.due.fence:
                ours.append(one)
        self._went([one for one in ours if isinstance(one.outcome, Sent)])
        answered = {one.due.channel for one in ours if isinstance(one.outcome, Sent | GiveUp | Blocked | Closed)}
        if over := answered & self.pauses.keys():
            self.conn.execute(delete(PAUSES).where(PAUSES.c.channel.in_(over)))
            self.pauses = {name: end for name, end in self.pauses.items() if name not in over}
        for one in ours:
            if self._goes_on(one.due, one.outcome):
                self.fences[one.due.contact_id] = one.due.fence

    def _went(self, sent: list[Ended]) -> None:
        if not sent:
            return
        gone, kept, parts, deliveries = [], [], [], []
        for one in sent:
            due, message_id = one.due, one.outcome.message_id  # type: ignore[union-attr]
            if due.knock:
                if message_id:
                    deliveries.append(self._delivery(due, message_id))
                continue
            if self.desk.channels[due.channel].reports and message_id:
                deliveries.append(self._delivery(due, message_id))
                kept.append(due.row_id)
            else:
                gone.append(due.row_id)
            if due.part + 1 < due.parts:
                parts.append({"row": due.row_id, "next": due.part + 1})
        unfinished = {part["row"] for part in parts}
        gone = [row for row in gone if row not in unfinished]
        kept = [row for row in kept if row not in unfinished]
        among(self.conn, _GONE, ids=gone)
        among(self.conn, _KEPT, ids=kept, at=self.now)
        many(self.conn, _PART, parts)
        self._deliver(deliveries)

    def _deliver(self, rows: list[dict[str, Any]]) -> None:
        if rows:
            self.conn.execute(insert_into(self.conn.dialect.name, DELIVERIES).on_conflict_do_nothing(), rows)

    def _delivery(self, due: Due, message_id: str) -> dict[str, Any]:
        return {
            "message_index": delivery_index(self.desk.keyring, due.channel, message_id),
            "contact_id": due.contact_id,
            "outbox_id": due.row_id,
            "part": due.part,
            "case_message_id": due.case_message_id,
            "status": "sent",
            "at": self.now,
        }

    def _goes_on(self, due: Due, outcome: Outcome) -> bool:
        match outcome:
            case Sent() | GiveUp() | Closed() if due.knock:
                if not isinstance(outcome, Sent):
                    log.warning("nobody can be told that a message waits: %s", type(outcome).__name__)
                    self._deliver([self._delivery(due, uuid.uuid4().hex) | {"status": "failed"}])
                self._lane(due, until=None, knocked_at=self.now)
                return False
            case Sent():
                return True
            case NotYet(after=after):
                self._lane(due, until=None, not_before=self.now + timedelta(seconds=after))
                return False
            case Retry(after=after) if not self._is_hopeless(due):
                self.conn.execute(
                    update(OUTBOX).where(OUTBOX.c.id == due.row_id).values(attempts=OUTBOX.c.attempts + 1)
                )
                self._lane(due, until=None, not_before=self.now + timedelta(seconds=after))
                return False
            case Fault():
                pause(self.conn, due.channel, outcome, self.now)
                self._lane(due, until=None)
                return False
            case Blocked():
                block(self.conn, due.contact_id, self.now)
                return False
            case Closed() if self.desk.channels[due.channel].window is not None:
                close_window(self.conn, due.contact_id, self.now)
                return True
            case _:
                self._give_up(due.row_id)
                return True

    def _is_hopeless(self, due: Due) -> bool:
        return due.attempts >= MOST_ATTEMPTS and due.due_at is not None and due.due_at <= self.now - OLD

    def _give_up(self, row_id: uuid.UUID) -> None:
        self.conn.execute(update(OUTBOX).where(OUTBOX.c.id == row_id).values(gave_up_at=self.now))

    def _lane(self, due: Due, **values: Any) -> None:
        self.conn.execute(update(LANES).where(LANES.c.contact_id == due.contact_id).values(**values))
