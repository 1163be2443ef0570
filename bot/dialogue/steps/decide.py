"""Steps that decide, look up, remember, and call other flows; none of them waits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """Continue par un chemin ou un autre, selon les réponses, ce qui est retenu, ou une règle. Le premier vrai gagne.

    Chaque ligne de `branch` a `when` (la condition) et `go` ; `else` dit où aller quand aucune n'est vraie.

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
    """Passe par un autre dialogue (`call`), revient ici et continue.

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
    """Retient quelque chose de la personne au-delà de ce dialogue : un mot fixe, ou une réponse d'ici.

    `remember: {consent: agreed}` est spécial : il dit que la personne est d'accord pour que ses messages soient
    gardés. `consent` ne peut être que `agreed`, ou `distress` (l'accord donné dans la détresse). Pour un refus, ne
    retenez rien.

    Example:
        keep: {remember: {situation: {from: place}}, go: menu}
    """

    remember: Mapping[str, object]

    def enter(self, scene: "Scene") -> Move:
        scene.speak(self)
        for name, value in self.remember.items():
            kept = scene.look(str(value["from"])) if isinstance(value, Mapping) else value
            if kept is not None:  # the question was passed
                scene.remember(name, kept)
        return Exit()


@kind("query")
@dataclass(frozen=True, kw_only=True)
class Query(Step):
    """Cherche une liste, la garde sous `save_as` ; dans un texte, elle a une ligne par entrée.

    `query: documents` donne les papiers de content/documents.yaml dont le `when` est vrai ; `rights` les droits de
    content/rights.yaml, `advice` les conseils de content/advice.yaml. `of: {topic: arrival}` garde d'abord la réponse
    `topic`, comme si la personne l'avait donnée. `none` dit où aller quand rien n'est trouvé.

    Example:
        papers: {query: documents, save_as: papers, go: show, none: nothing}
    """

    SHARED: ClassVar[tuple[str, ...]] = ("say", "go", "save_as")
    NEEDS: ClassVar[tuple[str, ...]] = ("go", "save_as")
    query: Literal["documents", "rights", "advice"]
    none: str = ""
    of: Mapping[str, str] = field(default_factory=dict)

    def saves(self) -> tuple[str, ...]:
        return (*super().saves(), *self.of)

    def label_of(self, value: str) -> str:
        return f"{self.query}:{value}"

    def exits(self) -> Mapping[str, str]:
        return {"go": self.go, "none": self.none or self.go}

    def enter(self, scene: "Scene") -> Move:
        scene.speak(self)
        for name, value in self.of.items():
            scene.save(name, value)
        found = [entry.key for entry in scene.library.lists[self.query] if scene.holds(entry.when)]
        scene.save(self.save_as, found)
        return Exit("go" if found else "none")


@kind("alert")
@dataclass(frozen=True, kw_only=True)
class RaiseAlert(Step):
    """Prévient l'organisation qu'une personne est peut-être en danger ; ses mots ne sont pas transmis.

    `alert` dit de quoi il s'agit : `suicide`, `danger` ou `held` (retenue par quelqu'un).

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
    """Efface la personne (`forget`) : dialogue, brouillons, ce qui est retenu, ce qui attend d'être envoyé.

    Les mots de l'étape sont dits après ; rien ne vient derrière elle.

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
