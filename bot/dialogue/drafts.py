"""Drafts: what was said in a dialogue that is not finished, and must not stay there for long."""

from msgspec.structs import replace

from bot.dialogue.flow import Library
from bot.dialogue.model import Conversation, Frame


def without_drafts(library: Library, conversation: Conversation) -> Conversation:
    """The conversation up to the first flow that holds something private: that flow and all on top of it are gone."""
    return replace(conversation, frames=_kept(library, conversation))


def has_drafts(library: Library, conversation: Conversation) -> bool:
    """Whether something private was said in a dialogue not finished yet."""
    return len(_kept(library, conversation)) < len(conversation.frames)


def _kept(library: Library, conversation: Conversation) -> tuple[Frame, ...]:
    kept: list[Frame] = []
    for frame in conversation.frames:
        if _is_private(library, frame):
            break
        kept.append(frame)
    while kept and len(kept) < len(conversation.frames) and not _waits(library, kept[-1]):
        kept.pop()  # it only called what is dropped
    return tuple(kept)


def _is_private(library: Library, frame: Frame) -> bool:
    """A flow marked private, once anything was answered in it; in any other, an answer marked sensitive."""
    flow = library.flows.get(frame.flow)
    if flow is None:
        return True
    if flow.private:
        return bool(frame.answers or frame.trail)
    return any(getattr(flow.saved_by.get(name), "sensitive", False) for name in frame.answers)


def _waits(library: Library, frame: Frame) -> bool:
    flow = library.flows.get(frame.flow)
    return flow is not None and frame.step in flow.steps and flow.steps[frame.step].WAITS
