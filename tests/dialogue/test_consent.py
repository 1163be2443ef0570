"""The taps below "may we tell a service?": they count while they mean anything, and leave the dialogue where it is."""

import pytest

from bot.dialogue import holding
from bot.dialogue.model import MAX_TAP_BYTES, Consent, Need
from tests.dialogue.test_engine import Chat

REFERRAL, CASE = "a" * 32, "c" * 32


def asked(*sayable, **more):
    """In the midst of a complaint, with a question of staff above."""
    chat = Chat(known={Need("consent", REFERRAL): sayable, **more})
    return chat.hear("plainte", "oui")


@pytest.mark.parametrize(
    ("said", "key"),
    [("yes", "words:consent_thanks"), ("no", "words:consent_declined"), ("revoke", "words:consent_revoked")],
)
def test_an_answer_is_taken_once_and_the_dialogue_stays(said, key):
    """The host is asked to keep it; below a yes is the way to take it back."""
    chat = asked("yes", "no", "revoke")
    at = chat.at
    chat.hear(f"tap {holding.consent_tap(REFERRAL, said)}")
    assert chat.effects == [Consent(REFERRAL, said)]
    assert (chat.keys, chat.at) == ([key], at)
    assert chat.taps == ([holding.consent_tap(REFERRAL, "revoke")] if said == "yes" else [])


@pytest.mark.parametrize("said", ["yes", "no", "revoke", "", "nonsense"])
def test_what_may_not_be_said_is_an_old_tap(said):
    """Of somebody else's referral, answered before, or made up."""
    chat = asked().hear(f"tap {holding.CONSENT}{REFERRAL}:{said}")
    assert chat.effects == []
    assert chat.keys[0] == "words:already_done"


def test_a_yes_in_words_is_no_consent():
    """It may answer something else: only the button counts."""
    chat = asked("yes", "no").hear("oui")
    assert not any(isinstance(effect, Consent) for effect in chat.effects)


def test_the_question_of_a_restricted_case_comes_when_read_is_pressed():
    """In the very words that are kept, after what staff wrote."""
    known = {Need("answers", CASE): ("Un",), Need("consents", CASE): ((REFERRAL, "D'accord {name} ?"),)}
    chat = Chat(known=known).hear("plainte", "oui", f"tap {holding.read_tap(CASE)}")
    assert chat.words == ["Une personne vous répond :\nUn", "D'accord {name} ?"]
    assert chat.taps == [holding.consent_tap(REFERRAL, "yes"), holding.consent_tap(REFERRAL, "no")]
    assert chat.at == "complaint/kind"
    alone = Chat(known={Need("consents", CASE): ((REFERRAL, "Oui ?"),)}).hear("menu", f"tap {holding.read_tap(CASE)}")
    assert alone.words == ["Oui ?"]


@pytest.mark.parametrize("said", ["yes", "no", "revoke"])
def test_the_taps_fit(said):
    """Telegram takes 64 bytes."""
    assert len(holding.consent_tap(REFERRAL, said).encode()) <= MAX_TAP_BYTES
