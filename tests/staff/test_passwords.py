"""Passwords are long and not guessed easily; every kind of writing is welcome."""

import pytest

from bot.cases.desk import NotPossible
from bot.staff import passwords

NAME = "Fatoumata Traoré"


@pytest.mark.parametrize(
    "password",
    [
        "girafe lente mange une orange",
        "correct cheval pile agrafe",
        "k9 vW2-pq8_Zx4 rT6",
        "n ka so bɛ ba kɔ fɛ dɔɔnin",
        "ماء بارد في الصباح الباكر",
        "trois Fatoumata boivent du thé vert",
        "xkwmqpzvbtrnhjd",
        "🐢🦒🐘 tortue girafe éléphant",
    ],
)
def test_good_ones(password):
    passwords.check(password, NAME, "Maison des Maliens")


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short one",
        "fourteen chars"[:14],
        "x" * 501,
        "aaaaaaaaaaaaaaaa",
        "abababababababab",
        "abcabcabcabcabcabc",
        "abcdefghijklmnop",
        "123456789012345678",
        "azertyuiopqsdfghjklm",
        "motdepassemotdepasse",
        "Mot de passe 12345678",
        "passwordpassword",
        "P@ssw0rdP@ssw0rd",
        "segin segin segin",
        "Fatoumata Traore 1",
        "fatoumata.traoré!!",
        "Maison des Maliens 2026"[:18],
        "                       ",
        "Bienvenue Bamako 123",
        "correct horse battery staple",
    ],
)
def test_poor_ones(password):
    with pytest.raises(NotPossible):
        passwords.check(password, NAME, "Maison des Maliens")


async def test_a_password_is_the_same_from_every_keyboard(monkeypatch):
    """é is one character or two; nobody sees which."""
    monkeypatch.setattr(passwords, "HASHER", passwords.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    stored = await passwords.hashed("un \u00e9l\u00e9phant très lent")
    assert stored.startswith("$argon2id$")
    assert await passwords.matches(stored, "un e\u0301le\u0301phant très lent")
    assert not await passwords.matches(stored, "un elephant très lent")
    assert not await passwords.matches(stored, "")
    assert not await passwords.matches("no hash at all", "un éléphant très lent")


async def test_where_there_is_no_account_the_same_work_is_done(monkeypatch):
    """One verification with the same parameters, whatever is stored."""
    verified = []

    class Noting(passwords.PasswordHasher):
        def verify(self, stored, password):
            verified.append(stored.rsplit("$", 2)[0])
            return super().verify(stored, password)

    monkeypatch.setattr(passwords, "HASHER", Noting(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobodys.cache_clear()
    stored = await passwords.hashed("girafe lente mange une orange")
    assert not await passwords.matches(None, "girafe lente mange une orange")
    assert not await passwords.matches(stored, "wrong")
    assert len(verified) == 2
    assert len(set(verified)) == 1
    passwords._nobodys.cache_clear()
