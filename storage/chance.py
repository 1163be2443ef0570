"""Random bytes from the system, asked for many at a time: one question costs more than what is made of the answer."""

import os

AT_ONCE = 64


class Chance:
    """Draws of `size` bytes each. Threads may share one; none is given twice, not even to a process forked from us."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._pool: list[bytes] = []
        os.register_at_fork(after_in_child=self._pool.clear)

    def draw(self) -> bytes:
        """Bytes nobody had before."""
        try:
            return self._pool.pop()  # one step, whichever threads ask
        except IndexError:
            much = os.urandom(AT_ONCE * self._size)
        more = [much[start : start + self._size] for start in range(0, len(much), self._size)]
        mine = more.pop()
        self._pool.extend(more)
        return mine
