"""Named conditions for `when: {rule: …}`. One function, one rule; its docstring is the editors' documentation."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from bot.dialogue.flow import OnCall
    from bot.dialogue.scene import Scene

Rule = Callable[["Scene"], bool]
RULES: dict[str, Rule] = {}


def rule(function: Rule) -> Rule:
    RULES[function.__name__] = function
    return function


@rule
def consented(scene: "Scene") -> bool:
    """The person agreed that what they say may be kept."""
    return bool(scene.conversation.facts.get("consent"))


@rule
def demonstration(scene: "Scene") -> bool:
    """Nobody reads: the organisation has not filled in who they are."""
    return scene.world.demonstration


@rule
def help_unchanged_signed(scene: "Scene") -> bool:
    """The organisation signed that a complaint changes nothing in the help somebody gets."""
    return scene.library.organisation.help_unchanged_signed


@rule
def language_known(scene: "Scene") -> bool:
    """The person already picked a language."""
    return bool(scene.conversation.language)


@rule
def on_call_known(scene: "Scene") -> bool:
    """The organisation named a person on call whom somebody verified."""
    on_call = scene.library.organisation.on_call
    return bool(on_call.name and on_call.contact and on_call.verified_by)


@rule
def on_call_now(scene: "Scene") -> bool:
    """The person on call is reachable at this very moment."""
    on_call = scene.library.organisation.on_call
    if not on_call_known(scene):
        return False
    here = scene.world.now.astimezone(ZoneInfo(scene.library.organisation.timezone))
    opens, closes = on_call.hours.get(here.weekday(), (0, 0))
    return opens <= here.hour * 60 + here.minute < closes


@rule
def paging_configured(scene: "Scene") -> bool:
    """Somebody is told at once, outside the case desk, when a case is urgent."""
    return scene.world.paging


def opens_next(on_call: "OnCall", timezone: str, now: datetime) -> datetime | None:
    """When the person on call is reachable next; None when no hours are known."""
    here = now.astimezone(ZoneInfo(timezone))
    for ahead in range(8):
        day = here + timedelta(days=ahead)
        hours = on_call.hours.get(day.weekday())
        if hours is None:
            continue
        opens = day.replace(hour=hours[0] // 60, minute=hours[0] % 60, second=0, microsecond=0)
        if opens > here:
            return opens
    return None
