"""Gathering: what is asked while a transaction runs is done together in the next one. Many questions, one commit.

The same as the inbox's rounds, for work that is no turn: taking lanes, marking what was sent, statuses.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy import Connection

from bot.round import place_of
from storage import Store
from storage import Unavailable as StorageUnavailable

log = logging.getLogger(__name__)

A = TypeVar("A")
R = TypeVar("R")

TOGETHER = 256  # at most


class Gather(Generic[A, R]):
    """`work` answers many questions in one transaction, one answer each, in their order.

    Where it raises, the questions are halved until the faulty one stands alone: it gets the error.
    """

    def __init__(self, store: Store, work: Callable[[Connection, list[A]], list[R]], *, most: int = TOGETHER) -> None:
        self._store, self._work, self._most = store, work, most
        self._waiting: list[tuple[A, asyncio.Future[R]]] = []
        self._drain: asyncio.Task[None] | None = None

    async def ask(self, question: A) -> R:
        """The answer, once it is committed. Raises `storage.Unavailable`, or what `work` raised for it."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._drain is None or self._drain.done():
            self._drain = asyncio.create_task(self._go_on())
        return await answer

    async def _go_on(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            await self._take(taken)

    async def _take(self, taken: list[tuple[A, "asyncio.Future[R]"]]) -> None:
        questions = [question for question, _ in taken]
        try:
            answers = await self._store.run(lambda conn: self._work(conn, questions))
        except StorageUnavailable as error:
            _fail(taken, error)
        except Exception as error:  # noqa: BLE001 - one faulty row must not stop the others
            if len(taken) > 1:
                half = len(taken) // 2
                await self._take(taken[:half])
                await self._take(taken[half:])
            else:
                log.error("in the outbox: %s", place_of(error))  # noqa: TRY400 - no content in logs
                _fail(taken, error)
        else:
            for (_, answer), one in zip(taken, answers, strict=True):
                if not answer.done():
                    answer.set_result(one)


def _fail(taken: list[tuple[A, "asyncio.Future[R]"]], error: Exception) -> None:
    for _, answer in taken:
        if not answer.done():
            answer.set_exception(error)
