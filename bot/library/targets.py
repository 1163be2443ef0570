"""What a dialogue would break on: ways that lead nowhere, rules and flows that are not there."""

from collections.abc import Collection, Iterator, Mapping

from bot.dialogue.steps.decide import CallFlow
from bot.library.conditions import check_conditions
from bot.library.flows import FlowFile, exit_place
from bot.library.issues import Issue, found, nearest, quoted
from bot.library.names import ENGINE_FLOWS, MENU, REFERENCES
from bot.library.reading import Where


def check_targets(flows: Mapping[str, FlowFile], unread: Collection[str]) -> list[Issue]:
    """Issues that keep a library from being used at all. Ways into `unread` flows are left alone."""
    targets = _Targets(flows, unread)
    issues = [issue for file in flows.values() for issue in targets.issues(file)]
    issues += [
        found("engine_flow", f"flows/{name}.yaml", 1, name)
        for name in ENGINE_FLOWS
        if name not in flows and name not in unread
    ]
    name, menu = MENU
    if name in flows:
        main = flows[name]
        if menu not in main.names:
            issues.append(main.document.issue("missing_step", "steps", key=menu))
        elif menu in main.flow.steps and not main.flow.steps[menu].WAITS:
            issues.append(main.issue("menu_waits", menu))
    return issues


class _Targets:
    def __init__(self, flows: Mapping[str, FlowFile], unread: Collection[str]) -> None:
        self.flows = flows
        self.unread = unread

    def issues(self, file: FlowFile) -> Iterator[Issue]:
        flow = file.flow
        if flow.start not in file.names:
            near = nearest(flow.start, list(file.names))
            yield file.document.issue("missing_step", "start", key=flow.start, near=near)
        for name, step in flow.steps.items():
            for key, target in step.exits().items():
                place = exit_place(file.document, name, key, "go")
                if not place and "go" in file.raw(name):
                    place = ("go",)
                yield from self._target(file, name, place, target)
            if isinstance(step, CallFlow) and step.call not in {*self.flows, *self.unread}:
                near = nearest(step.call, list(self.flows))
                yield file.issue("missing_flow", name, "call", key=step.call, near=near)
            yield from check_conditions(file.document, ("steps", name), file.raw(name))
            yield from _references(file, name)

    def _target(self, file: FlowFile, step: str, place: Where, target: str) -> Iterator[Issue]:
        """A way that leads nowhere."""
        flow_name, dot, step_name = target.rpartition(".")
        if not target:
            entry: object = file.raw(step)
            for part in place:
                entry = entry[part]  # type: ignore[index]
            name = str(entry.get("key", step)) if isinstance(entry, dict) else step
            yield file.issue("no_way", step, *place, key=name)
        elif not dot and target not in file.names:
            yield file.issue("missing_step", step, *place, key=target, near=meant(self.flows, file, target))
        elif dot and flow_name not in {*self.flows, *self.unread}:
            yield file.issue("missing_flow", step, *place, key=flow_name, near=meant(self.flows, file, target))
        elif dot and flow_name in self.flows and step_name not in self.flows[flow_name].names:
            yield file.issue("missing_step", step, *place, key=target, near=meant(self.flows, file, target))


def meant(flows: Mapping[str, FlowFile], file: FlowFile, target: str) -> str:
    """Where a way that leads nowhere was probably to lead; "" when nothing is close."""
    flow_name, dot, step_name = target.rpartition(".")
    if not dot:
        return f"{target}.{flows[target].flow.start}" if target in flows else nearest(target, list(file.names))
    if flow_name not in flows:
        near = nearest(flow_name, list(flows))
        return near and f"{near}.{step_name}"
    other = flows[flow_name]
    near = nearest(step_name, list(other.names)) or ("" if step_name else other.flow.start)
    return near and f"{flow_name}.{near}"


def _references(file: FlowFile, step: str) -> Iterator[Issue]:
    """`{from: answer}` and `{receipt: answer}` have that one word and nothing else."""
    raw = file.raw(step)
    places: list[tuple[Where, str, object]] = [((key,), word, raw.get(key)) for key, word in REFERENCES.items()]
    facts = raw.get("remember")
    places += [
        (("remember", fact), "from", value) for fact, value in (facts if isinstance(facts, dict) else {}).items()
    ]
    for where, word, value in places:
        if not isinstance(value, dict):
            continue
        for key in value:
            if key != word:
                yield file.issue("unknown_key", step, *where, key, key=key, near=word, known=quoted([word]))
        if not value:
            yield file.issue("missing_key", step, *where, key=word, of=f" à l'étape « {step} »")
