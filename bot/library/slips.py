"""Slips in YAML, told so that an editor finds them: the parser's English becomes a sort of mistake and its line.

The parser stops where it gives up; the slip often stands before. The raw lines tell which it was.
"""

import re
from itertools import dropwhile

from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError

from bot.library.issues import Issue, found

_HARD_SPACES = "\u00a0\u202f"
_hard_indent = re.compile(rf"[ ]*[{_HARD_SPACES}]\s*[^\s#]")
_hard_after = re.compile(rf"\s*(?:- )?[\"']?[a-z_]+[\"']?:[{_HARD_SPACES}]")
_key_alone = re.compile(r"""\s*(?:- )?(?:\w+|"[^"]*"|'[^']*')\s*""")
_has_key = re.compile(r"""\s*(?:- )?(?:[\w ]+|"[^"]*"|'[^']*'):(?:\s|$)""")
_no_space = re.compile(r"\s*(?:- )?\w+:\S")
_opens_text = re.compile(r":\s*[|>][-+]?\s*(?:#.*)?$")

# What the parser says → the sort of mistake, where it says so is where it is.
_SAID = (
    ("found character '\\t'", "yaml_tab"),
    ("cannot start any token", "yaml_start"),
    ("undefined alias", "yaml_start"),
    ("expected a comment or a line break", "yaml_text_below"),
    ("unknown escape character", "yaml_backslash"),
    ("another document", "yaml_dashes"),
)


def hard_spaces(path: str, text: str) -> Issue | None:
    """A no-break space where YAML wants a plain one: it is read as a letter, mostly without any error."""
    for number, line in enumerate(text.splitlines(), 1):
        if _hard_indent.match(line) or _hard_after.match(line):
            return found("yaml_hard_space", path, number)
    return None


def slip(path: str, text: str, error: YAMLError | ValueError) -> Issue:
    """The issue behind what the parser says of this file."""
    lines = text.splitlines()
    if not isinstance(error, MarkedYAMLError):
        position = getattr(error, "position", None)  # a character that no text has
        return found("yaml_letter", path, text.count("\n", 0, position) + 1 if isinstance(position, int) else 1)
    mark, context = error.problem_mark or error.context_mark, error.context_mark
    said = error.problem or error.context or ""
    if mark is None:
        return found("yaml", path, 1)
    for words, sort in _SAID:
        if words in said:
            return found(sort, path, mark.line + 1, _rest(lines, mark)[:1])
    if context and re.search("end of stream|stream end", said):
        return found("yaml_unclosed", path, context.line + 1, _rest(lines, context)[:1])
    if "could not find expected ':'" in said and context:
        return _no_colon(path, lines, context.line)
    if "mapping values are not allowed" in said:
        return _colon_too_many(path, lines, mark)
    if "expected ',' or" in said and context:
        return _in_braces(path, lines, mark, context, said)
    return _after(path, lines, mark) or _at_the_margin(path, lines, mark.line)


def _rest(lines: list[str], mark: StreamMark) -> str:
    return str(lines[mark.line][mark.column :]) if mark.line < len(lines) else ""


def _before(lines: list[str], line: int) -> int:
    """The line before that says something."""
    above = dropwhile(lambda number: not lines[number].split("#")[0].strip(), range(line - 1, -1, -1))
    return next(above, line)


def _no_colon(path: str, lines: list[str], line: int) -> Issue:
    if _no_space.match(lines[line]):
        return found("yaml_space", path, line + 1)
    above = lines[_before(lines, line)]
    if _opens_text.search(above) or not _has_key.match(above):
        opener = next((number for number in range(line, -1, -1) if _opens_text.search(lines[number])), None)
        if opener is not None and _margin(lines[opener]) >= _margin(lines[line]):
            return found("yaml_text_right", path, line + 1)
    return found("yaml_no_colon", path, line + 1, lines[line].strip())


def _colon_too_many(path: str, lines: list[str], mark: StreamMark) -> Issue:
    line = min(mark.line, len(lines) - 1)
    if not _key_alone.fullmatch(lines[line][: mark.column]):
        return found("yaml_quotes", path, line + 1)
    above = _before(lines, line)
    if _no_space.match(lines[above]):
        return found("yaml_space", path, above + 1)
    if not _has_key.match(lines[above]):
        return found("yaml_no_colon", path, above + 1, lines[above].strip())
    return found("yaml_margin", path, line + 1)


def _in_braces(path: str, lines: list[str], mark: StreamMark, context: StreamMark, said: str) -> Issue:
    if mark.line != context.line:
        return found("yaml_unclosed", path, context.line + 1, _rest(lines, context)[:1])
    if "got ':'" in said:
        before = lines[mark.line][: mark.column]
        closed = before.count("[") == before.count("]") and before.count("{") == before.count("}") + 1
        missing = re.search(r"\w$", before) and closed
        return found("yaml_comma" if missing else "yaml_quotes", path, mark.line + 1)
    return _after(path, lines, mark) or found("yaml_comma", path, mark.line + 1)


def _after(path: str, lines: list[str], mark: StreamMark) -> Issue | None:
    """Words behind a closed quotation mark or brace."""
    before = lines[mark.line][: mark.column].rstrip() if mark.line < len(lines) else ""
    quote = before[-1:]
    if quote in {"'", '"'} and before.count(quote) == 1:  # it closes what was opened lines before
        opened = rf"[:,\[\-]\s+{quote}[^{quote}]*$"
        line = next((number for number in range(mark.line - 1, -1, -1) if re.search(opened, lines[number])), None)
        if line is not None:
            return found("yaml_unclosed", path, line + 1, quote)
    if before.endswith("'"):
        return found("yaml_apostrophe", path, mark.line + 1)
    if before.endswith('"'):
        return found("yaml_after_quote", path, mark.line + 1)
    if before.endswith(("}", "]")):
        return found("yaml_start", path, mark.line + 1, "{" if before.endswith("}") else "[")
    return None


def _at_the_margin(path: str, lines: list[str], line: int) -> Issue:
    line = min(line, len(lines) - 1)
    for number in (line, _before(lines, line)):
        if re.match(r"\s*-[^\s-]", lines[number]):
            return found("yaml_dash", path, number + 1)
    if _margin(lines[line]) or _has_key.match(lines[line]):
        return found("yaml_margin", path, line + 1)
    return found("yaml", path, line + 1)


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip())
