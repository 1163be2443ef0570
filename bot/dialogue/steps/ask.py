"""The step that asks for something in the person's own words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal
from zoneinfo import ZoneInfo

from bot.dialogue import matching
from bot.dialogue.model import Answer, Heard, Option, Text, literal
from bot.dialogue.steps.base import Exit, Miss, Move, Step, Wait, kind
from bot.dialogue.steps.choose import key_of

if TYPE_CHECKING:
    from bot.dialogue.scene import Scene

MAX_TEXT = 10_000  # characters; two WhatsApp messages and a half, more than anybody types on a phone

FILES = ("voice", "photo", "document")


@kind("ask")
@dataclass(frozen=True, kw_only=True)
class Ask(Step):
    """Demande quelque chose avec les mots de la personne, et attend.

    `ask` dit quoi : `text`, `number`, `date`, `phone`, `place` (des mots ou une position), ou `anything`
    (texte, message vocal, photo, document, position : un seul message vocal suffit comme réponse).
    `save_as` nomme la réponse. `optional: true` ajoute un bouton pour passer. `sensitive: true` marque ce qui
    ne doit pas rester plus d'un jour dans un dialogue inachevé. `min` et `max` bornent un nombre.

    Example:
        age: {ask: number, say: Quel âge avez-vous ?, save_as: age, min: 1, max: 110, go: next}
    """

    SHARED: ClassVar[tuple[str, ...]] = ("say", "go", "save_as")
    NEEDS: ClassVar[tuple[str, ...]] = ("say", "go", "save_as")
    WAITS: ClassVar[bool] = True
    ask: Literal["text", "number", "date", "phone", "place", "anything"]
    optional: bool = False
    sensitive: bool = False
    min: float | None = None
    max: float | None = None

    def options(self, scene: "Scene") -> tuple[Option, ...]:  # noqa: ARG002 - the same for every scene
        return (Option(self.tap("skip"), Text(key="words:skip")),) if self.optional else ()

    def accepts(self) -> tuple[str, ...]:
        if self.ask == "anything":
            return (*FILES, "location")
        return ("location",) if self.ask == "place" else ()

    def exits(self) -> Mapping[str, str]:
        return {"go": self.go}

    def enter(self, scene: "Scene") -> Move:
        scene.say(scene.text(self.text_key), self.options(scene), accepts=self.accepts())
        return Wait()

    def hear(self, scene: "Scene", heard: Heard) -> Move:
        if self.optional and self._skips(scene, heard):
            return Exit()
        answer = self._read(scene, heard)
        if isinstance(answer, Miss):
            return answer
        scene.save(self.save_as, answer)
        return Exit()

    def _skips(self, scene: "Scene", heard: Heard) -> bool:
        if heard.kind == "tap":
            return key_of(heard.tap) == "skip"
        return matching.is_word(heard.text, scene.library.vocabulary.skip, scene.library.vocabulary)

    def _read(self, scene: "Scene", heard: Heard) -> Answer | Miss:
        if heard.in_json is not None and heard.kind in self.accepts():
            return heard.in_json
        if heard.kind != "text" or not heard.text.strip():
            return self._miss()
        if len(heard.text) > MAX_TEXT:
            return Miss(Text(key="words:too_long", values={"limit": literal(MAX_TEXT)}))
        return self._convert(scene, heard.text)

    def _convert(self, scene: "Scene", text: str) -> Answer | Miss:
        match self.ask:
            case "number":
                number = matching.number(text, scene.library.vocabulary)
                return self._miss() if number is None else self._bounded(number)
            case "date":
                here = ZoneInfo(scene.library.organisation.timezone)
                day = matching.date(text, scene.world.now.astimezone(here).date(), scene.library.vocabulary)
                return self._miss() if day is None else day.isoformat()
            case "phone":
                return matching.phone(text) or self._miss()
            case _:
                return text

    def _bounded(self, number: float) -> Answer | Miss:
        if self.min is not None and number < self.min:
            return Miss(Text(key="words:needs_number_min", values={"min": literal(f"{self.min:g}")}))
        if self.max is not None and number > self.max:
            return Miss(Text(key="words:needs_number_max", values={"max": literal(f"{self.max:g}")}))
        return number

    def _miss(self) -> Miss:
        return Miss(Text(key=f"words:needs_{'answer_kind' if self.ask == 'anything' else self.ask}"))
