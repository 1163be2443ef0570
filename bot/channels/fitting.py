"""A message cut to what a channel can show: pure, and nothing of it is lost.

- A text that is too long goes as several messages, parted between paragraphs, else lines, sentences, words.
- Choices go with the last of them, or in further messages, as many in each as the channel shows; their text is
  then the places they have in the whole list ("11–20 / 25"), as a number that somebody writes counts so.
- A label too long for its button (or one that is there twice) stands whole in the text, numbered; the button has the
  same number and as many of its letters as there is room for.

What fits already comes back as it is.
"""

import dataclasses
import re
import unicodedata
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from bot.channels.base import Capabilities
from bot.dialogue.model import Button, Message

ELLIPSIS = "…"
BORDERS = tuple(map(re.compile, (r"\n[^\S\n]*\n\s*", r"\n", r"(?<=[.!?;:…؟۔])\s+", r"\s+")))


def fit(message: Message, capabilities: Capabilities) -> list[Message]:
    """The messages that say the same on this channel, in order; each within `capabilities`."""
    if message.many:  # the channel will number the choices in the text, and say that numbers are written
        capabilities = _with_room(capabilities, sum(length(one.label, capabilities) + 6 for one in message.options))
    if _fits(message, capabilities):
        return [message]
    return _Fitting(message, capabilities).parts()


HINT = 120  # letters kept free for "write the numbers"


def _with_room(capabilities: Capabilities, needed: int) -> Capabilities:
    """The same channel with shorter texts: so much is added to each of them."""
    room = min(needed + HINT, capabilities.rows_body // 2)
    return dataclasses.replace(
        capabilities,
        text=capabilities.text - room,
        body=capabilities.body - min(room, capabilities.body // 2),
        rows_body=capabilities.rows_body - room,
    )


def length(text: str, capabilities: Capabilities) -> int:
    """How long the channel finds it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2 if capabilities.utf16 else len(text)


def split(text: str, limit: int, capabilities: Capabilities) -> list[str]:
    """The text in pieces within the limit; only white space at the borders goes."""
    pieces = []
    rest = text
    while length(rest, capabilities) > limit:
        head = _longest(rest, limit, capabilities)
        cut = _border(head, rest)
        pieces.append(rest[: cut[0]].rstrip())
        rest = rest[cut[1] :].lstrip()
    pieces.append(rest.rstrip() if pieces else rest)
    return [piece for piece in pieces if piece] or [text.strip()]


def _longest(text: str, limit: int, capabilities: Capabilities) -> str:
    """As much of the beginning as fits; never half of what is seen as one letter, where that can be helped."""
    head = text[:limit]
    while length(head, capabilities) > limit:
        head = head[: len(head) - max(1, (length(head, capabilities) - limit) // 2)]
    end = len(head)
    while 0 < end < len(text) and _joins(text, end):
        end -= 1
    return head[:end] or head


def _joins(text: str, at: int) -> bool:
    """Whether the letter at this place belongs to the one before (accents, parts of an emoji)."""
    here, before = text[at], text[at - 1]
    return "\u200d" in (here, before) or here in "\ufe0e\ufe0f" or bool(unicodedata.combining(here)) or (
        "\U0001f3fb" <= here <= "\U0001f3ff"
    )  # fmt: skip


def _border(head: str, text: str) -> tuple[int, int]:
    """Where to cut: the end of what stays, the beginning of what follows."""
    for border in BORDERS:
        last = None
        for found in border.finditer(text, 0, min(len(text), len(head) + 200)):
            if found.start() > len(head):
                break
            if found.start() > len(head) // 4:  # not so early that little stays
                last = found
        if last:
            return last.start(), last.end()
    return len(head), len(head)


def _fits(message: Message, capabilities: Capabilities) -> bool:
    count = len(message.options)
    if count > max(capabilities.few, capabilities.rows):
        return False
    labels = [option.label for option in message.options]
    if count and not message.text.strip():
        return False
    if any(length(label, capabilities) > _label_limit(count, capabilities) for label in labels):
        return False
    return len(set(labels)) == count and length(message.text, capabilities) <= _text_limit(count, capabilities)


def _text_limit(choices: int, capabilities: Capabilities) -> int:
    if not choices:
        return capabilities.text
    return capabilities.body if choices <= capabilities.few else capabilities.rows_body


def _label_limit(choices: int, capabilities: Capabilities) -> int:
    return capabilities.label if choices <= capabilities.few else capabilities.row_label


class _Fitting:
    def __init__(self, message: Message, capabilities: Capabilities) -> None:
        self.message, self.can = message, capabilities

    def parts(self) -> list[Message]:
        message = self.message
        pages = list(self._pages())
        titles = self._titles(pages)
        whole = [self._whole(n) for n in range(len(message.options))] if titles != list(message.options) else []
        if not pages:
            pieces = split(message.text, self.can.text, self.can)
            return [*(self._said(piece) for piece in pieces[:-1]), replace(message, text=pieces[-1])]
        numbered = "\n".join(whole)
        texts = self._texts(message.text, numbered, _text_limit(len(pages[0]), self.can))
        parts = [self._said(text) for text in texts[:-1]]
        for place, page in enumerate(pages):
            options = tuple(titles[n] for n in page)
            text = texts[-1] if place == 0 else f"{page[0] + 1}–{page[-1] + 1} / {len(message.options)}"
            last = place == len(pages) - 1
            parts.append(replace(message, text=text, options=options, accepts=message.accepts if last else ()))
        return parts

    def _said(self, text: str) -> Message:
        return Message(text, language=self.message.language)

    def _texts(self, text: str, numbered: str, limit: int) -> list[str]:
        """What is said before the choices; the last goes with them."""
        if not numbered:
            return self._with_room(text, limit)
        together = f"{text}\n\n{numbered}" if text.strip() else numbered
        if length(together, self.can) <= limit:
            return [together]
        ahead = split(text, self.can.text, self.can) if text.strip() else []
        return [*ahead, *self._with_room(numbered, limit)]

    def _with_room(self, text: str, limit: int) -> list[str]:
        """Pieces of which the last fits beside choices."""
        pieces = split(text, self.can.text, self.can) if text.strip() else [f"1–{len(self.message.options)}"]
        return [*pieces[:-1], *split(pieces[-1], limit, self.can)]

    def _pages(self) -> Iterator[Sequence[int]]:
        """The places of the choices, as many together as the channel shows."""
        count, most = len(self.message.options), max(self.can.few, self.can.rows)
        if not count:
            return
        pages = -(-count // most)
        size, more = divmod(count, pages)  # evenly: no page with a lone choice
        at = 0
        for page in range(pages):
            end = at + size + (page < more)
            yield range(at, end)
            at = end

    def _titles(self, pages: list[Sequence[int]]) -> list[Button]:
        """The buttons: as they are, or all of them numbered when one has to be shortened or is there twice."""
        options = self.message.options
        labels = [option.label for option in options]
        limits = [_label_limit(len(page), self.can) for page in pages for _ in page]
        if len(set(labels)) == len(labels) and all(
            length(label, self.can) <= limit for label, limit in zip(labels, limits, strict=True)
        ):
            return list(options)
        return [replace(option, label=self._short(n, limits[n])) for n, option in enumerate(options)]

    def _whole(self, place: int) -> str:
        return f"{place + 1}. {self.message.options[place].label}"

    def _short(self, place: int, limit: int) -> str:
        title = " ".join(self._whole(place).split())
        if length(title, self.can) <= limit:
            return title
        return _longest(title, limit - len(ELLIPSIS), self.can).rstrip() + ELLIPSIS
