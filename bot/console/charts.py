"""Charts as pictures (SVG): bars by pygal, and where the tiles of the map stand.

A picture of its own may carry its style, a page may not: so bars are served as files, without any script.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

import pygal  # type: ignore[import-untyped]
from pygal.style import Style  # type: ignore[import-untyped]

from bot.cases.small import Cell, Shown
from bot.dialogue.flow import Library

# pygal puts itself among Python's importers, for plugins we have none of; whatever is imported later would warn of it
sys.meta_path[:] = [one for one in sys.meta_path if type(one).__name__ != "PluginImportFixer"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""The Content-Security-Policy of a chart: it shows, and does nothing."""

WIDTH = 560  # of a chart, in pixels
_STANDING, _LYING = 300, 38  # height of a chart, and of one lying bar
_STYLE = Style(label_font_size=13, major_label_font_size=13, font_family="sans-serif", background="#ffffff")
_CSS = (
    "text{font:13px sans-serif;fill:#1b2a33}.background{fill:#fff}.rect{fill:#0b5c7a}.guides path,.axis path{fill:none;"
    "stroke:#c9d3d8}.axis.y text{text-anchor:end}.axis.x text{text-anchor:middle}"
    ".axis.x text[transform]{text-anchor:start}"
)
_DROPPED = ("script", "desc")

# From few to many; the words on them have a contrast of 7 and more.
_SHADES = (("#eef3f5", "#1b2a33"), ("#cfe3ec", "#1b2a33"), ("#8fc1d6", "#10222b"), ("#0b5c7a", "#ffffff"))
_KEPT_BACK = ("#ffffff", "#1b2a33")


def height_of(table: Shown, *, lying: bool) -> int:
    """In pixels: lying bars need a line each."""
    return 60 + _LYING * len(table.cells) if lying else _STANDING


def bars(table: Shown, labels: Sequence[str], *, lying: bool = False) -> bytes:
    """Bars of a table, one for each label; what is kept back has none. `lying`: for long labels."""
    kind = pygal.HorizontalBar if lying else pygal.Bar
    chart = kind(
        js=[],
        css=[],
        style=_STYLE,
        width=WIDTH,
        height=height_of(table, lying=lying),
        show_legend=False,
        print_values=False,
        truncate_label=-1,
        x_label_rotation=0 if lying else 40,
        min_scale=2,
        max_scale=6,
        include_x_axis=True,
    )
    ordered = slice(None, None, -1 if lying else 1)  # lying bars grow from the bottom
    chart.x_labels = list(labels)[ordered]
    chart.add("", [cell.count for cell in table.cells][ordered])
    chart.add_xml_filter(_bare)
    picture: bytes = chart.render()
    return picture


def _bare(root: Element) -> Element:
    """Without scripts, tooltips and what is only there for them; with our own style."""
    for parent in list(root.iter()):
        for child in list(parent):
            tag = child.tag.rpartition("}")[2] if isinstance(child.tag, str) else "comment"
            over = "overlay" in child.get("class", "") or child.get("class") == "titles"
            if tag in _DROPPED or tag == "comment" or over:
                parent.remove(child)
            elif tag == "style":
                child.text = _CSS
    return root


@dataclass(frozen=True, slots=True)
class Tile:
    """One region on the map, in pixels of its picture; colours as words of SVG."""

    x: int
    y: int
    label: str
    words: str
    fill: str
    ink: str


@dataclass(frozen=True, slots=True)
class TileMap:
    """All tiles; `size` is the edge of one."""

    width: int
    height: int
    size: int
    tiles: tuple[Tile, ...]


SIZE, GAP = 92, 4


def tile_map(table: Shown, library: Library, language: str) -> TileMap | None:
    """The regions as equal tiles, darker with more cases; None where no region says where it stands."""
    cells = {cell.key: cell for cell in table.cells}
    most = max((cell.count or 0 for cell in table.cells if cell.key), default=0)
    tiles, right, low = [], 0, 0
    for region in library.directory.regions.values():
        if region.tile is None:
            continue
        x, y = (place * (SIZE + GAP) for place in region.tile)
        cell = cells.get(region.key, Cell(region.key, 0))
        fill, ink = _shade(cell, most)
        tiles.append(Tile(x, y, library.words(f"regions:{region.key}", language), cell.words, fill, ink))
        right, low = max(right, x + SIZE), max(low, y + SIZE)
    return TileMap(right, low, SIZE, tuple(tiles)) if tiles else None


def _shade(cell: Cell, most: int) -> tuple[str, str]:
    if cell.count is None:
        return _KEPT_BACK
    if not cell.count:
        return _SHADES[0]
    return _SHADES[1 + min(2, cell.count * 3 // (most + 1))]
