"""Placeholders: names in braces inside a text."""

import re

PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_.]*)\}")
ANY_BRACES = re.compile(r"\{([^{}\n]*)\}")


def names_in(words: str) -> tuple[str, ...]:
    """The names in braces, each once, in the order they stand."""
    return tuple(dict.fromkeys(PLACEHOLDER.findall(words)))


def braces_in(words: str) -> tuple[str, ...]:
    """All that stands in braces, also what can't be a name (`{Place}`, `{ place }`)."""
    return tuple(dict.fromkeys(ANY_BRACES.findall(words)))


def is_open(words: str) -> bool:
    """Whether a brace lacks the other one."""
    return bool(re.search("[{}]", ANY_BRACES.sub("", words)))
