"""Words of distress, heard anywhere in a message: content/safety/<lang>.yaml.

A phrase matches when its words come in order with at most two other words between them ("je veux
*vraiment* mourir"); a|b means either word; `short` spells out what people abbreviate ("jveux"). The words
listed in `mistyped` are known with a slip of the finger too; only these, for "je veux créer" is one letter
from "crever". A phrase of short words only ("me bat") must stand without words between; one joined by "_"
("en_finir"), and every phrase of `weary` and `not`, must stand exactly as it is. A leading "=" asks for the
whole message.

Longer phrases are trusted over the shorter ones inside them: "il va me tuer" (danger) over "me tuer"
(suicide). A phrase typed without spaces is known too, also behind a little word of `before` ("jeveuxmourir").
A phrase of `not` silences what it overlaps, there and nowhere else: "mort de rire" never hides a cry for
help two sentences later. In doubt a phrase counts: asking once too often does little harm.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rapidfuzz.distance import OSA

from bot.dialogue.letters import fold, spellings

KINDS = ("suicide", "danger", "held", "weary")  # what weighs most comes first
LINES = (*KINDS, "not", "mistyped", "before", "short")  # of a safety file

_GAP = 2  # other words between two words of a phrase
_LONG = 4  # letters; a phrase without any such word must stand as it is
_TYPO, _TYPOS = 5, 10  # letters, from which one slip, two slips are forgiven
_stretched = re.compile(r"([a-z])\1{2,}")  # "mourirrrr"

_Slot = frozenset[str]  # the words of which one must stand in this place


@dataclass(frozen=True, slots=True)
class _Phrase:
    kind: str  # of KINDS, or "not"
    slots: tuple[_Slot, ...]
    exact: bool  # no slips
    gap: int
    whole: bool  # is all the message says


@dataclass(frozen=True, slots=True)
class _Hit:
    kind: str
    places: frozenset[int]  # of the words heard
    slip: bool  # one of them only looks like ours


@dataclass(frozen=True, slots=True)
class Safety:
    """The phrases of all languages, ready to be heard. Empty, it hears nothing."""

    starts: Mapping[str, tuple[_Phrase, ...]] = field(default_factory=dict)  # by each possible first word
    short: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # what abbreviations stand for
    glued: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # phrases typed without spaces
    before: tuple[str, ...] = ()  # little words that stand glued before them ("jeveuxmourir")
    long: Mapping[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)  # by first letter, length heard

    @classmethod
    def merge(cls, languages: Iterable[Mapping[str, object]]) -> "Safety":
        """The safety files of several languages, as read from YAML.

        :raises ValueError: a line is unknown, or is no list of phrases (`short`: no map).
        """
        short: dict[str, tuple[str, ...]] = {}
        written: list[tuple[str, str]] = []
        plain: dict[str, list[str]] = {"mistyped": [], "before": []}
        for file in languages:
            for name, lines in file.items():
                if name == "short" and isinstance(lines, Mapping):
                    short |= {fold(str(key)): tuple(fold(str(full)).split()) for key, full in lines.items()}
                elif name in plain and isinstance(lines, list):
                    plain[name] += [spelling for line in lines for spelling in spellings(str(line))]
                elif name in (*KINDS, "not") and isinstance(lines, list):
                    written += [(name, str(line)) for line in lines]
                else:
                    raise ValueError(f"safety: “{name}”: {', '.join(LINES[:-1])} are lists, short is a map")
        phrases = [phrase for kind, line in written for phrase in _phrases(kind, line)]
        starts: dict[str, list[_Phrase]] = {}
        for phrase in dict.fromkeys(phrases):
            for word in phrase.slots[0]:
                starts.setdefault(word, []).append(phrase)
        grave = [phrase for phrase in phrases if phrase.kind not in {"weary", "not"}]
        long: dict[tuple[str, int], list[str]] = {}
        for word in dict.fromkeys(plain["mistyped"]):
            for length in range(len(word) - _slips(word), len(word) + _slips(word) + 1):
                long.setdefault((word[0], length), []).append(word)
        return cls(
            starts={word: tuple(some) for word, some in starts.items()},
            short=short,
            glued={"".join(said): said for one in grave for said in _ways(one.slots) if len(said) > 1},
            before=tuple(dict.fromkeys(plain["before"])),
            long={key: tuple(some) for key, some in long.items() if key[1] >= _LONG},
        )


def _phrases(kind: str, line: str) -> Iterator[_Phrase]:
    """A line as it may be typed: with ɲ and ŋ as "ny" and "ng", or as a plain n."""
    bare = line.strip()
    whole = bare.startswith("=")
    sides = [spellings(side) for side in bare.removeprefix("=").split("|")]
    for way in range(max(map(len, sides))):
        slots: list[_Slot] = []
        for place, side in enumerate(sides):
            words = side[min(way, len(side) - 1)].split()
            if not words:
                raise ValueError(f"safety: “{line}” has an empty word")
            if place:  # "a|b c": the first word here stands beside the last one before
                slots[-1] |= {words.pop(0)}
            slots += [frozenset({word}) for word in words]
        exact = kind in {"weary", "not"} or "_" in bare
        loose = not exact and any(len(word) >= _LONG for slot in slots for word in slot)
        yield _Phrase(kind, tuple(slots), exact, _GAP if loose else 0, whole)


def _slips(word: str) -> int:
    """How many slips of the finger a word forgives: none, one, two by its length."""
    return (len(word) >= _TYPO) + (len(word) >= _TYPOS)


def _ways(slots: Sequence[_Slot]) -> list[tuple[str, ...]]:
    """A phrase with every choice of its words spelt out, as long as these stay few."""
    ways: list[tuple[str, ...]] = [()]
    for slot in slots:
        ways = [(*way, word) for way in ways for word in sorted(slot)]
        if len(ways) > 200:  # noqa: PLR2004, a phrase of many alternatives is not typed in one word
            return []
    return ways


# ---------------------------------------------------------------- hearing


def detect(text: str, words: Safety) -> str | None:
    """The gravest distress a message tells; None for none."""
    return next(iter(kinds(text, words)), None)


def kinds(text: str, words: Safety) -> tuple[str, ...]:
    """Every distress a message tells, the gravest first: "suicide", "danger", "held", "weary".

    Works on texts of any length, in time that grows with the length only.
    """
    said = _said(text, words)
    heard = [_meanings(word, words) for word in said]
    hits = set(_hits(said, heard, words))
    if not hits:
        return ()
    at = _by_place(hits)
    clear = [hit for hit in hits if hit.kind != "not" and not _overlapped(hit, at, _harmless)]
    at = _by_place(clear)
    sure = {hit.kind for hit in clear if not _overlapped(hit, at, _longer)}
    return tuple(kind for kind in KINDS if kind in sure)


def _said(text: str, words: Safety) -> list[str]:
    """The words of a message: stretched letters shortened, abbreviations and glued phrases spelt out."""
    said: list[str] = []
    for word in _stretched.sub(r"\1", fold(text)).split():
        bare = (word.removeprefix(before) for before in words.before if word.startswith(before))
        apart = words.glued.get(word) or next((words.glued[one] for one in bare if one in words.glued), None)
        said.extend(words.short.get(word) or apart or (word,))
    return said


def _meanings(word: str, words: Safety) -> tuple[str, ...]:
    """The words of ours that a word may be, itself first."""
    near = [
        ours
        for ours in words.long.get((word[0], len(word)), ())
        if ours != word and OSA.distance(word, ours, score_cutoff=2) <= _slips(ours)
    ]
    return (word, *near)


def _hits(said: list[str], heard: list[tuple[str, ...]], words: Safety) -> Iterator[_Hit]:
    """Every phrase at every place it stands."""
    present = {meaning for meanings in heard for meaning in meanings}
    alive: dict[int, bool] = {}  # all of whose words occur somewhere: few phrases, for most messages none
    for start, meanings in enumerate(heard):
        for phrase in (phrase for meaning in meanings for phrase in words.starts.get(meaning, ())):
            if id(phrase) not in alive:
                alive[id(phrase)] = all(not slot.isdisjoint(present) for slot in phrase.slots)
            if not alive[id(phrase)] or (phrase.whole and len(said) != len(phrase.slots)):
                continue
            for path in _paths(phrase, start, heard):
                slip = any(said[place] not in slot for place, slot in zip(path, phrase.slots, strict=True))
                yield _Hit(phrase.kind, frozenset(path), slip)


def _paths(phrase: _Phrase, start: int, heard: list[tuple[str, ...]]) -> list[tuple[int, ...]]:
    """The places of a phrase's words from a start on: one way for each place it may end at."""
    seen = [meanings[:1] for meanings in heard[start : start + 1]] if phrase.exact else heard[start : start + 1]
    paths: dict[int, tuple[int, ...]] = {start: (start,)} if not phrase.slots[0].isdisjoint(seen[0]) else {}
    for slot in phrase.slots[1:]:
        further: dict[int, tuple[int, ...]] = {}
        for end, path in paths.items():
            for place in range(end + 1, min(end + 2 + phrase.gap, len(heard))):
                meant = heard[place][:1] if phrase.exact else heard[place]
                if place not in further and not slot.isdisjoint(meant):
                    further[place] = (*path, place)
        paths = further
    return list(paths.values())


# ---------------------------------------------------------------- which of them count


def _by_place(hits: Iterable[_Hit]) -> dict[int, list[_Hit]]:
    at: dict[int, list[_Hit]] = {}
    for hit in hits:
        for place in hit.places:
            at.setdefault(place, []).append(hit)
    return at


def _overlapped(hit: _Hit, at: Mapping[int, list[_Hit]], over: Callable[[_Hit, _Hit], bool]) -> bool:
    return any(over(other, hit) for place in hit.places for other in at[place])


def _harmless(other: _Hit, hit: _Hit) -> bool:
    """Whether a phrase of `not` silences a hit: it overlaps, and is no mere part of what was really said."""
    return other.kind == "not" and (hit.slip or not other.places < hit.places)


def _longer(other: _Hit, hit: _Hit) -> bool:
    return other.places > hit.places
