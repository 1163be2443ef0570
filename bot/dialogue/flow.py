"""A flow and the library: what editors wrote, as the engine reads it.

Inside a flow every change of step goes through its `transitions` machine, built once per revision from
`Flow.table`: the same rows `segin draw` draws, so the picture cannot lie.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property

from transitions import EventData, Machine, MachineError, Transition

from bot.dialogue.directory import Directory
from bot.dialogue.hours import Hours, not_before_opening
from bot.dialogue.matching import Candidate, Vocabulary
from bot.dialogue.model import SOURCE_LANGUAGE
from bot.dialogue.safety import Safety
from bot.dialogue.steps import Step
from bot.dialogue.steps.decide import Remember
from bot.dialogue.understanding import Phrases


@dataclass(frozen=True, slots=True)
class Row:
    """One way on: from a step, by an exit's key, to a step of this flow or to `flow.step` elsewhere."""

    step: str
    key: str
    target: str

    @property
    def leaves(self) -> bool:
        return "." in self.target


class _Place:
    """What a machine moves: only the name of a step."""

    state: str


class _Way(Transition):
    """A change of step. A flow's machine has no callbacks and no conditions: looking for them took most of its time."""

    def execute(self, event_data: EventData) -> bool:
        if self.dest is not None:
            event_data.machine.set_state(self.dest, event_data.model)
        return True


class _Machine(Machine):
    transition_cls = _Way


@dataclass(frozen=True)
class Flow:
    """A dialogue an editor wrote."""

    name: str
    start: str
    steps: Mapping[str, Step]
    keywords: tuple[str, ...] = ()
    anywhere: bool = False
    private: bool = False  # what is unfinished in it does not stay

    @cached_property
    def ways(self) -> Mapping[str, Mapping[str, str]]:
        """Step → exit key → target, in the order the editor wrote them."""
        return {name: step.exits() for name, step in self.steps.items()}

    @cached_property
    def table(self) -> tuple[Row, ...]:
        """Every way on, row by row."""
        return tuple(Row(name, key, target) for name, ways in self.ways.items() for key, target in ways.items())

    @cached_property
    def saved_by(self) -> Mapping[str, Step]:
        """Answer name → the step that asks for it."""
        return {step.save_as: step for step in self.steps.values() if step.save_as}

    def remembered_after(self, name: str) -> frozenset[str]:
        """The facts that answering this step may leave behind, before the next question: Back undoes them."""
        facts: set[str] = set()
        ways, seen = [name], {name}
        while ways:
            for target in self.steps[ways.pop()].exits().values():
                step = self.steps.get(target)
                if step is None or step.WAITS or target in seen:
                    continue
                seen.add(target)
                ways.append(target)
                if isinstance(step, Remember):
                    facts.update(step.remember)
        return frozenset(facts)

    @cached_property
    def _machine(self) -> _Machine:
        return _Machine(
            model=None,
            states=list(self.steps),
            transitions=[
                {"trigger": row.key, "source": row.step, "dest": row.target} for row in self.table if not row.leaves
            ],
            initial=self.start,
            auto_transitions=False,
        )

    @cached_property
    def _places(self) -> threading.local:
        return threading.local()

    def move(self, step: str, key: str) -> str:
        """The step that `key` leads to. Raises `MachineError` where the table has no such way."""
        place: _Place | None = getattr(self._places, "place", None)
        if place is None:  # one reused model per writer thread
            place = _Place()
            self._machine.add_model(place)
            self._places.place = place
        place.state = step
        if not self._machine.events[key].trigger(place):
            raise MachineError(f"{self.name}/{step}: no way on by {key!r}")
        return place.state


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of case: who may read it and how soon a person does."""

    key: str
    kind: str
    restricted: bool
    reply_within: timedelta
    keep_days: int
    urgent: bool = False  # whoever is on call is told at once


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a list of content (a paper to bring, a right, a piece of advice), for whom `when` holds."""

    key: str
    when: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who answers in an emergency. `hours`: weekday (0 = Monday) → spans (opens, closes) in minutes of the day."""

    name: str = ""
    contact: str = ""
    hours_text: str = ""
    hours: Mapping[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    verified_by: str = ""


@dataclass(frozen=True, slots=True)
class Organisation:
    """Who serves Segin here. Incomplete, Segin is a demonstration."""

    name: str = ""
    data_controller: str = ""
    contacts: tuple[str, ...] = ()
    on_call: OnCall = field(default_factory=OnCall)
    help_unchanged_signed: bool = False
    reply_within: timedelta = timedelta(hours=120)
    restricted_reply_within: timedelta = timedelta(hours=24)
    hold: timedelta = timedelta(hours=48)
    resume_after: timedelta = timedelta(hours=24)
    directory_fresh_for: timedelta = timedelta(days=365)
    timezone: str = "Africa/Bamako"
    working_hours: Hours = field(default_factory=dict)  # of the desk; none: always
    holidays: frozenset[date] = frozenset()

    def deadline(self, now: datetime, within: timedelta, *, restricted: bool) -> datetime:
        """Until when a person reads. One that falls where nobody works waits for the next opening; a restricted one
        never waits.
        """
        due = now + within
        return due if restricted else not_before_opening(self.working_hours, self.timezone, due, self.holidays)

    @property
    def missing(self) -> tuple[str, ...]:
        """What is still to be filled in before Segin may serve for real."""
        on_call = self.on_call
        known = {
            "name": self.name,
            "data_controller": self.data_controller,
            "contacts": self.contacts,
            "on_call.name": on_call.name,
            "on_call.phone": on_call.contact,
            "on_call.hours": on_call.hours,
            "on_call.verified_by": on_call.verified_by,
        }
        return tuple(name for name, value in known.items() if not value)


@dataclass(frozen=True, repr=False)  # in words it would be megabytes: asyncio puts results of tasks into words
class Library:
    """All that editors wrote, in the form the engine reads: built by `bot.library`, never changed after."""

    flows: Mapping[str, Flow]
    texts: Mapping[str, Mapping[str, str]]  # language → text key → words
    languages: Mapping[str, str]  # code → its own name, in the order offered
    vocabulary: Vocabulary
    safety: Safety
    organisation: Organisation
    categories: Mapping[str, Category]
    lists: Mapping[str, tuple[Entry, ...]]  # documents, rights, advice
    placeholders: Mapping[str, tuple[str, ...]]  # text key → names in braces, of the French text
    candidates: Mapping[str, Candidate]  # text key of a label → its words in every language
    anywhere: Mapping[str, str]  # folded keyword → flow that works at every step
    topics: Mapping[str, str]  # folded keyword → any other flow
    directory: Directory = field(default_factory=Directory)
    phrases: Phrases = field(default_factory=Phrases)
    required: tuple[str, ...] = (SOURCE_LANGUAGE,)  # languages in which every text exists
    revision: int = 0

    def words(self, key: str, language: str) -> str:
        """The text in this language, else in French. Raises `KeyError` for a key nobody wrote."""
        found = self.texts.get(language, {}).get(key)
        return found or self.texts[SOURCE_LANGUAGE][key]

    def labels(self, keys: Iterable[str]) -> list[Candidate]:
        return [self.candidates[key] for key in keys]
