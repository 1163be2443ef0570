"""The scene of one turn: what a step may look at and what it may do.

A scene lives for one `advance`; it gathers what is said and asked of the host, and nothing of it is seen
outside before the turn is whole.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from msgspec.structs import replace

from bot.dialogue.flow import Flow, Library
from bot.dialogue.hours import next_opening
from bot.dialogue.model import (
    SOURCE_LANGUAGE,
    CaseView,
    Conversation,
    Effect,
    Frame,
    Need,
    Option,
    Say,
    Text,
    World,
    literal,
)
from bot.dialogue.rules import RULES
from bot.dialogue.steps import Step

# Facts that name an entry of content, also where another flow asked for them.
LIST_OF = {"region": "regions", "cercle": "cercles", "sector": "sectors", "trade": "trades", "service": "services"}


class Missing(Exception):
    """A step lacks a fact only the host can read."""

    def __init__(self, need: Need) -> None:
        super().__init__(need)
        self.need = need


class Scene:
    """What a step may look at (library, world, conversation) and do (say, ask the host, save, remember)."""

    def __init__(self, library: Library, world: World, conversation: Conversation) -> None:
        self.library = library
        self.world = world
        self.conversation = conversation
        self.says: list[Say] = []
        self.effects: list[Effect] = []
        self.passed: list[str] = []

    # ------------------------------------------------------------ looking

    @property
    def frame(self) -> Frame:
        return self.conversation.frames[-1]

    @property
    def flow(self) -> Flow:
        return self.library.flows[self.conversation.frames[-1].flow]

    @property
    def step(self) -> Step:
        frame = self.conversation.frames[-1]
        return self.library.flows[frame.flow].steps[frame.step]

    def look(self, name: str) -> object:
        """An answer of this flow, else a fact kept with the contact, else None."""
        answers = self.frame.answers
        return answers[name] if name in answers else self.conversation.facts.get(name)

    def known(self, what: str, about: str = "") -> object:
        """A fact the host read for us. Raises `Missing`: the host reads it, the turn is taken again."""
        need = Need(what, about)
        if need not in self.world.known:
            raise Missing(need)
        return self.world.known[need]

    def holds(self, when: Mapping[str, object]) -> bool:
        """Whether every part of a condition holds."""
        for name, wanted in when.items():
            if name == "rule":
                if not RULES[str(wanted)](self):
                    return False
                continue
            found = self.look(name)
            has = set(map(str, found)) if isinstance(found, list | tuple) else {str(found)}
            wants = set(map(str, wanted)) if isinstance(wanted, list | tuple) else {str(wanted)}
            if found is None or not has & wants:
                return False
        return True

    # ------------------------------------------------------------ words

    def text(self, key: str, **values: Text) -> Text:
        """A text of the library with its placeholders filled; those of a case just filed stay open."""
        filled = dict(values)
        for name in self.library.placeholders.get(key, ()):
            if name not in filled and not name.startswith("case."):
                filled[name] = self.value(name)
        return Text(key=key, values=filled)

    def value(self, name: str) -> Text:
        """What stands for `{name}`."""
        organisation, now = self.library.organisation, self.world.now
        match name:
            case "organisation.name":
                return literal(organisation.name)
            case "organisation.contact":
                return Text(items=tuple(literal(contact) for contact in organisation.contacts))
            case "on_call.name":
                return literal(organisation.on_call.name)
            case "on_call.contact":
                return literal(organisation.on_call.contact)
            case "on_call.hours":
                return literal(organisation.on_call.hours_text)
            case "on_call.opens":
                opens = next_opening(organisation.on_call.hours, organisation.timezone, now)
                return Text(moment=opens) if opens else literal(organisation.on_call.hours_text)
            case "deadline.ordinary":
                return Text(moment=organisation.deadline(now, organisation.reply_within, restricted=False))
            case "deadline.restricted":
                return Text(moment=now + organisation.restricted_reply_within)
            case _:
                return self._answer(name)

    def _answer(self, name: str) -> Text:
        found = self.look(name)
        asked = self.flow.saved_by.get(name)
        if isinstance(found, Mapping):  # a voice note, a photo, a place
            return Text(key=f"words:a_{found['kind']}")
        if isinstance(found, list | tuple):
            return Text(items=tuple(self._shown(asked, item) for item in found))
        return Text(key="words:a_nothing") if found is None else self._shown(asked, found, name)

    def _shown(self, asked: Step | None, value: object, name: str = "") -> Text:
        key = asked.label_of(str(value)) if asked else f"{LIST_OF[name]}:{value}" if name in LIST_OF else ""
        return Text(key=key) if key in self.library.texts[SOURCE_LANGUAGE] else literal(value)

    # ------------------------------------------------------------ doing

    def change(self, **parts: object) -> None:
        """Put these parts into the conversation; it is made anew only when one of them is another."""
        for name, part in parts.items():
            if getattr(self.conversation, name) is not part:
                self.conversation = replace(self.conversation, **parts)
                return

    def change_top(self, **parts: object) -> None:
        """The same for the frame that speaks."""
        frames = self.conversation.frames
        self.change(frames=(*frames[:-1], replace(frames[-1], **parts)))

    def say(
        self, text: Text, options: Iterable[Option] = (), *, many: bool = False, accepts: Iterable[str] = ()
    ) -> None:
        self.says.append(Say(text, tuple(options), many, tuple(accepts)))

    def speak(self, step: Step, **values: Text) -> None:
        """Say the step's own words, when it has any."""
        if step.say:
            self.say(self.text(step.text_key, **values))

    def ask_host(self, effect: Effect) -> None:
        """An effect can't be undone: Back never passes it."""
        self.effects.append(effect)
        self.change(frames=tuple(replace(frame, trail=()) for frame in self.conversation.frames))

    def save(self, name: str, value: object) -> None:
        self.change_top(answers={**self.frame.answers, name: value})

    def drop(self, *names: str) -> None:
        kept = {name: value for name, value in self.frame.answers.items() if name not in names}
        if len(kept) < len(self.frame.answers):
            self.change_top(answers=kept)

    def remember(self, name: str, value: object) -> None:
        self.change(facts={**self.conversation.facts, name: value})

    def case_values(self, case: CaseView) -> dict[str, Text]:
        """What may be said of a case."""
        return {
            "case.reference": literal(case.reference),
            "case.status": Text(key=f"status:{case.status}"),
            "case.next": Text(key=f"status_next:{case.status}"),
            "case.last_step": Text(moment=case.last_step_at, style="day"),
            "case.answers": Text(items=tuple(literal(answer) for answer in case.answers))
            if case.answers
            else Text(key="words:no_answer_yet"),
        }

    def after(self, span: timedelta) -> Text:
        return Text(moment=self.world.now + span)
