"""Steps that decide, look up, remember, and call other flows; none of them waits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from bot.dialogue.model import Alert, Forget
from bot.dialogue.steps.base import Call, Exit, Move, Step, Stop, kind

if TYPE_CHECKING:
    from bot.dialogue.scene import Scene


@dataclass(frozen=True, kw_only=True)
class Way:
    """One branch: `go` there when `when` holds."""

    when: Mapping[str, object]
    go: str


@kind("branch")
@dataclass(frozen=True, kw_only=True)
class Branch(Step):
    """Goes one way or another, by the answers so far, what is remembered, or a named rule. The first that holds wins.

    Example:
        which_way:
          branch:
            - {when: {situation: abroad}, go: abroad}
            - {when: {rule: consented}, go: known}
          else: unknown
    """

    SHARED: ClassVar[tuple[str, ...]] = ("say",)
    NEEDS: ClassVar[tuple[str, ...]] = ()
    ALIASES: ClassVar[Mapping[str, str]] = {"else": "otherwise"}
    branch: tuple[Way, ...]
    otherwise: str

    def exits(self) -> Mapping[str, str]:
        return {
            **{f"way{number}": way.go for number, way in enumerate(self.branch, 1)},
            "else": self.otherwise,
        }

    def enter(self, scene: "Scene") -> Move:
        scene.speak(self)
        for number, way in enumerate(self.branch, 1):
            if scene.holds(way.when):
                return Exit(f"way{number}")
        return Exit("else")


@kind("call")
@dataclass(frozen=True, kw_only=True)
class CallFlow(Step):
    """Runs another flow, comes back and goes on.

    Example:
        ask_consent: {call: consent, go: next}
    """

    call: str

    def enter(self, scene: "Scene") -> Move:
        scene.speak(self)
        return Call(self.call)


@kind("remember")
@dataclass(frozen=True, kw_only=True)
class Remember(Step):
    """Keeps facts with the person beyond this flow: a fixed word, or an answer of this flow.

    Example:
        keep: {remember: {situation: {from: place}}, go: menu}
    """

    remember: Mapping[str, object]

    def enter(self, scene: "Scene") -> Move:
        scene.speak(self)
        for name, value in self.remember.items():
            scene.remember(name, scene.look(str(value["from"])) if isinstance(value, Mapping) else value)
        return Exit()


@kind("query")
@dataclass(frozen=True, kw_only=True)
class Query(Step):
    """Looks something up; the list is saved and can stand in a text, one entry a line. `none` is where to go
    when nothing was found. Known lists: `documents` (the papers of content/documents.yaml whose `when` holds).

    Example:
        papers: {query: documents, save_as: papers, go: show, none: nothing}
    """

    SHARED: ClassVar[tuple[str, ...]] = ("say", "go", "save_as")
    NEEDS: ClassVar[tuple[str, ...]] = ("go", "save_as")
    query: Literal["documents"]
    none: str = ""

    def label_of(self, value: str) -> str:
        return f"{self.query}:{value}"

    def exits(self) -> Mapping[str, str]:
        return {"go": self.go, "none": self.none or self.go}

    def enter(self, scene: "Scene") -> Move:
        scene.speak(self)
        found = [document.key for document in scene.library.documents if scene.holds(document.when)]
        scene.save(self.save_as, found)
        return Exit("go" if found else "none")


@kind("alert")
@dataclass(frozen=True, kw_only=True)
class RaiseAlert(Step):
    """Tells the organisation that somebody may be in danger; the words of the person are not passed on.

    Example:
        tell: {alert: danger, go: next}
    """

    alert: Literal["suicide", "danger", "held"]

    def enter(self, scene: "Scene") -> Move:
        scene.speak(self)
        scene.ask_host(Alert(self.alert))
        return Exit()


@kind("forget")
@dataclass(frozen=True, kw_only=True)
class ForgetAll(Step):
    """Erases the person: dialogue, drafts, what is remembered, what waits to be sent. The words are said after;
    nothing comes behind this step.

    Example:
        erase_now: {forget: everything, say: C'est effacé.}
    """

    SHARED: ClassVar[tuple[str, ...]] = ("say",)
    NEEDS: ClassVar[tuple[str, ...]] = ()
    forget: Literal["everything"]

    def exits(self) -> Mapping[str, str]:
        return {}

    def enter(self, scene: "Scene") -> Move:
        scene.speak(self)
        scene.ask_host(Forget())
        return Stop()
