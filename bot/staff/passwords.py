"""Passwords: long, not one of the common ones, without rules of composition; kept as Argon2id.

Hashing takes 64 MiB and some hundredths of a second: two threads of their own do it, never the event loop and never
a writer. Whoever floods the page to sign in waits for these two; conversations do not.
"""

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bot.cases.desk import NotPossible

SHORTEST = 15  # characters
LONGEST = 500  # more would only be work for us
HASHER = PasswordHasher()  # Argon2id, 64 MiB, three passes: RFC 9106's second choice

_COMMON = frozenset(
    """
    correct horse battery staple|ceci est un mot de passe|je suis un mot de passe|mon mot de passe|motdepasse|
    password|passw0rd|p4ssword|p@ssword|letmein|iloveyou|jetaime|bienvenue|welcome|administrateur|administrator|
    qwertyuiop|azertyuiop|qsdfghjklm|asdfghjkl|wxcvbn|zxcvbnm|1q2w3e4r5t6y|1qaz2wsx3edc|motdepassemotdepasse|
    superman|football|soleil|doudou|princesse|chouchou|loulou|marseille|bamako|mali|un peuple un but une foi|
    unpeupleunbutunefoi|retour|console|changeme|changezmoi|trustno1|dragon|monkey|sunshine|secret|confidentiel
    """.replace("\n", " ").split("|")
)
_ROWS = ("azertyuiopqsdfghjklmwxcvbn", "qwertyuiopasdfghjklzxcvbnm", "abcdefghijklmnopqrstuvwxyz", "01234567890")
_LOOKS_LIKE = str.maketrans("@40318$5", "aaoeibss")

_threads = ThreadPoolExecutor(2, thread_name_prefix="argon2")


def check(password: str, name: str, organisation: str = "") -> None:
    """Raises `NotPossible`, in words for who chose it, when the password is too short or easy to guess."""
    if len(password) < SHORTEST:
        raise NotPossible("Le mot de passe doit avoir au moins 15 caractères. Une phrase de plusieurs mots convient.")
    if len(password) > LONGEST:
        raise NotPossible("Le mot de passe ne peut pas dépasser 500 caractères.")
    if is_guessed_easily(password, name, organisation):
        raise NotPossible("Ce mot de passe se devine trop facilement. Prenez plusieurs mots qui ne vont pas ensemble.")


def is_guessed_easily(password: str, name: str, organisation: str = "") -> bool:
    """Whether little is left of it once common words, the person's and our own names, repeats and rows of keys go."""
    known = {_folded(word) for word in _COMMON} | {"segin"}
    for given in (name, organisation):
        known |= {part for part in _folded(given, keep=" ").split() if len(part) > 2}  # noqa: PLR2004 - "de", "la"
        known.add(_folded(given))
    left = _folded(password)
    for word in sorted(known - {""}, key=len, reverse=True):
        left = left.replace(word, "\0")
        left = left.replace(word.translate(_LOOKS_LIKE), "\0") if not word.isdigit() else left
    left = _without_rows(left).replace("\0", "")
    return len(left) < SHORTEST // 2 or len(set(_folded(password))) < 5 or _repeats(_folded(password))  # noqa: PLR2004


async def hashed(password: str) -> str:
    """As it is stored."""
    return await asyncio.get_running_loop().run_in_executor(_threads, HASHER.hash, _same(password))


async def matches(stored: str | None, password: str) -> bool:
    """Whether it is the password. With none stored the answer is no, and takes as long."""
    given = _same(password[: LONGEST + 1])
    return await asyncio.get_running_loop().run_in_executor(_threads, _verify, stored, given)


def _verify(stored: str | None, password: str) -> bool:
    try:
        HASHER.verify(stored or _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


@cache
def _nobodys() -> str:
    return HASHER.hash("nobody's password, checked where there is no account")


def _same(password: str) -> str:
    """The same password from every keyboard: é is one character or two."""
    return unicodedata.normalize("NFKC", password)


def _folded(text: str, keep: str = "") -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one if one.isalnum() else one if one in keep else "" for one in plain)


def _without_rows(text: str) -> str:
    """Without runs of neighbours (on the keyboard, in the alphabet, the same again) of four and more."""
    kept: list[str] = []
    run = ""
    for one in text + "\0":
        if run and _goes_on(run, one):
            run += one
            continue
        kept.append(run[:1] if len(run) >= 4 else run)  # noqa: PLR2004
        run = one
    return "".join(kept)


def _goes_on(run: str, one: str) -> bool:
    if one == run[-1]:
        return len(set(run)) == 1
    pair = run[-2:] + one
    return any(pair in row or pair in row[::-1] for row in _ROWS)


def _repeats(text: str) -> bool:
    """Whether it is a short piece over and over: its beginning makes all the rest."""
    return any(text == (text[:size] * (len(text) // size + 1))[: len(text)] for size in range(1, len(text) // 2 + 1))
