"""Pages from templates, worded in the language of whoever reads them: French is the source, as in the flows."""

import functools
import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale, negotiate_locale
from babel.dates import format_date, format_datetime, format_time
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bot.dialogue.model import SOURCE_LANGUAGE

HERE = Path(__file__).parent
LANGUAGES = (SOURCE_LANGUAGE, "en")

_SAID: dict[str, str] = {}


def saying(key: str, french: str) -> str:
    """What a page says when it was reached with `?done=key`. Returns the key."""
    _SAID[key] = french
    return key


def N_(french: str) -> str:  # noqa: N802 - gettext's own name: marks words that are translated later
    return french


ROLE_NAMES = {
    "agent": N_("Agent"),
    "protection": N_("Protection"),
    "supervisor": N_("Superviseur"),
    "editor": N_("Rédacteur"),
    "administrator": N_("Administrateur"),
}


# French: what stands before these signs, and after an opening quote, never begins a line without them
_NARROW = re.compile(r" (?=[:;?!»])|(?<=«) ")


@functools.cache
def static(name: str) -> str:
    """The address of a file of `static/`; it changes with the file, so that browsers may keep it for long."""
    digest = hashlib.sha256((HERE / "static" / name).read_bytes()).hexdigest()
    return f"/console/static/{name}?v={digest[:8]}"


class Rendering:
    """The templates and the words of `locales/<language>/LC_MESSAGES/console.po`."""

    def __init__(self, locales: Path, zone: Callable[[], str]) -> None:
        self._zone = zone
        self._words = {language: _read(locales, language) for language in LANGUAGES}
        self._templates = {language: self._environment(language) for language in LANGUAGES}

    def render(self, template: str, language: str, values: Mapping[str, object]) -> str:
        return self._templates[self._offered(language)].get_template(template).render(values)

    def translate(self, french: str, language: str) -> str:
        words = self._words[self._offered(language)].get(french) or french
        return _NARROW.sub("\u00a0", words) if self._offered(language) == SOURCE_LANGUAGE else words

    def said(self, key: str, language: str) -> str:
        return self.translate(_SAID[key], language) if key in _SAID else ""

    def language_of(self, accepted: str) -> str:
        """The best language for what a browser says it accepts."""
        wanted = [part.split(";")[0].strip() for part in accepted.split(",") if part.strip()]
        return negotiate_locale(wanted, LANGUAGES, sep="-") or SOURCE_LANGUAGE

    def local(self, at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(self._zone()))

    def _offered(self, language: str) -> str:
        return language if language in LANGUAGES else SOURCE_LANGUAGE

    def _environment(self, language: str) -> Environment:
        made = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        )
        translate: Callable[[str], str] = functools.partial(self.translate, language=language)

        def many(one: str, other: str, n: int) -> str:
            return translate(one if n <= 1 else other)

        made.install_gettext_callables(translate, many, newstyle=True)  # type: ignore[attr-defined]
        locale = Locale.parse(language)
        made.globals.update(language=language, role_names=ROLE_NAMES, static=static)
        made.filters.update(
            day=lambda at: format_date(self.local(at), "d MMM y", locale=locale),
            clock=lambda at: format_time(self.local(at), "HH:mm", locale=locale),
            moment=lambda at: format_datetime(self.local(at), "d MMM y, HH:mm", locale=locale),
            lines=lambda text: Markup("<br>").join(str(text).splitlines()),
        )
        return made


def _read(locales: Path, language: str) -> dict[str, str]:
    path = locales / language / "LC_MESSAGES" / "console.po"
    catalogue = Catalog()
    if path.exists():
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language)
    return {str(message.id): str(message.string) for message in catalogue if message.id and not message.fuzzy}
