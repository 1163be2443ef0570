"""Ids made by us: known before the insert, and the same on every database.

`uuid7` (RFC 9562) tells when it was made. What belongs to an anonymous case must not tell that, so it
gets a `random_id`.
"""

import threading
import time
import uuid
from datetime import UTC, datetime, timedelta

from storage.chance import Chance

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62
_LOW_62 = (1 << 62) - 1
_CHANCE_BITS = 74  # 12 beside the version and 62 beside the variant

_lock = threading.Lock()
_last_moment = 0
_last_chance = 0
_chance = Chance(10)


def uuid7(now: datetime | None = None) -> uuid.UUID:
    """A new id, greater than every other one of this process.

    `now` is the present moment where the caller already has it (aware); otherwise the clock is read. A clock
    that steps back does not break the order: the ids then count on from the last moment seen.
    """
    global _last_moment, _last_chance  # noqa: PLW0603 one order for the whole process is the point
    moment = time.time_ns() // 1_000_000 if now is None else (now - _EPOCH) // _MILLISECOND
    with _lock:
        chance = int.from_bytes(_chance.draw(), "big")  # 80 bits
        if moment > _last_moment:
            _last_moment = moment
            # The top bit stays free, so that counting on within the millisecond has room.
            _last_chance = chance >> (80 - _CHANCE_BITS + 1)
        else:
            _last_chance += 1 + (chance & 0xFFFFFFFF)
            if _last_chance >> _CHANCE_BITS:
                _last_moment += 1
                _last_chance &= (1 << (_CHANCE_BITS - 1)) - 1
        moment, chance = _last_moment, _last_chance
    return uuid.UUID(int=moment << 80 | _VERSION | (chance >> 62) << 64 | _VARIANT | (chance & _LOW_62))


def random_id() -> uuid.UUID:
    """A new id that tells nothing, not even when it was made."""
    return uuid.uuid4()
