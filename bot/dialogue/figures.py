"""Numbers, dates and phone numbers as people write them. What could mean two things is None: ask again."""

import math
import re
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812, the function below has the plain name
from datetime import timedelta

from rapidfuzz.distance import OSA

from bot.dialogue.letters import clean, fold
from bot.dialogue.vocabulary import Numbers, Vocabulary

_LONGEST = 500  # characters in which a figure is looked for
_HUNDRED, _THOUSAND = 100, 1000

# ---------------------------------------------------------------- numbers in digits

_figure = re.compile(r"((?<![a-z0-9_.,])[-−])?([0-9]+(?:[ .,'’][0-9]+)*)\s*([^\s\d.,;:!?()\-−–—]*)")  # digits, a word
_grouped = re.compile(r"[1-9]\d{0,2}(?:([ .'’])\d{3})(?:\1\d{3})*(?:,\d{1,2})?")
_decimal = re.compile(r"\d+[.,]\d{1,2}|0[.,]\d+")


def number(text: str, vocabulary: Vocabulary) -> int | float | None:
    """The one number a text gives, in digits of any script or in the words of the languages we know.

    "1,5" is one and a half, "1.500" and "1 500" are thousands; "1,500" could be either, thus None.
    Two different numbers are None too.
    """
    if len(text) > _LONGEST:
        return None
    plain = re.sub(r"(?<=\d)(?=[^\W\d])", " ", _ascii_digits(text))
    found: set[int | float | None] = set()
    unread = plain
    for figure in _figure.finditer(plain):
        sign, digits, behind = figure.groups()
        word, _, more = fold(behind).partition(" ")
        scale = _scale(word, vocabulary)
        if scale != 1:
            unread = unread.replace(figure[0], f"{digits} {more}")  # "15 mille" tells no 1000 besides
        for value in _values(digits):
            scaled = None if value is None or scale is None else value * scale
            found.add(-scaled if sign and scaled is not None else scaled)
    words, half = _without_half(fold(unread), vocabulary)
    if not found:
        found |= _spoken(words, vocabulary)
    elif any(character.isalpha() for character in plain):
        found |= {value for value in _spoken(words, vocabulary, beside_digits=True) if value not in found}
    if len(found) != 1:
        return None
    value = found.pop()
    if value is not None and half:
        value = value + 0.5 if abs(value) < _THOUSAND else None  # "un million et demi" is more than a half
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _ascii_digits(text: str) -> str:
    """The text in small letters with digits, spaces and separators of all scripts made plain."""
    marks = {"٫": ",", "٬": ".", "\u20e3": "", "\ufe0f": "", "🔟": "10"}
    plain = (" " if character.isspace() else marks.get(character, character) for character in clean(text))
    return "".join(fold(character) if character.isnumeric() else character for character in plain).lower()


def _scale(word: str, vocabulary: Vocabulary) -> int | None:
    """What the word behind digits multiplies them by: 1 for most words, None when languages differ on it."""
    if word == "k":  # the sign for a thousand, in every language
        return _THOUSAND
    values = {told.values[word] for told in vocabulary.numbers if told.values.get(word, 0) >= _THOUSAND}
    return (values.pop() if len(values) == 1 else None) if values else 1


def _values(digits: str) -> list[int | float | None]:
    """What a run of digits and separators says: one number, or several, None for what says nothing sure."""
    if _grouped.fullmatch(digits):
        plain = re.sub(r"[ .'’]", "", digits)
        return [float(plain.replace(",", ".")) if "," in plain else int(plain)]
    if _decimal.fullmatch(digits):
        return [float(digits.replace(",", "."))]
    parts = re.split(r"[ .,'’]", digits)
    if len(parts) == 1:
        return [int(digits) if len(digits) <= 15 else None]  # noqa: PLR2004, sums and ids are shorter
    if " " in digits and all(separator == " " for separator in re.findall(r"\D", digits)):
        return [value for part in parts for value in _values(part)]
    return [None]


def _without_half(folded: str, vocabulary: Vocabulary) -> tuple[list[str], bool]:
    """The words but for "et demi", and whether that was said."""
    rest = f" {folded} "
    for phrase in vocabulary.half:
        rest = rest.replace(f" {phrase} ", " ")
    return rest.split(), rest != f" {folded} "


# ---------------------------------------------------------------- numbers in words


@dataclass(frozen=True, slots=True)
class _Part:
    """A number word or phrase within a number, and whether a word like "ni" ties it to the one before."""

    phrase: str
    value: int
    tied: bool


def _spoken(words: list[str], vocabulary: Vocabulary, *, beside_digits: bool = False) -> set[int | None]:
    """The numbers told in words; beside digits, only those that can be nothing but a number.

    The language that knows most of the words is listened to: "soixante six" is no English "six". A number of
    another language beside it: None.
    """
    known = -1
    best: set[int | None] = set()
    left: set[str] = set()  # words that the best language does not know
    numbers: set[str] = set()  # words that are surely of numbers, in any language
    for told in vocabulary.numbers:
        runs, others = _runs(words, told, vocabulary)
        sure = [run for run in runs if any(part.phrase not in told.unsure for part in run)]
        alone = not beside_digits and vocabulary.around_number.issuperset(others)
        if not (sure or (runs and alone)):
            continue
        values = {_sum(run) for run in (sure if beside_digits else runs)}
        numbers.update(word for run in sure for part in run for word in part.phrase.split())
        if len(words) - len(others) > known:
            known, best, left = len(words) - len(others), values, set(others)
        elif len(words) - len(others) == known:
            best = values | best
    return {None} if numbers & left else best


def _runs(words: list[str], told: Numbers, vocabulary: Vocabulary) -> tuple[list[list[_Part]], list[str]]:
    """The stretches of number words of one language, and the words that are none."""
    runs: list[list[_Part]] = []
    others: list[str] = []
    place, end = 0, -1  # of the stretch before
    while place < len(words):
        tied = place == end and words[place] in vocabulary.within_number
        part = _part(words, place + tied, told, tied=tied)
        if part is None or (tied and not _fits(runs[-1][-1].value, part)):
            others.append(words[place])
            place += 1
            continue
        if place == end:
            runs[-1].append(part)
        else:
            runs.append([part])
        place = end = place + tied + part.phrase.count(" ") + 1
    return runs, others


def _part(words: list[str], place: int, told: Numbers, *, tied: bool) -> _Part | None:
    """The longest number phrase that begins here."""
    longest = told.longest.get(words[place], 0) if place < len(words) else 0
    for length in range(min(longest, len(words) - place), 0, -1):
        phrase = " ".join(words[place : place + length])
        if phrase in told.values:
            return _Part(phrase, told.values[phrase], tied)
    return None


def _sum(run: list[_Part]) -> int | None:
    """The value of one stretch, None when it is no number ("deux trois").

    A hundred multiplies a unit before it, a thousand or a million all that is smaller; the rest adds up.
    """
    total = current = 0
    least: float = math.inf  # of the thousands and millions so far
    for part in run:
        if part.value >= _THOUSAND:
            if part.value >= least or (current and str(part.value).strip("0") != "1"):
                return None
            total, current, least = total + max(current, 1) * part.value, 0, part.value
        elif part.value == _HUNDRED:
            if current > 9:  # noqa: PLR2004, "vingt cent" is no number
                return None
            current = max(current, 1) * _HUNDRED
        elif current and not _fits(current, part):
            return None
        else:
            current += part.value
    return total + current


def _fits(before: int, part: _Part) -> bool:
    """Whether a smaller part may follow: below hundred after hundreds, units after tens; ten itself needs a tie."""
    if not before:
        return False
    for round_value in (_THOUSAND, _HUNDRED):
        if before % round_value == 0:
            return 0 < part.value < round_value
    return before % 10 == 0 and 0 < part.value < 10 and (part.tied or before % _HUNDRED > 10)  # noqa: PLR2004


# ---------------------------------------------------------------- dates

_OLDEST, _LATEST = 1900, 2100


def date(text: str, today: Date, vocabulary: Vocabulary) -> Date | None:
    """The one date a text gives, day before month; "mars 2026" is its first day.

    A day without a year, an impossible day, two different dates: None.
    """
    if len(text) > _LONGEST:
        return None
    folded = fold(text)
    found = _written_dates(re.findall(r"\d+|[^\W\d]+", folded), today, vocabulary)
    found |= _relative_dates(f" {folded} ", today, vocabulary)
    return found.pop() if len(found) == 1 else None


def _written_dates(words: list[str], today: Date, vocabulary: Vocabulary) -> set[Date | None]:
    """Runs of day, month and year, a month as a number or by name."""
    firsts = vocabulary.ordinals[0] if vocabulary.ordinals else ()
    between = vocabulary.after_digits | vocabulary.within_date
    found: set[Date | None] = set()
    run: list[str] = []
    for word in [*words, ""]:
        month = "" if word.isascii() and word.isdigit() else _month(word, vocabulary)
        if word.isascii() and word.isdigit():
            run.append(word)
        elif month:
            run.append(month)
        elif word in firsts and not run:
            run.append("1")
        elif word not in between or not run:
            if len(run) > 1:
                found.add(_date_of(run, today))
            run = []
    return found


def _month(word: str, vocabulary: Vocabulary) -> str:
    """The month a word names, "m3" for "mars", long ones with a typo too; "" for other words."""
    for place, names in enumerate(vocabulary.months, start=1):
        for name in names:
            long = len(name) > 4 and len(word) > 4  # noqa: PLR2004, "mai" and "mais" are two words
            if word == name or (long and OSA.distance(word, name, score_cutoff=1) <= 1):
                return f"m{place}"
    return ""


def _date_of(run: list[str], today: Date) -> Date | None:
    named = [place for place, part in enumerate(run) if part[0] == "m"]
    parts = [part.removeprefix("m") for part in run]
    match parts, named:
        case ([month, year], [0]) | ([month, year], []) if len(year) == 4:  # noqa: PLR2004, mars 2026
            day = "1"
        case [month, day, year], [0]:  # March 12, 2026
            pass
        case ([year, month, day], [1] | []) if len(year) == 4:  # noqa: PLR2004, 2026-03-12
            pass
        case [day, month, year], [1] | []:
            pass
        case _:
            return None
    if max(len(day), len(month)) > 2 or len(year) not in {2, 4}:  # noqa: PLR2004, 12, 26 or 2026
        return None
    full = int(year)
    if len(year) == 2:  # noqa: PLR2004, "85" is not yet to come
        full += today.year // 100 * 100
        full -= 100 if full > today.year + 10 else 0
    try:
        return Date(full, int(month), int(day)) if _OLDEST <= full <= _LATEST else None
    except ValueError:
        return None


def _relative_dates(padded: str, today: Date, vocabulary: Vocabulary) -> set[Date | None]:
    """The days told as seen from today; "avant demain" is no day, thus None."""
    days = (
        (-2, vocabulary.before_yesterday),  # longer words first: "avant-hier" holds "hier"
        (2, vocabulary.after_tomorrow),
        (0, vocabulary.today),
        (-1, vocabulary.yesterday),
        (1, vocabulary.tomorrow),
    )
    found: set[Date | None] = set()
    for shift, names in days:
        for name in names:
            while f" {name} " in padded:
                before, _, after = padded.partition(f" {name} ")
                unsure = before.rsplit(" ", 1)[-1] in vocabulary.not_that_day
                found.add(None if unsure else today + timedelta(days=shift))
                padded = f"{before} | {after}"
    return found


# ---------------------------------------------------------------- phone numbers

_run = re.compile(r"(?:\+[ .]*)?\(?\+?\d[\d .()\-‑–/]*", re.ASCII)
_fewest, _most = 8, 15  # digits; Malian numbers have 8, E.164 allows 15


def phone(text: str) -> str | None:
    """The one phone number a text gives: its digits, behind a "+" when the country was said ("00" counts)."""
    if len(text) > _LONGEST:
        return None
    found = set()
    for run in _run.findall(_ascii_digits(text)):
        for one in run.split("/"):
            digits = re.sub(r"\D", "", one)
            abroad = "+" in one or digits.startswith("00")
            digits = digits.removeprefix("00") if abroad else digits
            if _fewest <= len(digits) <= _most:
                found.add(f"+{digits}" if abroad else digits)
    return found.pop() if len(found) == 1 else None
