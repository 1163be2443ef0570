"""The engine: `advance` takes one heard message and gives back all it causes. Pure and synchronous.

What is heard is tried in this order, and the first that knows it has it:

1. distress, in whatever flow, whoever holds the conversation
2. a tap (it counts only while its step waits)
3. words that work everywhere: menu, back, and the keywords of `anywhere` flows
4. a conversation held by staff: it joins the case
5. a long absence: continue, restart or menu?
6. a free sentence that clearly leads elsewhere (`leading`), where the step offers choices and none is named
7. the step that waits
8. what a free message may mean, asked about when it may mean several things; the keywords of any other flow
9. not understood: kindly, then more simply, then a person

What a turn does to where a person stands is in `moves`.
"""

from msgspec.structs import replace

from bot.dialogue import holding, leading, matching, safety
from bot.dialogue.flow import Library
from bot.dialogue.model import (
    AddToCase,
    Alert,
    Consent,
    Conversation,
    Frame,
    Heard,
    Say,
    Settle,
    Text,
    Turn,
    World,
)
from bot.dialogue.moves import MAX_FRAMES, LoopError, Moves
from bot.dialogue.scene import Missing, Scene
from bot.dialogue.steps import Exit, Miss, ask
from bot.dialogue.understanding import DISTRESS, FIRST, GREETING, Meaning

__all__ = ["MAX_FRAMES", "LoopError", "advance"]


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


class _Turn(Moves):
    """One turn over one scene."""

    # ------------------------------------------------------------ what is tried, in order

    def take(self, heard: Heard) -> None:
        text = matching.clean(heard.text)
        if text != heard.text:
            heard = replace(heard, text=text)
        began = bool(self.scene.conversation.frames)
        if not began:
            self._go_in("main", "menu" if self.scene.conversation.language else self.library.flows["main"].start)
        asked = began and not self._carried_over()  # whether what waits now was asked before
        opening, self.scene.says = self.scene.says, []
        words = heard.text if heard.kind != "tap" else ""  # also those under a photo
        distress = safety.kinds(words, self.library.safety) if words else ()
        if distress:
            self._distress(heard, distress)
        elif heard.kind == "tap":
            self._tapped(heard, opening if began and not asked else [])
        elif self._everywhere(heard, began=asked) or self._held(heard):
            pass
        elif not asked:  # nothing said now can be its answer, but it may say where to go
            self._first_words(heard if not began else None, opening)
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
        self.scene.change(frames=tuple(kept) or (Frame("main", "menu"),))
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
            self.scene.change_top(answered=True)
        self._drop_wish()
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
        held = self.scene.conversation.hold
        # words of distress join no case that others than the trained few read
        if held and self._at_hold() and self.scene.known("restricted", held.case) and self._held(heard):
            return
        self.scene.save("words", "\n".join(filter(None, (str(answers.get("words", "")), heard.text))))
        move = self.scene.step.hear(self.scene, heard)
        self._move(self._come_in() if isinstance(move, Miss) else move)

    def _tapped(self, heard: Heard, carried_over: list[Say]) -> None:
        place, _, key = heard.tap.rpartition(":")
        if self._of_staff(place, key):
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
        self._move(here.hear(self.scene, Heard("tap", key, heard.tap)))

    def _of_staff(self, place: str, key: str) -> bool:
        """The buttons below what staff wrote. They count for the person whose case it is, while they mean anything."""
        sort, _, case_id = place.partition("/")
        match f"{sort}/":
            case holding.SETTLED if key in (holding.YES, holding.NO):
                return self._settled(case_id, key)
            case holding.CONSENT:
                return self._consented(case_id, key)
            case holding.REPLY if self.scene.known("answers", case_id):  # else there is nothing to reply to
                self._write_to_staff(case_id, "words:reply_prompt")
                return True
            case holding.READ:
                answers: tuple[str, ...] = self.scene.known("answers", case_id)  # type: ignore[assignment]
                for answer in answers:
                    self.scene.say(*holding.staff_answer(answer, case_id))
                asked: tuple[tuple[str, str], ...] = self.scene.known("consents", case_id)  # type: ignore[assignment]
                for referral, words in asked:
                    self.scene.say(*holding.consent_question(words, referral))
                settling = bool(self.scene.known("settling", case_id))
                if settling:
                    self.scene.say(*holding.settled_question(case_id))
                return settling or bool(asked) or bool(answers)
        return False

    def _settled(self, case_id: str, said: str) -> bool:
        """What the person says to "is it settled?"; False when that is no question any more."""
        if not self.scene.known("settling", case_id):
            return False
        self.scene.ask_host(Settle(said == holding.YES, case=case_id))
        if said == holding.NO:
            self._write_to_staff(case_id, "words:settled_missing")
            return True
        held = self.scene.conversation.hold
        if held is not None and held.case == case_id:
            self._release()
        self.scene.say(Text(key="words:settled_thanks"))
        return True

    def _consented(self, referral: str, said: str) -> bool:
        """What the person says to "may we tell a service?"; False when that is no question any more.

        Only a button counts: a "yes" in words may answer something else.
        """
        sayable: tuple[str, ...] = self.scene.known("consent", referral)  # type: ignore[assignment]
        if said not in sayable:
            return False
        self.scene.ask_host(Consent(referral, said))
        self.scene.say(*holding.consent_answer(said, referral))
        return True

    def _write_to_staff(self, case_id: str, prompt: str) -> None:
        """What comes next joins the case."""
        self._release()
        self.scene.conversation = holding.hold(self.library, self.scene.conversation, case_id, self.scene.world)
        self.scene.say(Text(key=prompt), accepts=("voice", "photo", "document"))

    def _everywhere(self, heard: Heard, *, began: bool) -> bool:
        if heard.kind != "text":
            return False
        folded, vocabulary = matching.fold(heard.text), self.library.vocabulary
        if began and self._is_label(folded):
            return False
        # in the midst of a story only the bare word counts: "mon retour" is no "retour"
        story = isinstance(self.scene.step, ask.Ask)

        def said(words: tuple[str, ...]) -> bool:
            return folded in words if story else matching.is_word(heard.text, words, vocabulary)

        if not (began or self.scene.conversation.language) and folded in vocabulary.menu:
            return False  # the first word ever: language and privacy come before the menu
        if said(vocabulary.menu):
            self._drop_wish()
            self._leave("main.menu")
        elif said(vocabulary.back):
            self._back()
        else:
            anywhere = self.library.anywhere
            flow = anywhere.get(folded) if story else matching.keyword(heard.text, anywhere, vocabulary)
            if flow is None:
                return False
            self._call(flow)
        return True

    def _is_label(self, folded: str) -> bool:
        """Exactly what a button of the waiting step says: then that is meant, and no word for everywhere."""
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

    def _held(self, heard: Heard) -> bool:
        """While staff hold the conversation, what is said (not tapped) joins the case."""
        held = self.scene.conversation.hold
        if held is None or not self._at_hold() or heard.kind == "start":
            return False
        if self.scene.world.now >= held.until:  # they were told when it ended
            self.scene.change(hold=None)
            return False
        said = holding.settled_in_words(self.library, heard.text) if heard.kind == "text" else ""
        if said and self._settled(held.case, said):
            return True
        content = holding.spoken(heard)
        if content is None:
            self.scene.say(Text(key="words:not_handled"))
        else:
            self.scene.effects.append(AddToCase(content, case=held.case))
            self.scene.say(Text(key="words:added_to_case"))
        return True

    def _answered(self, heard: Heard) -> None:
        if heard.kind == "unknown":
            self._move(Miss(Text(key="words:not_handled")))
            return
        first = leading.before_hearing(self.scene, heard.text) if heard.kind == "text" else ()
        early = self._before_menu() and not _may_be_distress(first)
        if first and not early:
            self._lead(first, heard.text)
            return
        if first:
            self._wish(first)
        free = heard.kind == "text" and leading.too_free(self.scene, heard.text)
        move = Miss() if free else self.scene.step.hear(self.scene, heard)
        if not isinstance(move, Miss) or heard.kind != "text" or not self._elsewhere(heard.text, move):
            self._move(move)

    def _elsewhere(self, text: str, miss: Miss) -> bool:
        """Whether a text that is no answer leads to another flow, or to the question which one."""
        topics, here = self.library.topics, self.scene.frame.flow
        flow = topics.get(matching.fold(text))
        found = () if flow or isinstance(self.scene.step, ask.Ask) else leading.meanings(self.scene, text)
        if miss.which and not any(one.target in FIRST for one in found):
            return False
        if found and self._before_menu() and not _may_be_distress(found):
            self._wish(found)
            self.scene.say(Text(key="words:wish_kept"))
            self._enter()
            return True
        if found and self._lead(found, text):
            return True
        flow = flow or matching.keyword(text, topics, self.library.vocabulary)
        if flow is None or flow == here:
            return False
        self._leave(f"{flow}.{self.library.flows[flow].start}")
        return True

    # ------------------------------------------------------------ free words

    def _first_words(self, heard: Heard | None, opening: list[Say]) -> None:
        """Who begins with a sentence is led there: at once, or after the first questions."""
        said = heard.text if heard and heard.kind == "text" else ""
        if said and heard and not self._before_menu() and self._is_label(matching.fold(said)):
            self._answered(heard)  # a choice of the menu, written without asking for it
            return
        found = leading.meanings(self.scene, heard.text) if heard and heard.kind == "text" else ()
        found = tuple(one for one in found if one.target != GREETING)
        if found and self._before_menu() and not _may_be_distress(found):
            self._wish(found)
        elif heard and found and self._lead(found, heard.text):
            return
        self.scene.says = [*opening, *self.scene.says]

    def _lead(self, found: tuple[Meaning, ...], text: str) -> bool:
        """To what was meant, or to the question which of several it was; False when that can't be asked.

        What only sounds like distress is asked about in its own flow, as words of weariness are.
        """
        if [one.target for one in found] == [DISTRESS]:
            self._distress(Heard("text", text), ("weary",))
            return True
        wish = leading.wish_of(found)
        if not self._aim(*leading.read_wish(self.library, wish)):
            return False
        self._enter()
        return True

    def _wish(self, found: tuple[Meaning, ...]) -> None:
        self.scene.remember(leading.WISH, leading.wish_of(found))


def _may_be_distress(found: tuple[Meaning, ...]) -> bool:
    """What may be distress waits for no other question."""
    return any(one.target == DISTRESS for one in found)


def _held_too(kinds: tuple[str, ...]) -> dict[str, object]:
    """Being held somewhere changes what may be proposed, also where something graver was heard."""
    return {"held": "yes"} if "held" in kinds else {}
