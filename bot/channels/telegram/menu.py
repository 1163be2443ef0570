"""The commands in Telegram's menu. What they say of themselves are the titles of flows, so editors word them.

A command is heard as the word it is named for (`updates.COMMAND`), so any keyword of a flow works as one: this is
only what the menu shows, in the languages that Telegram's apps know.
"""

from collections.abc import Callable

from telegram import BotCommand

# language of the app ("" for all others) → language of the titles, and command → the key of its title
MENUS = {
    "": (
        "fr",
        {
            "menu": "main:title",
            "aide": "help:title",
            "langue": "language:title",
            "personne": "person:title",
            "plainte": "complaint:title",
            "stop": "stop:title",
            "effacer": "erase:title",
        },
    ),
    "en": (
        "en",
        {
            "menu": "main:title",
            "help": "help:title",
            "language": "language:title",
            "person": "person:title",
            "complaint": "complaint:title",
            "stop": "stop:title",
            "erase": "erase:title",
        },
    ),
}
MOST = 256  # letters of a description


def menus(words: Callable[[str, str], str]) -> dict[str, list[BotCommand]]:
    """Language of the app → its menu. A flow that this library does not have is no command."""
    made: dict[str, list[BotCommand]] = {}
    for app, (language, commands) in MENUS.items():
        made[app] = []
        for command, key in commands.items():
            try:
                made[app].append(BotCommand(command, words(key, language)[:MOST]))
            except KeyError:
                continue
    return made
