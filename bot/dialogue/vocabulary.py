"""The small words people answer with, of all languages at once (content/keywords/<lang>.yaml)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.dialogue.letters import spellings

_RIVALS = (  # within one line, a word must not mean two things: yes here, no in the next language
    ("menu", "back", "yes", "no", "skip", "done", "all", "none"),
    ("today", "yesterday", "tomorrow", "before_yesterday", "after_tomorrow"),
)
_WORDS = (  # only ever looked up word by word: a phrase gives all its words
    "little", "polite", "denying", "joining", "either", "before_number", "after_digits", "around_number",
    "within_number", "doubtful_numbers", "within_date", "not_that_day",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Numbers:
    """The number words of one language: two languages never make up a number together."""

    values: Mapping[str, int]  # by folded word or phrase ("quatre vingt"), also typed in one word
    unsure: frozenset[str] = frozenset()  # those of `values` that have another meaning as well
    longest: Mapping[str, int] = field(init=False, compare=False)  # by first word: words in the longest phrase

    def __post_init__(self) -> None:
        """Measure the phrases once."""
        longest: dict[str, int] = {}
        for first, *more in (phrase.split() for phrase in self.values):
            longest[first] = max(longest.get(first, 0), 1 + len(more))
        object.__setattr__(self, "longest", longest)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Folded words and short phrases, merged over all languages; each field is a line of the files.

    A word with rival meanings (yes in one language, no in another) is left out of both: the person is
    asked rather than misunderstood.
    """

    menu: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    all: tuple[str, ...] = ()  # "tous": all of a list
    none: tuple[str, ...] = ()  # "aucun": none of a list
    ordinals: tuple[tuple[str, ...], ...] = ()  # first, second … by place
    last: tuple[str, ...] = ()
    little: frozenset[str] = frozenset()  # "le", "dans": tell no choice from another
    polite: frozenset[str] = frozenset()  # "svp", "je voudrais": may stand around what is meant
    denying: frozenset[str] = frozenset()  # "pas", "sauf"
    joining: frozenset[str] = frozenset()  # "et": both are meant
    either: frozenset[str] = frozenset()  # "ou": between two choices, of which both may not be meant
    before_number: frozenset[str] = frozenset()  # "numéro", "choix": before the place of a choice
    after_digits: frozenset[str] = frozenset()  # "er", "ème": endings of 1er, 2ème
    numbers: tuple[Numbers, ...] = ()  # by language
    within_number: frozenset[str] = frozenset()  # "ni" of "tan ni kelen": ties tens and units, hundreds and tens
    doubtful_numbers: frozenset[str] = frozenset()  # "neuf" is nine or new
    around_number: frozenset[str] = frozenset()  # "j'ai", "ans": beside a doubtful number, they make it sure
    half: tuple[str, ...] = ()  # "et demi"
    months: tuple[tuple[str, ...], ...] = ()  # twelve
    within_date: frozenset[str] = frozenset()  # "de": between day, month and year
    today: tuple[str, ...] = ()
    yesterday: tuple[str, ...] = ()
    tomorrow: tuple[str, ...] = ()
    before_yesterday: tuple[str, ...] = ()
    after_tomorrow: tuple[str, ...] = ()
    not_that_day: frozenset[str] = frozenset()  # "avant" demain: another day, nobody knows which

    @classmethod
    def merge(cls, languages: Iterable[Mapping[str, object]]) -> "Vocabulary":
        """One vocabulary of the keywords files of several languages, as read from YAML.

        :raises ValueError: a file has an unknown line, or something else than a list of words.
        """
        files = list(languages)
        known = set(cls.__dataclass_fields__)
        for name in (name for file in files for name in file):
            if name not in known:
                raise ValueError(f"keywords: “{name}” is none of: {', '.join(sorted(known))}")
        phrases: dict[str, Any] = {}
        for rivals in _RIVALS:
            merged = [[word for file in files for word in _words(file, name)] for name in rivals]
            phrases.update(zip(rivals, _distinct(merged), strict=True))
        last = [word for file in files for word in _words(file, "last")]
        *ordinals, phrases["last"] = _distinct([*_rows(files, "ordinals"), last])
        [phrases["half"]] = _distinct([[phrase for file in files for phrase in _words(file, "half")]])
        words: dict[str, Any] = {name: _single(files, name) for name in _WORDS}
        words["polite"] -= words["denying"]  # "i ni ce" is polite, but "ni" denies in French
        return cls(
            **phrases,
            **words,
            ordinals=tuple(ordinals),
            months=tuple(_distinct(_rows(files, "months"))),
            numbers=tuple(_numbers(file, words["doubtful_numbers"]) for file in files if file.get("numbers")),
        )


def _words(file: Mapping[str, object], name: str) -> list[str]:
    return _folded(file.get(name) or [], name)


def _folded(words: object, name: str) -> list[str]:
    if not isinstance(words, list) or any(isinstance(word, list | dict) for word in words):
        raise ValueError(f"keywords: “{name}” must be a list of words")
    return [spelling for word in words for spelling in spellings(str(word))]


def _single(files: list[Mapping[str, object]], name: str) -> frozenset[str]:
    return frozenset(word for file in files for phrase in _words(file, name) for word in phrase.split())


def _rows(files: list[Mapping[str, object]], name: str) -> list[list[str]]:
    """The lists of lists of all files, row by row: all words for "first", then for "second" …"""
    rows: list[list[str]] = []
    for file in files:
        lists = file.get(name) or []
        if not isinstance(lists, list):
            raise ValueError(f"keywords: “{name}” must be a list of lists of words")  # noqa: TRY004, wrong content
        rows += [[] for _ in range(len(lists) - len(rows))]
        for row, words in zip(rows, lists, strict=False):
            row.extend(_folded(words, name))
    return rows


def _numbers(file: Mapping[str, object], doubtful: frozenset[str]) -> Numbers:
    """The number words of a file: `80: [quatre-vingt, quatre-vingts]`."""
    lists = file["numbers"]
    if not isinstance(lists, Mapping) or not all(str(value).isdecimal() for value in lists):
        raise ValueError("keywords: “numbers” must be whole numbers, each with a list of words")
    values: dict[str, int] = {}
    unsure: set[str] = set()
    for value, words in lists.items():
        for phrase in _folded(words, f"numbers: {value}"):
            typed = {phrase, phrase.replace(" ", "")} - {""}
            if any(values.setdefault(way, int(str(value))) != int(str(value)) for way in typed):
                raise ValueError(f"keywords: “numbers”: “{phrase}” has two values")
            if doubtful.issuperset(phrase.split()):
                unsure |= typed
    return Numbers(values, frozenset(unsure))


def _distinct(groups: list[list[str]]) -> list[tuple[str, ...]]:
    """The groups without repeats, and without the words that stand in more than one of them."""
    unique = [dict.fromkeys(word for word in group if word) for group in groups]
    counts = Counter(word for group in unique for word in group)
    return [tuple(word for word in group if counts[word] == 1) for group in unique]
