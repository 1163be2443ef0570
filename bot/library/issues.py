"""What is wrong with an editor's files: where, what, and how to mend it.

The sentences stand in `bot.library.sentences`, by the sort of the mistake.
"""

from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import OSA

from bot.library.sentences import SENTENCES, Severity


@dataclass(frozen=True, slots=True, order=True)
class Issue:
    """One thing that `segin check` found. `sort` names what sort of mistake it is, `key` what it is about."""

    path: str
    line: int
    message: str
    hint: str = ""
    severity: Severity = "error"
    key: str = ""
    sort: str = ""

    def __str__(self) -> str:
        """`flows/x.yaml:12: what is wrong  → how to mend it`, for a terminal."""
        mild = "(attention) " if self.severity == "warning" else ""
        return f"{self.path}:{self.line}: {mild}{self.message}" + (f"  → {self.hint}" if self.hint else "")


def found(sort: str, path: str, line: int, key: str = "", /, *, near: str = "", **values: object) -> Issue:
    """The issue of this sort, in words. `near` is what the editor may have meant (see `nearest`)."""
    severity, message, hint = SENTENCES[sort]
    hint = f"Vouliez-vous dire « {near} » ?" if near else hint.format(key=key, **values)
    return Issue(path, line, message.format(key=key, **values), hint, severity, key, sort)


def nearest(word: str, known: "set[str] | list[str] | tuple[str, ...]") -> str:
    """The known word that was probably meant; "" when none is close."""
    match = process.extractOne(
        word, sorted(known), scorer=OSA.normalized_similarity, processor=str.casefold, score_cutoff=0.6
    )
    return match[0] if match else ""


def quoted(words: "set[str] | list[str] | tuple[str, ...]") -> str:
    """A list as it stands in a sentence: « a », « b »."""
    return ", ".join(f"« {word} »" for word in words)
