"""Named conditions for `when: {rule: …}`. One function, one rule; its docstring, in French, is the editors' manual."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from bot.dialogue.directory import GROWN_UP

if TYPE_CHECKING:
    from bot.dialogue.flow import OnCall
    from bot.dialogue.scene import Scene

Rule = Callable[["Scene"], bool]
RULES: dict[str, Rule] = {}

CONSENT = "consent"  # the fact that says so
CONSENTS = ("agreed", "distress")  # all it may be: nothing else counts, least of all "no"


def rule(function: Rule) -> Rule:
    RULES[function.__name__] = function
    return function


def has_consented(facts: Mapping[str, object]) -> bool:
    """Whether what is remembered of a person says that their words may be kept."""
    return facts.get(CONSENT) in CONSENTS


@rule
def consented(scene: "Scene") -> bool:
    """La personne est d'accord pour que ses messages soient gardés : `remember: {consent: agreed}`, ou `distress`."""
    return has_consented(scene.conversation.facts)


@rule
def demonstration(scene: "Scene") -> bool:
    """Personne ne lit : l'organisation n'a pas encore rempli `content/organisation.yaml`."""
    return scene.world.demonstration


@rule
def help_unchanged_signed(scene: "Scene") -> bool:
    """L'organisation a signé qu'une plainte ne change rien à l'aide reçue."""
    return scene.library.organisation.help_unchanged_signed


@rule
def language_known(scene: "Scene") -> bool:
    """La personne a déjà choisi une langue."""
    return bool(scene.conversation.language)


@rule
def on_call_known(scene: "Scene") -> bool:
    """L'organisation a nommé une équipe de garde, et quelqu'un a vérifié son numéro."""
    on_call = scene.library.organisation.on_call
    return bool(on_call.name and on_call.contact and on_call.verified_by)


@rule
def on_call_now(scene: "Scene") -> bool:
    """On peut appeler l'équipe de garde en ce moment même."""
    on_call = scene.library.organisation.on_call
    if not on_call_known(scene):
        return False
    here = scene.world.now.astimezone(ZoneInfo(scene.library.organisation.timezone))
    minute = here.hour * 60 + here.minute
    return any(opens <= minute < closes for opens, closes in on_call.hours.get(here.weekday(), ()))


@rule
def trade_known(scene: "Scene") -> bool:
    """La personne a dit un métier : la réponse `trade`."""
    return bool(scene.look("trade"))


@rule
def under_18(scene: "Scene") -> bool:
    """La personne a dit son âge (`age`), et elle a moins de 18 ans."""
    age = scene.look("age")
    return isinstance(age, int | float) and age < GROWN_UP


@rule
def paging_configured(scene: "Scene") -> bool:
    """Quelqu'un est prévenu tout de suite en cas d'urgence. Le programme ne sait pas encore le faire : jamais vrai."""
    return scene.world.paging


def opens_next(on_call: "OnCall", timezone: str, now: datetime) -> datetime | None:
    """When the person on call is reachable next; None when no hours are known."""
    here = now.astimezone(ZoneInfo(timezone))
    for ahead in range(8):
        day = here + timedelta(days=ahead)
        for opens, _ in sorted(on_call.hours.get(day.weekday(), ())):
            moment = day.replace(hour=opens // 60, minute=opens % 60, second=0, microsecond=0)
            if moment > here:
                return moment
    return None
