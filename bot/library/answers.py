"""The names a flow uses: answers, facts and placeholders must come from somewhere, values must be possible."""

from collections.abc import Iterable, Iterator, Mapping

from bot.dialogue.rules import CONSENT, CONSENTS
from bot.dialogue.steps import Step
from bot.dialogue.steps.browse import Offer
from bot.dialogue.steps.cases import Open
from bot.dialogue.steps.choose import Choices, Pick
from bot.dialogue.steps.decide import Query, Remember
from bot.library.conditions import conditions
from bot.library.content import CATEGORIES, LISTS
from bot.library.content import WORDS as WORDS_FILE
from bot.library.flows import FlowFile, Source, exit_place
from bot.library.issues import Issue, found, nearest, quoted
from bot.library.load import Built
from bot.library.names import (
    CASE_NAMES,
    ENGINE_ANSWERS,
    FILED_NAMES,
    REFERENCES,
    REPLY_NAMES,
    STATUSES,
    WORDS,
    WORLD_NAMES,
)
from bot.library.phrases import SLOTS, targets_of
from bot.library.placeholders import braces_in, is_open
from bot.library.reading import Document, Where

Values = frozenset[str] | None  # what a name may be; None: anything


def check_answers(built: Built) -> list[Issue]:
    """Names and values that no step gives, placeholders nobody fills, categories that are not there."""
    check = _Answers(built)
    issues = [issue for file in built.flows.values() for issue in check.flow(file)]
    return [*issues, *check.lists(), *check.words()]


class _Answers:
    def __init__(self, built: Built) -> None:
        self.built = built
        files = built.flows.values()
        # A flow that can't be read may remember any fact: then nobody is told that a name is unknown.
        self.all_read = not built.unread
        self.broken = {issue.path for issue in built.issues if issue.severity == "error"}
        self.named = tuple(SLOTS.values())  # what a free message may bring along
        self.led_to = {target.partition(".")[0] for target in targets_of(built.content.phrases.values())}
        self.facts: dict[str, Values] = {}
        for file in files:
            for step in file.flow.steps.values():
                if isinstance(step, Remember):
                    for fact, value in step.remember.items():
                        self.facts[fact] = _join(self.facts.get(fact, frozenset()), _fact(file, value))
            if file.document.path in self.broken:  # also by steps that could not be read
                self.facts |= dict.fromkeys(_written(file.everything, "remember"))

    def flow(self, file: FlowFile) -> Iterator[Issue]:
        before = _saved_before(file, self.named if file.flow.name in self.led_to else ())
        filed = _after_filing(file)
        for name, step in file.flow.steps.items():
            known = {**self.facts, **{answer: _values(file, answer) for answer in before[name]}}
            if file.document.path in self.broken:  # a way is missing or unread: any answer of this flow may be given
                known |= dict.fromkeys(_written(file.everything, "save_as"))
            yield from self._placeholders(file, step, known, filed)
            if self._all_known(file):
                yield from self._conditions(file.document, ("steps", name), file.raw(name), known)
            for where, answer in _used(file.raw(name)):
                dropped = "drop" in where and answer in file.flow.saved_by  # on whatever way it was given
                if answer not in known and not dropped and self._all_known(file):
                    yield file.issue("unknown_name", name, *where, key=answer, near=nearest(answer, list(known)))
            if isinstance(step, Open):
                yield from self._category(file, step, known)
            if isinstance(step, Remember) and CONSENT in step.remember:
                for value in sorted(_fact(file, step.remember[CONSENT]) or ("…",)):
                    if value not in CONSENTS:
                        yield file.issue("consent_value", name, "remember", CONSENT, key=value)

    def _all_known(self, file: FlowFile) -> bool:
        """Whether each name this flow may use was read; what a step that can't be read saves is not known."""
        return self.all_read and file.all_read

    def _placeholders(
        self, file: FlowFile, step: Step, known: Mapping[str, Values], filed: set[str]
    ) -> Iterator[Issue]:
        case_names = {*CASE_NAMES.get(step.KIND, ()), *(FILED_NAMES if step.name in filed else ())}
        names = {*known, *WORLD_NAMES, *case_names, *({"list"} if isinstance(step, Offer) else ())}
        for key, words in step.words().items():
            label = key.rpartition(":")[2]
            where = exit_place(file.document, step.name, label, "label")
            if is_open(words):
                yield file.issue("brace", step.name, *where, key=key)
                continue
            for name in braces_in(words):
                if label != "say":
                    yield file.issue("label_placeholder", step.name, *where, key=name)
                elif name.startswith("case.") and name not in case_names:
                    near = nearest(name, list(case_names))
                    yield file.issue("case_placeholder", step.name, *where, key=name, near=near)
                elif name not in names and (self._all_known(file) or "." in name):
                    near, listed = nearest(name, list(names)), quoted(sorted(names))
                    yield file.issue("unknown_placeholder", step.name, *where, key=name, near=near, known=listed)

    def _conditions(
        self, document: Document, where: Where, raw: object, known: Mapping[str, Values]
    ) -> Iterator[Issue]:
        """Names in conditions that nothing gives, and values that a name never has."""
        for inside, condition in conditions(raw):
            for name, wanted in condition.items() if isinstance(condition, dict) else ():
                here = (*where, *inside, name)
                if name == "rule":
                    continue
                if name not in known:
                    yield document.issue("unknown_name", *here, key=name, near=nearest(name, list(known)))
                    continue
                possible = known[name]
                for value in wanted if isinstance(wanted, list) else [wanted]:
                    if possible is not None and isinstance(value, str) and value not in possible:
                        near, listed = nearest(str(value), list(possible)), quoted(sorted(possible))
                        yield document.issue("unknown_value", *here, key=str(value), name=name, near=near, known=listed)

    def _category(self, file: FlowFile, step: Open, known: Mapping[str, Values]) -> Iterator[Issue]:
        categories = self.built.content.categories
        if isinstance(step.category, str):
            possible: Values = frozenset({step.category})
        else:
            possible = known.get(step.category.get("from", ""), frozenset())
            if possible is None and file.document.path not in self.broken:
                problem = f"une catégorie se choisit (choices) ; elle doit être dans {CATEGORIES}"
                how = "nommez la réponse d'une étape choices, dont les clés sont des catégories"
                yield file.issue("bad_value", step.name, "category", key="category", problem=problem, how=how)
        for key in sorted(possible or ()) if CATEGORIES in self.built.content.documents else ():
            if key not in categories:
                near = nearest(key, list(categories))
                yield file.issue("unknown_category", step.name, "category", key=key, near=near)
            elif categories[key].kind != step.open:
                wanted = categories[key].kind
                yield file.issue("category_kind", step.name, "category", key=key, wanted=wanted, got=step.open)

    def lists(self) -> Iterator[Issue]:
        """Conditions of content/documents.yaml and its like, asked in the flows that look entries up."""
        if not all(self._all_known(file) for file in self.built.flows.values()):
            return
        for name, path in LISTS.items():
            document = self.built.content.documents.get(path)
            if document is not None:
                yield from self._conditions(document, (), document.value, self._known_to(name))

    def _known_to(self, list_name: str) -> dict[str, Values]:
        """What the flows that look this list up may know."""
        known = dict(self.facts)
        for file in self.built.flows.values():
            if any(isinstance(step, Query) and step.query == list_name for step in file.flow.steps.values()):
                for name in {name for step in file.flow.steps.values() for name in step.saves()}:
                    known[name] = _join(known.get(name, frozenset()), _values(file, name))
        return known

    def words(self) -> Iterator[Issue]:
        """Phrases the code says, and the placeholders of texts that stand outside flows."""
        sources, document = self.built.sources, self.built.content.documents.get(WORDS_FILE)
        if document is None:
            return
        slips = {name: near for name in _phrases(sources) - set(WORDS) if (near := nearest(name, list(WORDS)))}
        for key in WORDS:
            if f"words:{key}" not in sources and key not in slips.values():
                yield found("missing_words", WORDS_FILE, 1, key)
        for section in ("status", "status_next"):
            for status in STATUSES:
                if f"{section}:{status}" not in sources:
                    yield document.issue("missing_words", section, key=f"{section}: {status}")
        for key, source in sources.items():
            section, _, name = key.partition(":")
            if section == "words" and name not in WORDS:
                near = nearest(name, list(WORDS))
                yield found("unused_words", source.path, source.line, name, near=near)
            if "/" not in section:
                yield from _outside_flows(source, _filled_in(section, name))


def _phrases(sources: Mapping[str, Source]) -> set[str]:
    return {key.removeprefix("words:") for key in sources if key.startswith("words:")}


def _filled_in(section: str, name: str) -> tuple[str, ...]:
    """The placeholders that the code fills in a text outside flows."""
    if section == "words":
        return WORDS.get(name, ())
    return REPLY_NAMES if section == "reply" else ()


def _outside_flows(source: Source, allowed: tuple[str, ...]) -> Iterator[Issue]:
    """Placeholders of a phrase, a title or a label of content: only those the code fills in there."""
    if is_open(source.words):
        yield found("brace", source.path, source.line, source.words[:20])
        return
    for name in braces_in(source.words):
        if name not in allowed:
            near, known = nearest(name, allowed), quoted(allowed) or "rien"
            yield found("unknown_placeholder", source.path, source.line, name, near=near, known=known)


def _join(some: Values, others: Values) -> Values:
    return None if some is None or others is None else some | others


def _values(file: FlowFile, name: str) -> Values:
    """What an answer of this flow may be."""
    given = ENGINE_ANSWERS.get(file.flow.name, {})
    possible: Values = frozenset(given.get(name, ())) if given.get(name) != () else None
    for step in file.flow.steps.values():
        if name in step.saves():
            if isinstance(step, Query) and name in step.of:
                possible = _join(possible, frozenset({step.of[name]}))
                continue
            offered = isinstance(step, Choices | Pick)
            possible = _join(possible, frozenset(one.key for one in step.offered()) if offered else None)
    return possible


def _fact(file: FlowFile, value: object) -> Values:
    if isinstance(value, Mapping):
        return _values(file, str(value.get("from", "")))
    return frozenset({str(value)})


def _written(value: object, key: str) -> set[str]:
    """All names that stand under this key anywhere in what an editor wrote."""
    if isinstance(value, list):
        return {name for entry in value for name in _written(entry, key)}
    if not isinstance(value, Mapping):
        return set()
    found_here = value.get(key)
    names = (
        set(found_here) if isinstance(found_here, Mapping) else {found_here} if isinstance(found_here, str) else set()
    )
    return names | {name for entry in value.values() for name in _written(entry, key)}


def _saved_before(file: FlowFile, named: Iterable[str] = ()) -> dict[str, set[str]]:
    """Step → the answers that some way to it saves; `named`: those a free message may bring along."""
    steps = file.flow.steps
    given = {*ENGINE_ANSWERS.get(file.flow.name, {}), *(name for name in named if name in file.flow.saved_by)}
    before = {name: set(given) for name in steps}
    changed = True
    while changed:
        changed = False
        for name, step in steps.items():
            after = before[name] | set(step.saves())
            for way in step.exits().values():
                if way in before and not after <= before[way]:
                    before[way] |= after
                    changed = True
    return before


def _after_filing(file: FlowFile) -> set[str]:
    """Steps that speak in the same turn in which a case was filed; a question is said again later, without it."""
    steps = file.flow.steps
    after: set[str] = set()
    waiting = [way for step in steps.values() if isinstance(step, Open) for way in step.exits().values()]
    while waiting:
        name = waiting.pop()
        if name in steps and name not in after and not steps[name].WAITS:
            after.add(name)
            waiting += steps[name].exits().values()
    return after


def _used(raw: Mapping[str, object]) -> Iterator[tuple[Where, str]]:
    """Answers a step names outside its conditions, with their places."""
    for key, word in REFERENCES.items():
        value = raw.get(key)
        if isinstance(value, dict) and isinstance(value.get(word), str):
            yield (key, word), value[word]
    for key in ("add", "describe"):
        if isinstance(raw.get(key), str):
            yield (key,), str(raw[key])
    include = raw.get("include")
    for place, name in enumerate(include if isinstance(include, list) else ()):
        yield ("include", place), str(name)
    choices = raw.get("choices")
    for place, choice in enumerate(choices if isinstance(choices, list) else ()):
        dropped = choice.get("drop") if isinstance(choice, dict) else None
        for number, name in enumerate(dropped if isinstance(dropped, list) else ()):
            yield ("choices", place, "drop", number), str(name)
    facts = raw.get("remember")
    for fact, value in facts.items() if isinstance(facts, dict) else ():
        if isinstance(value, dict) and isinstance(value.get("from"), str):
            yield ("remember", fact), value["from"]
