"""Which services of the directory a case may be passed on to.

A place that shelters people is never among them: where it is, even that it is the one, is told by voice alone. What
pays or plans and receives nobody (donors, programmes, companies) is no place to send a person to.
"""

from dataclasses import dataclass
from datetime import date

from bot.dialogue.directory import NOT_OFFERED, Directory, Service
from bot.dialogue.flow import Library
from bot.dialogue.model import SOURCE_LANGUAGE

SHELTER = "shelter"  # among the `help` of a service
NO_DOOR = ("donor", "programme", "company")

FOR_STAFF = ("protection", "mechanism", "social", "ngo", "migration", "peers")
"""Kinds of which staff may also ask those that people are not told of: they take in whom a colleague announces."""

_AGREEMENTS = ("signed", "walk-in", "unknown")


@dataclass(frozen=True, slots=True)
class Choice:
    """A service to choose. `near`: it serves the region asked for; `agreement` as in the directory."""

    key: str
    name: str
    agreement: str
    near: bool
    place: str  # its region in words, "" when it serves all
    for_staff: bool


def name_of(library: Library, key: str, language: str) -> str:
    """What a service is called; its key, once editors took it away."""
    text = f"services:{key}"
    return library.words(text, language) if text in library.texts[SOURCE_LANGUAGE] else key


def may_refer_to(service: Service, today: date) -> bool:
    """Whether staff may pass somebody on to it."""
    ended = service.status in NOT_OFFERED or (service.until is not None and service.until < today.year)
    if ended or SHELTER in service.help or service.kind in NO_DOOR:
        return False
    return service.audience == "public" or service.kind in FOR_STAFF


def choices(library: Library, today: date, language: str, *, region: str = "", trade: str = "") -> list[Choice]:
    """The services to choose from: those of the region first, then by what is agreed with them and by name.

    `trade`: only those that teach it.
    """
    directory = library.directory
    found = [
        Choice(
            service.key,
            library.words(f"services:{service.key}", language),
            service.agreement,
            _serves(service, region),
            _place(library, service, language),
            service.audience == "staff",
        )
        for service in directory.services.values()
        if may_refer_to(service, today) and (not trade or trade in service.trades)
    ]
    away = {one.key: _away(directory, one, region) for one in found}
    return sorted(
        found, key=lambda one: (away[one.key], _AGREEMENTS.index(one.agreement), one.name.casefold(), one.key)
    )


def _serves(service: Service, region: str) -> bool:
    if not region or region in service.regions:
        return True
    return service.nationwide and region not in service.not_in


def _away(directory: Directory, one: Choice, region: str) -> int:
    if one.near:
        return 0
    return directory.away(region, directory.services[one.key].regions)


def _place(library: Library, service: Service, language: str) -> str:
    if service.nationwide or not service.regions:
        return ""
    return ", ".join(library.words(f"regions:{key}", language) for key in service.regions)
