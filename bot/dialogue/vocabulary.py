"""The small words people answer with, of all languages at once (content/keywords/<lang>.yaml)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.dialogue.letters import spellings

_RIVALS = (  # within one line, a word must not mean two things: yes here, no in the next language
    ("menu", "back", "yes", "no", "skip", "done", "all", "none"),
    ("today", "yesterday", "tomorrow"),
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Folded words and short phrases, merged over all languages.

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
    months: tuple[tuple[str, ...], ...] = ()  # twelve
    today: tuple[str, ...] = ()
    yesterday: tuple[str, ...] = ()
    tomorrow: tuple[str, ...] = ()

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
        words: dict[str, tuple[str, ...]] = {}
        for rivals in _RIVALS:
            merged = [[word for file in files for word in _words(file, name)] for name in rivals]
            words.update(zip(rivals, _distinct(merged), strict=True))
        last = [word for file in files for word in _words(file, "last")]
        *ordinals, words["last"] = _distinct([*_rows(files, "ordinals"), last])
        months = _distinct(_rows(files, "months"))
        return cls(**words, ordinals=tuple(ordinals), months=tuple(months))


def _words(file: Mapping[str, object], name: str) -> list[str]:
    return _folded(file.get(name) or [], name)


def _folded(words: object, name: str) -> list[str]:
    if not isinstance(words, list) or any(isinstance(word, list | dict) for word in words):
        raise ValueError(f"keywords: “{name}” must be a list of words")
    return [spelling for word in words for spelling in spellings(str(word))]


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


def _distinct(groups: list[list[str]]) -> list[tuple[str, ...]]:
    """The groups without repeats, and without the words that stand in more than one of them."""
    unique = [dict.fromkeys(word for word in group if word) for group in groups]
    counts = Counter(word for group in unique for word in group)
    return [tuple(word for word in group if counts[word] == 1) for group in unique]
