"""How well free words are understood: every phrase of a file is written at the menu of the real library.

`python -m tests.phrases.measure [file …]` (tests/phrases/seen.yaml when no file is named) prints, for each
destination and language, how many phrases went the right way, were asked about, went nowhere or went wrong; the
confusion table; and every phrase that fails. The head of seen.yaml says what the destinations are.

- **right**: led to one of the destinations that are right, or asked with one of these first, or one of two
- **nowhere**: nothing was understood; right for `none`
- for `none`, being asked is right, too: nobody was led anywhere; it is counted apart
- for `grave` and `distress`, every phrase that leads or offers anything without the right way is told apart
"""

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from msgspec.structs import replace
from ruamel.yaml import YAML

from bot.dialogue.engine import advance
from bot.dialogue.flow import Library
from bot.dialogue.model import Conversation, Frame, Heard, Turn, World
from bot.library import files, load

ROOT = Path(__file__).resolve().parents[2]
SEEN = ROOT / "tests/phrases/seen.yaml"
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
AT_THE_MENU = Conversation("fr", (Frame("main", "menu"),), heard_at=NOW)
NEVER_WRONG = ("grave", "distress")

# Where a turn went (flow, or flow/step where that is another destination) → destination.
DESTINATIONS = {
    "documents": "documents", "documents/lost": "lost_papers", "rights": "rights", "rights/amounts": "amounts",
    "rights/covered": "not_covered", "rights/free": "free_help", "rights/debt": "debt", "rights/family": "family",
    "rights/lost_papers": "lost_papers", "opportunities": "opportunities", "support": "support", "advice": "advice",
    "elsewhere": "elsewhere", "elsewhere/abroad": "abroad", "elsewhere/minor": "minor",
    "elsewhere/helping": "helping", "complaint": "complaint", "complaint/grave": "grave", "distress": "distress",
    "status": "status", "person": "person", "language": "language", "stop": "stop", "erase": "erase",
    "help": "help", "greeting": "greeting", "main": "menu", "way_out": "stop",
}  # fmt: skip


@dataclass(frozen=True)
class Phrase:
    """What somebody typed, its language, and the destinations that are right, the best first."""

    say: str
    lang: str
    to: tuple[str, ...]
    slots: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Outcome:
    """Where a phrase went: one destination, several it was asked about, or none."""

    phrase: Phrase
    went: tuple[str, ...]
    asked: bool = False
    slots: tuple[tuple[str, str], ...] = ()

    @property
    def verdict(self) -> str:
        """right, asked (right too), nowhere or wrong."""
        if not self.went:
            return "right" if "none" in self.phrase.to else "nowhere"
        if self.went == ("menu",):  # shown again
            return "right" if {"greeting", "none"} & set(self.phrase.to) else "nowhere"
        if self.phrase.to[0] == "none" and self.asked:
            return "asked"
        if not self.asked:
            return "right" if self.went[0] in self.phrase.to else "wrong"
        near = self.went if len(self.went) <= 2 else self.went[:1]
        return "asked" if set(near) & set(self.phrase.to) else "wrong"

    @property
    def good(self) -> bool:
        return self.verdict in ("right", "asked")

    @property
    def harmful(self) -> bool:
        """Whether a phrase of abuse or distress was led, or offered, only other ways."""
        return self.phrase.to[0] in NEVER_WRONG and self.verdict == "wrong"


@cache
def real_library() -> Library:
    built = load.build(files.read_folder(ROOT))
    assert built.library, "\n".join(map(str, built.issues))
    return built.library


def phrases(path: Path) -> list[Phrase]:
    read = YAML(typ="safe", pure=True).load(path) or []
    return [
        Phrase(str(one["say"]), one["lang"], tuple(one["to"]), tuple(sorted(one.get("slots", {}).items())))
        for one in read
    ]


def play(library: Library, phrase: Phrase) -> Outcome:
    """Write one phrase at the menu."""
    world = World(NOW)
    turn = advance(library, AT_THE_MENU, Heard("text", phrase.say), world)
    while turn.needs:
        world = replace(world, known={**world.known, **dict.fromkeys(turn.needs, ())})
        turn = advance(library, AT_THE_MENU, Heard("text", phrase.say), world)
    frames = turn.conversation.frames
    answers = frames[-1].answers if frames else {}
    slots = tuple(sorted((name, str(answers[name])) for name in ("trade", "region", "cercle") if name in answers))
    went, asked = _went(turn)
    return Outcome(phrase, tuple(dict.fromkeys(went)), asked, slots)


def _went(turn: Turn) -> tuple[list[str], bool]:
    """Where a turn went, and whether it only asked."""
    if turn.passed[:1] == ("which/which",):
        return [_destination(one.replace(".", "/")) for one in turn.conversation.top.answers["among"]], True
    if turn.says and turn.says[-1].text.key == "words:which_one":
        return [_destination(option.tap.rpartition(":")[2]) for option in turn.says[-1].options], True
    places = [place for place in turn.passed if not place.startswith("main/")] or list(turn.passed)
    return ([_destination(places[0])] if places else []), False


def _destination(place: str) -> str:
    return DESTINATIONS.get(place) or DESTINATIONS.get(place.partition("/")[0], place)


def outcomes(path: Path) -> list[Outcome]:
    return [play(real_library(), phrase) for phrase in phrases(path)]


def table(rows: Iterable[tuple[str, Outcome]]) -> list[str]:
    """One line a group: how many phrases, and what became of them."""
    counts: dict[str, Counter[str]] = {}
    for group, one in rows:
        counts.setdefault(group, Counter())[one.verdict] += 1
    head = f"{'':16}{'all':>6}{'right':>8}{'asked':>8}{'nowhere':>9}{'wrong':>7}{'good':>8}"
    lines = [head]
    for group, found in counts.items():
        whole = sum(found.values())
        good = (found["right"] + found["asked"]) / whole
        lines.append(
            f"{group:16}{whole:6}{found['right']:8}{found['asked']:8}{found['nowhere']:9}{found['wrong']:7}{good:8.0%}"
        )
    return lines


def report(path: Path) -> list[str]:
    played = outcomes(path)
    lines = [f"{path.name}: {len(played)} phrases", ""]
    lines += [*table((one.phrase.to[0], one) for one in played), ""]
    lines += [*table((one.phrase.lang, one) for one in played), *table(("together", one) for one in played)[1:], ""]
    lines.append("Confusion (wanted → went):")
    mixed = Counter((one.phrase.to[0], " or ".join(one.went) or "nowhere") for one in played if not one.good)
    lines += [f"  {wanted:14} → {went:32}{times:4}" for (wanted, went), times in mixed.most_common()]
    named = [one for one in played if one.phrase.slots]
    found = sum(one.slots == one.phrase.slots for one in named)
    lines += ["", f"Names found where they were led at once: {found} of {len(named)}"]
    lines += [
        f"  {one.phrase.say!r}: {dict(one.slots)}, wanted {dict(one.phrase.slots)}"
        for one in named
        if one.slots != one.phrase.slots and one.went == ("opportunities",)
    ]
    lines += ["", "Phrases that fail:"]
    lines += [
        f"  {one.verdict:8}{one.phrase.lang} {'/'.join(one.phrase.to)} → "
        f"{' or '.join(one.went) or 'nowhere'}: {one.phrase.say}"
        for one in played
        if not one.good
    ]
    harmful = [one for one in played if one.harmful]
    lines += ["", f"Wrong ways for grave and distress: {len(harmful)}"]
    return [*lines, *(f"  {one.phrase.say} → {' or '.join(one.went)}" for one in harmful)]


if __name__ == "__main__":
    for name in sys.argv[1:] or [str(SEEN)]:
        print("\n".join(report(Path(name))))
