"""Messages cut to a channel: nothing is lost, every limit is kept, titles are unique, what fits stays as it is."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels.base import Capabilities
from bot.channels.fitting import fit, length, split
from bot.dialogue.model import Button, Message

TELEGRAM = Capabilities(text=4096, body=4096, few=100, label=64, utf16=True)
WHATSAPP = Capabilities(text=4096, body=1024, rows_body=4096, few=3, rows=10, label=20, row_label=24)
SMALL = Capabilities(text=60, body=40, rows_body=50, few=2, rows=4, label=8, row_label=10)
SMALL_16 = Capabilities(text=60, body=40, rows_body=50, few=2, rows=4, label=8, row_label=10, utf16=True)

letters = st.text(
    st.one_of(st.sampled_from("aé. \n!?🙂👩‍👩‍👧ا؟\u0301\ufe0f"), st.characters(exclude_categories=("Cs", "Cc"))),
    max_size=300,
)
labels = st.text(st.sampled_from("abcdé🙂 '"), min_size=1, max_size=40).filter(str.strip)


@st.composite
def messages(draw):
    count = draw(st.integers(0, 23))
    options = tuple(Button(f"flow/step:{n}", draw(labels)) for n in range(count))
    text = draw(letters)
    return Message(text, options, draw(st.booleans()), draw(st.sampled_from([(), ("voice",)])), "fr")


def squeezed(text):
    return re.sub(r"\s+", "", text)


@settings(max_examples=400)
@given(messages(), st.sampled_from([TELEGRAM, WHATSAPP, SMALL, SMALL_16]))
def test_limits_are_kept_and_nothing_is_lost(message, can):
    parts = fit(message, can)
    assert parts
    for part in parts:
        count = len(part.options)
        buttons = count <= can.few
        assert count <= max(can.few, can.rows)
        limit = can.text if not count else can.body if buttons else can.rows_body
        assert length(part.text, can) <= limit
        titles = [option.label for option in part.options]
        assert len(set(titles)) == count
        assert all(0 < length(title, can) <= (can.label if buttons else can.row_label) for title in titles)
        assert part.text.strip() or not count
        assert part.language == "fr"
    assert [option.tap for part in parts for option in part.options] == [option.tap for option in message.options]
    said = squeezed("".join(part.text for part in parts))
    at = said.find(squeezed(message.text))
    assert at == 0
    assert parts[-1].accepts == message.accepts
    assert all(part.accepts == () for part in parts[:-1])
    shown = [option for part in parts for option in part.options]
    for place, (option, button) in enumerate(zip(message.options, shown, strict=True), start=1):
        if button.label != option.label:
            assert button.label.startswith(f"{place}.")
            assert squeezed(f"{place}. {option.label}") in said


@settings(max_examples=200)
@given(messages(), st.sampled_from([TELEGRAM, WHATSAPP, SMALL, SMALL_16]))
def test_what_fits_stays_as_it_is(message, can):
    for part in fit(message, can):
        assert fit(part, can) == [part]


@settings(max_examples=300)
@given(letters, st.integers(5, 80), st.booleans())
def test_pieces_of_a_text(text, limit, utf16):
    can = Capabilities(utf16=utf16)
    pieces = split(text, limit, can)
    assert all(length(piece, can) <= limit for piece in pieces)
    assert squeezed("".join(pieces)) == squeezed(text)


def test_texts_part_where_a_reader_would():
    """Between paragraphs; else sentences; words are broken only when one alone is too long."""
    can = Capabilities()
    assert split("Un deux.\n\nTrois quatre cinq.", 20, can) == ["Un deux.", "Trois quatre cinq."]
    assert split("Un deux trois. Quatre cinq six.", 20, can) == ["Un deux trois.", "Quatre cinq six."]
    assert split("mot " * 6, 10, can) == ["mot mot", "mot mot", "mot mot"]
    assert split("x" * 25, 10, can) == ["x" * 10, "x" * 10, "x" * 5]


def test_an_emoji_counts_twice_where_the_channel_counts_so():
    assert length("🙂", TELEGRAM) == 2
    assert [len(piece) for piece in split("🙂" * 50, 60, SMALL_16)] == [30, 20]
    family = "👩‍👩‍👧"
    assert split("a" * 8 + family, 10, Capabilities()) == ["a" * 8, family]


@pytest.mark.parametrize("count", [3, 4, 10, 11, 25])
def test_long_lists_go_as_several_messages(count):
    """Every choice is in one of them; the second list says which places it has."""
    message = Message("Où ?", tuple(Button(f"t:{n}", f"Lieu {n}") for n in range(count)), language="fr")
    parts = fit(message, WHATSAPP)
    assert [len(part.options) for part in parts] == {3: [3], 4: [4], 10: [10], 11: [6, 5], 25: [9, 8, 8]}[count]
    assert parts[0].text == "Où ?"
    if count == 25:
        assert parts[1].text == "10–17 / 25"


def test_a_label_too_long_stands_whole_in_the_text():
    """Numbered there, and the buttons carry the same numbers."""
    message = Message("C'est :", (Button("t:a", "Un retard"), Button("t:b", "Une personne, de l'argent demandé")))
    (part,) = fit(message, WHATSAPP)
    assert part.text == "C'est :\n\n1. Un retard\n2. Une personne, de l'argent demandé"
    assert [option.label for option in part.options] == ["1. Un retard", "2. Une personne, de…"]


def test_a_text_too_long_for_its_buttons_goes_ahead():
    """Buttons stand below a short text; the rest goes before, in as few messages as can be."""
    message = Message("Mot. " * 500, (Button("t:a", "Oui"), Button("t:b", "Non")))
    parts = fit(message, WHATSAPP)
    assert len(parts) == 3
    assert all(not part.options for part in parts[:-1])
    assert len(parts[-1].options) == 2
