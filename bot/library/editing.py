"""Changes that are made at the console to editors' files: values are set, everything else stays as it is written."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ruamel.yaml import YAML

from bot.library import load
from bot.library.check import check
from bot.library.issues import Issue

Where = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """A value at a place of a file; None takes the key away."""

    path: str
    where: Where
    value: object


class NotRight(ValueError):
    """The files would be wrong after the change; nothing was changed. `issues` says what."""

    def __init__(self, issues: list[Issue]) -> None:
        super().__init__("\n".join(str(one) for one in issues))
        self.issues = issues


def edited(files: Mapping[str, bytes], edits: Iterable[Edit]) -> dict[str, bytes]:
    """The files with these values, comments and order kept. Raises `NotRight` where a check finds a new error."""
    changed = dict(files)
    by_path: dict[str, list[Edit]] = {}
    for edit in edits:
        by_path.setdefault(edit.path, []).append(edit)
    for path, its in by_path.items():
        changed[path] = _set(files[path], its)
    before = {(issue.path, issue.message) for issue in _errors(files)}  # are not theirs to mend who change an hour
    errors = [issue for issue in _errors(changed) if (issue.path, issue.message) not in before]
    if errors:
        raise NotRight(errors)
    return changed


def _errors(files: Mapping[str, bytes]) -> list[Issue]:
    return [issue for issue in check(load.build(files)) if issue.severity == "error"]


def _set(content: bytes, edits: list[Edit]) -> bytes:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000  # lines are broken where the editor broke them
    yaml.indent(mapping=2, sequence=4, offset=2)
    document = yaml.load(content)
    before = _dumped(yaml, document)
    for edit in edits:
        place = document
        for name in edit.where[:-1]:
            place = place[name]
        last = edit.where[-1]
        if edit.value is None:
            place.pop(last, None)
        elif last not in place or place[last] != edit.value:
            place[last] = edit.value
    after = _dumped(yaml, document)
    return content if after == before else after


def _dumped(yaml: YAML, document: object) -> bytes:
    out = io.BytesIO()
    yaml.dump(document, out)
    return out.getvalue()
