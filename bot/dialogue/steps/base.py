"""What every step is, and the moves it may make."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeVar

from bot.dialogue.model import Heard, Option, Text

if TYPE_CHECKING:
    from bot.dialogue.scene import Scene
    from bot.dialogue.steps.choose import Choice


KNOWN, NONE = "known", "none"  # exits of a step that asks nothing: the answer is known, there is nothing to choose


@dataclass(frozen=True, slots=True)
class Exit:
    """Leave the step by this way of the flow's table."""

    key: str = "go"


@dataclass(frozen=True, slots=True)
class Wait:
    """Stay until the person says something."""


@dataclass(frozen=True, slots=True)
class Call:
    """Run another flow on top; this step goes on when it returns."""

    flow: str


@dataclass(frozen=True, slots=True)
class Return:
    """Back to the flow that called or was interrupted."""


@dataclass(frozen=True, slots=True)
class Restart:
    """The flow below starts anew."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Good-bye: what comes next begins at the menu."""


@dataclass(frozen=True, slots=True)
class Miss:
    """Not understood. `text` says what is needed; `which` holds the choices it may have meant."""

    text: Text | None = None
    which: tuple[str, ...] = ()


Move = Exit | Wait | Call | Return | Restart | Stop | Miss


@dataclass(frozen=True, kw_only=True)
class Step:
    """What every kind has: `say` (French words, said on entering) and `go` (the step that follows)."""

    KIND: ClassVar[str]
    WAITS: ClassVar[bool] = False
    ALIASES: ClassVar[Mapping[str, str]] = {}  # editors' word → field name, where Python forbids the word
    SHARED: ClassVar[tuple[str, ...]] = ("say", "go")  # of the fields below, those an editor may write here
    NEEDS: ClassVar[tuple[str, ...]] = ("go",)  # and those they must

    flow: str
    name: str
    say: str = ""
    go: str = ""
    save_as: str = ""

    @property
    def text_key(self) -> str:
        return f"{self.flow}/{self.name}:say"

    def tap(self, key: str) -> str:
        return f"{self.flow}/{self.name}:{key}"

    def words(self) -> Mapping[str, str]:
        """Text key → French words of everything this step may say or show."""
        return {self.text_key: self.say} if self.say else {}

    def saves(self) -> tuple[str, ...]:
        """The answers this step may save."""
        return (self.save_as,) if self.save_as else ()

    def offered(self) -> "tuple[Choice, ...]":
        """The choices an editor wrote for this step, whatever its kind."""
        return ()

    def label_of(self, value: str) -> str:  # noqa: ARG002 - kinds with labels use it
        """The text key to show for a saved value; "" when the value is shown as it is."""
        return ""

    def exits(self) -> Mapping[str, str]:
        """Exit key → target step (`step` here, `flow.step` elsewhere)."""
        return {"go": self.go} if self.go else {}

    def passing(self) -> Mapping[str, str]:
        """The exits, of a step that waits, by which it may be left at once without a question."""
        return {}

    def options(self, scene: "Scene") -> tuple[Option, ...]:  # noqa: ARG002 - kinds with options use it
        """What can be tapped now."""
        return ()

    def accepts(self) -> tuple[str, ...]:
        """What is an answer beyond text and taps: "voice", "photo", "document", "location"."""
        return ()

    def enter(self, scene: "Scene") -> Move:
        """What happens when the dialogue comes here."""
        raise NotImplementedError

    def hear(self, scene: "Scene", heard: Heard) -> Move:
        """What happens when the person answers; only kinds that wait hear."""
        raise NotImplementedError


S = TypeVar("S", bound=type[Step])

KINDS: dict[str, type[Step]] = {}


def kind(word: str) -> Callable[[S], S]:
    def register(step: S) -> S:
        step.KIND = word
        KINDS[word] = step
        return step

    return register
