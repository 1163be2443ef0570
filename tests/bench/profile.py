"""Where one turn's time goes: sections of the code are timed from outside, each without those inside it.

A profiler that looks at every call makes cheap calls look dear; these are some thirty functions, timed by the
CPU clock of their thread (about 0.3 µs a look). What lies between them is the rest of its thread.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

from sqlalchemy import Connection

import bot.channels.webchat
import bot.contacts
import bot.inbox
import bot.round
from bot.cases import filing
from bot.channels.webchat import WebChat
from bot.gather import Gather
from bot.inbox import Inbox
from bot.lanes import Desk
from bot.library.shelf import Shelf
from bot.outbox import Lanes
from bot.round import Round
from storage.crypto import DataKey, KeyRing
from storage.store import _Line

LOOP, WRITER = "event loop", "writer"
REST = {
    LOOP: "HTTP and asyncio: the rest of the event loop's thread",
    WRITER: "the round itself: the rest of its thread",
}

# (section, owner, name): a row of the table may gather several functions
SECTIONS: list[tuple[str, Any, str]] = [
    ("the request: cookie, page, flood", WebChat, "_must_be_our_page"),
    ("the request: cookie, page, flood", WebChat, "_token"),
    ("the request: cookie, page, flood", WebChat, "_must_not_flood"),
    ("decode", bot.channels.webchat.reading, "_read_json"),
    ("blind indexes", KeyRing, "index"),
    ("the answer: JSON, headers, cookie", bot.channels.webchat, "_conversation"),
    ("the answer: JSON, headers, cookie", bot.channels.webchat, "_answer"),
    ("the answer: JSON, headers, cookie", WebChat, "_keep"),
    ("forming rounds", Gather, "_next"),
    ("begin", _Line, "_begin"),
    ("read: revision", Shelf, "current"),
    ("read: heard before?", Round, "_seen"),
    ("read: contacts", bot.contacts, "locked"),
    ("read: what waits", Round, "_waiting"),
    ("unwrap and open", bot.contacts, "of_row"),
    ("unwrap and open", DataKey, "open"),
    ("engine", bot.round.engine, "advance"),
    ("effects: cases", filing.Filing, "open"),
    ("effects: cases", filing.Filing, "add"),
    ("wording", bot.round, "word"),
    ("seal", DataKey, "seal"),
    ("write: what was acknowledged", Round, "_acknowledge"),
    ("write: newcomers", Round, "_create_missing"),
    ("write: heard, contacts, outbox", Round, "_write"),
    ("lanes: leased by the round", Lanes, "lease"),
    ("lanes: marks, and what comes next", Desk, "step"),
    ("one message: what is around its turn", Round, "_one"),
    ("one message: carried out", Round, "_carry_out"),
    ("commit", Connection, "commit"),
]


class Profile:
    """Adds up CPU and wall time by section."""

    def __init__(self) -> None:
        self._open = threading.local()
        self._cpu: Counter[tuple[str, str]] = Counter()
        self._wall: Counter[tuple[str, str]] = Counter()
        self._calls: Counter[tuple[str, str]] = Counter()
        self._clocks: dict[int, tuple[str, int]] = {}  # thread → its name here, its CPU clock
        self._before: dict[int, int] = {}
        self._turns = self._rounds = 0

    def plant(self) -> None:
        for section, owner, name in SECTIONS:
            setattr(owner, name, self._timed(section, getattr(owner, name)))
        self._count_turns()

    def begin(self) -> None:
        """From here on it counts."""
        for counter in (self._cpu, self._wall, self._calls):
            counter.clear()
        self._turns = self._rounds = 0
        self._before = {thread: time.clock_gettime_ns(clock) for thread, (_, clock) in self._clocks.items()}

    def _count_turns(self) -> None:
        original = Inbox._round

        @wraps(original)
        def counted(inbox: Inbox, conn: Connection, entries: list[Any]) -> Any:
            self._turns += len(entries)
            self._rounds += 1
            return original(inbox, conn, entries)

        Inbox._round = counted  # type: ignore[method-assign]

    def _timed(self, section: str, original: Callable[..., Any]) -> Callable[..., Any]:
        cpu, wall, local = time.thread_time_ns, time.perf_counter_ns, self._open

        @wraps(original)
        def timed(*args: Any, **kwargs: Any) -> Any:
            try:
                inside = local.inside
            except AttributeError:
                inside = local.inside = [[0, 0]]
                local.name = self._meet()
            inside.append([0, 0])
            cpu_before, wall_before = cpu(), wall()
            try:
                return original(*args, **kwargs)
            finally:
                cpu_took, wall_took = cpu() - cpu_before, wall() - wall_before
                cpu_inside, wall_inside = inside.pop()
                inside[-1][0] += cpu_took
                inside[-1][1] += wall_took
                key = (local.name, section)
                self._cpu[key] += cpu_took - cpu_inside
                self._wall[key] += wall_took - wall_inside
                self._calls[key] += 1

        return timed

    def _meet(self) -> str:
        thread = threading.current_thread()
        others = WRITER if "writer" in thread.name else "readers"
        name = LOOP if thread is threading.main_thread() else others
        ident = threading.get_ident()
        self._clocks[ident] = (name, time.pthread_getcpuclockid(ident))
        return name

    def end(self) -> dict[str, Any]:
        """µs a turn, by thread and section."""
        turns = max(1, self._turns)
        rows = [
            (thread, section, cpu / turns / 1000, self._wall[thread, section] / turns / 1000)
            for (thread, section), cpu in self._cpu.items()
        ]
        for name, rest in REST.items():
            threads = [(ident, clock) for ident, (one, clock) in self._clocks.items() if one == name]
            whole = sum(time.clock_gettime_ns(clock) - self._before.get(ident, 0) for ident, clock in threads)
            sections = sum(cpu for (one, _), cpu in self._cpu.items() if one == name)
            rows.append((name, rest, (whole - sections) / turns / 1000, 0.0))
        return {"turns": turns, "rounds": self._rounds, "rows": rows}
