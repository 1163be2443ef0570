"""Named conditions for `when: {rule: …}`. One function, one rule; its docstring, in French, is the editors' manual."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from bot.dialogue.directory import GROWN_UP
from bot.dialogue.hours import is_open

if TYPE_CHECKING:
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
    return is_open(on_call.hours, scene.library.organisation.timezone, scene.world.now)


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
    """Quelqu'un est prévenu tout de suite en cas d'urgence : par e-mail ou Telegram, et une personne a une adresse."""
    return scene.world.paging
