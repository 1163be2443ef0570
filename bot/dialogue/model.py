"""The words of the dialogue: everything the engine takes and gives back.

A **Heard** is one thing a person said. A **Conversation** is where they stand: a stack of **Frames**,
one per flow, the topmost speaking. `engine.advance` turns both into a **Turn**: the next conversation,
the **Says** (what is said, before words are chosen) and the **Effects** the host carries out.
All of it is frozen: a turn that fails leaves nothing half done. (Structs: a frozen dataclass takes ten times as long
to make, and a turn makes hundreds.)
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct, field

SOURCE_LANGUAGE = "fr"  # editors write it; every other language is made from it
MAX_TAP_BYTES = 64  # Telegram's callback_data; kept for every channel


# ---------------------------------------------------------------- what is heard


class File(Struct, frozen=True):
    """A voice note, photo or document; its bytes are an attachment row, found by `id`."""

    id: str
    kind: str
    seconds: int = 0


class Place(Struct, frozen=True):
    """A point on earth, in degrees (WGS 84)."""

    latitude: float
    longitude: float


class Heard(Struct, frozen=True):
    """One thing a person said.

    `kind` is "text", "tap", "voice", "photo", "document", "location", "start" (the chat was opened)
    or "unknown" (a sticker, a poll …). A tap carries `flow/step:key` in `tap`.
    """

    kind: str
    text: str = ""
    tap: str = ""
    file: File | None = None
    place: Place | None = None

    @property
    def in_json(self) -> "dict[str, object] | None":
        """A file, with what was written under it, or a place, in JSON's own types; None for words alone."""
        if self.file is not None:
            caption = {"text": self.text} if self.text.strip() else {}
            return {"kind": self.kind, "id": self.file.id, "seconds": self.file.seconds, **caption}
        if self.place is not None:
            return {"kind": "location", "latitude": self.place.latitude, "longitude": self.place.longitude}
        return None


# ---------------------------------------------------------------- what is said


class Text(Struct, frozen=True):
    """Words not yet chosen: exactly one of these is set.

    - `key`: a text of the library, with `values` for its placeholders (dotted names: "case.reference")
    - `literal`: words shown as they are (a person's answer, a member of staff's message)
    - `moment`: a date and time, put into words by language; `style` is "day", "time" or "moment"
    - `items`: a list, one item a line, or with commas when `style` is "inline"
    """

    key: str = ""
    values: "Mapping[str, Text]" = field(default_factory=dict)
    literal: str = ""
    moment: datetime | None = None
    style: str = "moment"
    items: "tuple[Text, ...]" = ()


def literal(words: object) -> Text:
    return Text(literal=str(words))


class Option(Struct, frozen=True):
    """One thing that can be tapped; `tap` is what comes back (≤ 64 bytes)."""

    tap: str
    label: Text


class Say(Struct, frozen=True):
    """What is said, before words are chosen."""

    text: Text
    options: tuple[Option, ...] = ()
    many: bool = False  # several options may be taken at once
    accepts: tuple[str, ...] = ()  # beyond text and taps: "voice", "photo", "document", "location"


# ---------------------------------------------------------------- where a person stands

Answer = str | int | float | list[str] | dict[str, object]
"""What a step saved, in JSON's own types: a choice's key, a text, a number, an ISO date, the keys picked,
or a file or place as `{"kind": "voice", "id": …, "seconds": 12}` / `{"kind": "location", "latitude": …}`."""


class Frame(Struct, frozen=True):
    """One flow under way. `trail` holds the waiting steps behind this one that Back may return to."""

    flow: str
    step: str
    answers: Mapping[str, object] = field(default_factory=dict)
    trail: tuple[str, ...] = ()
    answered: bool = False  # the step that waits has its answer; another flow came between


class Hold(Struct, frozen=True):
    """Staff and the person write to each other; what the person says joins the case."""

    case: str
    until: datetime  # unanswered by then, the hold ends with an explanation
    depth: int  # frames at its start; what is called on top of them (help, distress) runs as ever


class Conversation(Struct, frozen=True):
    """Where a contact stands. `frames[-1]` speaks; no frames: not begun."""

    language: str = ""
    frames: tuple[Frame, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    hold: Hold | None = None
    misses: int = 0  # times in a row that nothing was understood
    heard_at: datetime | None = None
    wrong_receipts: tuple[datetime, ...] = ()  # when a receipt was tried that opens nothing; guesses are limited

    @property
    def top(self) -> Frame:
        return self.frames[-1]


# ---------------------------------------------------------------- what a turn asks of the host


class OpenCase(Struct, frozen=True):
    """File a request or complaint. `story` is what people will read, by answer name.

    An anonymous case keeps nothing that leads to the person: random id, times cut to the day, no contact.
    """

    kind: str
    category: str
    story: Mapping[str, object]
    anonymous: bool = False
    hold: bool = False  # staff and the person write to each other from here on
    in_chat: bool = True  # staff may answer in the chat; if not, the answer waits for the receipt


class AddToCase(Struct, frozen=True):
    """What the person said joins a case: their own (`case`, an id) or the one of a `receipt`."""

    content: object
    case: str = ""
    receipt: str = ""


class Settle(Struct, frozen=True):
    """The person said whether their case is settled: their own (`case`, an id) or the one of a `receipt`."""

    yes: bool
    case: str = ""
    receipt: str = ""


class Consent(Struct, frozen=True):
    """The person said whether a service may be told of them: "yes", "no", or "revoke" of an earlier yes."""

    referral: str
    said: str


class Forget(Struct, frozen=True):
    """Erase the person: conversation, drafts, keys, pending sends and media."""


class Alert(Struct, frozen=True):
    """Somebody may be in danger: what kind, never what they wrote."""

    kind: str


class Later(Struct, frozen=True):
    """Say something at `due`, unless `cancel` (a name) was called off before."""

    say: Say
    due: datetime
    cancel: str


class CallOff(Struct, frozen=True):
    """Drop what was to be said later under this name."""

    cancel: str


Effect = OpenCase | AddToCase | Settle | Consent | Forget | Alert | Later | CallOff


class Need(Struct, frozen=True):
    """A fact only the host can read. Its answer is put into `World.known` under this very need."""

    what: str
    about: str = ""


class CaseView(Struct, frozen=True):
    """What a person may know of their case: never who works on it, never its category."""

    id: str
    reference: str
    status: str
    last_step_at: datetime
    answers: tuple[str, ...] = ()  # what staff wrote, oldest first


class World(Struct, frozen=True):
    """What the engine may know of the world: the time, what the host looked up, what is configured."""

    now: datetime  # UTC
    known: "Mapping[Need, object]" = field(default_factory=dict)
    demonstration: bool = False
    paging: bool = False  # somebody is told outside the case desk


class Turn(Struct, frozen=True):
    """One heard message and all it causes.

    With `needs`, nothing has happened yet: read them and advance again.
    `says` may name what an effect made (`{case.receipt}`): effects come before words.
    """

    conversation: Conversation
    says: tuple[Say, ...] = ()
    effects: tuple[Effect, ...] = ()
    needs: tuple[Need, ...] = ()
    passed: tuple[str, ...] = ()  # steps entered, as "flow/step"


# ---------------------------------------------------------------- what goes out


class Button(Struct, frozen=True):
    """A worded option."""

    tap: str
    label: str


class Message(Struct, frozen=True):
    """A worded Say: what a channel sends."""

    text: str
    options: tuple[Button, ...] = ()
    many: bool = False
    accepts: tuple[str, ...] = ()
    language: str = ""  # the one it is worded in
