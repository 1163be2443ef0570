"""`segin library count`: how much the library holds."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from bot.dialogue.flow import Library
from bot.dialogue.model import SOURCE_LANGUAGE


def count(library: Library) -> dict[str, dict[str, int]]:
    """Title → name → number, the titles in the order shown. "offered" counts what people are told of today."""
    directory = library.directory
    services = directory.services.values()
    today = datetime.now(UTC).date()
    places = [region for service in services for region in (service.regions or ("(none named)",))]
    return {
        "services": {
            "all": len(services),
            "offered to people": sum(service.offered(today) for service in services),
            "verified": sum(service.verified_on is not None for service in services),
            "nationwide": sum(service.nationwide for service in services),
        },
        "services by kind": _sorted(service.kind for service in services),
        "services by region": _sorted(places),
        "services by audience": _sorted(service.audience for service in services),
        "services by agreement": _sorted(service.agreement for service in services),
        "services by status": _sorted(service.status for service in services),
        "services by source year": _sorted(str(service.source_year) for service in services),
        "entries": {
            "regions": len(directory.regions),
            "cercles": len(directory.region_of),
            "sectors": len(directory.sectors),
            "trades": len(directory.trades),
            "trades of the leaflet": sum(trade.leaflet for trade in directory.trades.values()),
            **{name: len(entries) for name, entries in library.lists.items()},
            "case categories": len(library.categories),
            "flows": len(library.flows),
            "texts": len(library.texts[SOURCE_LANGUAGE]),
        },
    }


def _sorted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda pair: (-pair[1], pair[0])))
