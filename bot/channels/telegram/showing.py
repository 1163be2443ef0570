"""A message as the parameters of `sendMessage`: plain text, choices as buttons below it. Pure."""

from collections.abc import Callable, Iterator, Sequence

from bot.channels.telegram.limits import BUTTONS_A_ROW, ROW_LETTERS
from bot.dialogue.model import Button, Message

Words = Callable[[str, str], str]
NOTHING_PICKED = ":done"  # ends the tap that takes nothing of a list where several may be taken


def shown(address: str, message: Message, words: Words) -> dict[str, object]:
    """What `sendMessage` is called with. `words` gives a text of the library, by key and language."""
    text, buttons = _several(message, words) if message.many else (message.text, message.options)
    parameters: dict[str, object] = {
        "chat_id": int(address),
        "text": text,
        "link_preview_options": {"is_disabled": True},  # an address in a text must not draw attention
    }
    if buttons:
        parameters["reply_markup"] = {"inline_keyboard": keyboard(buttons)}
    return parameters


def keyboard(buttons: Sequence[Button]) -> list[list[dict[str, str]]]:
    """Buttons in rows: side by side when all of them are short, so that they stand in columns."""
    longest = max(len(button.label) for button in buttons)
    columns = max(1, min(BUTTONS_A_ROW, ROW_LETTERS // max(1, longest)))
    return [[{"text": one.label, "callback_data": one.tap} for one in row] for row in _rows(buttons, columns)]


def _rows(buttons: Sequence[Button], columns: int) -> Iterator[Sequence[Button]]:
    for start in range(0, len(buttons), columns):
        yield buttons[start : start + columns]


def _several(message: Message, words: Words) -> tuple[str, tuple[Button, ...]]:
    """Several may be taken: they stand numbered (`fitting` did it where a label is long), and numbers are written.

    A tap would take one and go on.
    """
    open_ones = [option for option in message.options if not option.tap.endswith(NOTHING_PICKED)]
    closing = [option for option in message.options if option.tap.endswith(NOTHING_PICKED)]
    numbered = all(option.label.startswith(f"{number}. ") for number, option in enumerate(open_ones, 1))
    lines = [] if numbered else [f"{number}. {option.label}" for number, option in enumerate(open_ones, 1)]
    hint = _known(words, "words:write_numbers", message.language)
    # "Done" alone means nothing here: the numbers are the answer. "None of these" does.
    done = _known(words, "words:done", message.language)
    buttons = tuple(option for option in closing if not done or not option.label.endswith(done))
    return "\n".join(filter(None, (message.text, *lines, hint))), buttons


def _known(words: Words, key: str, language: str) -> str:
    try:
        return words(key, language)
    except KeyError:
        return ""
