"""Floods are slowed down; nobody is locked out (a restricted complaint is never rate-limited away).

Kept in memory, per worker: a flood costs nothing to remember, and a restart forgives it.
"""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

MINUTE = 60
REMEMBERED = 10_000  # keys; beyond that, those not heard of for longest count as never seen


class Flood:
    """`per_minute` at once, then one more every 60 / `per_minute` seconds, for each key."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        # key → what is left, when it was counted; the least recently heard of first. Who goes on asking stays,
        # so a heap of other keys forgives nobody who is being slowed down.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> int:
        """Whole seconds until `key` may go on; 0 and counted when it may now."""
        now = self._clock()
        left = self._refilled(key, now)
        taken = left >= 1
        self._left[key] = (left - 1 if taken else left, now)
        self._left.move_to_end(key)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        return 0 if taken else math.ceil((1 - left) * MINUTE / self._per_minute)

    def _refilled(self, key: str, now: float) -> float:
        left, counted = self._left.get(key, (float(self._per_minute), now))
        return min(float(self._per_minute), left + (now - counted) * self._per_minute / MINUTE)


def place_of(address: str | None) -> str:
    """What to count an address under: itself, or its /64, as one household or phone has a whole /64 of IPv6.

    Empty for what is no address (a proxy may write "unknown"; a Unix socket has none).
    """
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
