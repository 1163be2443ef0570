"""How many come to a step and how many answer it: counts by day, of nobody in particular.

A worker counts in memory and adds to `step_counts` every minute and when it stops; killed, it loses a minute at most.
There is no contact in it, and no time finer than a day. Steps on the way to a restricted case are not counted at all:
where a dialogue can lead to one, only the steps before it is decided are, so that no rest tells how many went on.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from bot.cases.filing import cut_to_day
from bot.dialogue.flow import Flow, Library
from bot.dialogue.model import Conversation, Turn
from bot.dialogue.steps.cases import Open
from bot.dialogue.steps.decide import CallFlow
from storage import Store, insert_into, tables
from storage import Unavailable as StorageUnavailable

log = logging.getLogger(__name__)

STEPS = tables.step_counts

EVERY = 60.0  # seconds between writes
DAY = timedelta(days=1)


def utc_now() -> datetime:
    return datetime.now(UTC)


def answered(before: Conversation, turn: Turn) -> str:
    """The step that waited before and was answered, as "flow/step"; "" where the turn answered none.

    Leaving for another flow, a call for help and going back are no answers.
    """
    if not before.frames:
        return ""
    depth, frame = len(before.frames), before.top
    name = f"{frame.flow}/{frame.step}"
    after = turn.conversation.frames
    if len(after) >= depth and after[depth - 1].flow == frame.flow:
        now = after[depth - 1]
        if now.answered and not frame.answered:
            return name
        if len(now.trail) < len(frame.trail) and now.step in frame.trail:
            return ""  # back
    on = any(passed.startswith(f"{frame.flow}/") and passed != name for passed in turn.passed)
    return name if on else ""


def countable(library: Library) -> frozenset[str]:
    """The steps that may be counted, as "flow/step"."""
    guarded = {flow.name: steps for flow in library.flows.values() if (steps := _undecided(flow, library)) is not None}
    counted = {f"{flow.name}/{step}" for flow in library.flows.values() for step in guarded.get(flow.name, flow.steps)}
    # nor what leads nowhere else but to steps that are not: other flows lead into them, too
    while lost := {
        name
        for name in counted
        if name.partition("/")[0] not in guarded and (ways := _ways(library, name)) and counted.isdisjoint(ways)
    }:
        counted -= lost
    return frozenset(counted)


def _ways(library: Library, name: str) -> list[str]:
    """Where a step leads, as "flow/step"; a call leads into the flow it calls."""
    flow_name, _, step_name = name.partition("/")
    flow = library.flows[flow_name]
    step = flow.steps[step_name]
    if isinstance(step, CallFlow):
        return [f"{step.call}/{library.flows[step.call].start}"] if step.call in library.flows else []
    targets = flow.ways[step_name].values()
    return [target.replace(".", "/") if "." in target else f"{flow_name}/{target}" for target in targets]


def _undecided(flow: Flow, library: Library) -> set[str] | None:
    """Of a flow that can open restricted cases: the steps from which ordinary ones can be, too. None: it can't."""
    ends: dict[str, set[bool]] = {}  # step → whether the cases that it decides on are restricted
    for name, step in flow.steps.items():
        if not isinstance(step, Open):
            continue
        if isinstance(step.category, Mapping):
            asking = [one for one in flow.steps.values() if one.save_as == step.category["from"]]
            ends |= {one.name: {_restricted(library, choice.key) for choice in one.offered()} for one in asking}
        else:
            ends[name] = {_restricted(library, step.category)}
    if not any(True in kinds for kinds in ends.values()):
        return None
    before = [
        _before(flow, {name for name, kinds in ends.items() if kind in kinds}, set(ends)) for kind in (True, False)
    ]
    return before[0] & before[1]


def _restricted(library: Library, category: str) -> bool:
    return category not in library.categories or library.categories[category].restricted


def _before(flow: Flow, ends: set[str], decided: set[str]) -> set[str]:
    """The steps from which one of these is reached, and these; no way goes on from a step that decides."""
    found = set(ends)
    while more := {row.step for row in flow.table if row.target in found and row.step not in decided} - found:
        found |= more
    return found


class StepCounts:
    """The counts of one worker, on their way to the database."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.store, self.clock = store, clock
        self._entered: Counter[tuple[datetime, str]] = Counter()
        self._answered: Counter[tuple[datetime, str]] = Counter()
        self._day = datetime.min.replace(tzinfo=UTC)
        self._library: Library | None = None
        self._countable: frozenset[str] = frozenset()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._again())

    async def stop(self) -> None:
        """Writes what is left."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.flush()

    def take(self, library: Library, passed: Iterable[str], answered: str) -> None:
        """One turn: the steps it entered, and the one it answered ("": none)."""
        if library is not self._library:
            self._library, self._countable = library, countable(library)
        day = self._today()
        for step in passed:
            if step in self._countable:
                self._entered[day, step] += 1
        if answered in self._countable:
            self._answered[day, answered] += 1

    def _today(self) -> datetime:
        """The day, the same object all day long: what is counted is found by it."""
        now = self.clock()
        if not self._day <= now < self._day + DAY:
            self._day = cut_to_day(now)
        return self._day

    async def flush(self) -> None:
        """Adds what was counted to the database; what can't be written now waits for the next time."""
        entered, went_on = self._entered, self._answered
        self._entered, self._answered = Counter(), Counter()
        if not entered and not went_on:
            return
        try:
            await self.store.run(lambda conn: add(conn, entered, went_on))
        except StorageUnavailable as error:
            log.warning("steps are counted later: %s", error)
            self._entered.update(entered)
            self._answered.update(went_on)

    async def _again(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            await self.flush()


def add(
    conn: Connection, entered: Mapping[tuple[datetime, str], int], went_on: Mapping[tuple[datetime, str], int]
) -> None:
    """Add counts by (day, "flow/step"), in one order for all workers."""
    rows = []
    for day, name in sorted(set(entered) | set(went_on)):
        flow, _, step = name.partition("/")
        counts = {"entered": entered.get((day, name), 0), "answered": went_on.get((day, name), 0)}
        rows.append({"day": day, "flow": flow, "step": step, **counts})
    statement = insert_into(conn.dialect.name, STEPS)
    more = {name: STEPS.c[name] + statement.excluded[name] for name in ("entered", "answered")}
    conn.execute(statement.on_conflict_do_update(index_elements=["day", "flow", "step"], set_=more), rows)
