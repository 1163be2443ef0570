"""Where a link leads: `/start plainte` opens the flow of that keyword, once language and privacy are settled;
`/start kayes` says the region, `kayes-en` a language as well, for who has none yet.

WhatsApp's links can only bring words along: "Menu Kayes" is such a link wherever it is typed. What a link says is
remembered as a fact until the menu is reached. Whoever is in the midst of something is not drawn out of it; words that
name nothing are passed over.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from msgspec.structs import replace
from rapidfuzz.distance import OSA

from bot.dialogue import matching
from bot.dialogue.flow import Library
from bot.dialogue.leading import MENU
from bot.dialogue.letters import spellings
from bot.dialogue.model import Conversation, Frame, Heard, Say, Text, Turn
from bot.dialogue.steps.choose import ChooseLanguage

LINK = "link"  # the fact
WORD = "menu"  # before the region in a link that is typed
LONGEST = 60  # letters of such a link, with a greeting
LONG_NAME = 5  # letters, from which one letter may be wrong; beside a shorter name one may be too many


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says: a region, or a word that opens a flow; and a language."""

    region: str = ""
    word: str = ""
    language: str = ""


def start_of(region: str, language: str) -> str:
    """What a link carries that says these."""
    return "-".join(filter(None, (region, language)))


def typed_of(library: Library, region: str, language: str) -> str:
    """The same as words that people can read: "Menu Kayes English"."""
    label = library.words(f"regions:{region}", language) if region in library.directory.regions else ""
    return " ".join(filter(None, (WORD.capitalize(), label, _own_name(library, language))))


def read(library: Library, heard: Heard, start: str) -> tuple[Heard, Link]:
    """What was heard and what its link says; a link that was typed is heard as the start it stands for."""
    if not start and heard.kind == "text":
        start = _typed(library, heard.text)
        heard = Heard("start") if start else heard
    return heard, _link(library, start) if start else Link()


def arriving(conversation: Conversation, link: Link) -> Conversation:
    """Who comes by a link of a region lives or arrives there: nobody asks again, and a list on the way moves there."""
    if not link.region:
        return conversation
    frames = tuple(_moved(frame, link.region) for frame in conversation.frames)
    return replace(conversation, frames=frames, facts={**conversation.facts, "region": link.region})


def _moved(frame: Frame, region: str) -> Frame:
    if frame.answers.get("region") in (None, region):
        return frame
    elsewhere = {name: value for name, value in frame.answers.items() if name != "cercle"}
    return replace(frame, answers={**elsewhere, "region": region})


def follow(library: Library, before: Conversation, turn: Turn, link: Link) -> tuple[Turn, Heard | None]:
    """The turn with what the link says kept, told or dropped, and what is to be heard next, as if it had been said."""
    after, word = turn.conversation, link.region or link.word or str(before.facts.get(LINK, ""))
    if not (word or link.language) or not after.frames:
        return replace(turn, conversation=_with(after, "")), None
    at_menu = (after.top.flow, after.top.step) == MENU
    first_questions = len(after.frames) == 1 and after.top.flow == MENU[0] and not at_menu
    if word in library.directory.regions:
        now, on_the_way = at_menu or bool(link.region and not first_questions), True
    else:
        now, on_the_way = at_menu and bool(word), not before.frames or LINK in before.facts
    turn = replace(turn, conversation=_with(after, word if on_the_way and not now else ""))
    tap = _language_tap(library, after, link.language)
    if tap:  # the greeting stands in the question that is passed over
        return replace(turn, says=(Say(Text(key="words:link_hello")),)), Heard("tap", tap=tap)
    return _told(library, turn, word) if now else (turn, None)


def _told(library: Library, turn: Turn, word: str) -> tuple[Turn, Heard | None]:
    """A region is spoken of above what is asked; a word is heard instead of showing the menu."""
    menu = bool(turn.passed) and turn.passed[-1] == "/".join(MENU)
    if word not in library.directory.regions:
        return replace(turn, says=turn.says[:-1] if menu else turn.says), Heard("text", text=word)
    place = len(turn.says) - 1 if menu else 0
    told = Say(Text(key="words:link_region", values={"region": Text(key=f"regions:{word}")}))
    return replace(turn, says=(*turn.says[:place], told, *turn.says[place:])), None


def joined(first: Turn, then: Turn) -> Turn:
    """Two turns as one."""
    return replace(
        then,
        says=(*first.says, *then.says),
        effects=(*first.effects, *then.effects),
        passed=(*first.passed, *then.passed),
    )


def _with(conversation: Conversation, word: str) -> Conversation:
    if str(conversation.facts.get(LINK, "")) == word:
        return conversation
    facts = {name: value for name, value in conversation.facts.items() if name != LINK}
    return replace(conversation, facts={**facts, LINK: word} if word else facts)


def _language_tap(library: Library, conversation: Conversation, language: str) -> str:
    """The answer to the question of the language, where it waits and the link knows it."""
    if not language or conversation.language or not conversation.frames:
        return ""
    step = library.flows[conversation.top.flow].steps[conversation.top.step]
    return step.tap(language) if isinstance(step, ChooseLanguage) else ""


# ---------------------------------------------------------------- what a link carries


def _link(library: Library, start: str) -> Link:
    words = matching.fold(start.replace("_", " ").replace("-", " ")).split()
    whole = _named(library, " ".join(words))
    if whole != Link() or not words or words[-1] not in library.languages:
        return whole
    named = _named(library, " ".join(words[:-1]))
    return Link(named.region, named.word, words[-1])


def _named(library: Library, word: str) -> Link:
    region = next((key for key in library.directory.regions if word and word in _names(library, key)), "")
    if region:
        return Link(region=region)
    return Link(word=word) if word and (word in library.anywhere or word in library.topics) else Link()


def _names(library: Library, region: str) -> Iterable[str]:
    return (region, *library.candidates[f"regions:{region}"].names)


# ---------------------------------------------------------------- a link that is typed


def _typed(library: Library, text: str) -> str:
    """What the link of a text carries that is one, politeness, spaces and one slip aside; "" for any other."""
    if len(text) > LONGEST or WORD[1:] not in text.lower():  # nearly every message
        return ""
    said = "".join(word for word in matching.fold(text).split() if word not in library.vocabulary.polite)
    if said == WORD or WORD[1:] not in said[: len(WORD) + 1]:
        return ""
    found, near = set(), set()
    for name, start in _links(library):
        phrase = WORD + name
        if said == phrase:
            found.add(start)
        elif (len(name) >= LONG_NAME or len(said) > len(phrase)) and OSA.distance(said, phrase, score_cutoff=1) <= 1:
            near.add(start)
    found = found or near
    return found.pop() if len(found) == 1 else ""


def _links(library: Library) -> Iterator[tuple[str, str]]:
    """Every pair of a region and a language that words may name, without spaces: the words, and what they carry."""
    languages = {code: _squeezed(spellings(_own_name(library, code))) for code in library.languages}
    for region in ("", *library.directory.regions):
        for place in _squeezed(_names(library, region)) if region else ("",):
            if place:
                yield place, region
            for code, names in languages.items():
                yield from ((place + name, start_of(region, code)) for name in names)


def _squeezed(names: Iterable[str]) -> set[str]:
    return {name.replace(" ", "").replace("_", "") for name in names}


def _own_name(library: Library, language: str) -> str:
    """Its name without "(essai)"."""
    return re.sub(r"\s*\(.*", "", library.languages.get(language, ""))
