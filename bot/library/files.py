"""The files editors write: which ones they are, and what tells two states of them apart."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from bot.library.issues import Issue, found

PATTERNS = ("flows/*.yaml", "flows/*.talk", "content/**/*.yaml", "locales/*/LC_MESSAGES/*.po")
FOLDERS = ("flows", "content", "locales")
_CONSOLE = "console.po"  # words of the console's own pages: no part of a revision
_NOT_READ = ("README.md", "flow.schema.json", _CONSOLE)  # beside them, and no mistake; Poedit makes .mo files


def read_folder(root: Path) -> dict[str, bytes]:
    """The editors' files below `root`, by their path with forward slashes, in the order of the paths."""
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in _paths(root)}
    return dict(sorted(files.items()))


def _paths(root: Path) -> list[Path]:
    found = {path for pattern in PATTERNS for path in root.glob(pattern) if path.is_file()}
    return sorted(path for path in found if path.name != _CONSOLE)


def strays(root: Path) -> list[Issue]:
    """Files that somebody wrote for Segin under a name it does not read."""
    read = {path.relative_to(root).as_posix() for path in _paths(root)}
    issues = []
    for path in sorted(one for folder in FOLDERS for one in (root / folder).rglob("*") if one.is_file()):
        name = path.relative_to(root).as_posix()
        if name in read or path.name in _NOT_READ or path.suffix == ".mo" or "/." in name:
            continue
        right = _right_name(name)
        issues.append(found("wrong_name", name, 1, right) if right else found("unknown_file", name, 1))
    return issues


def _right_name(name: str) -> str:
    """How a file should be called; "" when nobody can tell."""
    first, *_, last = name.split("/")
    stem, _, ending = last.rpartition(".")
    if first == "locales" and ending == "po":
        language = stem if len(name.split("/")) == 2 else name.split("/")[1]  # noqa: PLR2004 - the folder and the file
        return f"locales/{language}/LC_MESSAGES/bot.po"
    if ending.lower() in ("yml", "yaml", "talk"):
        ending = "talk" if ending.lower() == "talk" else "yaml"
        return f"{name.rpartition('/')[0] if first != 'flows' else 'flows'}/{stem}.{ending}"
    return ""


def stamp(root: Path) -> tuple[tuple[str, int], ...]:
    """Each file's path and time of change (nanoseconds): cheap, to notice that somebody wrote."""
    stamps = []
    for path in _paths(root):
        with suppress(FileNotFoundError):  # an editor that puts a new file in the place of the old
            stamps.append((str(path), path.stat().st_mtime_ns))
    return tuple(stamps)


def checksum(files: Mapping[str, bytes]) -> str:
    """The same for the same paths and bytes, whatever their order; lengths keep neighbours apart."""
    whole = hashlib.sha256()
    for path, content in sorted(files.items()):
        for part in (path.encode(), content):
            whole.update(len(part).to_bytes(8, "big"))
            whole.update(part)
    return whole.hexdigest()
