"""Reading one YAML file: plain data, and the line of everything in it.

Editors' files are plain data: no anchors, no tags, no key twice. Text values lose the blanks around them, so
that a block (`say: |`) needs no thought about its last line end.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bot.library.issues import Issue, found
from bot.library.slips import hard_spaces, slip

Where = tuple[str | int, ...]
"""A place inside a file: the keys and positions that lead to it."""

NAME = re.compile(r"[a-z][a-z0-9_]*")
_PREFIX = "tag:yaml.org,2002:"
_note = re.compile(r"\s+#")
_no_words = re.compile(r"[a-z0-9_.-]+|[\w+-]+/\w+")  # a key, a number, a time zone: a note may stand behind it
_TRUE = {"true": True, "false": False}


@dataclass(frozen=True)
class Document:
    """One file as data. `lines` holds the line of every key and list entry, `dropped` what stood under a key
    written twice.
    """

    path: str
    value: object
    lines: Mapping[Where, int] = field(repr=False)
    dropped: tuple[object, ...] = field(default=(), repr=False)

    def line(self, *where: str | int) -> int:
        """The line of a place, or of the nearest place around it that exists."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)

    def issue(self, sort: str, *where: str | int, key: str = "", near: str = "", **values: object) -> Issue:
        """An issue at a place of this file."""
        return found(sort, self.path, self.line(*where), key, near=near, **values)

    def mapping(self) -> dict[str, object]:
        """The file's keys and values; none when it holds something else."""
        return self.value if isinstance(self.value, dict) else {}


@lru_cache(maxsize=512)  # by content: when one file changes, the others are not read again
def read_yaml(path: str, content: bytes) -> tuple[Document | None, tuple[Issue, ...]]:
    """The file as data, and what is wrong with its YAML. No document when it can't be read at all."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return None, (found("encoding", path, line),)
    blank = hard_spaces(path, text)
    if blank:
        return None, (blank,)
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except (YAMLError, ValueError) as error:
        return None, (slip(path, text, error),)
    except RecursionError:
        return None, (found("yaml_depth", path, 1),)
    if root is None:
        return None, (found("empty_file", path, 1),)
    reader = _Reader(path, text)
    value = reader.value(root, ())
    return Document(path, value, reader.lines, tuple(reader.dropped)), tuple(reader.issues)


class _Reader:
    """Turns composed nodes into plain data and keeps their lines."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.written = text.splitlines()
        self.dropped: list[object] = []
        self.lines: dict[Where, int] = {}
        self.issues: list[Issue] = []
        self._seen: set[int] = set()

    def value(self, node: Node, where: Where) -> object:
        line = node.start_mark.line + 1
        self.lines.setdefault(where, line)
        if id(node) in self._seen or node.anchor:
            self.issues.append(found("no_alias", self.path, line))
            if not isinstance(node, ScalarNode):  # read again and again, a few lines could fill memory
                return None
        self._seen.add(id(node))
        if isinstance(node, MappingNode):
            return self._mapping(node, where)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*where, place)) for place, item in enumerate(node.value)]
        if isinstance(node, ScalarNode):
            self._look_behind(node)
        return self._scalar(str(node.tag), str(node.value), line)

    def _look_behind(self, node: ScalarNode) -> None:
        """` #` behind words without quotation marks: what follows is taken for a note."""
        behind = self.written[node.end_mark.line][node.end_mark.column :] if node.value and not node.style else ""
        if _note.match(behind) and not _no_words.fullmatch(str(node.value)):
            self.issues.append(found("hash_cut", self.path, node.end_mark.line + 1))

    def _mapping(self, node: MappingNode, where: Where) -> dict[str, object]:
        read: dict[str, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = key_node.value if isinstance(key_node, ScalarNode) else None
            if key is None or key_node.anchor or key == "<<":
                self.issues.append(found("no_alias", self.path, line))
                continue
            here = (*where, key)
            if key in read:
                self.issues.append(found("duplicate_key", self.path, line, key, first=self.lines[here]))
                self.dropped.append({key: self.value(value_node, (*here, "twice"))})
                continue
            self.lines[here] = line
            read[key] = self.value(value_node, here)
        return read

    def _scalar(self, full_tag: str, written: str, line: int) -> object:
        tag = full_tag.removeprefix(_PREFIX)
        try:
            match tag:
                case "null":
                    return None
                case "bool":
                    return _TRUE[written.lower()]
                case "int":
                    return int(written.replace("_", ""), 10)
                case "float":
                    return float(written.replace("_", ""))
        except (KeyError, ValueError):
            return written  # 0x1F, 1:30, .nan: nobody who writes flows means these
        if tag not in ("str", "timestamp"):
            self.issues.append(found("yaml_start", self.path, line, "!"))
        return written.strip()
