"""Staff and a person who write to each other: taps, words, and how long a conversation is held.

A tap of these names a case by its id. It counts only for the contact whose case it is: the host looks, and a tap
somebody made up gets the same words as any stale one.
"""

from msgspec.structs import replace

from bot.dialogue import matching
from bot.dialogue.flow import Library
from bot.dialogue.model import Conversation, Heard, Hold, Option, Text, World, literal

REPLY = "reply/"  # the tap below a staff answer: reply/<case id>:go
READ = "read/"  # the tap below "you have a message": read/<case id>:go
SETTLED = "settled/"  # the taps below "is it settled?": settled/<case id>:yes and :no
CONSENT = "consent/"  # the taps below "may we tell a service?": consent/<referral id>:yes and :no; later :revoke

YES, NO, REVOKE = "yes", "no", "revoke"
_LABELS = {YES: "words:settled_yes", NO: "words:settled_no"}
_LONGEST = 40  # letters of an answer to "is it settled?"; what is longer tells something


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


def settled_tap(case_id: str, said: str) -> str:
    """The taps of the buttons below "is it settled?"; `said` is `YES` or `NO`."""
    return f"{SETTLED}{case_id}:{said}"


def settled_question(case_id: str, words: str = "") -> tuple[Text, tuple[Option, ...]]:
    """Whether it is settled, below what staff wrote last. Names no topic: the phone may be shared."""
    text = Text(key="words:settled_question")
    if words.strip():
        text = Text(key="words:settled_answer", values={"text": literal(words)})
    return text, tuple(Option(settled_tap(case_id, said), Text(key=key)) for said, key in _LABELS.items())


def consent_tap(referral: str, said: str) -> str:
    """The taps below the question whether a service may be told; `said` is `YES`, `NO` or `REVOKE`."""
    return f"{CONSENT}{referral}:{said}"


def consent_question(words: str, referral: str) -> tuple[Text, tuple[Option, ...]]:
    """Whether a service may be told, in the very words that are kept with the answer."""
    yes, no = Text(key="words:consent_yes"), Text(key="words:consent_no")
    return literal(words), (Option(consent_tap(referral, YES), yes), Option(consent_tap(referral, NO), no))


def consent_answer(said: str, referral: str) -> tuple[Text, tuple[Option, ...]]:
    """What is said to their answer; below a yes is the way to take it back."""
    if said == YES:
        revoke = Option(consent_tap(referral, REVOKE), Text(key="words:consent_revoke"))
        return Text(key="words:consent_thanks"), (revoke,)
    return Text(key="words:consent_declined" if said == NO else "words:consent_revoked"), ()


def settled_in_words(library: Library, text: str) -> str:
    """`YES`, `NO`, or "" for anything that is not plainly one of them."""
    if len(text) > _LONGEST:
        return ""
    candidates = [
        matching.Candidate(said, tuple(dict.fromkeys(library.words(key, language) for language in library.languages)))
        for said, key in _LABELS.items()
    ]
    found = matching.choose(text, candidates, library.vocabulary, loosely=False)
    return found[0] if len(found) == 1 else ""


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
