"""What is wrong with content/keywords/<language>.yaml and content/safety/<language>.yaml, line by line.

The dialogue has the last word: what it refuses to merge is told, whatever it is.
"""

from collections.abc import Callable, Iterable, Mapping

from bot.dialogue.safety import LINES, Safety
from bot.dialogue.vocabulary import Vocabulary
from bot.library.issues import Issue, nearest, quoted
from bot.library.reading import Document

_LISTS_OF_LISTS = ("ordinals", "months")
_NUMBERS = "numbers"  # a map of lists: 80: [quatre-vingt, quatre-vingts]
_Merge = Callable[[Iterable[Mapping[str, object]]], object]


def check_keywords(document: Document) -> list[Issue]:
    """The small words people answer with."""
    return _check(document, tuple(Vocabulary.__dataclass_fields__), Vocabulary.merge)


def check_safety(document: Document) -> list[Issue]:
    """The words of distress."""
    return _check(document, LINES, Safety.merge)


def _check(document: Document, known: tuple[str, ...], merge: _Merge) -> list[Issue]:
    if not isinstance(document.value, dict):
        return [document.issue("not_small_words", key=document.path)]
    issues = []
    for key, value in document.value.items():
        if key not in known:
            near = nearest(key, known)
            issues.append(document.issue("unknown_key", key, key=key, near=near, known=quoted(sorted(known))))
        elif value is None or _merges(merge, {key: value}):
            continue
        elif key == _NUMBERS:
            issues += _numbers(document, value)
        elif not isinstance(value, dict if key == "short" else list):
            sort = "not_a_map" if key == "short" else "not_a_list"
            issues.append(document.issue(sort, key, key=key))
        else:
            sort = "bad_list" if key in _LISTS_OF_LISTS else "bad_phrase"
            wrong = [place for place, one in enumerate(value) if not _merges(merge, {key: [one]})]
            issues += [document.issue(sort, key, place, key=str(value[place])) for place in wrong]
    return issues


def _numbers(document: Document, value: object) -> list[Issue]:
    """The lines of `numbers` that are wrong; the whole of it when each is right by itself."""
    lines = value if isinstance(value, dict) else {}
    wrong = [line for line, words in lines.items() if not _merges(Vocabulary.merge, {_NUMBERS: {line: words}})]
    return [document.issue("bad_number", _NUMBERS, line, key=line) for line in wrong] or [
        document.issue("bad_number", _NUMBERS, key=_NUMBERS)
    ]


def _merges(merge: _Merge, words: Mapping[str, object]) -> bool:
    try:
        merge([words])
    except ValueError:
        return False
    return True
