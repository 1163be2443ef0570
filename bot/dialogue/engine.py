"""The engine: `advance` takes one heard message and gives back all it causes. Pure and synchronous.

What is heard is tried in this order, and the first that knows it has it:

1. distress, in whatever flow, whoever holds the conversation
2. a tap (it counts only while its step waits)
3. words that work everywhere: menu, back, and the keywords of `anywhere` flows
4. a conversation held by staff: it joins the case
5. a long absence: continue, restart or menu?
6. the step that waits
7. the keywords of any other flow
8. not understood: kindly, then more simply, then a person

Inside a flow a step is changed by the flow's machine alone; `Call`, `Return`, `Restart`, `Stop` and leaving
for another flow are the engine's moves on the stack of frames.
"""

from dataclasses import replace

from bot.dialogue import holding, matching, safety
from bot.dialogue.flow import Library
from bot.dialogue.model import (
    AddToCase,
    Alert,
    CallOff,
    Conversation,
    Frame,
    Heard,
    Say,
    Text,
    Turn,
    World,
)
from bot.dialogue.scene import Missing, Scene
from bot.dialogue.steps import Exit, Miss, Move, Restart, Return, Stop, Wait, ask
from bot.dialogue.steps.base import Call

MAX_STEPS = 50  # a turn; `segin check` finds loops without a wait before people do
MAX_FRAMES = 8


class LoopError(RuntimeError):
    """A turn passed more steps than any real dialogue does: a loop without a wait."""


def advance(library: Library, conversation: Conversation, heard: Heard, world: World) -> Turn:
    """One turn. With `needs` in the result nothing has happened yet: read them into `world.known`, call again.

    Raises `LoopError` for a flow that never waits.
    """
    scene = Scene(library, world, conversation)
    try:
        _Turn(scene).take(heard)
    except Missing as missing:
        return Turn(conversation, needs=(missing.need,))
    after = replace(scene.conversation, heard_at=world.now)
    return Turn(after, tuple(scene.says), tuple(scene.effects), passed=tuple(scene.passed))


class _Turn:
    """One turn over one scene."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.library = scene.library
        self.steps = 0

    # ------------------------------------------------------------ what is tried, in order

    def take(self, heard: Heard) -> None:
        heard = replace(heard, text=matching.clean(heard.text))
        began = bool(self.scene.conversation.frames)
        if not began:
            self._go_in("main", "menu" if self.scene.conversation.language else self.library.flows["main"].start)
        asked = began and not self._carried_over()  # whether what waits now was asked before
        opening, self.scene.says = self.scene.says, []
        distress = safety.kinds(heard.text, self.library.safety) if heard.kind == "text" else ()
        if distress:
            self._distress(heard, distress)
        elif heard.kind == "tap":
            self._tapped(heard, opening if began and not asked else [])
        elif self._everywhere(heard, began=asked) or self._held(heard):
            pass
        elif not asked:  # nothing said now can be its answer
            self.scene.says = opening
        elif self._was_away():
            self._back_again()
        elif heard.kind == "start":
            self._enter()
        else:
            self._answered(heard)

    def _carried_over(self) -> bool:
        """Whether editors took away the step that waited: then on to the nearest place that exists, asked anew."""
        frames = self.scene.conversation.frames
        kept = []
        for frame in frames:
            flow = self.library.flows.get(frame.flow)
            if flow is None:
                break
            if frame.step not in flow.steps:
                kept.append(Frame(frame.flow, flow.start, frame.answers))
                break
            kept.append(frame)
        if tuple(kept) == frames and self.scene.step.WAITS:
            return False
        self._release()
        self.scene.conversation = replace(self.scene.conversation, frames=tuple(kept) or (Frame("main", "menu"),))
        self.scene.say(Text(key="words:carried_over"))
        self._enter()
        return True

    def _distress(self, heard: Heard, kinds: tuple[str, ...]) -> None:
        """Distress is caught first; an answer it was part of is kept, nobody is asked for it twice."""
        kind, top = kinds[0], self.scene.frame
        if top.flow == "distress" and top.answers.get("heard") != "weary":
            self._distress_again(heard, kinds)
            return
        asked = isinstance(self.scene.step, ask.Ask) and not self.scene.conversation.hold
        if asked and isinstance(self.scene.step.hear(self.scene, heard), Exit):
            self.scene.conversation = self.scene.conversation.with_top(answered=True)
        if kind != "weary":  # tired to death, most likely; the flow asks, and tells if it is more
            self.scene.effects.append(Alert(kind))
        self._call("distress", {"heard": kind, "words": heard.text, **_held_too(kinds)})

    def _distress_again(self, heard: Heard, kinds: tuple[str, ...]) -> None:
        """More of it, while it is being talked about: told when it is news; never "I did not understand"."""
        answers = self.scene.frame.answers
        if kinds[0] not in ("weary", answers.get("heard")):
            self.scene.effects.append(Alert(kinds[0]))
            self.scene.save("heard", kinds[0])
        for name, value in _held_too(kinds).items():
            self.scene.save(name, value)
        if self._held(heard):
            return
        self.scene.save("words", "\n".join(filter(None, (str(answers.get("words", "")), heard.text))))
        move = self.scene.step.hear(self.scene, heard)
        self._move(self._come_in() if isinstance(move, Miss) else move)

    def _tapped(self, heard: Heard, carried_over: list[Say]) -> None:
        place, _, key = heard.tap.rpartition(":")
        case_id = place.removeprefix(holding.REPLY).removeprefix(holding.READ)
        answers: tuple[str, ...] = ()
        if case_id != place:  # only where staff answered is there anything to read, or to reply to
            answers = self.scene.known("answers", case_id)  # type: ignore[assignment]
        if answers and place.startswith(holding.REPLY):
            self._release()
            self.scene.conversation = holding.hold(self.library, self.scene.conversation, case_id, self.scene.world)
            self.scene.say(Text(key="words:reply_prompt"), accepts=("voice", "photo", "document"))
            return
        if answers:
            for answer in answers:
                self.scene.say(*holding.staff_answer(answer, case_id))
            return
        if carried_over:
            self.scene.says = carried_over
            return
        here = self.scene.step
        if place != f"{here.flow}/{here.name}" or heard.tap not in {o.tap for o in here.options(self.scene)}:
            self.scene.say(Text(key="words:already_done"))
            self._enter()
            return
        if self._at_hold():
            self._release()
        self._move(here.hear(self.scene, replace(heard, text=key)))

    def _everywhere(self, heard: Heard, *, began: bool) -> bool:
        if heard.kind != "text" or (began and self._is_label(heard.text)):
            return False
        vocabulary = self.library.vocabulary
        # in the midst of a story only the bare word counts: "mon retour" is no "retour"
        story = isinstance(self.scene.step, ask.Ask)
        if not (began or self.scene.conversation.language) and self._says(heard.text, vocabulary.menu, bare=True):
            return False  # the first word ever: language and privacy come before the menu
        if self._says(heard.text, vocabulary.menu, bare=story):
            self._leave("main.menu")
        elif self._says(heard.text, vocabulary.back, bare=story):
            self._back()
        else:
            anywhere = self.library.anywhere
            folded = matching.fold(heard.text)
            flow = anywhere.get(folded) if story else matching.keyword(heard.text, anywhere, vocabulary)
            if flow is None:
                return False
            self._call(flow)
        return True

    def _says(self, text: str, words: tuple[str, ...], *, bare: bool) -> bool:
        return matching.fold(text) in words if bare else matching.is_word(text, words, self.library.vocabulary)

    def _is_label(self, text: str) -> bool:
        """Exactly what a button of the waiting step says: then that is meant, and no word for everywhere."""
        folded = matching.fold(text)
        taps = (option.label.key for option in self.scene.step.options(self.scene) if option.label.key)
        return any(folded in self.library.candidates[tap].names for tap in taps if tap in self.library.candidates)

    def _was_away(self) -> bool:
        heard_at = self.scene.conversation.heard_at
        at_rest = (self.scene.frame.flow, self.scene.frame.step) == ("main", "menu")
        return (
            heard_at is not None
            and not at_rest
            and self.scene.world.now - heard_at > self.library.organisation.resume_after
        )

    def _back_again(self) -> None:
        if self.scene.frame.flow == "resume":
            self._enter()
        else:
            self._call("resume")

    def _at_hold(self) -> bool:
        held = self.scene.conversation.hold
        return held is not None and len(self.scene.conversation.frames) <= held.depth

    def _release(self) -> None:
        held = self.scene.conversation.hold
        if held and self.scene.world.now < held.until:  # once it is over, they are told so
            self.scene.effects.append(CallOff(holding.hold_name(held.case)))
        self.scene.conversation = replace(self.scene.conversation, hold=None)

    def _held(self, heard: Heard) -> bool:
        """While staff hold the conversation, what is said (not tapped) joins the case."""
        held = self.scene.conversation.hold
        if held is None or not self._at_hold() or heard.kind == "start":
            return False
        if self.scene.world.now >= held.until:  # they were told when it ended
            self.scene.conversation = replace(self.scene.conversation, hold=None)
            return False
        content = holding.spoken(heard)
        if content is None:
            self.scene.say(Text(key="words:not_handled"))
        else:
            self.scene.effects.append(AddToCase(content, case=held.case))
            self.scene.say(Text(key="words:added_to_case"))
        return True

    def _answered(self, heard: Heard) -> None:
        move = (
            Miss(Text(key="words:not_handled")) if heard.kind == "unknown" else self.scene.step.hear(self.scene, heard)
        )
        if isinstance(move, Miss) and not move.which and heard.kind == "text":
            flow = matching.keyword(heard.text, self.library.topics, self.library.vocabulary)
            if flow is not None and flow != self.scene.frame.flow:
                self._leave(f"{flow}.{self.library.flows[flow].start}")
                return
        self._move(move)

    # ------------------------------------------------------------ moves

    def _move(self, move: Move) -> None:
        """Follow moves until one waits."""
        while True:
            self.steps += 1
            if self.steps > MAX_STEPS:
                raise LoopError(f"{self.scene.frame.flow}/{self.scene.frame.step}: {MAX_STEPS} steps without a wait")
            match move:
                case Wait():
                    return
                case Miss():
                    self._missed(move)
                    return
                case Exit(key):
                    self.scene.conversation = replace(self.scene.conversation, misses=0)
                    move = self._follow(key)
                case Call(flow):
                    self._push(flow)
                    move = self._come_in()
                case Return():
                    self._pop()
                    done = self.scene.step.KIND == "call" or self.scene.frame.answered
                    move = Exit() if done else self._come_in()
                case Restart():
                    self._pop()
                    frame = self.scene.frame
                    self._replace_top(Frame(frame.flow, self.scene.flow.start))
                    move = self._come_in()
                case Stop():
                    self._release()
                    self.scene.conversation = replace(self.scene.conversation, frames=())
                    return

    def _follow(self, key: str) -> Move:
        frame, step = self.scene.frame, self.scene.step
        target = step.exits()[key]
        if "." in target:
            self._release()
            flow, name = target.split(".")
            self.scene.conversation = replace(self.scene.conversation, frames=(Frame(flow, name),))
        else:
            trail = frame.trail
            if step.WAITS:  # a step that comes again (the menu) stands there once
                trail = (*trail[: trail.index(step.name) if step.name in trail else None], step.name)
            self.scene.conversation = self.scene.conversation.with_top(
                step=self.scene.flow.move(step.name, key), trail=trail, answered=False
            )
        return self._come_in()

    def _come_in(self) -> Move:
        self.scene.passed.append(f"{self.scene.frame.flow}/{self.scene.frame.step}")
        return self.scene.step.enter(self.scene)

    def _enter(self) -> None:
        self._move(self._come_in())

    def _go_in(self, flow: str, step: str) -> None:
        self.scene.conversation = replace(self.scene.conversation, frames=(Frame(flow, step),))
        self._enter()

    def _leave(self, target: str) -> None:
        self._release()
        self.scene.conversation = replace(self.scene.conversation, misses=0)
        self._go_in(*target.split("."))

    def _replace_top(self, frame: Frame) -> None:
        self.scene.conversation = replace(self.scene.conversation, frames=(*self.scene.conversation.frames[:-1], frame))

    def _push(self, name: str, answers: dict[str, object] | None = None) -> None:
        """A flow on top; one that is already under way starts anew in its place."""
        frames, held = self.scene.conversation.frames, self.scene.conversation.hold
        for depth, frame in enumerate(frames):
            if frame.flow == name and depth > 0:
                frames = frames[:depth]
                if held and depth < held.depth:  # the place they wrote to staff from is gone
                    self._release()
                break
        if len(frames) >= MAX_FRAMES:
            frames = frames[-(MAX_FRAMES - 1) :]
        flow = self.library.flows[name]
        self.scene.conversation = replace(
            self.scene.conversation, frames=(*frames, Frame(name, flow.start, answers or {})), misses=0
        )

    def _call(self, name: str, answers: dict[str, object] | None = None) -> None:
        self._push(name, answers)
        self._enter()

    def _pop(self) -> None:
        frames = self.scene.conversation.frames[:-1]
        self.scene.conversation = replace(self.scene.conversation, frames=frames or (Frame("main", "menu"),))

    def _back(self) -> None:
        """To the question before; what was answered since is undone. Never past an effect."""
        if self._at_hold():
            self._release()
        frame = self.scene.frame
        while not frame.trail and len(self.scene.conversation.frames) > 1:
            self._pop()
            frame = self.scene.frame
            if self.scene.step.WAITS:  # the flow that was interrupted asks again
                self._enter()
                return
        if not frame.trail and (frame.flow != "main" or not self.scene.step.WAITS):
            self._leave("main.menu")
            return
        if not frame.trail:
            self.scene.say(Text(key="words:nothing_before"))
            self._enter()
            return
        name = frame.trail[-1]
        answers = {k: v for k, v in frame.answers.items() if k != self.scene.flow.steps[name].save_as}
        self._replace_top(Frame(frame.flow, name, answers, frame.trail[:-1]))
        undone = self.scene.flow.remembered_after(name)
        facts = {fact: value for fact, value in self.scene.conversation.facts.items() if fact not in undone}
        self.scene.conversation = replace(self.scene.conversation, facts=facts)
        self._enter()

    # ------------------------------------------------------------ asking again

    def _missed(self, miss: Miss) -> None:
        """Kindly, then more simply, then a person."""
        step, misses = self.scene.step, self.scene.conversation.misses + 1
        self.scene.conversation = replace(self.scene.conversation, misses=misses)
        options = step.options(self.scene)
        many = step.KIND == "pick"
        accepts = step.accepts()
        if miss.which:
            meant = {step.tap(key) for key in miss.which}
            self.scene.say(Text(key="words:which_one"), tuple(o for o in options if o.tap in meant))
        elif misses >= 3 and self.scene.frame.flow not in ("lost", "distress", "person"):  # noqa: PLR2004 - the third time
            self._call("lost")
        else:
            text = miss.text or Text(key="words:not_understood")
            if misses > 1:
                self.scene.say(text)
                text = Text(key="words:not_understood_simple")
            self.scene.say(text, options, many=many, accepts=accepts)


def _held_too(kinds: tuple[str, ...]) -> dict[str, object]:
    """Being held somewhere changes what may be proposed, also where something graver was heard."""
    return {"held": "yes"} if "held" in kinds else {}
