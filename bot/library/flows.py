"""Reading one flow file into a `Flow`, with the line of every text in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath

from bot.dialogue.flow import Flow
from bot.dialogue.steps import KINDS, Step
from bot.library import shape
from bot.library.issues import Issue, found, nearest, quoted
from bot.library.names import ENGINE_KEYS
from bot.library.reading import NAME, Document, Where, read_yaml


@dataclass(frozen=True, slots=True)
class Source:
    """Where the French words of a text key stand."""

    path: str
    line: int
    words: str


@dataclass(frozen=True, kw_only=True)
class _Head:
    """What a flow file holds."""

    title: str
    start: str
    steps: dict[str, object]
    keywords: tuple[str, ...] = ()
    anywhere: bool = False
    private: bool = False


@dataclass(frozen=True)
class FlowFile:
    """A flow and the file it stands in. `names` are all its steps, also those that could not be read."""

    flow: Flow
    names: frozenset[str]
    document: Document = field(repr=False)
    sources: Mapping[str, Source] = field(repr=False)

    def raw(self, step: str) -> Mapping[str, object]:
        """A step as the editor wrote it."""
        steps = self.document.mapping()["steps"]
        return steps[step] if isinstance(steps, dict) else {}

    @property
    def everything(self) -> list[object]:
        """All steps as they were written, also what stood under a key written twice."""
        return [self.document.mapping()["steps"], *self.document.dropped]

    @property
    def all_read(self) -> bool:
        return self.names == set(self.flow.steps)

    def issue(self, sort: str, step: str, *where: str | int, key: str = "", near: str = "", **values: object) -> Issue:
        """An issue at a place of a step."""
        return self.document.issue(sort, "steps", step, *where, key=key, near=near, **values)


@lru_cache(maxsize=256)  # by content: when one flow changes, the others are not built again
def read_flow(path: str, content: bytes) -> tuple[FlowFile | None, tuple[Issue, ...]]:
    """The flow of a file `flows/<name>.yaml`, or what is wrong with it."""
    document, unread = read_yaml(path, content)
    if document is None:
        return None, unread
    issues = list(unread)
    name = PurePosixPath(path).stem
    if not NAME.fullmatch(name):
        issues.append(found("bad_name", path, 1, name))
    head, wrong = shape.convert(_Head, document, (), document.value)
    issues += wrong
    written = document.mapping().get("steps")
    steps: dict[str, Step] = {}
    for step_name, value in written.items() if isinstance(written, dict) else ():
        step, wrong = _read_step(document, name, str(step_name), value)
        issues += wrong
        if step:
            steps[str(step_name)] = step
    if head is None:
        return None, tuple(issues)
    flow = Flow(name, head.start, steps, head.keywords, head.anywhere, head.private)
    return FlowFile(flow, frozenset(head.steps), document, _sources(document, flow, head.title)), tuple(issues)


def _read_step(document: Document, flow: str, name: str, value: object) -> tuple[Step | None, list[Issue]]:
    where: Where = ("steps", name)
    issues = [] if NAME.fullmatch(name) else [document.issue("bad_name", *where, key=name)]
    if not isinstance(value, dict):
        return None, [*issues, *shape.convert(Step, document, where, value)[1]]
    kinds = [word for word in value if word in KINDS and word != "say"]
    within = {word for one in kinds for word in keys_of(KINDS[one]) if word != one}  # `choices` of an `offer`
    kinds = [word for word in kinds if word not in within]
    if len(kinds) > 1:
        return None, [*issues, document.issue("two_kinds", *where, key=name, kinds=quoted(kinds))]
    if not kinds:
        meant = [(word, nearest(word, list(KINDS))) for word in value if word not in ("say", "go", "save_as")]
        slips = [
            document.issue("unknown_key", *where, word, key=word, near=near, known=quoted(sorted(KINDS)))
            for word, near in meant
            if near
        ]
        if slips:
            return None, issues + slips
        if "say" not in value:
            return None, [*issues, document.issue("no_kind", *where, key=name, known=quoted(sorted(KINDS)))]
    cls = KINDS[kinds[0] if kinds else "say"]
    step, wrong = shape.convert(
        cls,
        document,
        where,
        value,
        extra={"flow": flow, "name": name},
        known=keys_of(cls),
        needed=cls.NEEDS,
        aliases=cls.ALIASES,
    )
    issues += wrong
    issues += _check_names(document, where, value)
    return step, issues


def keys_of(cls: type[Step]) -> tuple[str, ...]:
    """The keys an editor may write in a step of this kind, the kind's own word first."""
    shared = {"flow", "name", "say", "go", "save_as"}
    editors = {name: word for word, name in cls.ALIASES.items()}
    own = [editors.get(name, name) for name in shape.hints(cls) if name not in shared]
    return tuple(dict.fromkeys([*own, *cls.SHARED] if cls.KIND != "say" else cls.SHARED))


def _check_names(document: Document, where: Where, value: Mapping[str, object]) -> list[Issue]:
    """Keys of choices (twice, no name, the engine's own) and names of answers."""
    issues = []
    saved = value.get("save_as")
    if isinstance(saved, str) and not NAME.fullmatch(saved):
        issues.append(document.issue("bad_name", *where, "save_as", key=saved))
    for word in ("choices", "pick"):
        entries = value.get(word)
        first: dict[str, int] = {}
        for place, entry in enumerate(entries if isinstance(entries, list) else ()):
            key = entry.get("key") if isinstance(entry, dict) else None
            if not isinstance(key, str):
                continue
            here = (*where, word, place)
            if not NAME.fullmatch(key) or (word == "pick" and key in ENGINE_KEYS):
                issues.append(document.issue("bad_name", *here, key=key))
            if key in first:
                issues.append(document.issue("duplicate_choice", *here, key=key, first=first[key]))
            first.setdefault(key, document.line(*here))
            if word == "pick" and isinstance(entry, dict) and "go" in entry:
                issues.append(document.issue("useless_key", *here, "go", key="go"))
    return issues


def _sources(document: Document, flow: Flow, title: str) -> dict[str, Source]:
    sources = {f"{flow.name}:title": Source(document.path, document.line("title"), title)}
    for step in flow.steps.values():
        for key, words in step.words().items():
            where = exit_place(document, step.name, key.rpartition(":")[2], "label")
            sources[key] = Source(document.path, document.line("steps", step.name, *where), words)
    return sources


def exit_place(document: Document, step: str, key: str, word: str) -> Where:
    """Where in a step something named by `key` stands: a key of its own, the entry of a list with that
    key, or the n-th branch (`way2`); `word` is looked for inside an entry.
    """
    steps = document.mapping()["steps"]
    raw = steps[step] if isinstance(steps, dict) else {}
    if key in raw:
        return (key,)
    for list_name, entries in raw.items():
        for place, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, dict) and (entry.get("key") == key or f"way{place + 1}" == key):
                return (list_name, place, word) if word in entry else (list_name, place)
    return ()
