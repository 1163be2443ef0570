"""Floods are slowed down; nobody is locked out (a restricted complaint is never rate-limited away).

Kept in memory, per worker: a flood costs nothing to remember, and a restart forgives it.
"""

import math
import time
from collections.abc import Callable

MINUTE = 60
FORGET_ABOVE = 10_000  # keys; those with a full allowance are dropped, they count as never seen


class Flood:
    """`per_minute` at once, then one more every 60 / `per_minute` seconds, for each key."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}  # key → what is left, when it was counted

    def wait(self, key: str) -> int:
        """Whole seconds until `key` may go on; 0 and counted when it may now."""
        now = self._clock()
        if len(self._left) > FORGET_ABOVE:
            self._forget(now)
        left = self._refilled(key, now)
        if left < 1:
            return math.ceil((1 - left) * MINUTE / self._per_minute)
        self._left[key] = (left - 1, now)
        return 0

    def _refilled(self, key: str, now: float) -> float:
        left, counted = self._left.get(key, (float(self._per_minute), now))
        return min(float(self._per_minute), left + (now - counted) * self._per_minute / MINUTE)

    def _forget(self, now: float) -> None:
        self._left = {key: kept for key, kept in self._left.items() if now - kept[1] < MINUTE}
        if len(self._left) > FORGET_ABOVE:
            # Ten thousand keys within a minute: memory comes before fairness.
            self._left.clear()
