"""Where a free message leads, from where a person stands. What it means is told by `bot.dialogue.understanding`.

A **wish** is what somebody wrote before the menu, while language and privacy were asked: targets and names, never
the words. It waits among the facts, and leads on from the menu.
"""

from collections.abc import Iterable, Mapping

from bot.dialogue import matching
from bot.dialogue.flow import Flow, Library
from bot.dialogue.matching import Candidate
from bot.dialogue.scene import Scene
from bot.dialogue.steps.choose import Choices, key_of
from bot.dialogue.understanding import FIRST, GRAVE, Meaning

WHICH, AMONG = "which", "among"  # the flow that asks what was meant, and the answer with the targets it offers
WISH = "wish"
MENU = ("main", "menu")
GUARDED = ("complaint", "person", "distress")  # nobody is led away from these, but to say something grave
CAREFUL, CAREFUL_WORDS = ("erase", "stop"), 8  # flows that end things: never from a long story
SENTENCE = 3  # words, from which a message is more than a part of a label


def place_of(flows: Mapping[str, Flow], target: str) -> tuple[str, str] | None:
    """The flow and the step a target names; None when editors took them away."""
    name, _, step = target.partition(".")
    flow = flows.get(name)
    if flow is None or (step and step not in flow.steps):
        return None
    return name, step or flow.start


def meanings(scene: Scene, text: str) -> tuple[Meaning, ...]:
    """What a text may mean that leads elsewhere from here, the likeliest first.

    Yes, no and the like are answers, whatever was asked; a single word says enough only at the menu.
    """
    library, folded = scene.library, matching.fold(text)
    little = library.vocabulary
    if any(folded in words for words in (little.yes, little.no, little.skip, little.done, little.all, little.none)):
        return ()
    if " " not in folded and (scene.frame.flow, scene.frame.step) != MENU:
        return ()
    return tuple(one for one in library.phrases.meanings(text) if _leads(scene, one, text))


def _leads(scene: Scene, one: Meaning, text: str) -> bool:
    flow = one.target.partition(".")[0]
    here = scene.frame.flow
    if place_of(scene.library.flows, one.target) is None or flow == here:
        return False
    if here in GUARDED and one.target not in FIRST:
        return False
    return flow not in CAREFUL or (one.sure and len(text.split()) <= CAREFUL_WORDS)


def before_hearing(scene: Scene, text: str) -> tuple[Meaning, ...]:
    """What leads away before the choices of the waiting step are looked for in the text: whatever may be grave,
    clear sentences, and at the menu any that means something.

    None where a choice was named, where the step waits for more than choices, or where the text is a keyword.
    """
    step = scene.step
    if matching.fold(text) in scene.library.topics:
        return ()
    if not isinstance(step, Choices) or scene.frame.flow in GUARDED or len(text.split()) < SENTENCE:
        return ()
    found = meanings(scene, text)
    at_the_menu = (scene.frame.flow, scene.frame.step) == MENU  # its labels say little beside a sentence
    goes_first = found and (at_the_menu or found[0].target in FIRST or (len(found) == 1 and found[0].sure))
    return found if goes_first and not names_a_choice(scene, text) else ()


def too_free(scene: Scene, text: str) -> bool:
    """Whether a text at the menu is a sentence that names none of its labels: a word of one may stand there by
    chance ("on m'a demandé mon nom" is no "Où est ma demande ?").
    """
    at_the_menu = (scene.frame.flow, scene.frame.step) == MENU
    return at_the_menu and len(text.split()) > SENTENCE and not names_a_choice(scene, text)


def names_a_choice(scene: Scene, text: str) -> bool:
    """Whether a text is a choice of the waiting step (its label, key, number, yes or no), or holds a whole label of
    two words or more.
    """
    library = scene.library
    candidates = [
        Candidate(key_of(option.tap), library.candidates[option.label.key].labels)
        for option in scene.step.options(scene)
        if option.label.key in library.candidates
    ]
    said = f" {matching.fold(text)} "
    names = (name for one in candidates for name in one.names if " " in name)
    return bool(matching.choose(text, candidates, library.vocabulary, loosely=False)) or any(
        f" {name} " in said for name in names
    )


def asked_about(library: Library, targets: Iterable[str]) -> list[str]:
    """Those of the targets that the flow `which` can ask about."""
    if WHICH not in library.flows:
        return []
    step = library.flows[WHICH].steps[library.flows[WHICH].start]
    known = {str(one.when[AMONG]) for one in step.choices if AMONG in one.when} if isinstance(step, Choices) else set()
    return [target for target in targets if target in known]


def fitting(library: Library, flow: str, slots: Mapping[str, object]) -> dict[str, object]:
    """The names in a message that a flow would ask for itself: they are its answers from the start."""
    asked = {name for step in library.flows[flow].steps.values() for name in step.saves()}
    return {name: value for name, value in slots.items() if name in asked and value}


# ---------------------------------------------------------------- a wish


def wish_of(found: Iterable[Meaning]) -> dict[str, object]:
    """The wish in these meanings, in JSON's own types."""
    some = list(found)
    asked = len(some) > 1 or (some[0].target == GRAVE and not some[0].sure)
    return {"targets": [one.target for one in some], "slots": dict(some[0].slots), "asked": asked}


def read_wish(library: Library, wish: object) -> tuple[list[str], dict[str, object], bool]:
    """Targets that still exist, names, and whether to ask before going there."""
    if not isinstance(wish, Mapping):
        return [], {}, False
    targets = [str(one) for one in wish.get("targets", ()) if place_of(library.flows, str(one))]
    return targets, dict(wish.get("slots", {})), bool(wish.get("asked"))
