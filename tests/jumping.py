"""A clock that jumps: hours pass in seconds, and how busy the machine is doesn't count.

with jumping() as loop:
    slowly(loop, channel, "send")  # time stands still while it is under way
    loop.run_until_complete(…)
"""

import asyncio
import selectors
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

QUIET = 0.001  # seconds without anything: now the clock may jump


@contextmanager
def jumping() -> Iterator["Jumping"]:
    """The event loop, with its clock."""
    loop = Jumping()
    asyncio.set_event_loop(loop)
    try:
        yield loop
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        asyncio.set_event_loop(None)
        loop.close()


class Jumping(asyncio.SelectorEventLoop):
    """Its time stands still while anything happens; `busy` counts what happens elsewhere (a line, a thread)."""

    def __init__(self) -> None:
        self.now, self.busy = 1000.0, 0
        super().__init__(Selector(self))

    def time(self) -> float:
        return self.now

    @contextmanager
    def at_work(self):
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1


class Selector(selectors.DefaultSelector):
    def __init__(self, loop: Jumping) -> None:
        super().__init__()
        self.loop = loop

    def select(self, timeout: float | None = None):
        if timeout is not None and timeout <= 0:
            return super().select(0)
        found = super().select(0.05 if self.loop.busy else QUIET)
        if not found and not self.loop.busy and timeout is not None:
            self.loop.now += timeout
        return found


def slowly(loop: Jumping, owner: Any, name: str) -> None:
    """Time stands still while this is under way."""
    original = getattr(owner, name)

    async def watched(*given, **more):
        with loop.at_work():
            return await original(*given, **more)

    setattr(owner, name, watched)
