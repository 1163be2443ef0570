"""Steps that speak and go on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from bot.dialogue.steps.base import Exit, Move, Restart, Return, Step, Stop, kind

if TYPE_CHECKING:
    from bot.dialogue.scene import Scene


@kind("say")
@dataclass(frozen=True, kw_only=True)
class Speak(Step):
    """Dit quelque chose et continue.

    Example:
        hello: {say: Bonjour., go: menu}
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("say", "go")

    def enter(self, scene: "Scene") -> Move:
        scene.speak(self)
        return Exit()


@kind("end")
@dataclass(frozen=True, kw_only=True)
class End(Step):
    """Finit le dialogue (`end`).

    - `return` : retour au dialogue qui a appelé celui-ci, ou qu'il a interrompu ; il pose sa question de nouveau.
    - `restart` : le dialogue d'en dessous recommence au début.
    - `stop` : au revoir. Ce que la personne écrit ensuite commence au menu.

    Example:
        over: {say: Au revoir., end: stop}
    """

    SHARED: ClassVar[tuple[str, ...]] = ("say",)
    NEEDS: ClassVar[tuple[str, ...]] = ()
    end: Literal["return", "restart", "stop"]

    def enter(self, scene: "Scene") -> Move:
        scene.speak(self)
        moves: dict[str, Move] = {"return": Return(), "restart": Restart(), "stop": Stop()}
        return moves[self.end]
