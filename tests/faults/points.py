"""Named points at which a process of Segin can be killed, planted from outside: no production code knows of them.

`plant("before_commit", 3)` makes the third passing of that point the process's last moment (SIGKILL, so
nothing is tidied up). A point is a function of ours, with the place in it: before it begins or after it ended.
"""

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from sqlalchemy import Connection

import bot.channels.webchat
import bot.channels.webchat.stream
import bot.deliveries
import bot.round
import bot.worker
from bot import contacts
from bot.attachments import Attachments
from bot.cases import desk, filing
from bot.channels.telegram import Telegram
from bot.channels.whatsapp import WhatsApp
from bot.dialogue import engine
from bot.inbox import Inbox
from bot.lanes import _Step
from bot.library import revisions
from bot.outbox import Lanes
from bot.round import Round
from tests.faults.push import Push


def die() -> None:
    """End here and now."""
    os.kill(os.getpid(), signal.SIGKILL)
    while True:  # the signal is on its way: nothing more may happen
        signal.pause()


@dataclass(frozen=True)
class Point:
    """`owner.name`, and where in it. `since`: it counts once whenever the same thread passed this other function."""

    owner: Any
    name: str
    before: bool
    about: str
    since: tuple[Any, str] | None = None


@dataclass(frozen=True)
class Inner:
    """As `Point`, for a function that returns the function that works in the database."""

    owner: Any
    name: str
    before: bool
    about: str


WRITTEN = (Round, "_write")

POINTS: dict[str, Point | Inner] = {
    # one message's way
    "before_the_round": Point(Inbox, "_round", before=True, about="the transaction is open, nothing was read"),
    "contacts_locked": Point(contacts, "locked", before=False, about="contacts are locked and read"),
    "newcomer_created": Point(Round, "_create_missing", before=False, about="a newcomer's row is written"),
    "acknowledged": Point(Round, "_acknowledge", before=False, about="what the page had is dropped"),
    "everything_read": Point(Round, "_waiting", before=False, about="all is read, no turn was taken"),
    "in_the_engine": Point(engine._Turn, "_come_in", before=True, about="in the midst of a turn"),
    "turn_taken": Point(Round, "_advance", before=False, about="the turn is computed"),
    "case_inserted": Point(filing.Thread, "say", before=True, about="the case is in, its story is not"),
    "case_filed": Point(filing.Filing, "open", before=False, about="case and story are in, inside the savepoint"),
    "file_kept": Point(filing, "keep", before=False, about="a voice note is stored, its turn is not"),
    "savepoint_released": Point(Round, "_speak", before=False, about="effects are done, words are chosen"),
    "before_writing": Point(Round, "_write", before=True, about="every turn is taken, none is written"),
    "everything_written": Point(Round, "_write", before=False, about="all is written, nothing is committed"),
    "before_commit": Point(Connection, "commit", before=True, about="the next step is COMMIT", since=WRITTEN),
    "while_committing": Point(Connection, "commit", before=True, about="somewhere within COMMIT", since=WRITTEN),
    "after_commit": Point(Connection, "commit", before=False, about="committed, nobody was told", since=WRITTEN),
    "before_the_200": Point(bot.channels.webchat, "_conversation", before=True, about="committed, no 200 yet"),
    "after_the_200": Point(bot.channels.webchat, "_conversation", before=False, about="the 200 has just gone out"),
    # the open page
    "stream_opened": Point(bot.channels.webchat.stream, "_wakes", before=True, about="a stream has begun"),
    "stream_writing": Point(bot.channels.webchat.stream, "as_json", before=True, about="a stream says something"),
    "stream_written": Point(bot.channels.webchat.stream, "as_json", before=False, about="the stream has just said it"),
    "seen_dropped": Inner(bot.worker, "acknowledge", before=False, about="what the page has seen is dropped"),
    # staff
    "desk_before": Point(desk.Desk, "answer", before=True, about="nothing of the answer is written"),
    "desk_thread_written": Point(filing.Thread, "say", before=False, about="the answer is in the case's thread"),
    "desk_delivered": Point(desk.Desk, "_deliver", before=False, about="and in the person's lane"),
    "desk_before_commit": Point(
        Connection, "commit", before=True, about="all of the answer, not committed", since=(desk.Desk, "answer")
    ),
    "desk_after_commit": Point(
        Connection, "commit", before=False, about="committed, staff were not told", since=(desk.Desk, "answer")
    ),
    # channels that are pushed to
    "push_leased": Point(Lanes, "lease", before=False, about="lanes are leased with the turns, not committed"),
    "push_read": Point(_Step, "_next", before=False, about="the message is read, not sent"),
    "push_before_send": Point(Push, "send", before=True, about="the next step is the send"),
    "push_after_send": Point(Push, "send", before=False, about="sent, not marked: it goes out again"),
    "push_marked": Point(_Step, "_mark", before=False, about="marked as sent, not committed: it goes out again"),
    "telegram_before_200": Point(Telegram, "_take", before=False, about="stored, Telegram was not told"),
    "telegram_before_send": Point(Telegram, "send", before=True, about="the next step is the send"),
    "telegram_after_send": Point(Telegram, "send", before=False, about="sent, not marked: it goes out again"),
    "telegram_file_there": Point(Telegram, "fetch", before=False, about="a voice note is here, not stored"),
    "whatsapp_before_200": Point(WhatsApp, "_take", before=False, about="stored, WhatsApp was not told"),
    "whatsapp_before_send": Point(WhatsApp, "send", before=True, about="the next step is the send"),
    "whatsapp_after_send": Point(WhatsApp, "send", before=False, about="sent, not marked: it goes out again"),
    "whatsapp_file_there": Point(WhatsApp, "fetch", before=False, about="a voice note is here, not stored"),
    "file_leased": Point(Attachments, "_lease", before=False, about="a fetch is leased, not committed"),
    "file_marked": Point(Attachments, "_mark", before=False, about="a file is stored, not committed"),
    "statuses_written": Point(bot.deliveries, "_round", before=False, about="statuses are written, not committed"),
    # the start
    "publishing": Point(revisions, "publish", before=False, about="the first revision is written, not committed"),
}

LATER = {"after_the_200": 0.02, "stream_written": 0.02, "while_committing": 0.0002}  # seconds after the point


def plant(name: str, passing: int) -> None:
    """The `passing`-th time this point is reached is the end."""
    point = POINTS[name]
    left = [passing]
    guard, here = threading.Lock(), threading.local()
    since = point.since if isinstance(point, Point) else None
    if since:
        setattr(*since, _around(getattr(*since), lambda: setattr(here, "passed", True), before=False))

    def reached() -> None:
        if since and not getattr(here, "passed", False):
            return
        here.passed = False
        with guard:
            left[0] -= 1
            if left[0]:
                return
        if name in LATER:
            clock = threading.Timer(LATER[name], die)
            clock.daemon = True
            clock.start()
        else:
            die()

    original = getattr(point.owner, point.name)
    put = _inner if isinstance(point, Inner) else _around
    setattr(point.owner, point.name, put(original, reached, before=point.before))


def _around(original: Callable[..., Any], reached: Callable[[], None], *, before: bool) -> Callable[..., Any]:
    if name_is_coroutine(original):

        @wraps(original)
        async def async_wrapped(*args: Any, **kwargs: Any) -> Any:
            if before:
                reached()
            result = await original(*args, **kwargs)
            if not before:
                reached()
            return result

        return async_wrapped

    @wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if before:
            reached()
        result = original(*args, **kwargs)
        if not before:
            reached()
        return result

    return wrapped


def _inner(original: Callable[..., Any], reached: Callable[[], None], *, before: bool) -> Callable[..., Any]:
    @wraps(original)
    def made(*args: Any, **kwargs: Any) -> Any:
        return _around(original(*args, **kwargs), reached, before=before)

    return made


def name_is_coroutine(function: Callable[..., Any]) -> bool:
    return bool(getattr(function, "__code__", None) and function.__code__.co_flags & 0x80)
