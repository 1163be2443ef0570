"""The directory: regions, trades and services, and which services fit a wish. Pure.

A **Wish** is what is known of a person's wish; `Directory.fitting` gives the services that fit, best first, each
with why it is shown. A table in a report is not an open door: what is for staff only, ended, suspended or yet to
come is kept and never offered.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import Literal

NOT_OFFERED = ("ended", "suspended", "planned")
GENERAL = ("employment", "business", "finance", "recruitment")  # kinds that serve every trade when they name none
GROWN_UP = 18  # years
ENOUGH = 3  # services shown at once
# The trade itself, an office that finds work, other help: here, next door (1 border), far (2 and more). Best first.
USE = (
    ("taught", 0), ("work", 0), ("taught", 1), ("other", 0), ("taught", 2),
    ("work", 1), ("other", 1), ("work", 2), ("other", 2),
)  # fmt: skip
FAR = 99  # regions away, where no way is known


@dataclass(frozen=True, slots=True)
class Region:
    """A region. `cercles`: the keys of its cercles; `neighbours`: of the regions around it.

    `pcode` is "" where there is none; `tile` its column and row on the map of tiles, none: it is not on it.
    """

    key: str
    neighbours: tuple[str, ...] = ()
    cercles: tuple[str, ...] = ()
    pcode: str = ""
    tile: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade. Courses of the trades it is `close_to` serve it, too."""

    key: str
    sector: str
    close_to: tuple[str, ...] = ()
    leaflet: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Who:
    """Whom a service is for; what is left out is not limited."""

    age_min: int = 0  # years
    age_max: int = 200
    sex: Literal["women", "men", ""] = ""
    schooling: Literal["some", ""] = ""
    returns: tuple[Literal["assisted", "expelled", "alone"], ...] = ()
    countries: tuple[str, ...] = ()  # people back from these only
    groups: tuple[
        Literal["displaced", "refugees", "trafficking", "minors", "women_groups", "mature_business"], ...
    ] = ()


@dataclass(frozen=True, kw_only=True)
class Service:
    """An entry of the directory.

    `audience` "staff" is never shown to people. `agreement` is "signed", "walk-in" or "unknown". `verified_on`
    is the day somebody called; before that, what is known is as old as `source_year`.
    """

    key: str
    kind: str
    audience: Literal["public", "staff"]
    agreement: Literal["signed", "walk-in", "unknown"] = "unknown"
    status: str = "unknown"
    until: int | None = None  # last year
    nationwide: bool = False
    not_in: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    cercles: tuple[str, ...] = ()
    place: str = ""
    trades: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    who: Who = field(default_factory=Who)
    bring: tuple[str, ...] = ()
    address: str = ""
    phone: tuple[str, ...] = ()
    contact_year: int = 0
    source_year: int = 0
    verified_on: date | None = None

    def offered(self, today: date) -> bool:
        """Whether people are told of it."""
        ended = self.status in NOT_OFFERED or (self.until is not None and self.until < today.year)
        return self.audience == "public" and not ended

    def seen(self) -> date:
        """Until when what is known of it was true, as far as anybody knows."""
        return self.verified_on or date(self.source_year or 1, 12, 31)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What is known of a person's wish; "" and None: not known. Kinds and help of a service: any one of them."""

    region: str = ""
    cercle: str = ""
    sector: str = ""
    trade: str = ""
    age: int | None = None
    sex: str = ""  # woman | man
    schooling: str = ""  # none | some
    return_kind: str = ""  # assisted | expelled | alone
    country: str = ""
    kinds: tuple[str, ...] = ()
    help: tuple[str, ...] = ()


Near = Literal["cercle", "region", "nationwide", "neighbour", "far", "unknown"]
Fit = Literal["exact", "close", "general", ""]


@dataclass(frozen=True, slots=True)
class Found:
    """A service that fits, and why: how near it is, and by which trade it fits (`trade`: the one it teaches)."""

    service: Service
    near: Near
    region: str  # where it is, when that is another region
    fit: Fit
    trade: str = ""


@dataclass(frozen=True)
class Directory:
    """All regions, trades and services, in the order editors wrote them."""

    regions: Mapping[str, Region] = field(default_factory=dict)
    trades: Mapping[str, Trade] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=dict)
    fresh_for: timedelta = timedelta(days=365)  # older entries come last

    @cached_property
    def region_of(self) -> Mapping[str, str]:
        """Cercle → its region."""
        return {cercle: region.key for region in self.regions.values() for cercle in region.cercles}

    @cached_property
    def sector_of(self) -> Mapping[str, str]:
        """Trade → its sector."""
        return {trade.key: trade.sector for trade in self.trades.values()}

    @cached_property
    def sectors(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(trade.sector for trade in self.trades.values()))

    def fitting(self, wish: Wish, today: date) -> tuple[Found, ...]:
        """The services to show, best first: what is fresh before what is old, what is for everybody before what
        is for few, then by `USE`, whom it is made for, how near it is, when it was seen, how much it is of this place.
        """
        return self._ranked(wish, today)

    @cached_property
    def _ranked(self) -> "Callable[[Wish, date], tuple[Found, ...]]":
        """A turn asks for the same list several times, and people ask for the same things."""
        return lru_cache(maxsize=1024)(self._rank_all)

    def _rank_all(self, wish: Wish, today: date) -> tuple[Found, ...]:
        found = [
            one
            for service in self.services.values()
            if service.offered(today) and _serves(service, wish) and (one := self._fit(service, wish))
        ]
        reached = [one for one in found if one.near not in ("neighbour", "far") or one.fit in ("exact", "close")]
        if len(reached) >= ENOUGH:  # a course elsewhere is worth a journey; an office like the one here is not
            found = reached
        if wish.help:  # nobody who is ill travels through the country when there is a door nearer
            found = [one for one in found if one.near != "far"] or found
        return tuple(sorted(found, key=lambda one: self._rank(one, wish, today)))

    def _rank(self, found: Found, wish: Wish, today: date) -> tuple[object, ...]:
        service = found.service
        old = today - service.seen() > self.fresh_for
        steps = self.away(wish.region, service.regions) if found.near in ("neighbour", "far") else 0
        sort = "taught" if found.fit in ("exact", "close") else "work" if service.kind == "employment" else "other"
        use = USE.index((sort, min(steps, 2)))
        near = ("cercle", "region", "nationwide", "neighbour", "far", "unknown").index(found.near)
        child = wish.age is not None and wish.age < GROWN_UP and "minors" in service.who.groups
        limited = bool(service.who.groups) and not child  # the person may not be among them
        made_for = bool(service.who.returns) and wish.return_kind in service.who.returns
        wide = service.nationwide, len(service.regions)  # what is of this place knows it best
        return (
            old, limited, use, not made_for, steps, found.fit == "close", near, -service.source_year, wide, service.key,
        )  # fmt: skip

    def _fit(self, service: Service, wish: Wish) -> Found | None:
        fit, trade = self._trade(service, wish)
        if (wish.trade or wish.sector) and not fit:
            return None
        near, region = self._near(service, wish)
        return Found(service, near, region, fit, trade)

    def _trade(self, service: Service, wish: Wish) -> tuple[Fit, str]:
        if wish.trade:
            if wish.trade in service.trades:
                return "exact", wish.trade
            close = self.trades[wish.trade].close_to if wish.trade in self.trades else ()
            taught = [trade for trade in close if trade in service.trades]
            if taught:
                return "close", taught[0]
        elif wish.sector:
            taught = [one for one in service.trades if one in self.trades and self.trades[one].sector == wish.sector]
            if taught:
                return "exact", taught[0]
        general = not service.trades and service.kind in GENERAL
        return ("general" if general else ""), ""

    def _near(self, service: Service, wish: Wish) -> tuple[Near, str]:
        if not wish.region:
            return "unknown", service.regions[0] if service.regions and not service.nationwide else ""
        if wish.cercle in service.cercles and self.region_of.get(wish.cercle) == wish.region:
            return "cercle", ""
        if wish.region in service.regions:
            return "region", ""
        if service.nationwide and wish.region not in service.not_in:
            return "nationwide", ""
        nearest = min(service.regions, key=lambda region: self.away(wish.region, (region,)), default="")
        return ("neighbour" if self.away(wish.region, (nearest,)) == 1 else "far"), nearest

    def away(self, region: str, others: Sequence[str]) -> int:
        """How many borders lie between a region and the nearest of these."""
        seen, edge, steps = {region}, {region}, 0
        while edge:
            if not edge.isdisjoint(others):
                return steps
            edge = {near for one in edge if one in self.regions for near in self.regions[one].neighbours} - seen
            seen |= edge
            steps += 1
        return FAR


def _serves(service: Service, wish: Wish) -> bool:
    """Whether nothing that is known keeps this person away from it."""
    who = service.who
    checks = (
        not wish.kinds or service.kind in wish.kinds,
        not wish.help or not set(wish.help).isdisjoint(service.help),
        wish.age is None or who.age_min <= wish.age <= who.age_max,
        not who.sex or wish.sex not in ("woman", "man") or (who.sex == "women") == (wish.sex == "woman"),
        not who.schooling or wish.schooling != "none",
        not who.returns or wish.return_kind in ("", "unknown", *who.returns),
        not who.countries or wish.country in who.countries,
        wish.region not in service.not_in or not wish.region,
        wish.age is None or wish.age < GROWN_UP or who.groups != ("minors",),
    )
    return all(checks)
