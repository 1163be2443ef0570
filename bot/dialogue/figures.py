"""Numbers, dates and phone numbers as people write them. What could mean two things is None: ask again."""

import re
from datetime import date as Date  # noqa: N812, the function below has the plain name
from datetime import timedelta
from itertools import pairwise

from rapidfuzz.distance import OSA

from bot.dialogue.letters import clean, fold, word_set
from bot.dialogue.vocabulary import Vocabulary

_LONGEST = 500  # characters in which a figure is looked for

# ---------------------------------------------------------------- numbers in digits

_THOUSANDS = {"mille": 1000, "mil": 1000, "thousand": 1000, "k": 1000, "million": 10**6, "millions": 10**6}
_figure = re.compile(r"((?<![\w.,])[-−])?(\d+(?:[ .,'’]\d+)*)\s*(mille|mil|thousand|k|millions?)?\b", re.ASCII)
_grouped = re.compile(r"[1-9]\d{0,2}(?:([ .'’])\d{3})(?:\1\d{3})*(?:,\d{1,2})?")
_decimal = re.compile(r"\d+[.,]\d{1,2}|0[.,]\d+")
_half = re.compile(r"\bet demie?\b|\band a half\b")


def number(text: str) -> int | float | None:
    """The one number a text gives, in digits of any script or in words (French, English, Bambara).

    "1,5" is one and a half, "1.500" and "1 500" are thousands; "1,500" could be either, thus None.
    Two different numbers are None too.
    """
    if len(text) > _LONGEST:
        return None
    plain = _ascii_digits(text)
    found: set[int | float | None] = set()
    for sign, digits, scale in _figure.findall(_spaced(plain)):
        for value in _values(digits):
            scaled = value if value is None else value * _THOUSANDS.get(scale, 1)
            found.add(-scaled if sign and scaled is not None else scaled)
    folded = fold(text)
    if not found:
        found |= _spoken(folded.split())
    elif any(character.isalpha() for character in plain):
        found |= {value for value in _spoken(folded.split(), beside_digits=True) if value not in found}
    if len(found) != 1:
        return None
    value = found.pop()
    if value is not None and _half.search(folded):
        value += 0.5
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _ascii_digits(text: str) -> str:
    """The text in small letters with digits, spaces and separators of all scripts made plain."""
    marks = {"٫": ",", "٬": ".", "\u20e3": "", "\ufe0f": "", "🔟": "10"}
    plain = (" " if character.isspace() else marks.get(character, character) for character in clean(text))
    return "".join(fold(character) if character.isnumeric() else character for character in plain).lower()


def _spaced(plain: str) -> str:
    return re.sub(r"(?<=\d)(?=(?!mille|mil|thousand|k\b|million)[^\W\d])", " ", plain)


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


# ---------------------------------------------------------------- numbers in words

_FRENCH = {
    "zero": 0, "un": 1, "une": 1, "deux": 2, "trois": 3, "quatre": 4, "cinq": 5, "six": 6, "sept": 7,
    "huit": 8, "neuf": 9, "dix": 10, "onze": 11, "douze": 12, "treize": 13, "quatorze": 14, "quinze": 15,
    "seize": 16, "vingt": 20, "vingts": 20, "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60,
    "septante": 70,
    "huitante": 80, "octante": 80, "nonante": 90, "cent": 100, "cents": 100, "mille": 1000, "mil": 1000,
}  # fmt: skip
_ENGLISH = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40,
    "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100, "thousand": 1000,
}  # fmt: skip
_BAMBARA = {
    "kelen": 1,
    "fila": 2,
    "fula": 2,
    "saba": 3,
    "naani": 4,
    "nani": 4,
    "duuru": 5,
    "duru": 5,
    "looru": 5,
    "wooro": 6,
    "woro": 6,
    "wolonwula": 7,
    "wolonfila": 7,
    "wolonula": 7,
    "segin": 8,
    "seegin": 8,
    "kononton": 9,
    "tan": 10,
    "mugan": 20,
    "muga": 20,
}  # fmt: skip, and no hundreds: in money they count coins of five francs
_AND = {"et", "and", "ni"}

# "un", "neuf", "mille" are also words of other meaning: they count only among words like these.
_UNSURE = {"un", "une", "one", "neuf", "mille", "mil", "cent", "cents", *_BAMBARA}
_AROUND = word_set(
    "j je ai i have only seulement juste seul seule nous avons suis c est environ a the le la de d il y"
    " an ans annee annees mois jour jours semaine semaines year years old month months day days week weeks"
    " enfant enfants personne personnes fils fille filles garcon garcons bebe child children person people"
    " franc francs f cfa fcfa euro euros oui merci svp"
    " n ne si ye be san kalo tile den denw mogo mogow don"
)
_hundred, _thousand = 100, 1000


def _spoken(words: list[str], *, beside_digits: bool = False) -> set[int | float | None]:
    """The numbers told in words; beside digits, only those that can be nothing but a number."""
    for table in (_FRENCH, _ENGLISH):
        runs = _runs(words, table)
        spoken = {word for run in runs for word in run} - _AND
        sure = bool(spoken - _UNSURE)
        alone = all(word in table or word in _AND or word in _AROUND for word in words)
        if runs and (sure or (alone and not beside_digits)):
            return {_sum(run, table) for run in runs if not beside_digits or set(run) - _UNSURE - _AND}
    if beside_digits:
        return set()
    return _bambara(words)


def _runs(words: list[str], table: dict[str, int]) -> list[list[str]]:
    """The stretches of number words; "et" joins only tens to one and eleven, "and" what follows hundred."""
    runs: list[list[str]] = [[]]
    for place, word in enumerate(words):
        run, after = runs[-1], words[place + 1] if place + 1 < len(words) else ""
        last = run[-1] if run else ""
        joins = (word == "et" and last in _TENS and after in {"un", "une", "onze"}) or (
            word == "and" and last in {"hundred", "thousand"} and after in table
        )
        if word in table or joins:
            run.append(word)
        elif run:
            runs.append([])
    return [run for run in runs if run]


_TENS = {word for word, value in _FRENCH.items() if 20 <= value < 100}  # noqa: PLR2004, the tens


def _sum(run: list[str], table: dict[str, int]) -> int | None:
    """The value of one stretch, None when it is no number ("deux trois")."""
    total = current = 0
    before: str = ""
    for word in run:
        value = table.get(word, 0)
        if word in _AND:
            pass
        elif value == _thousand:
            total, current = total + max(current, 1) * _thousand, 0
        elif value == _hundred:
            if current > 9:  # noqa: PLR2004, "vingt cent" is no number
                return None
            current = max(current, 1) * _hundred
        elif before == "quatre" and word in {"vingt", "vingts"}:
            current += 76
        elif current and not _fits(current, value):
            return None
        else:
            current += value
        before = word
    return total + current


def _fits(current: int, value: int) -> bool:
    """Whether a smaller number word may follow: units after tens, teens after 60 and 80 (French)."""
    rest = current % _hundred
    if rest == 0:
        return True
    if rest in {60, 80}:
        return 0 < value < 20  # noqa: PLR2004, soixante-dix-neuf
    if rest == 10:  # noqa: PLR2004, dix-sept
        return 6 < value < 10  # noqa: PLR2004
    return rest >= 20 and rest % 10 == 0 and 0 < value < 10  # noqa: PLR2004, vingt-neuf


def _bambara(words: list[str]) -> set[int | float | None]:
    """The number of "mugan ni duuru", "bi saba ni kelen": only when the whole message is the number."""
    rest = " ".join(word for word in words if word not in _AROUND or word == "ni")
    values: list[int] = []
    for part in re.sub(r"\bbi (?=[a-z])", "bi", rest).split(" ni "):
        tens = _BAMBARA.get(part.removeprefix("bi"), _hundred) if part.startswith("bi") else _hundred
        values.append(tens * 10 if tens < 10 else _BAMBARA.get(part, 0))  # noqa: PLR2004, bi + 2 to 9
    falls = all(large % 10 == 0 and 0 < small < 10 for large, small in pairwise(values))  # noqa: PLR2004
    return {sum(values)} if all(values) and len(values) < 3 and falls else set()  # noqa: PLR2004, tens, units


# ---------------------------------------------------------------- dates

_AFTER_DIGITS = {"er", "ere", "e", "eme", "st", "nd", "rd", "th", "de", "of", "d", "du"}
_OLDEST, _LATEST = 1900, 2100
_SHIFTS = {("avant", -1): -2, ("before", -1): -2, ("apres", 1): 2, ("after", 1): 2}


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
        elif word not in _AFTER_DIGITS or not run:
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
    found: set[Date | None] = set()
    for shift, names in ((0, vocabulary.today), (-1, vocabulary.yesterday), (1, vocabulary.tomorrow)):
        for name in names:
            before, said, _ = padded.partition(f" {name} ")
            if not said:
                continue
            word = before.rsplit(" ", 1)[-1]
            days: int | None = shift
            if word in {"avant", "before", "apres", "after"}:  # "avant-hier"; "avant demain" is no day
                days = _SHIFTS.get((word, shift))
            found.add(None if days is None else today + timedelta(days=days))
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
