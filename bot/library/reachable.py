"""Where a dialogue can go: steps nobody comes to, and loops that never ask anything."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.dialogue.leading import place_of
from bot.dialogue.steps import Step
from bot.dialogue.steps.decide import Branch, CallFlow, Query, Remember
from bot.dialogue.steps.speak import End
from bot.library.flows import FlowFile
from bot.library.issues import Issue, nearest
from bot.library.load import Built
from bot.library.names import ENGINE_FLOWS, MENU, WHICH
from bot.library.phrases import targets_of
from bot.library.targets import meant

Spot = tuple[str, str]  # flow, step
MOST_STATES = 5_000  # looked at from one step; real flows have a few dozen between two questions


def check_reachable(built: Built) -> list[Issue]:
    """Steps and flows without a way to them, and loops without a question."""
    return [*_unreachable(built), *_loops(built.flows)]


def target(flow: str, way: str) -> Spot:
    """The spot a way of this flow leads to."""
    left, dot, right = way.rpartition(".")
    return (left, right) if dot else (flow, way)


# ---------------------------------------------------------------- nobody comes here


def _unreachable(built: Built) -> Iterator[Issue]:
    """Steps nobody comes to. Only the first of a row is told, and none that another mistake explains."""
    if built.unread:  # what leads out of a file that can't be read is not known
        return
    roots = [MENU, *((name, built.flows[name].flow.start) for name in (*ENGINE_FLOWS, WHICH) if name in built.flows)]
    roots += [(name, file.flow.start) for name, file in built.flows.items() if file.flow.keywords]
    flows = {name: file.flow for name, file in built.flows.items()}
    roots += [spot for one in targets_of(built.content.phrases.values()) if (spot := place_of(flows, one))]
    reached = _reach(built.flows, [*roots, *_meant(built)])
    lost_way = {issue.path for issue in built.issues if issue.sort == "no_way"}
    for name, file in built.flows.items():
        if not file.all_read or file.flow.start not in file.names or file.document.path in lost_way:
            continue
        if not any((name, step) in reached for step in file.flow.steps):
            yield file.document.issue("unreachable_flow", "title", key=name)
            reached |= _reach(built.flows, [(name, file.flow.start)])
        alone = [step for step in file.flow.steps if (name, step) not in reached]
        led_to = {step: _reach(built.flows, [(name, step)]) for step in alone}
        for step in alone:
            spot = (name, step)
            if spot not in reached and not any(
                spot in behind and (name, other) not in led_to[step] for other, behind in led_to.items()
            ):
                yield file.issue("unreachable", step, key=step)
                reached |= led_to[step]


def _meant(built: Built) -> Iterator[Spot]:
    """Where ways lead that can't be followed: those with a slip in the name, and those of steps not read."""
    for name, file in built.flows.items():
        for step in file.flow.steps.values():
            for way in step.exits().values():
                flow, spot = target(name, way)
                there = flow in built.flows and spot in built.flows[flow].names
                near = meant(built.flows, file, way) if way and not there else ""
                if near:
                    yield target(name, near)
            if isinstance(step, CallFlow) and step.call not in built.flows:
                near = nearest(step.call, list(built.flows))
                yield near, built.flows[near].flow.start if near else ""
        if file.flow.start not in file.names:
            yield name, nearest(file.flow.start, list(file.names))
        unread = [file.raw(step) for step in file.names - set(file.flow.steps)]
        for raw in [*unread, *file.document.dropped]:
            yield from _ways_in(built, name, raw)


def _ways_in(built: Built, flow: str, raw: object) -> Iterator[Spot]:
    """The ways in something an editor wrote that was not read as steps."""
    entries = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    for key, value in entries:
        if key == "call" and isinstance(value, str) and value in built.flows:
            yield value, built.flows[value].flow.start
        elif key in ("go", "else", "none") and isinstance(value, str):
            yield target(flow, value)
        else:
            yield from _ways_in(built, flow, value)


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
        if step is not None and (step.passing() or not step.WAITS):
            stack += [(after, (*path, state.where)) for after in _next(flows, state, step)]


def _next(flows: Mapping[str, FlowFile], state: _State, step: Step) -> Iterator[_State]:
    flow = state.spot[0]
    if isinstance(step, CallFlow | End):
        yield from _on_the_stack(flows, state, step)
        return
    if isinstance(step, Remember):
        state = state.forget(set(step.remember))
    if isinstance(step, Query):
        state = state.forget(set(step.saves()))
    ways = step.passing() if step.WAITS else step.exits()
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
