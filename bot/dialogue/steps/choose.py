"""Steps that offer choices and wait."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from bot.dialogue import matching
from bot.dialogue.model import Heard, Option, Text, literal
from bot.dialogue.steps.base import Exit, Miss, Move, Step, Wait, kind

if TYPE_CHECKING:
    from bot.dialogue.scene import Scene


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One way on: `key` stays for good (translations and old buttons hang on it), `label` is what people see."""

    key: str
    label: str
    go: str = ""
    when: Mapping[str, object] = field(default_factory=dict)
    drop: tuple[str, ...] = ()  # earlier answers that no longer count once this is chosen


def key_of(tap: str) -> str:
    return tap.rpartition(":")[2]


class _Offer(Step):
    """What choices and pick share: labels, keys, and which of them are open now."""

    WAITS: ClassVar[bool] = True

    def words(self) -> Mapping[str, str]:
        return {**super().words(), **{self.tap(choice.key): choice.label for choice in self.offered()}}

    def label_of(self, value: str) -> str:
        return self.tap(value) if any(choice.key == value for choice in self.offered()) else ""

    def open_now(self, scene: "Scene") -> tuple[Choice, ...]:
        return tuple(choice for choice in self.offered() if not choice.when or scene.holds(choice.when))

    @cached_property
    def _buttons(self) -> Mapping[str, Option]:
        """Each choice as it is shown, by its key."""
        return {one.key: Option(self.tap(one.key), Text(key=self.tap(one.key))) for one in self.offered()}

    def options(self, scene: "Scene") -> tuple[Option, ...]:
        return tuple(self._buttons[choice.key] for choice in self.open_now(scene))

    def understood(self, scene: "Scene", text: str) -> tuple[str, ...]:
        """Keys the text may mean; one is sure."""
        candidates = scene.library.labels(self.tap(choice.key) for choice in self.open_now(scene))
        return matching.choose(text, candidates, scene.library.vocabulary)


@kind("choices")
@dataclass(frozen=True, kw_only=True)
class Choices(_Offer):
    """Pose une question avec des réponses prêtes, et en attend une.

    Chaque choix a une clé `key` (elle ne change plus une fois publiée), un `label` (ce que les gens voient) et `go`.
    Un choix avec `when` ne se montre que si la condition est vraie. `save_as` garde la clé du choix ; le `go` de
    l'étape sert aux choix qui n'en ont pas. `drop` nomme des réponses d'avant qui ne comptent plus après ce
    choix. On peut toucher un bouton, écrire le numéro, le texte du bouton dans une langue, ou une partie.

    Example:
        where:
          say: Où êtes-vous ?
          save_as: place
          go: next
          choices:
            - {key: home, label: Chez moi}
            - {key: road, label: En route, go: travel}
    """

    SHARED: ClassVar[tuple[str, ...]] = ("say", "go", "save_as")
    NEEDS: ClassVar[tuple[str, ...]] = ("say",)
    choices: tuple[Choice, ...]

    def offered(self) -> tuple[Choice, ...]:
        return self.choices

    def exits(self) -> Mapping[str, str]:
        return {choice.key: choice.go or self.go for choice in self.choices}

    def enter(self, scene: "Scene") -> Move:
        scene.say(scene.text(self.text_key), self.options(scene))
        return Wait()

    def hear(self, scene: "Scene", heard: Heard) -> Move:
        if heard.kind == "tap":
            keys: tuple[str, ...] = tuple(c.key for c in self.open_now(scene) if c.key == key_of(heard.tap))
        else:
            keys = self.understood(scene, heard.text)
        if len(keys) != 1:
            return Miss(which=keys)
        if self.save_as:
            scene.save(self.save_as, keys[0])
        scene.drop(*(name for choice in self.choices if choice.key == keys[0] for name in choice.drop))
        return Exit(keys[0])


@kind("pick")
@dataclass(frozen=True, kw_only=True)
class Pick(_Offer):
    """Pose une question où plusieurs réponses sont possibles, et attend.

    On coche, ou on écrit les numéros : « 1, 3 ». `save_as` garde la liste des clés. Avec `optional: true`,
    aucune réponse est aussi une réponse. Les choix de `pick` n'ont pas de `go`.

    Example:
        with_me:
          say: Avec qui rentrez-vous ?
          save_as: household
          optional: true
          go: next
          pick:
            - {key: spouse, label: Mari ou femme}
            - {key: children, label: Des enfants}
    """

    SHARED: ClassVar[tuple[str, ...]] = ("say", "go", "save_as")
    NEEDS: ClassVar[tuple[str, ...]] = ("say", "go", "save_as")
    pick: tuple[Choice, ...]
    optional: bool = False

    def offered(self) -> tuple[Choice, ...]:
        return self.pick

    def options(self, scene: "Scene") -> tuple[Option, ...]:
        done = "skip" if self.optional else "done"
        return (
            *super().options(scene),
            Option(self.tap("done"), Text(key=f"words:{'none' if self.optional else done}")),
        )

    def enter(self, scene: "Scene") -> Move:
        scene.say(scene.text(self.text_key), self.options(scene), many=True)
        return Wait()

    def hear(self, scene: "Scene", heard: Heard) -> Move:
        if heard.kind == "tap":
            tapped = key_of(heard.tap)
            picked: tuple[str, ...] = () if tapped == "done" else (tapped,)
            unsure: tuple[str, ...] = ()
        elif heard.kind != "text":
            return Miss()
        else:
            open_now = scene.library.labels(self.tap(choice.key) for choice in self.open_now(scene))
            vocabulary = scene.library.vocabulary
            picked, unsure = matching.choose_many(heard.text, open_now, vocabulary)
            if not picked and not unsure and not matching.is_word(heard.text, vocabulary.none, vocabulary):
                return Miss()
        if unsure or (not picked and not self.optional):
            return Miss(literal_parts(unsure))
        scene.save(self.save_as, list(picked))
        return Exit()


def literal_parts(parts: tuple[str, ...]) -> Text | None:
    """Names what was not understood in a list of answers."""
    return Text(key="words:not_these", values={"parts": literal(", ".join(parts))}) if parts else None


@kind("choose_language")
@dataclass(frozen=True, kw_only=True)
class ChooseLanguage(Step):
    """Propose les langues, chacune par son propre nom ; la discussion continue dans celle qu'on choisit.

    On écrit toujours `choose_language: true`.

    Example:
        language: {choose_language: true, say: Quelle langue ?, go: menu}
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("say", "go")
    WAITS: ClassVar[bool] = True
    choose_language: bool

    def options(self, scene: "Scene") -> tuple[Option, ...]:
        return tuple(Option(self.tap(code), literal(name)) for code, name in scene.library.languages.items())

    def enter(self, scene: "Scene") -> Move:
        scene.say(scene.text(self.text_key), self.options(scene))
        return Wait()

    def hear(self, scene: "Scene", heard: Heard) -> Move:
        languages = scene.library.languages
        if heard.kind == "tap":
            codes: tuple[str, ...] = (key_of(heard.tap),) if key_of(heard.tap) in languages else ()
        else:
            candidates = scene.library.labels(f"language:{code}" for code in languages)
            codes = matching.choose(heard.text, candidates, scene.library.vocabulary)
        if len(codes) != 1:
            return Miss(which=codes)
        scene.change(language=codes[0])
        return Exit()
