"""Where a link leads: `/start plainte` opens the flow of that keyword, once language and privacy are settled;
`/start kayes` says the region.

The word is remembered as a fact until the menu is reached. Whoever is in the midst of something is not drawn out
of it; words that name no flow are passed over.
"""

from msgspec.structs import replace

from bot.dialogue import matching
from bot.dialogue.flow import Library
from bot.dialogue.model import Conversation, Turn

LINK = "link"  # the fact
MENU = ("main", "menu")


def follow(library: Library, before: Conversation, turn: Turn, start: str) -> tuple[Turn, str]:
    """The turn with the word kept or dropped, and the word when now is the time to hear it ("" otherwise).

    `start`: what the link carried; "" for any other message.
    """
    word = matching.fold(start.replace("_", " ").replace("-", " "))
    region = next((key for key in library.directory.regions if _names(library, key, word)), "")
    if region:  # the poster of a transit centre: where its reader lives or arrives
        facts = {**turn.conversation.facts, "region": region}
        return replace(turn, conversation=replace(turn.conversation, facts=facts)), ""
    new = bool(word) and (word in library.anywhere or word in library.topics)
    word = word if new else str(before.facts.get(LINK, ""))
    if not word:
        return turn, ""
    after = turn.conversation
    if after.frames and (after.top.flow, after.top.step) == MENU:
        says = turn.says[:-1] if turn.passed and turn.passed[-1] == "/".join(MENU) else turn.says  # not the menu, too
        return replace(turn, conversation=_with(after, ""), says=says), word
    on_the_way = not before.frames or LINK in before.facts
    return replace(turn, conversation=_with(after, word if on_the_way and after.frames else "")), ""


def _names(library: Library, region: str, word: str) -> bool:
    return bool(word) and (word == region or word in library.candidates[f"regions:{region}"].names)


def joined(first: Turn, then: Turn) -> Turn:
    """Two turns as one."""
    return replace(
        then,
        says=(*first.says, *then.says),
        effects=(*first.effects, *then.effects),
        passed=(*first.passed, *then.passed),
    )


def _with(conversation: Conversation, word: str) -> Conversation:
    facts = {name: value for name, value in conversation.facts.items() if name != LINK}
    return replace(conversation, facts={**facts, LINK: word} if word else facts)
