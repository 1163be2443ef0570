"""What a free message may mean, learnt from the example messages editors wrote (content/phrases/<lang>.yaml).

A message is cut into tokens. Names of trades and places become one token for each kind, so that an example with
"Kita" serves every town; so do words that editors called alike. Tokens, pairs of tokens and threes of letters are
its **features**: with "^pa", "pas" … "paspor" is near "passeport". Each feature speaks for and against each target,
by how much more often it stands in that target's examples than in all others (naive Bayes, log odds), and more
loudly the rarer it is. What is said of no target with any strength means nothing; a clear winner is **sure**; where
several come close, all are given and the engine asks.

Danger and abuse (`FIRST`) are never outweighed: unless they are clearly implausible they are asked about, first. In a
long message they are looked for in every stretch of it, for a cry for help may stand in the midst of a request.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import log, sqrt

from rapidfuzz.distance import OSA

from bot.dialogue.letters import fold, spellings

GRAVE, DISTRESS = "complaint.grave", "distress"
FIRST = (DISTRESS, GRAVE)
GREETING = "greeting"  # yields to whatever else was said
NOWHERE = "nowhere"  # its examples look like a wish and must lead nowhere

# How much a feature counts beside a plain word, which is 1.
_PAIR, _LETTERS, _NAMED, _DIGITS, _NEAR = 0.6, 0.35, 0.7, 0.5, 0.8
_UNKNOWN = 0.7  # a word nobody used before: it makes everything less sure
_SMOOTH = 0.05

_LEAST, _SURE = 1.8, 3.2  # strength below which nothing was understood, and from which a winner may be sure
_CLOSE, _CLEAR = 2.0, 2.0  # targets this near to the best are asked about; a winner this far ahead is sure
_FIRST_LEAST, _FIRST_SHARE = -1.5, 0.3  # one of FIRST is implausible below this, and this much of the best
_FIRST_BOTH = 0.1  # … and beside the other one of FIRST, below this
_FIRST_ALONE, _FIRST_CLOSE = 1.2, 3.0  # where nothing else was understood
_ASKED = 3  # targets at most
_STRETCH, _STEP, _PART = 7, 2, 1.0  # tokens of a long message in which FIRST is looked for alone, and what that costs

_LONGEST = 60  # words of a message that are looked at
_NAME_TYPO, _WORD_TYPO = 6, 5  # letters, from which one slip is forgiven
_WRITTEN = 4  # letters, from which a word is also known by its threes of letters

Words = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a message may mean: where it leads, the names in it (`{"trade": "welding"}`), and whether it is clear."""

    target: str
    slots: Mapping[str, str] = field(default_factory=dict)
    sure: bool = False


@dataclass(frozen=True, slots=True)
class Examples:
    """What editors wrote, of all languages together.

    `said`: target → messages. `alike`: name of a group → words that count as one. `short`: abbreviation → what it
    stands for. `not_names`: everyday words that are also the name of a place or a trade.
    """

    said: Words = field(default_factory=dict)
    alike: Words = field(default_factory=dict)
    short: Mapping[str, str] = field(default_factory=dict)
    not_names: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Name:
    token: str  # "<trade>", "<place>", "<country>"
    kind: str = ""  # of slots; "" for a group of alike words
    key: str = ""


@dataclass(frozen=True, slots=True)
class _Cutter:
    """Takes a message apart: abbreviations spelt out, names replaced by tokens."""

    names: Mapping[tuple[str, ...], _Name]
    typos: Mapping[str, tuple[str, ...]]  # name with a letter less → names of one long word
    longest: int  # words in a name
    short: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, examples: Examples, slots: Mapping[str, Words]) -> "_Cutter":
        everyday = {spelling for word in examples.not_names for spelling in spellings(word)}
        names: dict[tuple[str, ...], _Name] = {}
        for kind, keys in slots.items():
            token = "<place>" if kind in ("region", "cercle") else f"<{kind}>"
            for key, words in keys.items():
                for spelling in (one for word in words for one in spellings(word) if one and one not in everyday):
                    names.setdefault(tuple(spelling.split()), _Name(token, kind, key))
        for group, words in examples.alike.items():
            for spelling in (one for word in words for one in spellings(word) if one):
                names[tuple(spelling.split())] = _Name(f"<{group}>")
        typos = _without_a_letter(name[0] for name in names if len(name) == 1 and len(name[0]) >= _NAME_TYPO)
        short = {fold(word): tuple(fold(full).split()) for word, full in examples.short.items()}
        return cls(names, typos, max(map(len, names), default=0), short)

    def cut(self, text: str, known: Mapping[str, object]) -> tuple[list[tuple[str, tuple[str, ...]]], dict[str, str]]:
        """Tokens, each with the words it was made of when it is a name; and the names by kind, the first of each.

        A slip in a long name is forgiven, unless it makes another word that is `known`.
        """
        words = [part for word in fold(text).split()[:_LONGEST] for part in self.short.get(word, (word,))]
        tokens: list[tuple[str, tuple[str, ...]]] = []
        slots: dict[str, str] = {}
        at = 0
        while at < len(words):
            said, name = self._name_at(words, at, known)
            tokens.append((name.token, said) if name else (words[at], ()))
            if name and name.kind:
                slots.setdefault(name.kind, name.key)
            at += len(said)
        return tokens, slots

    def _name_at(self, words: list[str], at: int, known: Mapping[str, object]) -> tuple[tuple[str, ...], _Name | None]:
        for length in range(min(self.longest, len(words) - at), 0, -1):
            said = tuple(words[at : at + length])
            if said in self.names:
                return said, self.names[said]
        word = words[at]
        near = set() if len(word) < _NAME_TYPO or word in known else _near(word, self.typos)
        return (word,), self.names[(near.pop(),)] if len(near) == 1 else None


@dataclass(frozen=True, slots=True)
class Phrases:
    """What was learnt from the examples of all languages, once for each revision. Empty, it understands nothing."""

    targets: tuple[str, ...] = ()
    cutter: _Cutter = field(default_factory=lambda: _Cutter({}, {}, 0, {}))
    weights: Mapping[str, float] = field(default_factory=dict)  # feature → how rare it is
    speaks: Mapping[str, "array[float]"] = field(default_factory=dict)  # feature → log odds for each target
    typos: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exact: Mapping[str, str] = field(default_factory=dict)  # a whole example, folded → target
    within: Mapping[str, str] = field(default_factory=dict)  # cercle → region
    unknown: float = 1.0  # how rare a feature nobody used is

    @classmethod
    def build(
        cls, examples: Examples, slots: Mapping[str, Words], within: Mapping[str, str] | None = None
    ) -> "Phrases":
        """Learn the examples. `slots`: kind → key → what people call it; `within`: cercle → its region."""
        cutter = _Cutter.of(examples, slots)
        said = [(target, text) for target, texts in examples.said.items() for text in texts]
        read = [(target, _features(cutter.cut(text, {})[0])) for target, text in said]
        seen = Counter(feature for _, features in read for feature in features)
        weights = {feature: log((len(read) + 1) / (times + 0.5)) for feature, times in seen.items()}
        targets = tuple(examples.said)
        totals = {feature: array("d", [0.0] * len(targets)) for feature in seen}
        for target, features in read:
            place = targets.index(target)
            weighed = {feature: weight * weights[feature] for feature, weight in features.items()}
            length = _length(weighed.values())
            for feature, weight in weighed.items():
                totals[feature][place] += weight / length
        words = (feature for feature in seen if feature.isalpha() and len(feature) >= _WORD_TYPO)
        return cls(
            targets=targets,
            cutter=cutter,
            weights=weights,
            speaks=_log_odds(totals, len(targets)),
            typos=_without_a_letter(words),
            exact={fold(text): target for target, text in said},
            within=within or {},
            unknown=log(len(read) + 1),
        )

    def meanings(self, text: str) -> tuple[Meaning, ...]:
        """What a text may mean: nothing, the one thing (perhaps not sure), or several, the likeliest first."""
        said = fold(text)
        if not any(len(word) > 1 and word.isalpha() for word in said.split()):
            return ()
        ranked, slots = self.ranked(text)
        chosen = _chosen(ranked, self.exact.get(said, ""))
        if slots.get("cercle") in self.within:
            slots["region"] = self.within[slots["cercle"]]
        return tuple(Meaning(target, slots, sure) for target, sure in chosen)

    def ranked(self, text: str) -> tuple[list[tuple[float, str]], dict[str, str]]:
        """Every target with how strongly the text speaks for it, the strongest first; and the names in the text."""
        tokens, slots = self.cutter.cut(text, self.weights)
        strength = self._strengths(tokens)
        long = len(tokens) > _STRETCH
        for start in range(0, len(tokens) - _STRETCH + _STEP, _STEP) if long else ():
            part = self._strengths(tokens[start : start + _STRETCH])
            strength |= {one: max(strength[one], part[one] - _PART) for one in FIRST if one in strength}
        return sorted(((strong, target) for target, strong in strength.items()), reverse=True), slots

    def _strengths(self, tokens: Sequence[tuple[str, tuple[str, ...]]]) -> dict[str, float]:
        """How strongly these tokens speak for each target."""
        heard = self._heard(_features(tokens))
        length = _length(heard.values()) or 1.0
        strength = [0.0] * len(self.targets)
        for feature, weight in heard.items():
            speaks = self.speaks.get(feature)
            if speaks is not None:
                share = weight / length
                strength = [sum_ + share * odds for sum_, odds in zip(strength, speaks, strict=True)]
        return dict(zip(self.targets, strength, strict=True))

    def _heard(self, features: Mapping[str, float]) -> dict[str, float]:
        """Features of a message by weight; a word nobody used counts as those a slip away, if there are any."""
        heard: dict[str, float] = {}
        for feature, weight in features.items():
            if feature in self.weights:
                heard[feature] = max(weight * self.weights[feature], heard.get(feature, 0))
                continue
            near = _near(feature, self.typos) if len(feature) >= _WORD_TYPO and feature.isalpha() else set()
            for word in near:
                heard[word] = max(_NEAR * self.weights[word], heard.get(word, 0))
            if not near:
                heard[feature] = weight * self.unknown * (_UNKNOWN if feature.isalpha() else 0.5 * _UNKNOWN)
        return heard


def _chosen(ranked: Sequence[tuple[float, str]], exact: str) -> list[tuple[str, bool]]:
    """The targets that may be meant, and whether it is sure. `exact` is that of an example said word by word."""
    if exact or not ranked:
        return [(exact, True)] if exact not in ("", NOWHERE) else []
    if ranked[0][1] == GREETING and any(strength >= _LEAST for strength, one in ranked[1:] if one != NOWHERE):
        ranked = ranked[1:]  # "good day, I look for work"
    best, first = ranked[0]
    behind = max((strength for strength, target in ranked[1:] if target != NOWHERE), default=0.0)
    sure = best >= _SURE and best - behind >= _CLEAR
    if sure and first in FIRST:
        return [(first, True)]
    strengths = {target: strength for strength, target in ranked}
    little = best < _LEAST or first == NOWHERE
    least = max(_FIRST_ALONE, best - _FIRST_CLOSE) if little else _FIRST_LEAST + _FIRST_SHARE * best
    likelier = max((strengths[one] for one in FIRST if one in strengths), default=0.0)
    least = max(least, min(likelier, _FIRST_BOTH))
    grave = [one for one in FIRST if one in strengths and strengths[one] >= least]
    if little:
        return [(one, False) for one in (FIRST if grave else ())]
    near = [target for strength, target in ranked if strength > best - _CLOSE and strength >= _LEAST]
    if not grave and near[1:2] == [NOWHERE]:
        near = near[:1]
    near = [*grave, *(target for target in near if target not in (*grave, NOWHERE))][:_ASKED]
    if len(near) == 1 and near[0] in FIRST and best < _SURE:
        near = list(FIRST)  # one is easily taken for the other
    return [(target, sure and len(near) == 1) for target in near]


def _features(tokens: Sequence[tuple[str, tuple[str, ...]]]) -> dict[str, float]:
    """The features of a message, each with what it counts beside a plain word."""
    found: dict[str, float] = {}
    for token, named in tokens:
        found[token] = 1.0
        for word in named:
            found.setdefault(word, _NAMED)
        if named:
            continue
        if token.isdigit():
            found.setdefault(f"#{len(token)}", _DIGITS)
        elif len(token) >= _WRITTEN:
            for threes in _threes(token):
                found.setdefault(threes, _LETTERS)
    for (one, _), (other, _) in pairwise(tokens):
        found[f"{one} {other}"] = _PAIR
    return found


def _threes(word: str) -> Iterator[str]:
    framed = f"^{word}$"
    return (f"~{framed[at : at + 3]}" for at in range(len(framed) - 2))


def _log_odds(totals: Mapping[str, "array[float]"], targets: int) -> dict[str, "array[float]"]:
    """How much more a feature belongs to each target's examples than to all the others."""
    mine = [sum(column) for column in zip(*totals.values(), strict=True)] or [0.0] * targets
    all_in_all = sum(mine)
    odds = {}
    for feature, shares in totals.items():
        common = sum(shares)
        odds[feature] = array(
            "d",
            (
                log((share + _SMOOTH * common + 0.01) / (own + _SMOOTH * all_in_all))
                - log((common * (1 + _SMOOTH) - share + 0.01) / ((1 + _SMOOTH) * all_in_all - own))
                for share, own in zip(shares, mine, strict=True)
            ),
        )
    return odds


def _without_a_letter(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Each word, and each of its spellings with one letter left out (never the first), to the words it may be."""
    found: dict[str, list[str]] = {}
    for word in words:
        for spelling in _spelt(word):
            found.setdefault(spelling, []).append(word)
    return {spelling: tuple(some) for spelling, some in found.items()}


def _spelt(word: str) -> set[str]:
    return {word, *(word[:at] + word[at + 1 :] for at in range(1, len(word)))}


def _near(word: str, typos: Mapping[str, tuple[str, ...]]) -> set[str]:
    """The words one slip of the finger away."""
    maybe = {other for spelling in _spelt(word) for other in typos.get(spelling, ())}
    return {other for other in maybe if OSA.distance(word, other, score_cutoff=1) <= 1}


def _length(weights: Iterable[float]) -> float:
    return sqrt(sum(weight * weight for weight in weights))
