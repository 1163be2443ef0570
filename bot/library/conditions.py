"""Conditions (`when`, `anonymous`) as editors wrote them, in flows and in content."""

from collections.abc import Iterator

from bot.dialogue.rules import RULES
from bot.library.issues import Issue, nearest, quoted
from bot.library.names import CONDITIONS
from bot.library.reading import Document, Where


def conditions(value: object, where: Where = ()) -> Iterator[tuple[Where, object]]:
    """Every condition inside a step as it was written, with its place."""
    if isinstance(value, dict):
        for key, entry in value.items():
            if key in CONDITIONS:
                yield (*where, key), entry
            elif key != "remember":
                yield from conditions(entry, (*where, key))
    elif isinstance(value, list):
        for place, entry in enumerate(value):
            yield from conditions(entry, (*where, place))


def check_conditions(document: Document, where: Where, raw: object) -> Iterator[Issue]:
    """Conditions below a place that cannot be asked: an unknown rule, a value that is no word."""
    for inside, condition in conditions(raw):
        for name, wanted in condition.items() if isinstance(condition, dict) else ():
            here = (*where, *inside, name)
            values = wanted if isinstance(wanted, list) else [wanted]
            if not values or any(isinstance(value, bool | dict | list) or value is None for value in values):
                problem = "il faut un mot ou une liste de mots"
                how = f"écrivez {{{name}: mot}} ou {{{name}: [mot, mot]}}"
                yield document.issue("bad_value", *here, key=name, problem=problem, how=how)
            elif name == "rule" and (isinstance(wanted, list) or wanted not in RULES):
                near, known = nearest(str(wanted), list(RULES)), quoted(sorted(RULES))
                yield document.issue("unknown_rule", *here, key=str(wanted), near=near, known=known)
