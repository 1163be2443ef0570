"""What did they mean? From what a person typed to the choices it may stand for.

Trust falls step by step, and the first step that understands anything decides: the whole label, the key,
its place in the list ("2", "le deuxième"), yes and no, part of a label, clear words in a sentence, a typing
mistake. Whatever fits two choices gives both back: the engine asks which; nothing here guesses.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from bot.dialogue.figures import date, number, phone
from bot.dialogue.letters import clean, fold, spellings
from bot.dialogue.vocabulary import Vocabulary

__all__ = [
    "Candidate", "Vocabulary", "choose", "choose_many", "clean", "date", "fold", "is_word", "keyword",
    "number", "phone", "spellings",
]  # fmt: skip

LONGEST_CHOICE = 200  # characters; a longer text tells a story, it answers no list
_MOST_PARTS = 40  # of an answer that picks several

_position = re.compile(r"(\d{1,4})(\D*)")

_digit = re.compile(r"\d")
_SHORTEST_TYPO = 4  # letters: shorter words turn into each other too easily
_SURE, _MARGIN = 0.74, 0.12  # similarity needed, and the lead over the runner-up


@dataclass(frozen=True, slots=True)
class Candidate:
    """One choice as it may be named: its key and its labels in every language."""

    key: str
    labels: tuple[str, ...]
    names: tuple[str, ...] = field(init=False, repr=False, compare=False)  # folded labels
    words: frozenset[str] = field(init=False, repr=False, compare=False)  # of these

    def __post_init__(self) -> None:
        """Fold the labels; equal labels are folded once for all candidates."""
        read = [_read(label) for label in self.labels]
        names = tuple(dict.fromkeys(name for some, _ in read for name in some))
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "words", frozenset().union(*(words for _, words in read)))


@lru_cache(maxsize=4096)  # labels are what editors wrote; what people write is never kept here
def _read(label: str) -> tuple[tuple[str, ...], frozenset[str]]:
    names = tuple(name for name in spellings(label) if name)
    return names, frozenset(word for name in names for word in name.split())


# ---------------------------------------------------------------- one of a list

_Keys = tuple[str, ...]


def choose(text: str, candidates: Sequence[Candidate], vocabulary: Vocabulary, *, loosely: bool = True) -> _Keys:
    """The keys a text may mean, in list order: none, the one, or several it does not tell apart.

    Not `loosely`: only the whole label, the key, its place in the list, yes and no.
    """
    if len(text) > 20 * LONGEST_CHOICE:
        return ()
    folded = fold(text)
    exact = _keys(candidates, lambda one: folded in one.names) if folded else ()
    if exact or not folded:
        return exact
    by_key = _keys(candidates, lambda one: folded == one.key.replace("_", " "))
    if by_key or len(folded) > LONGEST_CHOICE:
        return by_key
    words = folded.split()
    for attempt in (_by_place, _by_yes_no, *((_by_part, _by_words, _by_typo) if loosely else ())):
        found = attempt(words, candidates, vocabulary)
        if found is not None:
            return _with_place(found, words, candidates)
    return ()


def _with_place(found: _Keys, words: list[str], candidates: Sequence[Candidate]) -> _Keys:
    """What was found, and the choice whose number stands first when that is another one: "2 retard"."""
    place = int(words[0]) if words[0].isdigit() and len(words[0]) < _SHORTEST_TYPO else 0
    named = any(one.key in found and words[0] in one.words for one in candidates)
    if not found or named or not 0 < place <= len(candidates):
        return found
    return _keys(candidates, lambda one: one.key in found or one is candidates[place - 1])


def _keys(candidates: Iterable[Candidate], fits: Callable[[Candidate], bool]) -> _Keys:
    return tuple(dict.fromkeys(one.key for one in candidates if fits(one)))


def _by_place(words: list[str], candidates: Sequence[Candidate], vocabulary: Vocabulary) -> _Keys | None:
    """The choices whose places are told: "2", "n°2", "le deuxième", "deux", "1 ou 3".

    A number that also begins another label ("6", "6 mois") may mean both; one beyond the list means nothing.
    """
    told = _without_lead(words, vocabulary) or words[-1:]
    links = vocabulary.joining | vocabulary.either
    told = [word for word in told if word not in links] if len(told) > 1 else told
    if not told or len(told) > len(candidates) + 2:
        return None
    places = [_place(word, len(candidates), vocabulary) for word in told]
    if None in places:
        whole = " ".join(told)
        spelt = not _digit.search(whole) and all(number(word, vocabulary) is not None for word in told[:5])
        spoken = number(whole, vocabulary) if spelt else None
        places = [_place(whole, len(candidates), vocabulary) if spoken is None else int(spoken)]
    if places == [None]:
        return None
    keys = [one.key for place, one in enumerate(candidates, start=1) if place in places]
    if len(told) == 1:
        return _keys(candidates, lambda one: one.key in keys or _starts_with(one, told[0]))
    beyond = any(place is None or not 0 < place <= len(candidates) for place in places)
    return () if beyond else tuple(dict.fromkeys(keys))


def _without_lead(words: Iterable[str], vocabulary: Vocabulary) -> list[str]:
    """The words but for those that may stand before the number of a choice."""
    return [word for word in words if word not in vocabulary.before_number and word not in vocabulary.polite]


def _starts_with(one: Candidate, word: str) -> bool:
    return any(name.partition(" ")[0] == word for name in one.names)


def _place(word: str, count: int, vocabulary: Vocabulary) -> int | None:
    figure = _position.fullmatch(word)
    if figure and (not figure[2] or figure[2] in vocabulary.after_digits):
        return int(figure[1])
    if word in vocabulary.last:
        return count
    return next((place for place, names in enumerate(vocabulary.ordinals, 1) if word in names), None)


def _by_yes_no(words: list[str], candidates: Sequence[Candidate], vocabulary: Vocabulary) -> _Keys | None:
    """Yes or no, where these are choices: the whole text, or what is left of it without politeness."""
    meant = {"yes": vocabulary.yes, "no": vocabulary.no}
    if not any(one.key in meant for one in candidates):
        return None
    once = [word for place, word in enumerate(words) if words[place - 1 : place] != [word]]
    bare = [word for word in once if word not in vocabulary.polite]
    said = {" ".join(words), " ".join(once), " ".join(bare)}
    return _keys(candidates, lambda one: not said.isdisjoint(meant.get(one.key, ()))) or None


def _by_part(words: list[str], candidates: Sequence[Candidate], vocabulary: Vocabulary) -> _Keys | None:
    """The one label that holds the text word for word; else those that begin with it, or hold its telling words."""
    start, little = " ".join(words), vocabulary.little
    if len(words) > 1:  # little words tell labels apart here: "avec mon nom" is no "Non, sans nom"
        whole = _keys(candidates, lambda one: any(f" {start} " in f" {name} " for name in one.names))
        if len(whole) == 1:
            return whole
    begun = _keys(candidates, lambda one: len(start) > 1 and any(_begins(name, start, little) for name in one.names))
    telling = set(words) - little
    bare = telling - vocabulary.polite or telling
    held = _keys(candidates, lambda one: bool(bare) and bare <= one.words)
    return _keys(candidates, lambda one: one.key in {*begun, *held}) or None


def _begins(name: str, start: str, little: AbstractSet[str]) -> bool:
    """Whether a label begins with these letters, its first articles left aside."""
    if start not in name:
        return False
    words = name.split()
    while len(words) > 1 and words[0] in little:
        words = words[1:]
    return name.startswith(start) or " ".join(words).startswith(start)


def _by_words(words: list[str], candidates: Sequence[Candidate], vocabulary: Vocabulary) -> _Keys | None:
    """The labels whose own words stand in a sentence; a "not" that no label holds makes it unclear."""
    said = set(words) - vocabulary.little - vocabulary.polite
    owners = {word: keys for word, keys in _owners(candidates, vocabulary).items() if word in said}
    for phrase, key in _yes_no_within(" ".join(words), candidates, vocabulary):
        owners[phrase] = {key}
    clear = [keys for keys in owners.values() if len(keys) == 1] or list(owners.values())
    named = {key for keys in clear for key in keys}
    denied = {one.key for one in candidates if one.key != "no" and said & vocabulary.denying - one.words}
    if not named:
        return None
    return () if named <= denied else _keys(candidates, lambda one: one.key in named)


def _owners(candidates: Sequence[Candidate], vocabulary: Vocabulary) -> dict[str, set[str]]:
    """Each telling word of the labels, and the keys it may stand for."""
    owners: dict[str, set[str]] = {}
    for one in candidates:
        for word in one.words - vocabulary.little or one.words:
            owners.setdefault(word, set()).add(one.key)
    return owners


def _yes_no_within(sentence: str, candidates: Sequence[Candidate], vocabulary: Vocabulary) -> Iterator[tuple[str, str]]:
    """Yes and no phrases inside a sentence, longest first: "pas d'accord" is no "d'accord"."""
    keys = {one.key for one in candidates} & {"yes", "no"}
    if not keys:
        return
    phrases = [(phrase, "yes") for phrase in vocabulary.yes] + [(phrase, "no") for phrase in vocabulary.no]
    rest = f" {sentence} "
    for phrase, key in sorted(phrases, key=lambda pair: -len(pair[0])):
        if len(phrase) > 1 and f" {phrase} " in rest:
            rest = rest.replace(f" {phrase} ", " | ")
            if key in keys:
                yield phrase, key


def _by_typo(words: list[str], candidates: Sequence[Candidate], vocabulary: Vocabulary) -> _Keys | None:
    """The labels one or two slips away. What comes close behind the best is given too."""
    told = [word for word in words if word not in vocabulary.little and word not in vocabulary.polite]
    if not 0 < len(told) <= 4 or not vocabulary.denying.isdisjoint(words):  # noqa: PLR2004, a sentence is no label
        return None
    owners = _owners(candidates, vocabulary)
    for one in candidates:
        answers = {"yes": vocabulary.yes, "no": vocabulary.no}.get(one.key, ())
        for name in (*one.names, *answers):
            owners.setdefault(name, set()).add(one.key)
    best: dict[str, float] = {}
    for said in {*told, " ".join(words), " ".join(told)}:
        for near, score in _close(said, owners):
            best.update({key: max(best.get(key, 0), score) for key in owners[near]})
    enough = max(best.values(), default=0) - _MARGIN
    return _keys(candidates, lambda one: best.get(one.key, -1) >= enough) or None


def _close(said: str, known: Iterable[str]) -> list[tuple[str, float]]:
    """What is a slip away: never through digits (16 is no mistyped 15), never for short words."""
    if len(said) < _SHORTEST_TYPO or _digit.search(said):
        return []
    least, most = max(_SHORTEST_TYPO, len(said) * _SURE), len(said) / _SURE  # others cannot be close enough
    names = [name for name in known if least <= len(name) <= most and not _digit.search(name)]
    near = process.extract(said, names, scorer=OSA.normalized_similarity, score_cutoff=_SURE, limit=5)
    return [(name, score) for name, score, _ in near]


# ---------------------------------------------------------------- several of a list

_separators = re.compile(r"[,;+&\n،؛]")
_between = re.compile(r"(?<=\d)[^\W\d]+(?=\d)|(?<=\s)\S+(?=\s)")  # a word between two digits or two spaces
_range = re.compile(r"\d\s*[-–—]\s*\d")


def choose_many(text: str, candidates: Sequence[Candidate], vocabulary: Vocabulary) -> tuple[_Keys, tuple[str, ...]]:
    """The keys picked, in list order, and the parts that were not understood or fit several choices.

    All was understood when no parts are left: "tous" picks every key, "aucun" gives `((), ())`. A text that
    says nothing comes back as the part left over, so that it is never taken for "none".
    """
    shown = clean(text).strip()
    folded = fold(shown)
    whole = _keys(candidates, lambda one: folded in one.names)
    if len(whole) == 1 and folded:
        return whole, ()
    if folded in vocabulary.all:
        return tuple(one.key for one in candidates), ()
    if folded in vocabulary.none:
        return (), ()
    parts = _parts(shown, vocabulary) if len(shown) <= 20 * LONGEST_CHOICE else []
    if not 0 < len(parts) <= _MOST_PARTS:
        return (), (shown,)
    links = vocabulary.joining | vocabulary.either
    labels: dict[str, set[str]] = {}
    for one in candidates:
        for name in one.names:
            labels.setdefault(_unlinked(name, links), set()).add(one.key)
    picked: set[str] = set()
    unclear: list[str] = []
    while parts:
        taken, keys = _longest_label(parts, labels, links)
        if not keys:
            taken, keys = 1, _one_part(parts[0], candidates, vocabulary)
        picked.update(keys)
        unclear += [] if keys else parts[:1]
        parts = parts[taken:]
    return tuple(one.key for one in candidates if one.key in picked), tuple(unclear)


def _parts(shown: str, vocabulary: Vocabulary) -> list[str]:
    """The text taken apart at commas and words like "et"; what says nothing is left out."""
    apart = _between.sub(lambda word: "," if fold(word[0]) in vocabulary.joining else word[0], shown)
    return [part.strip() for part in _separators.split(apart) if fold(part)]


def _unlinked(folded: str, links: AbstractSet[str]) -> str:
    return " ".join(word for word in folded.split() if word not in links)


def _longest_label(parts: list[str], labels: Mapping[str, set[str]], links: AbstractSet[str]) -> tuple[int, _Keys]:
    """Labels hold commas and "et" themselves: how many parts make up one label, and its key."""
    for count in range(min(len(parts), 5), 1, -1):
        keys = labels.get(_unlinked(fold(" ".join(parts[:count])), links), set())
        if len(keys) == 1:
            return count, tuple(keys)
    return 1, ()


def _one_part(part: str, candidates: Sequence[Candidate], vocabulary: Vocabulary) -> _Keys:
    """The keys one part picks: a single choice, or several numbers in a row; none when it is unclear."""
    keys = choose(part, candidates, vocabulary)
    if len(keys) == 1 or _range.search(part):
        return keys if len(keys) == 1 else ()
    figures = _without_lead(fold(part).split(), vocabulary)
    return keys if figures and all(word.isdigit() for word in figures) else ()


# ---------------------------------------------------------------- a word that leads somewhere

_LONGEST_KEYWORD = 6  # words
_LONG_WORD = 5  # letters, from which one typing mistake is forgiven


def keyword(text: str, table: Mapping[str, str], vocabulary: Vocabulary) -> str | None:
    """Where a whole message leads, by a table of folded phrases; politeness around it does not matter.

    One mistake is forgiven in words of five letters or more. Two phrases that fit equally: None.
    """
    if len(text) > LONGEST_CHOICE:
        return None
    folded = fold(text)
    if folded in table:
        return table[folded]
    words = folded.split()
    if not words or len(text.split()) > _LONGEST_KEYWORD:
        return None
    for spelt in (table.get, lambda phrase: _misspelt(phrase, table)):
        for length in range(len(words), 0, -1):
            found = set()
            for start in range(len(words) - length + 1):
                around = words[:start] + words[start + length :]
                if vocabulary.polite.issuperset(around):
                    found.add(spelt(" ".join(words[start : start + length])))
            found.discard(None)
            if found:
                return found.pop() if len(found) == 1 else None
    return None


def is_word(text: str, words: Iterable[str], vocabulary: Vocabulary) -> bool:
    """Whether a whole message is one of these folded words or phrases, politeness and one slip aside."""
    return keyword(text, dict.fromkeys(words, ""), vocabulary) is not None


def _misspelt(phrase: str, table: Mapping[str, str]) -> str | None:
    words = phrase.split()
    if max(map(len, words)) < _LONG_WORD - 1:
        return None
    near = process.extract(phrase, list(table), scorer=OSA.distance, score_cutoff=len(words), limit=None)
    found = {table[name] for name, _, _ in near if _slips(words, name.split())}
    return found.pop() if len(found) == 1 else None


def _slips(words: list[str], meant: list[str]) -> bool:
    """Whether each word is the meant one, long ones but for one slip after the first letter."""
    return len(words) == len(meant) and all(
        word == name
        or (len(name) >= _LONG_WORD and word[0] == name[0] and OSA.distance(word, name, score_cutoff=1) <= 1)
        for word, name in zip(words, meant, strict=True)
    )
