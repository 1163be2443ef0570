"""The case page is made of sections; each page module registers its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from bot.cases.desk import Desk
from bot.dialogue.flow import Library

Filled = Callable[[Desk, "Row[Any]", Library], Mapping[str, object] | None]


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the case page: its template and what fills it. `side`: beside the thread on wide screens."""

    template: str
    order: int
    side: bool
    filled: Filled


_SECTIONS: list[Section] = []


def section(template: str, *, order: int, side: bool = True) -> Callable[[Filled], Filled]:
    """Registers `filled(desk, row, library)`: the values of `template`, or None to leave the section out.

    It is called in the transaction that reads the case, for those who may see it; what needs another deed asks
    `desk.may`. Values stand in the template under `section`.
    """

    def registered(filled: Filled) -> Filled:
        _SECTIONS.append(Section(template, order, side, filled))
        return filled

    return registered


def sections_of(desk: Desk, row: "Row[Any]", library: Library) -> list[tuple[Section, Mapping[str, object]]]:
    """The sections of a case that have something to show, in order."""
    found = ((one, one.filled(desk, row, library)) for one in sorted(_SECTIONS, key=lambda one: one.order))
    return [(one, values) for one, values in found if values is not None]
