"""The files editors write: which ones they are, and what tells two states of them apart."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

PATTERNS = ("flows/*.yaml", "flows/*.talk", "content/**/*.yaml", "locales/*/LC_MESSAGES/*.po")


def read_folder(root: Path) -> dict[str, bytes]:
    """The editors' files below `root`, by their path with forward slashes, in the order of the paths."""
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in _paths(root)}
    return dict(sorted(files.items()))


def _paths(root: Path) -> list[Path]:
    return sorted({path for pattern in PATTERNS for path in root.glob(pattern) if path.is_file()})


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
