"""The map of tiles: where each region of content/regions.yaml stands on it."""

from collections.abc import Iterable

from bot.dialogue.directory import Region
from bot.library.reader import Reader
from bot.library.reading import Document

MOST = 12  # tiles in a line: more would be too small to read
_COLUMN_AND_ROW = 2


def tile_of(
    reader: Reader, document: Document, key: str, written: tuple[int, ...], regions: Iterable[Region]
) -> tuple[int, int] | None:
    """Column and row of the region `key`; None where nothing is written, or what can't be, which is told.

    `regions` are those read before: a tile is one region's.
    """
    if not written:
        return None
    taken = next((one.key for one in regions if one.tile == written), "")
    problem = f"cette case est déjà celle de « {taken} »" if taken else ""
    if len(written) != _COLUMN_AND_ROW or not all(0 <= number < MOST for number in written):
        problem = f"il faut deux nombres de 0 à {MOST - 1}"
    if problem:
        how = "écrivez la colonne et la ligne d'une case libre : [2, 0]"
        reader.issues.append(document.issue("bad_value", key, "tile", key="tile", problem=problem, how=how))
        return None
    return written[0], written[1]
