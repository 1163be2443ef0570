"""How a case is told to staff, in words: its status, category, region, channel, and when its answer is due."""

from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date

from bot.cases import deadlines
from bot.console.asking import Ask
from bot.console.rendering import N_
from bot.dialogue.flow import Library, Organisation

STATUSES = {
    "new": N_("nouveau"),
    "acknowledged": N_("lu"),
    "in_progress": N_("en cours"),
    "waiting": N_("attend la personne"),
    "referred": N_("orienté"),
    "resolved": N_("résolu"),
    "closed": N_("clos"),
    "reopened": N_("rouvert"),
}
KINDS = {"request": N_("demande"), "complaint": N_("plainte")}
CHANNELS = {
    "web": N_("chat du site"),
    "telegram": N_("Telegram"),
    "whatsapp": N_("WhatsApp"),
    "terminal": N_("terminal"),
}
ENTRIES = {
    "hotline": N_("ligne téléphonique"),
    "suggestion_box": N_("boîte à suggestions"),
    "walk_in": N_("visite"),
    "relay": N_("relais"),
}

# Due.kind → one, several. {at}: the hour; {day}: a weekday or a date; {n}: how many.
_DUE = {
    "today": (N_("réponse due aujourd'hui {at}"),),
    "tomorrow": (N_("réponse due demain {at}"),),
    "weekday": (N_("réponse due {day} {at}"),),
    "date": (N_("réponse due le {day} {at}"),),
    "late_minutes": (N_("en retard de {n} minute"), N_("en retard de {n} minutes")),
    "late_hours": (N_("en retard de {n} heure"), N_("en retard de {n} heures")),
    "late_since": (N_("en retard depuis {day} {at}"),),
    "late_days": (N_("en retard de {n} jour"), N_("en retard de {n} jours")),
    "late_working_days": (N_("en retard de {n} jour ouvré"), N_("en retard de {n} jours ouvrés")),
}
_BEFORE = N_("{due} (bureau fermé : avant {day} {at})")


class Dated(Protocol):
    """What a deadline is told of: a row of `cases`, or a line of a list."""

    @property
    def status(self) -> str: ...
    @property
    def due_at(self) -> datetime: ...
    @property
    def owed(self) -> bool: ...
    @property
    def anonymous(self) -> bool: ...
    @property
    def restricted(self) -> bool: ...


class Wording:
    """The words of one page, in the language of whoever reads it. Templates get it as `told`."""

    def __init__(self, ask: Ask) -> None:
        self._ask, self._library, self._language = ask, ask.library, ask.language
        self._locale = Locale.parse(self._language)
        self._always = calendar(ask.library.organisation, restricted=True)
        self._working = calendar(ask.library.organisation, restricted=False)

    def category(self, key: str) -> str:
        return _word(self._library, f"categories:{key}", self._language) or key

    def region(self, key: str | None) -> str:
        return (_word(self._library, f"regions:{key}", self._language) or key) if key else ""

    def status(self, key: str) -> str:
        return self._own(STATUSES, key)

    def kind(self, key: str) -> str:
        return self._own(KINDS, key)

    def channel(self, key: str | None) -> str:
        return self._own(CHANNELS, key) if key else ""

    def entry(self, key: str | None) -> str:
        return self._own(ENTRIES, key) if key else ""

    def way(self, channel: str | None, entry: str | None) -> str:
        """How a case came: the entry by staff, or the channel."""
        return self.entry(entry) or self.channel(channel)

    def language(self, code: str | None) -> str:
        return self._library.languages.get(code, code) if code else ""

    def due(self, case: Dated) -> deadlines.Due:
        """How far away the deadline is; `late` is among what it knows."""
        known = self._always if case.restricted else self._working
        stands = deadlines.stands(case.status, owed=case.owed)
        return deadlines.due(case.due_at, self._ask.now, known, stands=stands, exact=not case.anonymous)

    def deadline(self, case: Dated) -> str:
        """When the answer is due: "réponse due demain 10 h", "en retard de 2 jours"; "" once somebody answered."""
        due = self.due(case)
        if due.kind == "none":
            return ""
        told = self._filled(_DUE[due.kind][-1 if due.count > 1 else 0], due.at, due.count, exact=due.exact, of=due.kind)
        if due.before is None:
            return told
        return self._translate(_BEFORE).format(due=told, day=self._weekday(due.before), at=self._clock(due.before))

    def _filled(self, french: str, at: datetime, count: int, *, exact: bool, of: str) -> str:
        day = format_date(at, "d MMM", locale=self._locale) if of == "date" else self._weekday(at)
        hour = self._clock(at) if exact else ""
        return self._translate(french).format(n=count, day=day, at=hour).strip()

    def _weekday(self, at: datetime) -> str:
        return format_date(at, "EEEE", locale=self._locale)

    def _clock(self, at: datetime) -> str:
        """The hour as people say it: "10 h", "10 h 05", in English "10:05"."""
        if self._language != "fr":
            return f"{at.hour}:{at.minute:02}"
        return f"{at.hour}\u00a0h\u00a0{at.minute:02}" if at.minute else f"{at.hour}\u00a0h"

    def _own(self, words: dict[str, str], key: str) -> str:
        return self._translate(words[key]) if key in words else key

    def _translate(self, french: str) -> str:
        return self._ask.console.rendering.translate(french, self._language)


def calendar(organisation: Organisation, *, restricted: bool) -> deadlines.Calendar:
    """The days by which a deadline is told. The clock of a restricted case never rests."""
    zone = ZoneInfo(organisation.timezone)
    if restricted:
        return deadlines.Calendar(zone)
    return deadlines.Calendar(zone, organisation.working_hours, organisation.holidays)


def _word(library: Library, key: str, language: str) -> str:
    try:
        return library.words(key, language)
    except KeyError:  # editors dropped it; cases still have it
        return ""
