"""Languages and their own names.

Babel knows most; Soninke and Tamasheq, and Bambara as people here write its name, are ours to add. A new
language is one line here (if Babel has no name for it), a catalogue, a safety list and its line in
content/organisation.yaml.
"""

from collections.abc import Iterable
from functools import lru_cache

from babel import Locale, UnknownLocaleError

OWN_NAMES = {
    "bm": "Bamanankan",  # Babel: "bamanakan"
    "ff": "Fulfulde",  # Babel: "Pulaar", the variety of Senegal
    "ses": "Koyraboro senni",
    "snk": "Sooninkanxanne",
    "taq": "Tamasheq",
}


@lru_cache(maxsize=64)
def own_name(code: str) -> str:
    """What speakers call their language, as it stands on a button; "" for a code nobody knows."""
    if code in OWN_NAMES:
        return OWN_NAMES[code]
    try:
        name = Locale.parse(code).language_name
    except (ValueError, UnknownLocaleError):
        return ""
    return name[:1].upper() + name[1:] if name else ""


def offered_name(code: str, kind: str) -> str:
    """The button's label; a language that nobody has read through says so."""
    return f"{own_name(code)} (essai)" if kind == "draft" else own_name(code)


@lru_cache(maxsize=64)
def french_name(code: str) -> str:
    """The language's name in a French sentence ("anglais"), for those who edit."""
    return str(Locale("fr").languages.get(code) or own_name(code) or code)


def names_of(code: str, others: Iterable[str]) -> tuple[str, ...]:
    """All the names a person may use for a language: its own, and what it is called in the others."""
    names = [own_name(code), _name_in(code, code)]
    names += [_name_in(code, other) for other in others]
    return tuple(dict.fromkeys(name for name in names if name))


@lru_cache(maxsize=1024)
def _name_in(code: str, other: str) -> str:
    try:
        return str(Locale.parse(other).languages.get(code, ""))
    except (ValueError, UnknownLocaleError):
        return ""
