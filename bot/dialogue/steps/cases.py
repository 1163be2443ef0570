"""Steps that file a case, tell how it stands, and add to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Literal

from bot.dialogue.model import AddToCase, CaseView, OpenCase, Settle, Text
from bot.dialogue.steps.base import Exit, Move, Step, kind

if TYPE_CHECKING:
    from bot.dialogue.scene import Scene


RESOLVED = "resolved"

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
    scene.change(wrong_receipts=wrong)
    return found


@kind("open")
@dataclass(frozen=True, kw_only=True)
class Open(Step):
    """Ouvre un dossier que des personnes liront ; avant cette étape, rien n'est déposé.

    `open` dit sa sorte, `category` une catégorie de content/case-categories.yaml, fixe ou `{from: réponse}`.
    `include` nomme ce qui part avec le dossier, des réponses ou ce qui est retenu (sans `include` : les réponses).
    Quand la condition `anonymous` est vraie, rien de ce qui mène à la personne ne reste. `hold: true` : à partir
    d'ici, l'équipe et la personne s'écrivent. `in_chat` est la condition pour répondre dans cette discussion
    (toujours, sans `in_chat`). Les mots de l'étape viennent après ; ils peuvent contenir `{case.reference}`,
    `{case.receipt}` (les 16 chiffres à garder) et `{case.deadline}`. Une réponse nommée `region` donne au dossier
    sa région : l'équipe de cette région le voit.

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
        story = {name: scene.look(name) for name in self.include or answers if scene.look(name) is not None}
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
            scene.change_top(answers={})
        return Exit()


@kind("status")
@dataclass(frozen=True, kw_only=True)
class Status(Step):
    """Dit où en est une demande : `mine` (chaque dossier ouvert ici) ou `{receipt: réponse}` (celui d'un numéro).

    Les mots sont dits une fois par dossier, avec `{case.reference}`, `{case.status}`, `{case.last_step}`,
    `{case.next}`, `{case.answers}`. `none` dit où aller quand il n'y a pas de dossier, `resolved` où aller quand
    l'équipe a donné sa réponse et qu'on ne sait pas encore si cela convient (sans `resolved` : comme `go`).

    Example:
        mine: {status: mine, say: "{case.reference} : {case.status}", go: menu, none: by_receipt}
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("say", "go")
    status: Literal["mine"] | dict[str, str]
    none: str
    resolved: str = ""

    def exits(self) -> Mapping[str, str]:
        return {"go": self.go, "none": self.none, **({"resolved": self.resolved} if self.resolved else {})}

    def enter(self, scene: "Scene") -> Move:
        cases = _of_receipt(scene, self.status["receipt"]) if isinstance(self.status, dict) else _mine(scene)
        for case in cases:
            scene.speak(self, **scene.case_values(case))
        if self.resolved and any(case.status == RESOLVED for case in cases):
            return Exit("resolved")
        return Exit("go" if cases else "none")


@kind("add")
@dataclass(frozen=True, kw_only=True)
class Add(Step):
    """Ajoute une réponse à un dossier déjà déposé : le dernier de cette discussion (`mine`), ou celui d'un numéro.

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


@kind("settle")
@dataclass(frozen=True, kw_only=True)
class SettleStep(Step):
    """Note si la demande est réglée : `"yes"` la termine, `"no"` la rouvre avec un nouveau délai.

    `to` dit laquelle : la dernière de cette discussion qui a sa réponse (`mine`), ou celle d'un numéro. Une demande
    qui n'attend plus cette réponse reste comme elle est, et Segin le dit.

    Example:
        good: {settle: "yes", to: {receipt: receipt}, say: Merci., go: main.menu}
    """

    settle: Literal["yes", "no"]
    to: Literal["mine"] | dict[str, str]

    def enter(self, scene: "Scene") -> Move:
        receipt = str(scene.look(self.to["receipt"]) or "") if isinstance(self.to, dict) else ""
        cases = _of_receipt(scene, self.to["receipt"]) if isinstance(self.to, dict) else _mine(scene)
        waiting = [case for case in cases if case.status == RESOLVED]
        if waiting:
            scene.ask_host(Settle(self.settle == "yes", case="" if receipt else waiting[-1].id, receipt=receipt))
            scene.speak(self)
        else:
            scene.say(Text(key="words:already_done"))
        return Exit()
