"""What one turn asks of us (`Effect`), carried out within the round: before its words, which may name what it made."""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from bot.cases import filing
from bot.contacts import Contact
from bot.dialogue import holding
from bot.dialogue.flow import Library
from bot.dialogue.model import (
    AddToCase,
    Alert,
    CallOff,
    Effect,
    Forget,
    Later,
    OpenCase,
    Say,
    Text,
    World,
    literal,
)
from storage import KeyRing


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
        self.conn, self.library, self.contact, self.world = conn, library, contact, world
        self.cases = filing.Filing(conn, keyring, contact, now, fresh=fresh)
        self.filed: filing.Filed | None = None
        self.forgotten = False
        self.lost = False  # the case that was to be added to is gone: nobody is told that it was
        self.clean_slate = False  # what was said before must not be said again

    def apply(self, effect: Effect) -> None:
        match effect:
            case OpenCase():
                self.filed = self.cases.open(self.library.categories[effect.category], effect)
                self.clean_slate = self.clean_slate or effect.anonymous
                if effect.hold:
                    self._hold(self.filed.id.hex)
            case AddToCase():
                if not self.cases.add(effect):
                    self.lost = True
                    self.contact.conversation = replace(self.contact.conversation, hold=None)
            case CallOff(cancel):
                self.contact.call_off(self.conn, cancel)
            case Later(say, due, cancel):
                self.contact.say_later(say, due, cancel)
            case Forget():
                self.forgotten = self.clean_slate = True
            case Alert():
                pass  # nobody can be paged yet; talks see it in the result

    def _hold(self, case_id: str) -> None:
        """Staff and the person write to each other from here on; if nobody does, that is said in time."""
        self.contact.conversation = holding.hold(self.library, self.contact.conversation, case_id, self.world)
        due = self.world.now + self.library.organisation.hold
        hours = literal(f"{self.library.organisation.hold / timedelta(hours=1):g}")
        ended = Say(Text(key="words:hold_ended", values={"hours": hours}))
        self.contact.say_later(ended, due, holding.hold_name(case_id))
