"""References and receipts: every slip is noticed, every way to type them is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cases import numbers
from bot.cases.numbers import ALPHABET, DIGITS, check_character

RECEIPTS = st.text(DIGITS, min_size=15, max_size=15).map(lambda body: body + check_character(body, DIGITS))
REFERENCES = st.text(ALPHABET, min_size=6, max_size=6).map(lambda body: body + check_character(body, ALPHABET))


def good(raw, alphabet):
    return check_character(raw[:-1], alphabet) == raw[-1]


def test_the_standards_own_example():
    """ISO 7064 MOD 11,10: the check digit of 0794 is 5."""
    assert check_character("0794", DIGITS) == "5"


@given(RECEIPTS)
def test_every_single_slip_in_a_receipt_is_found(receipt):
    """Any one digit changed to any other: no receipt any more."""
    assert numbers.read_receipt(receipt) == receipt
    for place in range(16):
        for digit in DIGITS:
            if digit != receipt[place]:
                assert numbers.read_receipt(receipt[:place] + digit + receipt[place + 1 :]) is None


@given(REFERENCES)
def test_every_single_slip_in_a_reference_is_found(reference):
    """Any one character changed to any other of the alphabet: the check does not hold."""
    assert good(reference, ALPHABET)
    for place in range(7):
        for letter in ALPHABET:
            if letter != reference[place]:
                assert not good(reference[:place] + letter + reference[place + 1 :], ALPHABET)


@given(RECEIPTS, st.sampled_from([" ", "-", "\u00a0", ".", "", "  "]))
def test_a_receipt_is_read_however_it_is_grouped(receipt, between):
    """Spaces, dashes, dots, words around it, Arabic digits: the same sixteen digits."""
    groups = between.join(receipt[start : start + 4] for start in range(0, 16, 4))
    assert numbers.read_receipt(groups) == receipt
    assert numbers.read_receipt(f"Mon numéro : {groups} merci") == receipt
    assert numbers.read_receipt(groups.translate(str.maketrans(DIGITS, "٠١٢٣٤٥٦٧٨٩"))) == receipt
    assert numbers.read_receipt(numbers.grouped(receipt)) == receipt


@pytest.mark.parametrize("typed", ["", "1", "7612 3456", "é", "1" * 15, "1" * 17, "²" * 16, "a" * 16])
def test_what_is_no_receipt(typed):
    """Too short, too long, no digits: none."""
    assert numbers.read_receipt(typed) is None


def test_new_numbers_are_good_and_differ():
    """A thousand of each: valid, in their spelling, hardly ever twice."""
    receipts = [numbers.new_receipt() for _ in range(1000)]
    references = [numbers.new_reference() for _ in range(1000)]
    assert all(numbers.read_receipt(one) == one for one in receipts)
    assert all(good(one.replace("-", ""), ALPHABET) and one[3] == "-" for one in references)
    assert len(set(receipts)) == 1000
    assert len(set(references)) > 990


@given(st.text(max_size=20))
def test_a_typed_reference_never_raises(typed):
    """Whatever is typed becomes a spelling that finds a case or finds none."""
    assert isinstance(numbers.read_reference(typed), str)


def test_a_reference_is_read_however_it_is_typed():
    """Small letters, blanks, a missing dash."""
    reference = numbers.new_reference()
    for typed in (reference.lower(), reference.replace("-", ""), f" {reference} ", reference.replace("-", " ")):
        assert numbers.read_reference(typed) == reference
