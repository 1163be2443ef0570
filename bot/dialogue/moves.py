"""The moves of a turn: steps followed until one waits, frames laid on the stack and taken off, questions asked again.

Inside a flow a step is changed by the flow's machine alone; `Call`, `Return`, `Restart`, `Stop` and leaving for
another flow are moves on the stack of frames.
"""

from msgspec.structs import replace

from bot.dialogue import holding, leading
from bot.dialogue.leading import MENU
from bot.dialogue.model import CallOff, Frame, Text
from bot.dialogue.scene import Scene
from bot.dialogue.steps import Exit, Miss, Move, Restart, Return, Stop, Wait
from bot.dialogue.steps.base import Call

MAX_STEPS = 50  # a turn; `segin check` finds loops without a wait before people do
MAX_FRAMES = 8


class LoopError(RuntimeError):
    """A turn passed more steps than any real dialogue does: a loop without a wait."""


class Moves:
    """What one turn does to where a person stands, over one scene."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.library = scene.library
        self.steps = 0

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
                    self.scene.change(misses=0)
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
                    self._drop_wish()
                    self.scene.change(frames=())
                    return

    def _follow(self, key: str) -> Move:
        frame, step = self.scene.frame, self.scene.step
        target = self.scene.flow.ways[step.name][key]
        if "." in target:
            self._release()
            flow, name = target.split(".")
            given = leading.fitting(self.library, flow, frame.answers) if frame.flow == leading.WHICH else {}
            self.scene.change(frames=(Frame(flow, name, given),))
        else:
            trail = frame.trail
            if step.WAITS and key not in step.passing():  # a step that comes again (the menu) stands there once
                trail = (*trail[: trail.index(step.name) if step.name in trail else None], step.name)
            self.scene.change_top(step=self.scene.flow.move(step.name, key), trail=trail, answered=False)
        return self._come_in()

    def _come_in(self) -> Move:
        if (self.scene.frame.flow, self.scene.frame.step) == MENU:
            self._aim(*leading.read_wish(self.library, self._drop_wish()))
        self.scene.passed.append(f"{self.scene.frame.flow}/{self.scene.frame.step}")
        return self.scene.step.enter(self.scene)

    def _enter(self) -> None:
        self._move(self._come_in())

    def _go_in(self, flow: str, step: str) -> None:
        self.scene.change(frames=(Frame(flow, step),))
        self._enter()

    def _leave(self, target: str) -> None:
        self._release()
        self.scene.change(misses=0)
        self._go_in(*target.split("."))

    def _replace_top(self, frame: Frame) -> None:
        self.scene.change(frames=(*self.scene.conversation.frames[:-1], frame))

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
            lost = len(frames) - (MAX_FRAMES - 1)
            frames = frames[lost:]
            if self.scene.conversation.hold:  # the same place, counted from the new bottom
                hold = self.scene.conversation.hold
                self.scene.change(hold=replace(hold, depth=max(1, hold.depth - lost)))
        flow = self.library.flows[name]
        self.scene.change(frames=(*frames, Frame(name, flow.start, answers or {})), misses=0)

    def _call(self, name: str, answers: dict[str, object] | None = None) -> None:
        self._push(name, answers)
        self._enter()

    def _pop(self) -> None:
        frames = self.scene.conversation.frames[:-1]
        self.scene.change(frames=frames or (Frame("main", "menu"),))

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
        self.scene.change(facts=facts)
        self._enter()

    # ------------------------------------------------------------ asking again

    def _missed(self, miss: Miss) -> None:
        """Kindly, then more simply, then a person."""
        step, misses = self.scene.step, self.scene.conversation.misses + 1
        self.scene.change(misses=misses)
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

    # ------------------------------------------------------------ what staff hold, and where a wish leads

    def _at_hold(self) -> bool:
        held = self.scene.conversation.hold
        return held is not None and len(self.scene.conversation.frames) <= held.depth

    def _release(self) -> None:
        held = self.scene.conversation.hold
        if held and self.scene.world.now < held.until:  # once it is over, they are told so
            self.scene.effects.append(CallOff(holding.hold_name(held.case)))
        self.scene.change(hold=None)

    def _before_menu(self) -> bool:
        """Whether the first questions (language, privacy) are not over yet."""
        return len(self.scene.conversation.frames) == 1 and (
            self.scene.frame.flow == MENU[0] and self.scene.frame.step != MENU[1]
        )

    def _aim(self, targets: list[str], slots: dict[str, object], asked: bool) -> bool:
        """Stand where this leads, or before the question which of these it is, without entering."""
        if asked or (targets and self.scene.frame.flow in leading.GUARDED):
            targets = leading.asked_about(self.library, targets)
            if targets:
                self._push(leading.WHICH, {**slots, leading.AMONG: targets})
            return bool(targets)
        spot = leading.place_of(self.library.flows, targets[0]) if targets else None
        if spot is None:
            return False
        flow, step = spot
        frame = Frame(flow, step, leading.fitting(self.library, flow, slots))
        if self.library.flows[flow].anywhere:
            self._push(flow)
            self._replace_top(frame)
        else:
            self._release()
            self.scene.change(frames=(frame,), misses=0)
        return True

    def _drop_wish(self) -> object:
        """Take the wish out of the facts."""
        facts = dict(self.scene.conversation.facts)
        wish = facts.pop(leading.WISH, None)
        if wish is not None:
            self.scene.change(facts=facts)
        return wish
