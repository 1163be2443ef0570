"""What one turn asks of us (`Effect`), carried out within the round: before its words, which may name what it made."""

import uuid
from datetime import datetime, timedelta

import filetype
from msgspec.structs import replace
from sqlalchemy import Connection

from bot.cases import alerts, consenting, filing, settling
from bot.channels.base import Channel, Incoming
from bot.contacts import Contact
from bot.dialogue import holding
from bot.dialogue.flow import Library
from bot.dialogue.model import (
    AddToCase,
    Alert,
    CallOff,
    Consent,
    Effect,
    Forget,
    Heard,
    Later,
    OpenCase,
    Say,
    Settle,
    Text,
    World,
    literal,
)
from storage import KeyRing


def with_file(incoming: Incoming, channel: Channel) -> tuple[Heard, filing.Attachment | None]:
    """What was heard, and the file that came with it."""
    heard = incoming.heard
    if heard.file is None or (incoming.body is None and not incoming.file_ref):
        return heard, None
    # by chance, not by time: it may end in an anonymous case
    file = replace(heard.file, id=uuid.uuid4().hex)
    if incoming.body is None:
        fresh = filing.Attachment(file.id, heard.kind, ref=incoming.file_ref, channel=channel.name)
    else:
        media_type = filetype.guess_mime(incoming.body) or "application/octet-stream"
        fresh = filing.Attachment(file.id, heard.kind, media_type, incoming.body)
    return replace(heard, file=file), fresh


class Effects:
    """The effects of one turn."""

    def __init__(
        self,
        conn: Connection,
        keyring: KeyRing,
        library: Library,
        contact: Contact,
        world: World,
        now: datetime,
        fresh: filing.Attachment | None,
    ) -> None:
        self.conn, self.library, self.contact, self.world, self.now = conn, library, contact, world, now
        self.cases = filing.Filing(conn, keyring, contact, now, fresh=fresh, library=library)
        self.filed: filing.Filed | None = None
        self.forgotten = False
        self.lost = False  # the case that was to be added to is gone: nobody is told that it was
        self.clean_slate = False  # what was said before must not be said again

    def apply(self, effect: Effect) -> None:
        match effect:
            case OpenCase():
                self._open(effect)
            case AddToCase() | Settle() | Consent():
                if not self._in_a_case(effect):
                    self.lost = True
                    self.contact.conversation = replace(self.contact.conversation, hold=None)
            case CallOff(cancel):
                self.contact.call_off(self.conn, cancel)
            case Later(say, due, cancel):
                self.contact.say_later(say, due, cancel)
            case Forget():
                self.forgotten = self.clean_slate = True
            case Alert(kind):
                alerts.raise_alert(self.conn, kind, self.contact.id, self._held_for(), self.now)

    def _in_a_case(self, effect: AddToCase | Settle | Consent) -> bool:
        match effect:
            case AddToCase():
                return self.cases.add(effect)
            case Settle():
                return settling.settle(self.cases, effect)
            case Consent():
                return consenting.heard(self.cases, effect)

    def _open(self, effect: OpenCase) -> None:
        category = self.library.categories[effect.category]
        self.filed = self.cases.open(category, effect)
        if category.urgent and not effect.anonymous:  # an anonymous one names no contact; it is looked for
            alerts.join(self.conn, self.contact.id, self.filed.id, self.now)
        self.clean_slate = self.clean_slate or effect.anonymous
        if effect.hold:
            self._hold(self.filed.id.hex)

    def _held_for(self) -> str:
        """The case whose staff hold this chat."""
        held = self.contact.conversation.hold
        return held.case if held is not None and self.world.now < held.until else ""

    def _hold(self, case_id: str) -> None:
        """Staff and the person write to each other from here on; if nobody does, that is said in time."""
        self.contact.conversation = holding.hold(self.library, self.contact.conversation, case_id, self.world)
        due = self.world.now + self.library.organisation.hold
        hours = literal(f"{self.library.organisation.hold / timedelta(hours=1):g}")
        ended = Say(Text(key="words:hold_ended", values={"hours": hours}))
        self.contact.say_later(ended, due, holding.hold_name(case_id))
