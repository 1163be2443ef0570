"""Gathering: what is asked while a transaction runs is done together in the next one. Many questions, one commit.

The writer takes what waits when it begins, so a batch forms by itself and is as large as the wait was long. The
inbox's rounds are such batches, and taking lanes, marking what was sent, statuses.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar, cast

from sqlalchemy import Connection

from bot.round import place_of
from storage import Store
from storage import Unavailable as StorageUnavailable
from storage.engines import alone, trouble

log = logging.getLogger(__name__)

A = TypeVar("A")
R = TypeVar("R")
T = TypeVar("T")

Asked = tuple[A, asyncio.Future[R]]

TOGETHER = 256  # at most


class Gather(Generic[A, R]):
    """`work` answers many questions in one transaction, one answer each, in their order.

    Where it raises, the questions are halved until the faulty one stands alone: `last`, if there is one, answers that;
    else it gets the error. Of questions with the same `key` one is taken at a time, in their order. `committed` is
    told the answers of a batch.
    """

    def __init__(
        self,
        store: Store,
        work: Callable[[Connection, list[A]], list[R]],
        *,
        lane: int = 0,
        most: int = TOGETHER,
        key: Callable[[A], Hashable] | None = None,
        last: Callable[[Connection, A], R] | None = None,
        committed: Callable[[list[R]], None] = lambda _: None,
    ) -> None:
        self._store, self._work, self._lane, self._most = store, work, lane, most
        self._key, self._last, self._committed = key, last, committed
        self._waiting: deque[Asked[A, R]] = deque()  # filled by the event loop's thread, emptied by the writer's
        self._asked = False  # the writer will take what waits
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, question: A) -> R:
        """The answer, once it is committed. Raises `storage.Unavailable`, or what `work` raised for it."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        self._ask_writer()
        return await answer

    def _ask_writer(self) -> None:
        if not self._asked:
            self._asked = True
            task = asyncio.create_task(self._take())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _take(self) -> None:
        """One batch. The next may be asked for as soon as the writer has begun with this one."""
        taken: list[Asked[A, R]] = []

        def work(conn: Connection) -> list[R | Exception]:
            self._asked = False  # before what waits is taken: whoever comes from here on asks again
            taken.extend(self._next())
            return self._answers(conn, [question for question, _ in taken])

        try:
            answers = await self._store.run(work, self._lane, shared=True)
        except Exception as error:  # noqa: BLE001 - those who wait are told
            if not isinstance(error, StorageUnavailable):
                log.critical("a batch is lost: %s", place_of(error))
            if not taken:  # it did not come so far
                self._asked = False
                taken.extend(self._next())
            answers = [error] * len(taken)
        _tell(taken, answers)
        if self._waiting:  # more than fitted
            self._ask_writer()
        if done := [answer for answer in answers if not isinstance(answer, Exception)]:
            try:
                self._committed(done)
            except Exception as error:  # noqa: BLE001 - it is stored
                log.error("after a commit: %s", place_of(error))  # noqa: TRY400 - no content in logs

    def _next(self) -> list[Asked[A, R]]:
        taken: list[Asked[A, R]] = []
        later: list[Asked[A, R]] = []
        keys: set[Hashable] = set()
        while self._waiting and len(taken) < self._most:
            one = self._waiting.popleft()
            if self._key is not None and (key := self._key(one[0])) in keys:
                later.append(one)
                continue
            if self._key is not None:
                keys.add(key)
            taken.append(one)
        self._waiting.extendleft(reversed(later))
        return taken

    def _answers(self, conn: Connection, questions: list[A]) -> list[R | Exception]:
        if not questions:
            return []
        found = _tried(conn, lambda: self._work(conn, questions))
        if not isinstance(found, Exception):
            return cast("list[R | Exception]", found)
        if len(questions) > 1:  # one faulty row must not stop the others
            half = len(questions) // 2
            return self._answers(conn, questions[:half]) + self._answers(conn, questions[half:])
        log.error("set aside: %s", place_of(found))
        if self._last is None:
            return [found]
        last = self._last
        answer = _tried(conn, lambda: last(conn, questions[0]))
        if isinstance(answer, Exception):
            log.critical("can't even be set aside: %s", place_of(answer))
        return [answer]


def _tried(conn: Connection, what: Callable[[], T]) -> T | Exception:
    """What it gives, or the error for which it alone was undone. Raises what undoes the whole transaction."""
    try:
        with alone(conn):
            return what()
    except StorageUnavailable:
        raise
    except Exception as error:
        if trouble(error) is not None:
            raise
        return error


def _tell(taken: list[Asked[A, R]], answers: list[R | Exception]) -> None:
    for (_, future), answer in zip(taken, answers, strict=True):
        if future.done():  # whoever asked is gone
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
