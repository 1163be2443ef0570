"""A flow's diagram, from the very table its machine runs on: the picture cannot lie.

The text is Mermaid's; most places that show Markdown draw it.
"""

from collections.abc import Iterable, Mapping

from bot.dialogue.flow import Flow, Row
from bot.dialogue.steps import Step
from bot.dialogue.steps.decide import Branch, CallFlow
from bot.dialogue.steps.speak import End

_LONGEST = 48  # letters of a text in a box
_ENDS = {"return": "retour", "restart": "recommencer", "stop": "au revoir"}
_PLAIN = {"go": "", "else": "sinon", "none": "rien trouvé"}


def mermaid(flow: Flow) -> str:
    """The flow as a Mermaid flowchart. Round boxes wait for an answer, double ones call another flow."""
    lines = ["flowchart TD", f"  start(( )) --> {_id(flow.start)}"]
    lines += [f"  {_id(name)}{_box(step)}" for name, step in flow.steps.items()]
    outside = dict.fromkeys(row.target for row in flow.table if row.leaves)
    lines += [f'  {_id(target)}[/"{_escaped(target)}"/]' for target in outside]
    for row in flow.table:
        label = _label(flow.steps[row.step], row)
        arrow = f'-->|"{_escaped(label)}"|' if label else "-->"
        lines.append(f"  {_id(row.step)} {arrow} {_id(row.target)}")
    waiting = ",".join(_id(name) for name, step in flow.steps.items() if step.WAITS)
    if waiting:
        lines += ["  classDef waits fill:#e8f4ea,stroke:#2c7a3f", f"  class {waiting} waits"]
    return "\n".join(lines) + "\n"


def statuses(table: Iterable[tuple[str, tuple[str, ...], str]], words: Mapping[str, str]) -> str:
    """The ways of a case as a Mermaid state diagram. `table`: deed, from, to; `words`: what people read of each status.

    Deeds that lead the same way share an arrow.
    """
    ways: dict[tuple[str, str], list[str]] = {}
    for deed, sources, to in table:
        for source in sources:
            if source != to:
                ways.setdefault((source, to), []).append(deed)
    named = dict.fromkeys(status for way in ways for status in way)
    lines = ["stateDiagram-v2"]
    lines += [f"  {status} : {status}<br/>« {_escaped(words[status])} »" for status in named]
    lines.append(f"  [*] --> {next(iter(named))}")
    lines += [f"  {source} --> {to} : {', '.join(deeds)}" for (source, to), deeds in ways.items()]
    return "\n".join(lines) + "\n"


def _id(name: str) -> str:
    """Prefixed, for "end" and the like are Mermaid's own words."""
    return ("out_" if "." in name else "s_") + name.replace(".", "__")


def _box(step: Step) -> str:
    words = [f"<b>{step.name}</b>"]
    if isinstance(step, CallFlow):
        words.append(f"appelle {step.call}")
    if isinstance(step, End):
        words.append(_ENDS[step.end])
    if step.say:
        words.append(_escaped(_cut(step.say)))
    text = "<br/>".join(words)
    if step.WAITS:
        return f'("{text}")'
    return f'[["{text}"]]' if isinstance(step, CallFlow) else f'["{text}"]'


def _label(step: Step, row: Row) -> str:
    """What stands on an arrow: the choice's French label, the branch's condition, or nothing."""
    labels = step.words()
    if step.tap(row.key) in labels:
        return _cut(labels[step.tap(row.key)])
    if isinstance(step, Branch) and row.key.startswith("way"):
        return _condition(step.branch[int(row.key.removeprefix("way")) - 1].when)
    return _PLAIN.get(row.key, row.key)


def _condition(when: Mapping[str, object]) -> str:
    parts = []
    for name, wanted in when.items():
        values = " / ".join(map(str, wanted)) if isinstance(wanted, list | tuple) else str(wanted)
        parts.append(values if name == "rule" else f"{name} = {values}")
    return ", ".join(parts)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[:_LONGEST].rsplit(" ", 1)[0] + " …"


def _escaped(text: str) -> str:
    for sign, code in (("#", "#35;"), ("&", "#amp;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        text = text.replace(sign, code)
    return text
