"""The kinds of step a flow is made of.

One class, one kind: its docstring is the editors' documentation (`flows/README.md` is made from it), its
fields are what an editor may write. To add one: write the class, decorate it with `@kind`, record a case.
"""

from bot.dialogue.steps import ask, browse, cases, choose, decide, speak
from bot.dialogue.steps.base import KINDS, Exit, Miss, Move, Restart, Return, Step, Stop, Wait, kind

__all__ = [
    "KINDS",
    "Exit",
    "Miss",
    "Move",
    "Restart",
    "Return",
    "Step",
    "Stop",
    "Wait",
    "ask",
    "browse",
    "cases",
    "choose",
    "decide",
    "kind",
    "speak",
]
