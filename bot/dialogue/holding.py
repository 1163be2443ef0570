"""Staff and a person who write to each other: taps, words, and how long a conversation is held.

A tap of these names a case by its id. It counts only for the contact whose case it is: the host looks, and a tap
somebody made up gets the same words as any stale one.
"""

from dataclasses import replace

from bot.dialogue.flow import Library
from bot.dialogue.model import Conversation, Heard, Hold, Option, Text, World, literal

REPLY = "reply/"  # the tap below a staff answer: reply/<case id>:go
READ = "read/"  # the tap below "you have a message": read/<case id>:go


def reply_tap(case_id: str) -> str:
    """The tap of the button below what staff wrote."""
    return f"{REPLY}{case_id}:go"


def read_tap(case_id: str) -> str:
    """The tap of the button below the neutral notice of an answer."""
    return f"{READ}{case_id}:go"


def staff_answer(words: str, case_id: str) -> tuple[Text, tuple[Option, ...]]:
    """What staff wrote, with the button to reply."""
    text = Text(key="words:staff_answer", values={"text": literal(words)})
    return text, (Option(reply_tap(case_id), Text(key="words:reply")),)


def neutral_notice(case_id: str) -> tuple[Text, tuple[Option, ...]]:
    """That something waits, without a word of what: whoever shares the phone must not learn of a restricted case."""
    return Text(key="words:message_waiting"), (Option(read_tap(case_id), Text(key="words:read")),)


def hold_name(case_id: str) -> str:
    """Under this name the end of a hold is announced and called off."""
    return f"hold:{case_id}"


def hold(library: Library, conversation: Conversation, case_id: str, world: World) -> Conversation:
    """The conversation once staff and the person write to each other about a case."""
    until = world.now + library.organisation.hold
    return replace(conversation, hold=Hold(case_id, until, max(1, len(conversation.frames))))


def spoken(heard: Heard) -> object | None:
    """What a message adds to a case: words, or a file or place in JSON's own types; None for what can't."""
    if heard.kind == "text" and heard.text.strip():
        return heard.text
    return heard.in_json
