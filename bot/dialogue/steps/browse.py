"""Steps that show what stands in content: a list a page at a time, and one service in full."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from bot.dialogue import matching
from bot.dialogue.directory import Found, Service, Wish
from bot.dialogue.model import SOURCE_LANGUAGE, Heard, Option, Text, literal
from bot.dialogue.steps.base import KNOWN, NONE, Exit, Miss, Move, Step, Wait, kind
from bot.dialogue.steps.choose import Choice, key_of

if TYPE_CHECKING:
    from bot.dialogue.scene import Scene

PAGE = {"services": 3, "trades": 7}  # entries shown at once; beside those of trades stand more choices
_PAGE = 8  # with "Autres" and "Passer" the ten that a list in WhatsApp holds
MORE, SKIP = "more", "skip"


@kind("offer")
@dataclass(frozen=True, kw_only=True)
class Offer(Step):
    """Propose une liste qui vient de content/, page par page, et attend un choix.

    `offer` dit quelle liste : `regions`, `cercles` (de la réponse `region`), `sectors`, `trades` (du secteur
    `sector`, s'il est connu) ou `services`. `save_as` garde la clé. Les services viennent trois par trois, le plus
    utile d'abord, selon ce qu'on sait : `region`, `cercle`, `sector`, `trade`, `age`, `sex`, `schooling`,
    `return_kind`, `country` ; `of` choisit des sortes (`kind`) ou des aides (`help`). Dans le texte, `{list}` met une
    ligne par service, avec pourquoi il est montré. À la place d'une région on peut écrire une ville (gardée sous
    `cercle`), à la place d'un secteur un métier (`trade`). `none` dit où aller quand la liste est vide, `optional:
    true` ajoute « Passer », `unless_known: true` ne demande pas ce qui est déjà connu, `choices` ajoute des choix
    après la liste.

    Example:
        which_service:
          say: |-
            Voici ce que je connais :
            {list}
          offer: services
          of: {kind: [training_centre, employment]}
          save_as: service
          go: detail
          none: nothing
          choices:
            - {key: other, label: Autre région, go: which_region}
    """

    SHARED: ClassVar[tuple[str, ...]] = ("say", "go", "save_as")
    NEEDS: ClassVar[tuple[str, ...]] = ("say", "go", "save_as")
    WAITS: ClassVar[bool] = True
    offer: Literal["regions", "cercles", "sectors", "trades", "services"]
    of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    none: str = ""
    optional: bool = False
    unless_known: bool = False
    choices: tuple[Choice, ...] = ()

    @property
    def shown(self) -> str:
        """The answer that holds how many entries stand before the page that is shown."""
        return f"{self.save_as}_from"

    def words(self) -> Mapping[str, str]:
        return {**super().words(), **{self.tap(choice.key): choice.label for choice in self.choices}}

    def offered(self) -> tuple[Choice, ...]:
        return self.choices

    def label_of(self, value: str) -> str:
        return f"{self.offer}:{value}"

    def saves(self) -> tuple[str, ...]:
        further = {"regions": ("cercle",), "sectors": ("trade",)}  # a town, a trade named at once
        return (*super().saves(), *further.get(self.offer, ()))

    def passing(self) -> Mapping[str, str]:
        """The ways on that ask nothing."""
        ways = {NONE: self.none or self.go} if self.none or self.offer in ("cercles", "services") else {}
        return {**ways, **({KNOWN: self.go} if self.unless_known else {})}

    def exits(self) -> Mapping[str, str]:
        ways = {choice.key: choice.go for choice in self.choices}
        return {"go": self.go, **self.passing(), **({SKIP: self.go} if self.optional else {}), **ways}

    # ------------------------------------------------------------ what is shown

    def _found(self, scene: "Scene") -> Sequence[Found]:
        if self.offer != "services":
            return ()
        wish = wish_of(scene, tuple(self.of.get("kind", ())), tuple(self.of.get("help", ())))
        return scene.library.directory.fitting(wish, scene.world.now.date())

    def entries(self, scene: "Scene") -> tuple[str, ...]:
        """The keys of the whole list."""
        directory = scene.library.directory
        match self.offer:
            case "regions":
                return tuple(directory.regions)
            case "cercles":
                region = directory.regions.get(str(scene.look("region")))
                return region.cercles if region else ()
            case "sectors":
                return directory.sectors
            case "trades":
                sector = scene.look("sector")
                return tuple(key for key, trade in directory.trades.items() if sector in (None, trade.sector))
            case "services":
                return tuple(one.service.key for one in self._found(scene))

    def _page(self, scene: "Scene") -> tuple[str, ...]:
        entries, start = self.entries(scene), self._start(scene)
        return entries[start : start + PAGE.get(self.offer, _PAGE)]

    def _start(self, scene: "Scene") -> int:
        start = scene.look(self.shown)
        return start if isinstance(start, int) else 0

    def options(self, scene: "Scene") -> tuple[Option, ...]:
        page = self._page(scene)
        listed = [Option(self.tap(key), self._label(key)) for key in page]
        further = len(self.entries(scene)) > PAGE.get(self.offer, _PAGE)
        more = [Option(self.tap(MORE), Text(key="words:more"))] if further else []
        fixed = [
            Option(self.tap(one.key), Text(key=self.tap(one.key)))
            for one in self.choices
            if not one.when or scene.holds(one.when)
        ]
        skip = [Option(self.tap(SKIP), Text(key="words:skip"))] if self.optional else []
        return (*listed, *more, *fixed, *skip)

    def _label(self, key: str) -> Text:
        return Text(key=f"short:{key}" if self.offer == "services" else f"{self.offer}:{key}")

    def enter(self, scene: "Scene") -> Move:
        if self.unless_known and str(scene.look(self.save_as)) in self.entries(scene):
            return Exit(KNOWN)
        if not self.entries(scene):
            return Exit(NONE if NONE in self.exits() else "go")
        if not self._page(scene):
            scene.save(self.shown, 0)
        self._ask(scene)
        return Wait()

    def _ask(self, scene: "Scene") -> None:
        page = self._page(scene)
        lines = Text(items=tuple(_line(scene, one) for one in self._found(scene) if one.service.key in page))
        scene.say(scene.text(self.text_key, list=lines), self.options(scene))

    # ------------------------------------------------------------ what is heard

    def hear(self, scene: "Scene", heard: Heard) -> Move:
        if heard.kind == "tap":
            keys: tuple[str, ...] = (key_of(heard.tap),)
        elif heard.kind == "text":
            keys = self._meant(scene, heard.text)
        else:
            return Miss()
        if len(keys) != 1:
            return Miss(which=keys)
        key = keys[0]
        if key == MORE:
            start = self._start(scene) + PAGE.get(self.offer, _PAGE)
            scene.save(self.shown, start if start < len(self.entries(scene)) else 0)
            self._ask(scene)
            return Wait()
        for choice in self.choices:
            if choice.key == key:
                scene.drop(self.shown, *choice.drop)
                return Exit(key)
        if key == SKIP:
            return Exit(SKIP)
        inner, whole_of = self._within(scene)
        if key in whole_of:  # they named a town, or a trade: the region, the sector is known with it
            scene.save(inner, key)
            key = whole_of[key]
        scene.save(self.save_as, key)
        return Exit()

    def _meant(self, scene: "Scene", text: str) -> tuple[str, ...]:
        """What is shown first, with its numbers; then the rest of the list, and what lies within its entries."""
        library, (inner, whole_of) = scene.library, self._within(scene)
        within = [f"{inner}s:{key}" for key in whole_of]
        page = [self._name(key) for key in self._page(scene)]
        taps = [option.tap for option in self.options(scene)][len(page) :]
        fixed = ["words:" + key_of(tap) if key_of(tap) in (MORE, SKIP) else tap for tap in taps]
        exact = tuple(one.key for one in library.labels([*page, *fixed, *within]) if matching.fold(text) in one.names)
        found = exact or matching.choose(text, library.labels([*page, *fixed]), library.vocabulary)
        if found or matching.fold(text).isdigit():
            return found
        rest = [self._name(key) for key in self.entries(scene)]
        return matching.choose(text, library.labels([*rest, *within]), library.vocabulary)

    def _within(self, scene: "Scene") -> tuple[str, Mapping[str, str]]:
        """What may be named instead of an entry: a town for its region, a trade for its sector."""
        directory = scene.library.directory
        within = {"regions": ("cercle", directory.region_of), "sectors": ("trade", directory.sector_of)}
        return within.get(self.offer, ("", {}))

    def _name(self, key: str) -> str:
        return f"{self.offer}:{key}"


def wish_of(scene: "Scene", kinds: tuple[str, ...] = (), help_: tuple[str, ...] = ()) -> Wish:
    """What the person said so far, as a wish."""
    said = {
        name: str(scene.look(name) or "")
        for name in ("region", "cercle", "sector", "trade", "sex", "schooling", "return_kind", "country")
        if not (help_ and name in ("sector", "trade"))  # who needs a doctor may have spoken of sewing before
    }
    age = scene.look("age")
    return Wish(**said, age=int(age) if isinstance(age, int | float) else None, kinds=kinds, help=help_)


def _line(scene: "Scene", found: Found) -> Text:
    """One line of the list: the name, and why it is shown."""
    name = Text(key=f"short:{found.service.key}")
    why = {
        "exact": Text(key="words:why_trade", values={"trade": Text(key=f"trades:{found.trade}")}),
        "close": Text(key="words:why_close", values={"taught": Text(key=f"trades:{found.trade}")}),
        "general": Text(key=f"words:why_{found.service.kind}"),
        "": literal(""),
    }[found.fit]
    if found.near in ("neighbour", "far", "unknown") and not found.region:
        where = Text(key="words:near_nationwide") if found.service.nationwide else literal("")
    elif found.near == "unknown":
        where = Text(key=f"regions:{found.region}")
    else:
        region = found.region or str(scene.look("region"))
        where = Text(key=f"words:near_{found.near}", values={"region": Text(key=f"regions:{region}")})
    parts = {"name": name, "where": where, "why": why}
    if found.fit:
        return Text(key="words:service_line", values=parts)
    return Text(key="words:service_line_near", values=parts)


@kind("describe")
@dataclass(frozen=True, kw_only=True)
class Describe(Step):
    """Dit tout ce qu'on sait d'un service, et ce qui n'est pas sûr : ce qu'il donne, à qui, où, quoi apporter.

    `describe` nomme la réponse qui garde le service. Rien de ce qui est pour l'équipe seule n'est dit.

    Example:
        detail: {describe: service, go: then}
    """

    SHARED: ClassVar[tuple[str, ...]] = ("say", "go")
    describe: str

    def enter(self, scene: "Scene") -> Move:
        scene.speak(self)
        service = scene.library.directory.services.get(str(scene.look(self.describe)))
        if service is None or not service.offered(scene.world.now.date()):
            scene.say(Text(key="words:service_gone"))
            return Exit()
        lines = tuple(_facts(scene, service))
        values = {
            "name": Text(key=f"services:{service.key}"),
            "gives": Text(key=f"services:{service.key}/gives"),
            "facts": Text(items=lines),
        }
        scene.say(Text(key="words:service", values=values))
        return Exit()


def _listed(kind: str, keys: tuple[str, ...]) -> Text:
    return Text(items=tuple(Text(key=f"{kind}:{key}") for key in keys), style="inline")


def _facts(scene: "Scene", service: Service) -> list[Text]:
    """What else is known of a service, one line each; the last ones say what is not certain."""
    written = scene.library.texts[SOURCE_LANGUAGE]
    conditions, ask = f"services:{service.key}/conditions", f"services:{service.key}/ask"
    lines = [Text(key=conditions)] if conditions in written else []
    if service.place:
        lines.append(Text(key="words:service_place", values={"place": literal(service.place)}))
    elif service.nationwide:
        lines.append(Text(key="words:service_nationwide"))
    elif service.regions:
        lines.append(Text(key="words:service_regions", values={"regions": _listed("regions", service.regions)}))
    if service.bring:
        lines.append(Text(key="words:service_bring", values={"papers": _listed("documents", service.bring)}))
    year = literal(service.verified_on.year if service.verified_on else service.source_year)
    called = year if service.verified_on else literal(service.contact_year)
    sure = "verified" if service.verified_on else "unverified"
    if service.address:
        lines.append(Text(key="words:service_address", values={"address": literal(service.address)}))
    lines += [
        Text(key=f"words:service_phone_{sure}", values={"phone": literal(phone), "year": called})
        for phone in service.phone
    ]
    if ask in written:
        lines.append(Text(key=ask))
    elif not service.address and not service.phone:
        lines.append(Text(key="words:service_no_contact"))
    agreement = {"signed": "signed", "walk-in": "walk_in", "unknown": "unknown"}[service.agreement]
    here = service.nationwide or service.regions
    if agreement == "unknown" and (scene.world.demonstration or not here):  # nobody is there to ask for them
        agreement = "unsure"
    seen = Text(key=f"words:service_{sure}", values={"year": year})
    lines.append(Text(key=f"words:service_{agreement}", values={"year": year, "seen": seen}))
    return lines
