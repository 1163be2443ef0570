"""Steps that file a case, tell how it stands, and add to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Literal

from bot.dialogue.model import AddToCase, CaseView, OpenCase
from bot.dialogue.steps.base import Exit, Move, Step, kind

if TYPE_CHECKING:
    from bot.dialogue.scene import Scene


MOST_GUESSES, GUESSES_IN = 5, timedelta(hours=1)  # wrong receipts


def from_answer(scene: "Scene", value: object) -> str:
    """A fixed word, or the answer named by `{from: name}`."""
    return str(scene.look(str(value["from"])) or "") if isinstance(value, Mapping) else str(value)


def _mine(scene: "Scene") -> tuple[CaseView, ...]:
    found: tuple[CaseView, ...] = scene.known("cases")  # type: ignore[assignment]
    return found


def _of_receipt(scene: "Scene", answer: str) -> tuple[CaseView, ...]:
    """The case a receipt opens. After some wrong ones in an hour nothing opens: nobody finds one by trying."""
    hour_ago = scene.world.now - GUESSES_IN
    wrong = tuple(at for at in scene.conversation.wrong_receipts if at > hour_ago)
    if len(wrong) >= MOST_GUESSES:
        return ()
    found: tuple[CaseView, ...] = scene.known("case", str(scene.look(answer) or ""))  # type: ignore[assignment]
    if not found:
        wrong = (*wrong, scene.world.now)
    scene.conversation = replace(scene.conversation, wrong_receipts=wrong)
    return found


@kind("open")
@dataclass(frozen=True, kw_only=True)
class Open(Step):
    """Files a case for people to read; nothing is filed before.

    `open` is its kind, `category` one of content/case-categories.yaml, fixed or `{from: answer}`.
    `include` lists the answers that go into the case (all, when left out). When the condition `anonymous` holds,
    nothing that leads to the person stays with it. `hold: true` lets staff and the person write to each other
    from here on. The step's words come after, and may use `{case.reference}`, `{case.receipt}` (the 16 digits to
    keep) and `{case.deadline}`.

    Example:
        file:
          open: complaint
          category: {from: about}
          anonymous: {identity: anonymous}
          say: Reçu. Numéro à garder {case.receipt}.
          go: main.menu
    """

    open: Literal["request", "complaint"]
    category: str | dict[str, str]
    anonymous: Mapping[str, object] = field(default_factory=dict)
    include: tuple[str, ...] = ()
    hold: bool = False
    in_chat: Mapping[str, object] = field(default_factory=dict)

    def enter(self, scene: "Scene") -> Move:
        answers = scene.frame.answers
        story = {name: answers[name] for name in self.include or answers if name in answers}
        anonymous = bool(self.anonymous) and scene.holds(self.anonymous)
        scene.ask_host(
            OpenCase(
                self.open,
                from_answer(scene, self.category),
                story,
                anonymous,
                self.hold and not anonymous,
                scene.holds(self.in_chat),
            )
        )
        scene.speak(self)
        if anonymous:  # what was drafted on the way here must not stay with the person
            scene.conversation = scene.conversation.with_top(answers={})
        return Exit()


@kind("status")
@dataclass(frozen=True, kw_only=True)
class Status(Step):
    """Tells where a request is: `mine` (every open case filed in this chat) or `{receipt: answer}` (the case of
    a receipt number). The words are said once a case, with `{case.reference}`, `{case.status}`,
    `{case.last_step}`, `{case.next}`, `{case.answers}`. `none` is where to go when there is no such case.

    Example:
        mine: {status: mine, say: "{case.reference} : {case.status}", go: menu, none: by_receipt}
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("say", "go")
    status: Literal["mine"] | dict[str, str]
    none: str

    def exits(self) -> Mapping[str, str]:
        return {"go": self.go, "none": self.none}

    def enter(self, scene: "Scene") -> Move:
        cases = _of_receipt(scene, self.status["receipt"]) if isinstance(self.status, dict) else _mine(scene)
        for case in cases:
            scene.speak(self, **scene.case_values(case))
        return Exit("go" if cases else "none")


@kind("add")
@dataclass(frozen=True, kw_only=True)
class Add(Step):
    """Adds an answer to a case that was filed before: the newest of this chat (`mine`) or that of a receipt.

    Example:
        more: {add: more_words, to: {receipt: receipt}, say: Ajouté., go: main.menu}
    """

    add: str
    to: Literal["mine"] | dict[str, str]

    def enter(self, scene: "Scene") -> Move:
        content = scene.look(self.add)
        if content is not None:
            if isinstance(self.to, dict):
                receipt = str(scene.look(self.to["receipt"]) or "")
                scene.ask_host(AddToCase(content, receipt=receipt))
                scene.speak(self)
            elif cases := _mine(scene):
                scene.ask_host(AddToCase(content, case=cases[-1].id))
                scene.speak(self)
        return Exit()
