"""Small numbers are kept back: a figure of one to four people may be a person somebody knows.

What is shown is one-way: cells of one table that add up to a number everybody knows (all cases of the period). So a
small cell alone could be had by taking the others from it. Further cells are kept back, the smallest first, until
every number from 1 to 4 stays possible for every small cell; where that can't be, the whole table is kept back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SMALL = 5
"""Below this a count is kept back; none at all may be told."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of a table. `count` is None where it is kept back; `small` says that it is 1 to 4."""

    key: str
    count: int | None
    small: bool = False

    @property
    def words(self) -> str:
        """As it is shown: the number, "< 5", or "–" for what is kept back so that others can't be computed."""
        if self.count is not None:
            return str(self.count)
        return f"< {SMALL}" if self.small else "–"


@dataclass(frozen=True, slots=True)
class Shown:
    """A table as it may be shown; `total` is known beside it. `whole` is False where nothing of it is told."""

    cells: tuple[Cell, ...]
    total: Cell
    whole: bool = True

    @property
    def exact(self) -> bool:
        """Nothing is kept back: shares may be told."""
        return all(cell.count is not None for cell in self.cells)

    def count(self, key: str) -> int | None:
        """None where it is kept back, or nobody asked for it."""
        return next((cell.count for cell in self.cells if cell.key == key), None)


def is_small(count: int) -> bool:
    return 0 < count < SMALL


def alone(key: str, count: int) -> Cell:
    """One number that belongs to no table."""
    return Cell(key, None, small=True) if is_small(count) else Cell(key, count)


def rounded(count: int) -> int:
    """To the nearest five: for numbers that follow from each other in ways no table shows."""
    return round(count / SMALL) * SMALL


def shown(counts: Mapping[str, int]) -> Shown:
    """The table as it may be shown, in the order given. Its total is taken for known."""
    small = [count for count in counts.values() if is_small(count)]
    others = sorted(count for count in counts.values() if count >= SMALL)
    total = alone("", sum(counts.values()))
    hidden = _to_hide(small, others)
    if total.small or hidden is None:
        return Shown(tuple(Cell(key, None) for key in counts), total, whole=False)
    cells = []
    for key, count in counts.items():
        if is_small(count):
            cells.append(Cell(key, None, small=True))
        elif count in hidden:
            hidden.remove(count)
            cells.append(Cell(key, None))
        else:
            cells.append(Cell(key, count))
    return Shown(tuple(cells), total)


def _to_hide(small: Sequence[int], others: Sequence[int]) -> list[int] | None:
    """Which of the `others` (smallest first) go with the small ones; None: no choice of them is enough."""
    if not small:
        return []
    for many in range(len(others) + 1):
        if _safe(small, others[:many], others[many:]):
            return list(others[:many])
    return None


def _safe(small: Sequence[int], hidden: Sequence[int], left: Sequence[int]) -> bool:
    """Whether 1 and 4, and so all between, stay possible for each small cell, who knows their sum with the hidden.

    A hidden cell is known to be 5 or more, and no larger than the smallest that is left.
    """
    known = sum(small) + sum(hidden)
    least = (len(small) - 1) + SMALL * len(hidden)
    most = (SMALL - 1) * (len(small) - 1) + (len(hidden) * left[0] if left else (known if hidden else 0))
    return least <= known - (SMALL - 1) and known - 1 <= most
