"""Reading content/phrases/<language>.yaml: what people write with their own words, and where it leads."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from bot.dialogue.leading import place_of
from bot.dialogue.letters import fold
from bot.dialogue.matching import Candidate
from bot.dialogue.understanding import NOWHERE, Examples, Phrases
from bot.library.flows import FlowFile
from bot.library.issues import Issue, nearest
from bot.library.reading import Document

PHRASES = "content/phrases/"
_ALIKE, _SHORT, _NOT_NAMES = "alike", "short", "not_names"
_OTHERS = (_ALIKE, _SHORT, _NOT_NAMES)
SLOTS = {"trades": "trade", "regions": "region", "cercles": "cercle"}  # of a text key → of an answer


def check_phrases(document: Document) -> list[Issue]:
    """What is wrong with the shape of one file."""
    issues: list[Issue] = []
    for key, value in document.mapping().items():
        if key == _SHORT:
            wrong = not isinstance(value, dict) or any(isinstance(full, dict | list) for full in value.values())
            issues += [document.issue("not_a_map", key, key=key)] if wrong else []
        elif key == _ALIKE:
            groups = value if isinstance(value, dict) else {"": None}
            issues += [
                document.issue("not_a_list", key, name, key=name or key)
                for name, words in groups.items()
                if not _is_list(words)
            ]
        elif not isinstance(value, list) or not _is_list(value):
            issues.append(document.issue("not_a_list", key, key=key))
        else:
            issues += [
                document.issue("bad_phrase", key, place, key=str(phrase))
                for place, phrase in enumerate(value)
                if not fold(str(phrase))
            ]
    return issues if document.mapping() else [document.issue("not_small_words", key=document.path)]


def _is_list(value: object) -> bool:
    return isinstance(value, list) and not any(isinstance(one, dict | list) for one in value)


def examples_of(files: Iterable[Mapping[str, object]]) -> Examples:
    """The examples of all languages together; the files have the right shape."""
    said: dict[str, list[str]] = {}
    alike: dict[str, list[str]] = {}
    short: dict[str, str] = {}
    not_names: list[str] = []
    for file in files:
        for key, value in file.items():
            if key == _SHORT and isinstance(value, dict):
                short |= {str(word): str(full) for word, full in value.items()}
            elif key == _ALIKE and isinstance(value, dict):
                for group, words in value.items():
                    alike.setdefault(group, []).extend(map(str, words))
            elif isinstance(value, list):
                (not_names if key == _NOT_NAMES else said.setdefault(key, [])).extend(map(str, value))
    return Examples(said, alike, short, not_names)


def targets_of(files: Iterable[Mapping[str, object]]) -> set[str]:
    """Where the examples lead."""
    return {key for file in files for key in file if key not in (*_OTHERS, NOWHERE)}


def understanding(
    examples: Examples,
    flows: Mapping[str, FlowFile],
    candidates: Mapping[str, Candidate],
    region_of: Mapping[str, str],
) -> Phrases:
    """What is learnt from the examples. Those of a target that is not there lead nowhere."""
    said: dict[str, list[str]] = {}
    for target, phrases in examples.said.items():
        there = target == NOWHERE or place_of({name: file.flow for name, file in flows.items()}, target)
        said.setdefault(target if there else NOWHERE, []).extend(phrases)
    slots: dict[str, dict[str, tuple[str, ...]]] = {kind: {} for kind in SLOTS.values()}
    for text_key, one in candidates.items():
        kind = SLOTS.get(text_key.partition(":")[0])
        if kind:
            slots[kind][one.key] = one.labels
    return _learnt(
        _frozen(said),
        _frozen(examples.alike),
        tuple(examples.short.items()),
        tuple(examples.not_names),
        tuple((kind, _frozen(words)) for kind, words in slots.items()),
        tuple(region_of.items()),
    )


_Words = tuple[tuple[str, tuple[str, ...]], ...]


def _frozen(words: Mapping[str, Sequence[str]]) -> _Words:
    return tuple((key, tuple(some)) for key, some in words.items())


@lru_cache(maxsize=4)  # learning takes half a second; most revisions change other files
def _learnt(
    said: _Words,
    alike: _Words,
    short: tuple[tuple[str, str], ...],
    not_names: tuple[str, ...],
    slots: tuple[tuple[str, _Words], ...],
    region_of: tuple[tuple[str, str], ...],
) -> Phrases:
    examples = Examples(dict(said), dict(alike), dict(short), not_names)
    return Phrases.build(examples, {kind: dict(words) for kind, words in slots}, dict(region_of))


def check_phrase_targets(
    documents: Mapping[str, Document], flows: Mapping[str, FlowFile], unread: Iterable[str]
) -> Iterator[Issue]:
    """Targets whose flow or step does not exist."""
    for path, document in documents.items():
        if not path.startswith(PHRASES):
            continue
        for target in document.mapping():
            flow, _, step = target.partition(".")
            if target in (*_OTHERS, NOWHERE) or flow in unread:
                continue
            if flow not in flows:
                yield document.issue("missing_flow", target, key=flow, near=nearest(flow, list(flows)))
            elif step and step not in flows[flow].names:
                near = nearest(step, list(flows[flow].names))
                yield document.issue("missing_step", target, key=target, near=near and f"{flow}.{near}")
