"""A message as the provider takes it. Pure.

Up to three choices are reply buttons, up to ten a list; where several may be taken, numbered text. Longer messages and
longer lists never come here: `bot.channels.fitting` made several of them. A label that is too long for its
button is shortened at a word; what is left of a row's label stands below it, smaller.
"""

import re
from collections.abc import Callable, Sequence

from bot.channels.whatsapp import limits
from bot.channels.whatsapp.reading import USER
from bot.dialogue.model import Button, Message

Json = dict[str, object]
Words = Callable[[str, str], str]

ELLIPSIS = "…"
NOTHING_PICKED = ":done"  # ends the tap that takes nothing of a list where several may be taken
PART = re.compile(r"(\d+)–\d+ / \d+")  # how `fitting` heads the further parts of a long list
CHOOSE = {"fr": "Choisir", "en": "Choose"}  # on the button that opens a list; French where nothing else is known


def recipient(address: str) -> Json:
    """Whom a send is for: a phone number, or the id of somebody who shows none."""
    if address.startswith(USER):
        return {"recipient": address.removeprefix(USER)}
    return {"to": address}


def shaped(message: Message, words: Words) -> Json:
    """`type` and content of a send. `words` gives a text of the library by key and language, or ""."""
    text, options = _several(message, words) if message.many else (message.text, message.options)
    if not options:
        return {"type": "text", "text": {"body": text, "preview_url": False}}
    if len(options) <= limits.BUTTONS and units(text) <= limits.BUTTONS_BODY:
        titles = unique([option.label for option in options], limits.BUTTON_TITLE, _first(message))
        buttons = [
            {"type": "reply", "reply": {"id": option.tap, "title": title}}
            for option, title in zip(options, titles, strict=True)
        ]
        return _interactive("button", text, {"buttons": buttons})
    button = CHOOSE.get(message.language, CHOOSE["fr"])
    return _interactive("list", text, {"button": button, "sections": [{"rows": _rows(options, _first(message))}]})


def _interactive(kind: str, text: str, action: Json) -> Json:
    body = {"text": text if text.strip() else ELLIPSIS}  # it must not be empty; the choices speak for themselves
    return {"type": "interactive", "interactive": {"type": kind, "body": body, "action": action}}


def _several(message: Message, words: Words) -> tuple[str, tuple[Button, ...]]:
    """Several may be taken: they stand numbered, and numbers are written. A press would take one and go on."""
    closing = tuple(option for option in message.options if option.tap.endswith(NOTHING_PICKED))
    open_ones = (option for option in message.options if option not in closing)
    lines = [f"{number}. {option.label}" for number, option in enumerate(open_ones, _first(message))]
    # "Done" alone means nothing here: the numbers are the answer. "None of these" does.
    done = words("words:done", message.language)
    buttons = tuple(option for option in closing if option.label != done)
    hint = words("words:write_numbers", message.language) if closing else ""
    return "\n".join(filter(None, (message.text, *lines, hint))), buttons


def _first(message: Message) -> int:
    """The place of the first choice in the whole list."""
    part = PART.fullmatch(message.text.strip())
    return int(part[1]) if part else 1


def _rows(options: Sequence[Button], first: int) -> list[Json]:
    rows = []
    titles = unique([option.label for option in options], limits.ROW_TITLE, first)
    for option, title in zip(options, titles, strict=True):
        row: Json = {"id": option.tap, "title": title}
        label = " ".join(option.label.split())
        if label and label != title:
            row["description"] = label if units(label) <= limits.ROW_DESCRIPTION else _rest(label, title)
        rows.append(row)
    return rows


def _rest(label: str, title: str) -> str:
    """What the title leaves out of a label too long to stand below it as a whole."""
    begun = title.removesuffix(ELLIPSIS).rstrip()
    rest = label.removeprefix(begun).lstrip() if label.startswith(begun) else label
    return shortened(rest, limits.ROW_DESCRIPTION)


def unique(labels: Sequence[str], limit: int, first: int = 1) -> list[str]:
    """Titles within `limit`, no two alike; all are numbered, from `first`, where shortening made some alike."""
    titles = [shortened(label, limit) for label in labels]
    if len({title.casefold() for title in titles}) == len(titles):
        return titles
    return [f"{number}. {shortened(label, limit - len(f'{number}. '))}" for number, label in enumerate(labels, first)]


def shortened(label: str, limit: int) -> str:
    """Within `limit`, cut at a word where one ends in the second half."""
    label = " ".join(label.split()) or ELLIPSIS
    if units(label) <= limit:
        return label
    cut = label[: limit - len(ELLIPSIS)]
    while units(cut) > limit - len(ELLIPSIS):
        cut = cut[:-1]
    at = cut.rfind(" ")
    if not label[len(cut)].isspace() and at >= limit // 2:
        cut = cut[:at]
    return cut.rstrip(" ,;:.-–—") + ELLIPSIS


def units(text: str) -> int:
    """How long a text is: an emoji counts twice. They do not say how they count; so it is short enough either way."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
