"""What `segin check` tells: everything wrong with editors' files, each with its file, line and remedy."""

from collections.abc import Iterator, Mapping

from bot.dialogue.letters import fold, spellings
from bot.dialogue.matching import Vocabulary
from bot.dialogue.model import MAX_TAP_BYTES, SOURCE_LANGUAGE
from bot.dialogue.steps import Step
from bot.dialogue.steps.browse import MORE, SKIP, Offer
from bot.dialogue.steps.choose import Choice, Choices, ChooseLanguage, Pick
from bot.dialogue.steps.decide import CallFlow
from bot.library.answers import check_answers
from bot.library.flows import FlowFile, exit_place
from bot.library.issues import Issue, found
from bot.library.languages import french_name
from bot.library.load import Built, catalogue_path
from bot.library.phrases import check_phrase_targets
from bot.library.reachable import check_reachable
from bot.library.translated import check_translations


def check(built: Built) -> tuple[Issue, ...]:
    """All issues of these files, in the order of files and lines: those of `build`, and what only looks wrong
    once everything was read.
    """
    issues = [*built.issues, *check_reachable(built), *check_answers(built)]
    issues += check_phrase_targets(built.content.documents, built.flows, built.unread)
    issues += [*_taps(built), *_keywords(built), *_labels(built)]
    issues += check_translations(built, issues)
    return tuple(sorted(set(issues)))


# ---------------------------------------------------------------- taps


def _taps(built: Built) -> Iterator[Issue]:
    for file in built.flows.values():
        for step in file.flow.steps.values():
            for key in _tap_keys(step, built):
                size = len(step.tap(key).encode())
                if size > MAX_TAP_BYTES:
                    where = exit_place(file.document, step.name, key, "key")
                    yield file.issue("long_tap", step.name, *where, key=step.tap(key), bytes=size)


def _tap_keys(step: Step, built: Built) -> list[str]:
    if isinstance(step, Choices | Pick):
        return [choice.key for choice in step.offered()] + ["done"] * isinstance(step, Pick)
    if isinstance(step, ChooseLanguage):
        return list(built.content.languages)
    if isinstance(step, Offer):
        entries = [key.partition(":")[2] for key in built.content.directory.names if key.startswith(f"{step.offer}:")]
        return [*entries, *(choice.key for choice in step.choices), MORE, SKIP]
    return ["skip"] if step.WAITS else []


# ---------------------------------------------------------------- words that lead somewhere


def _keywords(built: Built) -> Iterator[Issue]:
    """Words that lead to two flows, or that the engine keeps for itself."""
    owner: dict[str, str] = {}
    kept = _engine_words(built)
    for name, file in sorted(built.flows.items()):
        for place, word in enumerate(file.flow.keywords):
            for spelling in spellings(word):
                if spelling in kept:
                    yield file.document.issue("word_taken", "keywords", place, key=word, taken=kept[spelling])
                elif owner.setdefault(spelling, name) != name:
                    first = owner[spelling]
                    yield file.document.issue("two_flows", "keywords", place, key=word, first=first, second=name)
                else:
                    continue
                break


def _engine_words(built: Built) -> dict[str, str]:
    vocabulary = Vocabulary.merge(built.content.keywords.values())
    return {**dict.fromkeys(vocabulary.back, "retour"), **dict.fromkeys(vocabulary.menu, "menu")}


# ---------------------------------------------------------------- labels


def _labels(built: Built) -> Iterator[Issue]:
    """Labels that read alike in one step, or that are a word leading elsewhere."""
    words = {
        spelling: file.flow.name
        for file in built.flows.values()
        if file.flow.anywhere
        for word in file.flow.keywords
        for spelling in spellings(word)
    }
    words |= _engine_words(built)
    for file in built.flows.values():
        for step in file.flow.steps.values():
            if isinstance(step, Choices | Pick | Offer):
                for language in built.content.languages:
                    yield from _labels_in(built, file, step, language, words)


def _labels_in(
    built: Built, file: FlowFile, step: Choices | Pick | Offer, language: str, words: Mapping[str, str]
) -> Iterator[Issue]:
    first: dict[str, Choice] = {}
    for choice in step.offered():
        key = step.tap(choice.key)
        translation = built.translations.get(language, {}).get(key)
        if language != SOURCE_LANGUAGE and not (translation and translation.words):
            continue
        label = translation.words if translation else choice.label
        where = exit_place(file.document, step.name, choice.key, "label")
        path, line = file.document.path, file.document.line("steps", step.name, *where)
        if translation:
            path, line = catalogue_path(language), translation.line
        named = french_name(language)
        same = first.setdefault(fold(label), choice)
        if same.key != choice.key and not (same.when and choice.when):
            yield found("same_label", path, line, key, label=label, language=named)
        taken = words.get(fold(label))
        if taken and not _leads(file, step, choice, taken):
            yield found("label_taken", path, line, label, language=named, taken=taken)


def _leads(file: FlowFile, step: Choices | Pick | Offer, choice: Choice, flow: str) -> bool:
    """Whether a choice goes where the word would lead anyway."""
    way = choice.go or step.go
    if isinstance(step, Pick) or flow in {file.flow.name, way.partition(".")[0]}:
        return flow in {file.flow.name, way.partition(".")[0]}
    if flow == "menu":
        return way == "main.menu"
    after = file.flow.steps.get(way)
    return isinstance(after, CallFlow) and after.call == flow
