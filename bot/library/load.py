"""Building the library: editors' files become what the engine reads."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bot.dialogue.flow import Library
from bot.dialogue.letters import spellings
from bot.dialogue.matching import Candidate, Vocabulary
from bot.dialogue.model import SOURCE_LANGUAGE
from bot.dialogue.safety import Safety
from bot.dialogue.steps.browse import MORE, SKIP
from bot.library.content import ORGANISATION, Content, read_content
from bot.library.flows import FlowFile, Source, read_flow
from bot.library.issues import Issue, found
from bot.library.languages import names_of, offered_name
from bot.library.phrases import examples_of, understanding
from bot.library.placeholders import names_in
from bot.library.targets import check_targets
from bot.library.translations import Translation, read_translations


@dataclass(frozen=True)
class Built:
    """What was read. `library` is None when an issue would break a dialogue; the rest is there even then.

    `unread` names flows whose file could not be read: nothing is said about what leads to them.
    """

    library: Library | None
    issues: tuple[Issue, ...]
    flows: Mapping[str, FlowFile] = field(repr=False)
    unread: frozenset[str]
    content: Content = field(repr=False)
    sources: Mapping[str, Source] = field(repr=False)  # text key → French words and where they stand
    translations: Mapping[str, Mapping[str, Translation]] = field(repr=False)  # language → text key → words


def catalogue_path(language: str) -> str:
    """Where the words of a language stand."""
    return f"locales/{language}/LC_MESSAGES/bot.po"


def build(files: Mapping[str, bytes], revision: int = 0) -> Built:
    """The library of these files (path → bytes), or what keeps it from being used."""
    flows: dict[str, FlowFile] = {}
    unread: set[str] = set()
    issues: list[Issue] = []
    for path, content in sorted(files.items()):
        if path.startswith("flows/") and path.endswith(".yaml"):
            file, wrong = read_flow(path, content)
            issues += wrong
            if file:
                flows[file.flow.name] = file
            else:
                unread.add(path.removeprefix("flows/").removesuffix(".yaml"))
    content_read, wrong_content = read_content(files)
    issues += [*wrong_content, *check_targets(flows, unread)]
    sources = {key: source for file in flows.values() for key, source in file.sources.items()}
    sources.update(content_read.sources)
    translations: dict[str, Mapping[str, Translation]] = {}
    for language in content_read.languages:
        path = catalogue_path(language)
        if language != SOURCE_LANGUAGE and path in files:
            translations[language], wrong = read_translations(path, files[path])
            issues += wrong
    if not any(issue.path == ORGANISATION for issue in issues):  # it names the languages
        issues += _unread_catalogues(files, content_read.languages)
    broken = any(issue.severity == "error" for issue in issues)
    library = None if broken else _library(flows, content_read, sources, translations, revision)
    return Built(library, tuple(sorted(issues)), flows, frozenset(unread), content_read, sources, translations)


def _unread_catalogues(files: Iterable[str], languages: Iterable[str]) -> Iterator[Issue]:
    used = {catalogue_path(language) for language in languages}
    for path in files:
        if path.startswith("locales/") and path not in used:
            folder = path.split("/")[1]
            sort = "unread_catalogue" if path == catalogue_path(folder) else "unknown_file"
            yield found(sort, path, 1, folder)


def _library(
    files: Mapping[str, FlowFile],
    content: Content,
    sources: Mapping[str, Source],
    translations: Mapping[str, Mapping[str, Translation]],
    revision: int,
) -> Library:
    flows = {name: file.flow for name, file in sorted(files.items())}
    texts = {SOURCE_LANGUAGE: {**content.directory.names, **{key: one.words for key, one in sources.items()}}}
    for language in content.languages:
        if language != SOURCE_LANGUAGE:
            read = translations.get(language, {})
            draft = content.languages[language] == "draft"
            texts[language] = {
                key: one.words
                for key, one in read.items()
                if one.words and key in sources and not (draft and content.reviews.waits(key, language))
            }
    tables: tuple[dict[str, str], dict[str, str]] = ({}, {})
    for flow in flows.values():
        for word in flow.keywords:
            tables[0 if flow.anywhere else 1].update(dict.fromkeys(spellings(word), flow.name))
    candidates = {**_candidates(files, texts, content.languages), **_listed(content, texts)}
    directory = content.directory.directory
    return Library(
        flows=flows,
        texts=texts,
        languages={code: offered_name(code, kind) for code, kind in content.languages.items()},
        vocabulary=Vocabulary.merge(content.keywords.values()),
        safety=Safety.merge(content.safety.values()),
        organisation=content.organisation,
        categories=content.categories,
        lists=content.lists,
        directory=directory,
        phrases=understanding(examples_of(content.phrases.values()), files, candidates, directory.region_of),
        placeholders={key: names for key, source in sources.items() if (names := names_in(source.words))},
        candidates=candidates,
        anywhere=tables[0],
        topics=tables[1],
        required=tuple(code for code, kind in content.languages.items() if kind == "required"),
        revision=revision,
    )


def _candidates(
    files: Mapping[str, FlowFile], texts: Mapping[str, Mapping[str, str]], languages: Iterable[str]
) -> dict[str, Candidate]:
    """Every label in every language, by its text key; languages by all their names."""
    candidates = {f"language:{code}": Candidate(code, names_of(code, languages)) for code in languages}
    for file in files.values():
        for step in file.flow.steps.values():
            for choice in step.offered():
                key = step.tap(choice.key)
                labels = dict.fromkeys(words[key] for words in texts.values() if key in words)
                candidates[key] = Candidate(choice.key, tuple(labels))
    return candidates


_NAMED = ("regions:", "cercles:", "services:")


def _listed(content: Content, texts: Mapping[str, Mapping[str, str]]) -> dict[str, Candidate]:
    """Every entry of the directory by its text key: its label in every language and what else people call it."""
    names, spoken = content.directory.names, content.directory.spoken
    keys = [key for key in (*names, *texts[SOURCE_LANGUAGE]) if key.startswith(("sectors:", "trades:", *_NAMED))]
    candidates = {}
    for key in keys:
        short = names.get(key.replace("services:", "short:"), "")
        labels = [words[key] for words in texts.values() if key in words]
        said = dict.fromkeys(word for word in (*labels, short, *spoken.get(key, ())) if word)
        candidates[key] = Candidate(key.partition(":")[2], tuple(said))
    for key in (MORE, SKIP):
        candidates[f"words:{key}"] = Candidate(
            key, tuple(w[f"words:{key}"] for w in texts.values() if f"words:{key}" in w)
        )
    return candidates
