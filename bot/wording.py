"""Wording: a Say and a language become the Message a channel sends. Pure.

Words come from the library; placeholders are filled once, never again inside what was filled in, so that
what a person typed can't name a placeholder.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time

from bot.dialogue.flow import Library
from bot.dialogue.model import SOURCE_LANGUAGE, Button, Message, Say, Text
from bot.library.placeholders import PLACEHOLDER

BULLET = "• "
LOCALES = {"en": "en_GB"}  # the day before the month and 24 hours, as people here write them


def word(say: Say, library: Library, language: str, case: Mapping[str, Text] | None = None) -> Message:
    """The Message for a Say.

    `case` fills what was open when the turn was taken: `case.reference`, `case.receipt`, `case.deadline` of the
    case this very turn filed.
    """
    put = _Words(library, language or SOURCE_LANGUAGE, case or {}).put
    return Message(
        put(say.text).strip(),
        tuple(Button(option.tap, put(option.label)) for option in say.options),
        say.many,
        say.accepts,
        language or SOURCE_LANGUAGE,
    )


class _Words:
    def __init__(self, library: Library, language: str, case: Mapping[str, Text]) -> None:
        self.library, self.language, self.case = library, language, case

    def put(self, text: Text) -> str:
        if text.key:
            return self._fill(self.library.words(text.key, self.language), text.values)
        if text.moment is not None:
            return moment(text.moment, text.style, self.language, self.library.organisation.timezone)
        if text.items:
            items = [self.put(item) for item in text.items]
            if text.style == "inline":
                return ", ".join(items)
            return items[0] if len(items) == 1 else "\n".join(f"{BULLET}{item}" for item in items)
        return text.literal

    def _fill(self, words: str, values: Mapping[str, Text]) -> str:
        if "{" not in words:
            return words

        def filled(found: re.Match[str]) -> str:
            value = values.get(found[1]) or self.case.get(found[1])
            return self.put(value) if value is not None else ""

        return PLACEHOLDER.sub(filled, words)


@lru_cache(maxsize=64)
def _locale(language: str) -> Locale:
    """Babel's locale, French where Babel has none (Soninke, Tamasheq)."""
    known: Callable[[str], Locale] = Locale.parse
    try:
        return known(LOCALES.get(language, language))
    except (ValueError, UnknownLocaleError):
        return known(SOURCE_LANGUAGE)


@lru_cache(maxsize=1024)
def moment(at: datetime, style: str, language: str, timezone: str) -> str:
    """A moment in people's words and hours: "day", "time", or "moment" (both)."""
    here, locale = at.astimezone(ZoneInfo(timezone)), _locale(language)
    if style == "time":
        return format_time(here, "short", locale=locale)
    if style == "day":
        return format_date(here, "long", locale=locale)
    day = format_date(here, "EEEE d MMMM", locale=locale)
    return f"{day}, {format_time(here, 'short', locale=locale)}"
