"""Where a dialogue can go: steps nobody comes to, and loops that never ask anything."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.dialogue.steps import Step
from bot.dialogue.steps.decide import Branch, CallFlow, Query, Remember
from bot.dialogue.steps.speak import End
from bot.library.flows import FlowFile
from bot.library.issues import Issue
from bot.library.load import Built
from bot.library.names import ENGINE_FLOWS, MENU

Spot = tuple[str, str]  # flow, step
MOST_STATES = 5_000  # looked at from one step; real flows have a few dozen between two questions


def check_paths(built: Built) -> list[Issue]:
    """Steps and flows without a way to them, and loops without a question."""
    return [*_unreachable(built), *_loops(built.flows)]


def target(flow: str, way: str) -> Spot:
    """The spot a way of this flow leads to."""
    left, dot, right = way.rpartition(".")
    return (left, right) if dot else (flow, way)


# ---------------------------------------------------------------- nobody comes here


def _unreachable(built: Built) -> Iterator[Issue]:
    if built.unread:  # what leads out of a file that can't be read is not known
        return
    roots = [MENU, *((name, _start(built, name)) for name in ENGINE_FLOWS if name in built.flows)]
    roots += [(name, file.flow.start) for name, file in built.flows.items() if file.flow.keywords]
    reached = _reach(built.flows, roots)
    for name, file in built.flows.items():
        if file.names != set(file.flow.steps) or file.flow.start not in file.names:
            continue
        if not any((name, step) in reached for step in file.flow.steps):
            yield file.document.issue("unreachable_flow", "title", key=name)
            reached |= _reach(built.flows, [(name, file.flow.start)])
        for step in file.flow.steps:
            if (name, step) not in reached:
                yield file.issue("unreachable", step, key=step)


def _start(built: Built, name: str) -> str:
    return built.flows[name].flow.start


def _reach(flows: Mapping[str, FlowFile], roots: list[Spot]) -> set[Spot]:
    reached: set[Spot] = set()
    waiting = list(roots)
    while waiting:
        flow, name = spot = waiting.pop()
        step = flows[flow].flow.steps.get(name) if flow in flows else None
        if step is None or spot in reached:
            continue
        reached.add(spot)
        waiting += [target(flow, way) for way in step.exits().values()]
        if isinstance(step, CallFlow) and step.call in flows:
            waiting.append((step.call, flows[step.call].flow.start))
    return reached


# ---------------------------------------------------------------- loops without a question

Fact = tuple[str, str, str]  # flow ("" for rules), name, value: one part of a condition


@dataclass(frozen=True, slots=True)
class _State:
    """Where a turn is, with the calls under way and what the branches behind it took for granted."""

    spot: Spot
    calls: tuple[Spot, ...] = ()  # where each call under way goes on
    true: frozenset[Fact] = frozenset()
    false: frozenset[frozenset[Fact]] = frozenset()

    @property
    def where(self) -> tuple[Spot, tuple[Spot, ...]]:
        return self.spot, self.calls

    def assume(self, condition: Mapping[str, object], *, holds: bool) -> "_State | None":
        """None when that contradicts what was taken for granted before."""
        flow = self.spot[0]
        parts = frozenset(("" if name == "rule" else flow, name, str(value)) for name, value in condition.items())
        true, false = (self.true | parts, self.false) if holds else (self.true, self.false | {parts})
        if any(one <= true for one in false):
            return None
        return _State(self.spot, self.calls, true, false)

    def forget(self, names: set[str]) -> "_State":
        """After facts changed: what was said of them, and of rules, may be otherwise now."""
        names = names | {"rule"}
        return _State(
            self.spot,
            self.calls,
            frozenset(fact for fact in self.true if fact[1] not in names),
            frozenset(one for one in self.false if not any(fact[1] in names for fact in one)),
        )

    def go(self, spot: Spot, calls: tuple[Spot, ...] | None = None) -> "_State":
        return _State(spot, self.calls if calls is None else calls, self.true, self.false)


def _loops(flows: Mapping[str, FlowFile]) -> Iterator[Issue]:
    told: set[frozenset[Spot]] = set()
    for name, file in flows.items():
        for step in file.flow.steps:
            for cycle in _cycles(flows, (name, step)):
                if frozenset(cycle) in told:
                    continue
                told.add(frozenset(cycle))
                here = min(cycle, key=lambda spot: (spot[0] != name, file.document.line("steps", spot[1])))
                place = cycle.index(here)
                ring = [*cycle[place:], *cycle[:place], here]
                shown = " → ".join(one if flow == name else f"{flow}.{one}" for flow, one in ring)
                yield flows[here[0]].issue("loop", here[1], key=shown)


def _cycles(flows: Mapping[str, FlowFile], start: Spot) -> Iterator[list[Spot]]:
    """Rings of steps that a turn beginning here would go round for ever."""
    seen: set[_State] = set()
    stack: list[tuple[_State, tuple[tuple[Spot, tuple[Spot, ...]], ...]]] = [(_State(start), ())]
    while stack and len(seen) < MOST_STATES:
        state, path = stack.pop()
        if state.where in path:
            yield [spot for spot, _ in path[path.index(state.where) :]]
            continue
        if state in seen:
            continue
        seen.add(state)
        step = flows[state.spot[0]].flow.steps.get(state.spot[1]) if state.spot[0] in flows else None
        if step is not None and not step.WAITS:
            stack += [(after, (*path, state.where)) for after in _next(flows, state, step)]


def _next(flows: Mapping[str, FlowFile], state: _State, step: Step) -> Iterator[_State]:
    flow = state.spot[0]
    if isinstance(step, CallFlow | End):
        yield from _on_the_stack(flows, state, step)
        return
    if isinstance(step, Remember):
        state = state.forget(set(step.remember))
    if isinstance(step, Query):
        state = state.forget({step.save_as})
    ways = step.exits()
    for key, way in ways.items():
        after: _State | None = state
        if isinstance(step, Branch):
            after = _taken(state, step, key)
        if after is not None and way:
            spot = target(flow, way)
            yield after.go(spot, () if "." in way else None)


def _on_the_stack(flows: Mapping[str, FlowFile], state: _State, step: CallFlow | End) -> Iterator[_State]:
    """The states after a call, a return or a restart."""
    flow, calls = state.spot[0], state.calls
    if isinstance(step, CallFlow):
        if step.call in flows and len(calls) < len(flows):
            yield state.go((step.call, flows[step.call].flow.start), (*calls, target(flow, step.go)))
    elif calls and step.end == "return":
        yield state.go(calls[-1], calls[:-1])
    elif calls and step.end == "restart":
        below = calls[-1][0]
        yield state.go((below, flows[below].flow.start), calls[:-1])


def _taken(state: _State, step: Branch, key: str) -> _State | None:
    """The state when a branch went this way: its condition holds, those before it do not."""
    after: _State | None = state
    for number, way in enumerate(step.branch, 1):
        mine = key == f"way{number}"
        after = after and after.assume(way.when, holds=mine)
        if mine:
            break
    return after
