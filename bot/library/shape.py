"""From plain data to the classes of the dialogue, with every slip told by its line.

`msgspec.convert` has the last word on types; unknown and missing keys and words that are not on a list are
told before, all of them at once and with a guess at what was meant.
"""

import re
import types
from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from bot.library.issues import Issue, nearest, quoted
from bot.library.reading import Document, Where

T = TypeVar("T")

_TYPES = {
    "str": "un texte",
    "int": "un nombre",
    "float": "un nombre",
    "bool": "true ou false",
    "array": "une liste",
    "object": "un groupe « clé: valeur »",
    "null": "rien",
}
_wrong = re.compile(r"Expected `(?P<wanted>[^`]+)`, got `(?P<got>[^`]+)`(?: - at `\$(?P<path>.*)`)?")
_part = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]|\[\.\.\.\]")


_hints: dict[type, Mapping[str, Any]] = {}


def hints(cls: type) -> Mapping[str, Any]:
    """Field name → type, of a dataclass."""
    if cls not in _hints:
        known = get_type_hints(cls)
        _hints[cls] = {field.name: known[field.name] for field in fields(cls)}
    return _hints[cls]


def required(cls: type) -> set[str]:
    """The fields that have no default."""
    return {field.name for field in fields(cls) if field.default is MISSING and field.default_factory is MISSING}


def words_of(hint: object) -> tuple[str, ...]:
    """The words a `Literal` (alone or in a union) allows; none when any text may stand."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    if get_origin(hint) in (Union, types.UnionType):
        options = get_args(hint)
        return () if str in options else tuple(word for option in options for word in words_of(option))
    return ()


def inner(hint: object) -> type | None:
    """The dataclass inside `X` or `tuple[X, ...]`."""
    if get_origin(hint) is tuple:
        hint = get_args(hint)[0]
    return hint if isinstance(hint, type) and is_dataclass(hint) else None


def check_keys(
    document: Document,
    where: Where,
    value: Mapping[str, object],
    known: Collection[str],
    needed: Collection[str],
) -> list[Issue]:
    """Keys that may not stand here, and keys that must and do not."""
    issues = [
        document.issue("unknown_key", *where, key, key=key, near=nearest(key, list(known)), known=quoted(sorted(known)))
        for key in value
        if key not in known
    ]
    of = _named(where)
    missing = [key for key in sorted(needed) if key not in value]
    return issues + [document.issue("missing_key", *where, key=key, of=of) for key in missing]


def _named(where: Where) -> str:
    """What a place is, as a sentence goes on: the step or the n-th entry of a list."""
    last = where[-1] if where else ""
    if isinstance(last, int):
        return f" au n° {last + 1} de la liste" + (f" « {where[-2]} »" if len(where) > 1 else "")
    step = len(where) > 1 and where[0] == "steps"
    return (f" à l'étape « {last} »" if step else f" sous « {last} »") if last else ""


def convert(
    cls: type[T],
    document: Document,
    where: Where,
    value: object,
    *,
    extra: Mapping[str, object] | None = None,
    known: Collection[str] | None = None,
    needed: Collection[str] = (),
    aliases: Mapping[str, str] | None = None,
) -> tuple[T | None, list[Issue]]:
    """One object of `cls` from the mapping at a place of a file, or what is wrong with it.

    `extra` are fields the file does not give, `known` the keys it may use (all of the class, when left out),
    `needed` keys that must stand although the class has a default, `aliases` maps editors' words to fields.
    """
    extra, aliases = extra or {}, aliases or {}
    if not isinstance(value, dict):
        key = str(where[-1]) if where else document.path
        return None, [_type_issue(document, where, key, "object", _name(value))]
    field_of = {name: name for name in hints(cls) if name not in extra and name not in aliases.values()}
    field_of |= aliases
    if known is not None:
        field_of = {word: name for word, name in field_of.items() if word in known}
    must = {word for word, name in field_of.items() if name in required(cls) or word in needed}
    issues = check_keys(document, where, value, field_of, must)
    given = {field_of[word]: (word, entry) for word, entry in value.items() if word in field_of}
    for name, (word, entry) in given.items():
        hint, here = hints(cls)[name], (*where, word)
        issues += _inside(document, here, hint, entry) or _types(document, here, hint, entry)
    if issues:
        return None, issues
    return msgspec.convert({**{name: entry for name, (_, entry) in given.items()}, **extra}, cls), []


def _types(document: Document, where: Where, hint: Any, value: object) -> list[Issue]:
    """What msgspec says of one value."""
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        return [_convert_issue(document, where, error)]
    return []


def _inside(document: Document, where: Where, hint: object, value: object) -> list[Issue]:
    """What is wrong below a key: words that are not on the list, keys of the objects in it."""
    allowed = words_of(hint)
    if allowed and isinstance(value, str) and value not in allowed:
        return [
            document.issue(
                "wrong_word",
                *where,
                key=str(where[-1]),
                got=value,
                known=quoted(allowed),
                near=nearest(value, allowed),
            )
        ]
    cls = inner(hint)
    if cls is None:
        return []
    listed = get_origin(hint) is tuple
    if listed and not isinstance(value, list):
        return [_type_issue(document, where, str(where[-1]), "array", _name(value))]
    issues = []
    for place, item in enumerate(value) if listed and isinstance(value, list) else [(None, value)]:
        here = where if place is None else (*where, place)
        issues += convert(cls, document, here, item)[1]
    if listed and not value:
        issues.append(document.issue("no_choices", *where, key=str(where[-1])))
    return issues


def _convert_issue(document: Document, where: Where, error: msgspec.ValidationError) -> Issue:
    told = _wrong.search(str(error))
    if told is None:
        return document.issue("bad_value", *where, key=str(where[-1]) if where else "", problem=str(error), how="")
    steps: list[str | int] = []
    for name, place in _part.findall(told["path"] or ""):
        if name or place:
            steps.append(name or int(place))
    here = (*where, *steps)
    key = next((str(step) for step in reversed(here) if isinstance(step, str)), "")
    return _type_issue(document, here, key, told["wanted"], told["got"])


def _type_issue(document: Document, where: Where, key: str, wanted: str, got: str) -> Issue:
    options = wanted.split(" | ")
    if "str" in options and got in ("int", "float", "bool", "null"):
        how = 'écrivez un texte ; un nombre qui est un texte se met entre guillemets : "5"'
    elif "array" in options:
        how = "écrivez une liste : [a, b]"
    elif "bool" in options:
        how = "écrivez true ou false"
    elif {"int", "float"} & set(options):
        how = "écrivez seulement le nombre, comme 120"
    elif "str" in options:
        how = 'écrivez un texte ; avec « : », mettez-le entre guillemets : "Téléphone : 20 00 00 00"'
    elif where and isinstance(where[-1], int):
        how = f"écrivez le n° {where[-1] + 1} ainsi : {{key: …, label: …, go: …}}"
    else:
        how = "écrivez ce qui est dedans deux espaces plus à droite, « clé: valeur » sur chaque ligne"
    named = [_TYPES[option] for option in options if option in _TYPES and option != "null"]
    wanted = " ou ".join(dict.fromkeys(named)) or wanted
    return document.issue("wrong_type", *where, key=key, wanted=wanted, got=_TYPES.get(got, got), how=how)


def _name(value: object) -> str:
    """The name msgspec would give to a value's type."""
    kinds = {dict: "object", list: "array", type(None): "null"}
    return kinds.get(type(value), type(value).__name__)
