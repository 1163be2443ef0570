"""What did they mean? Real ways of typing an answer, and what must never be guessed."""

import datetime as dt
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import process
from ruamel.yaml import YAML

from bot.dialogue import matching
from bot.dialogue.matching import Candidate, Vocabulary, choose, choose_many

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "content/keywords").glob("*.yaml"))
WORDS = Vocabulary.merge([YAML(typ="safe", pure=True).load(file) for file in FILES])
TODAY = dt.date(2026, 3, 15)

COMPLAINT = (
    Candidate("delay", ("Un retard, un service", "A delay, a service")),
    Candidate("conduct", ("Une personne, de l'argent demandé", "A person, money asked for")),
    Candidate("grave", ("Autre chose de grave", "Something else that is serious")),
)
YES_NO = (Candidate("yes", ("Oui", "Yes")), Candidate("no", ("Non", "No")))
DANGER = (*YES_NO, Candidate("silent", ("Je ne peux pas parler", "I cannot talk")))
WHERE = (
    Candidate("abroad", ("Encore à l'étranger", "Still abroad")),
    Candidate("arrived", ("Je viens d'arriver", "I have just arrived")),
    Candidate("home", ("À la maison", "At home")),
    Candidate("other", ("J'aide quelqu'un d'autre", "I am helping someone else")),
)
SINCE = (
    Candidate("months3", ("Moins de 3 mois",)),
    Candidate("months6", ("6 mois",)),
    Candidate("year", ("Un an ou plus",)),
)
SERVICES = (
    Candidate("health", ("Santé et soins", "Health and care")),
    Candidate("housing", ("Logement", "Housing")),
    Candidate("work", ("Travail, formation", "Work, training")),
    Candidate("school", ("École des enfants", "School for children")),
    Candidate("farm", ("Ɲɔ ni malo sɛnɛ", "Agriculture")),
)
BAMBARA = (Candidate("a", ("Ɲɛtaa",)), Candidate("b", ("Ŋaniya",)), Candidate("c", ("Wɔɔrɔ",)))


IDENTITY = (
    Candidate("yes", ("Oui, avec mon nom", "Yes, with my name")),
    Candidate("no", ("Non, sans nom", "No, without a name")),
)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("avec mon nom", ("yes",)),
        ("mon nom", ("yes",)),
        ("sans nom", ("no",)),
        ("with my name", ("yes",)),
        ("nom", ("yes", "no")),
    ],
)
def test_a_part_of_one_label_word_for_word_is_that_label(text, keys):
    """Though its only telling word stands in both."""
    assert choose(text, IDENTITY, WORDS) == keys


# ---------------------------------------------------------------- letters


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("  Été  ÇA\u00a0va ?", "ete ca va"),
        ("Ɲɛ ŋɔmi bɛ", "nye ngomi be"),
        ("bε", "be"),  # Greek epsilon, as fonts without ɛ have it
        ("Œuvre d'Ève", "oeuvre d eve"),
        ("٢٤ ۲۴ ߂߄", "24 24 24"),
        ("1️⃣ 2️⃣4️⃣ 🔟 ③", "1 24 10 3"),
        ("m\u200boi\u202e\x00 so\xadi", "moi soi"),
        ("e\u0301te\u0301", "ete"),
        ("peut-être l’aide", "peut etre l aide"),
        ("👍🏽", "👍"),
        ("oui 👍", "oui"),
        ("…", ""),
    ],
)
def test_fold_makes_spellings_comparable(text, folded):
    assert matching.fold(text) == folded


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\x00b\x07", "ab"),
        ("\u202eabc\u202c\u2066x\u2069", "abcx"),
        ("e\u0301\r\nmɔgɔ ŋ", "é\nmɔgɔ ŋ"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),  # a family stays one emoji
        ("sui\u200dcide\u200b", "suicide"),
        ("\ud800x", "x"),  # half a surrogate pair cannot be stored
        ("مرحبا ٢٤", "مرحبا ٢٤"),
    ],
)
def test_clean_keeps_what_people_wrote(text, kept):
    assert matching.clean(text) == kept


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=200))
def test_fold_and_clean_are_idempotent_on_any_text(text):
    assert matching.fold(matching.fold(text)) == matching.fold(text)
    assert matching.clean(matching.clean(text)) == matching.clean(text)
    matching.clean(text).encode()


def test_fold_is_idempotent_on_every_assigned_letter():
    letters = (chr(code) for code in range(0x30000) if unicodedata.category(chr(code)) not in {"Cn", "Co"})
    assert [letter for letter in letters if matching.fold(matching.fold(letter)) != matching.fold(letter)] == []


@given(st.text(), st.text())
def test_folding_goes_letter_by_letter(one, two):
    joined = matching.fold(f"{one} {two}")
    assert (
        joined == f"{matching.fold(one)} {matching.fold(two)}".strip()
        or "👍" in json.dumps(one + two)
        or (set(one + two) & set("👍👎👌✅✔❌✖"))
    )


# ---------------------------------------------------------------- one of a list


@pytest.mark.parametrize(
    ("text", "candidates", "keys"),
    [
        # the label, the key, the place
        ("Un retard, un service", COMPLAINT, "delay"),
        ("un retard un service", COMPLAINT, "delay"),
        ("A PERSON, MONEY ASKED FOR", COMPLAINT, "conduct"),
        ("conduct", COMPLAINT, "conduct"),
        ("1", COMPLAINT, "delay"),
        ("1.", COMPLAINT, "delay"),
        ("(1)", COMPLAINT, "delay"),
        ("n°1", COMPLAINT, "delay"),
        ("N° 1 svp", COMPLAINT, "delay"),
        ("no 2", COMPLAINT, "conduct"),
        ("le 1", COMPLAINT, "delay"),
        ("numéro 2", COMPLAINT, "conduct"),
        ("je choisis le 2", COMPLAINT, "conduct"),
        ("option 3 please", COMPLAINT, "grave"),
        ("١", COMPLAINT, "delay"),
        ("1️⃣", COMPLAINT, "delay"),
        ("3️⃣", COMPLAINT, "grave"),
        ("03", COMPLAINT, "grave"),
        ("le premier", COMPLAINT, "delay"),
        ("la deuxième", COMPLAINT, "conduct"),
        ("le second", COMPLAINT, "conduct"),
        ("2ème", COMPLAINT, "conduct"),
        ("la 1ère", COMPLAINT, "delay"),
        ("1er choix", COMPLAINT, "delay"),
        ("3rd", COMPLAINT, "grave"),
        ("the third", COMPLAINT, "grave"),
        ("le dernier", COMPLAINT, "grave"),
        ("last", COMPLAINT, "grave"),
        ("fɔlɔ", COMPLAINT, "delay"),
        ("filanan", COMPLAINT, "conduct"),
        ("deux", COMPLAINT, "conduct"),
        ("two", COMPLAINT, "conduct"),
        ("saba", COMPLAINT, "grave"),
        # beyond the list, or not a place
        ("4", COMPLAINT, ""),
        ("0", COMPLAINT, ""),
        ("99999999999", COMPLAINT, ""),
        ("le dixième", COMPLAINT, ""),
        ("1 ou 9", COMPLAINT, ""),
        # two at once: never guessed
        ("1 ou 2", COMPLAINT, "delay conduct"),
        ("1 et 3", COMPLAINT, "delay grave"),
        ("1,5", WHERE, ""),
        ("un retard ou une personne", COMPLAINT, "delay conduct"),
        ("un", SINCE, "months3 year"),
        ("2 retard", COMPLAINT, "delay conduct"),
        ("1. un retard", COMPLAINT, "delay"),
        ("c'est le 2eme", COMPLAINT, "conduct"),
        ("6", SINCE, "months6"),
        ("Un retard et quelque chose de grave", COMPLAINT, "delay grave"),
        # a part of the label
        ("retard", COMPLAINT, "delay"),
        ("le retard svp", COMPLAINT, "delay"),
        ("argent", COMPLAINT, "conduct"),
        ("l'argent", COMPLAINT, "conduct"),
        ("on me demande de l'argent", COMPLAINT, "conduct"),
        ("c'est à cause d'un retard", COMPLAINT, "delay"),
        ("it is about a delay", COMPLAINT, "delay"),
        ("grave", COMPLAINT, "grave"),
        ("autre", COMPLAINT, "grave"),
        ("autr", COMPLAINT, "grave"),
        ("maison", WHERE, "home"),
        ("je suis à la maison", WHERE, "home"),
        ("a la mezon maison", WHERE, "home"),
        ("etranger", WHERE, "abroad"),
        ("je suis encore a letranger", WHERE, "abroad"),
        ("arrive", WHERE, "arrived"),
        ("quelqu'un", WHERE, "other"),
        ("6 mois", SINCE, "months6"),
        ("3 mois", SINCE, "months3"),
        ("mois", SINCE, "months3 months6"),
        # a "not" that no label holds
        ("pas de retard", COMPLAINT, ""),
        ("pa de retard", COMPLAINT, ""),
        ("aucun des deux", COMPLAINT, ""),
        ("ce n'est pas un retard", COMPLAINT, ""),
        ("not a delay", COMPLAINT, ""),
        # typing mistakes
        ("rettard", COMPLAINT, "delay"),
        ("retrad", COMPLAINT, "delay"),
        ("un retart", COMPLAINT, "delay"),
        ("persone", COMPLAINT, "conduct"),
        ("une pérsonne", COMPLAINT, "conduct"),
        ("logemant", SERVICES, "housing"),
        ("sante", SERVICES, "health"),
        ("santer", SERVICES, "health"),
        ("ecole", SERVICES, "school"),
        ("travaille", SERVICES, "work"),
        ("étrangé", WHERE, "abroad"),
        # Bambara letters
        ("ɲɛtaa", BAMBARA, "a"),
        ("nyetaa", BAMBARA, "a"),
        ("netaa", BAMBARA, "a"),
        ("ngaɲiya", BAMBARA, "b"),
        ("naniya", BAMBARA, "b"),
        ("ŋaniya", BAMBARA, "b"),
        ("wooro", BAMBARA, "c"),
        # yes and no
        ("oui", YES_NO, "yes"),
        ("OUIII", YES_NO, "yes"),
        ("ouais", YES_NO, "yes"),
        ("wi", YES_NO, "yes"),
        ("oui oui", YES_NO, "yes"),
        ("oui merci", YES_NO, "yes"),
        ("oui svp", YES_NO, "yes"),
        ("d'accord", YES_NO, "yes"),
        ("dacc", YES_NO, "yes"),
        ("ok", YES_NO, "yes"),
        ("yes please", YES_NO, "yes"),
        ("awɔ", YES_NO, "yes"),
        ("owo", YES_NO, "yes"),
        ("👍🏿", YES_NO, "yes"),
        ("✅", YES_NO, "yes"),
        ("non", YES_NO, "no"),
        ("NON !!!", YES_NO, "no"),
        ("nn", YES_NO, "no"),
        ("non merci", YES_NO, "no"),
        ("nope", YES_NO, "no"),
        ("ayi", YES_NO, "no"),
        ("pas du tout", YES_NO, "no"),
        ("je ne suis pas d'accord", YES_NO, "no"),
        ("👎", YES_NO, "no"),
        ("oui et non", YES_NO, "yes no"),
        ("oui ou non ?", YES_NO, "yes no"),
        ("oui je suis en danger", DANGER, "yes"),
        ("non je vais bien", DANGER, "no"),
        ("je peux pas parler", DANGER, "silent"),
        ("peut pas parler", DANGER, "silent"),
        ("oui mais je ne peux pas parler", DANGER, "yes silent"),
        ("oui", COMPLAINT, ""),
        # nothing
        ("", COMPLAINT, ""),
        ("   ", COMPLAINT, ""),
        ("...", COMPLAINT, ""),
        ("bonjour", COMPLAINT, ""),
        ("xyz", COMPLAINT, ""),
        ("je", COMPLAINT, ""),
        ("svp", COMPLAINT, ""),
        ("كيف حالك", COMPLAINT, ""),
        ("retard " * 40, COMPLAINT, ""),  # a story, not a choice
    ],
)
def test_choose(text, candidates, keys):
    assert choose(text, candidates, WORDS) == tuple(keys.split())


def test_the_label_is_trusted_before_the_place():
    counts = [Candidate(f"c{n}", (str(n),)) for n in (2, 3, 1)]
    assert choose("1", counts, WORDS) == ("c1",)


def test_two_choices_of_one_label_are_both_given():
    twins = (Candidate("bread", ("Pain",)), Candidate("ache", ("Douleur", "Pain")))
    assert choose("pain", twins, WORDS) == ("bread", "ache")


def test_close_typing_mistakes_are_both_given():
    twins = (Candidate("kayes", ("Kayes nord",)), Candidate("kaye", ("Kayen nord",)))
    assert choose("kayex nord", twins, WORDS) == ("kayes", "kaye")


_labels = st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=12, unique_by=matching.fold).map(
    lambda labels: [label for label in labels if matching.fold(label)]
)


@given(_labels, st.data())
def test_the_exact_label_always_gives_exactly_its_key(labels, data):
    plain = {name for label in labels for name in matching.spellings(label)}
    candidates = [Candidate(f"key_{place}", (label,)) for place, label in enumerate(labels)]
    if not candidates or len(plain) != sum(len(matching.spellings(label)) for label in labels):
        return
    place = data.draw(st.integers(0, len(labels) - 1))
    assert choose(labels[place], candidates, WORDS) == (f"key_{place}",)


@given(st.text(max_size=300))
def test_nothing_ever_raises(text):
    for candidates in (COMPLAINT, DANGER, SERVICES, ()):
        keys = {one.key for one in candidates}
        assert set(choose(text, candidates, WORDS)) <= keys
        assert set(choose_many(text, candidates, WORDS)[0]) <= keys
    assert matching.number(text, WORDS) is None or isinstance(matching.number(text, WORDS), int | float)
    assert matching.date(text, TODAY, WORDS) is None or isinstance(matching.date(text, TODAY, WORDS), dt.date)
    assert matching.phone(text) is None or matching.phone(text).lstrip("+").isdigit()
    matching.keyword(text, {"aide": "help", "plainte": "complaint"}, WORDS)


@given(st.lists(st.sampled_from([*"0123456789 ,.-+/", "deux", "cent", " et ", "mars", " hier ", "ni", "bi "])))
def test_figures_never_raise(parts):
    text = "".join(parts)
    matching.number(text, WORDS)
    matching.date(text, TODAY, WORDS)
    matching.phone(text)


@pytest.mark.parametrize("piece", ["1, ", "retard ", "a", "1️⃣", "oui et ", "é\u0301", "1 500 ", "et ", "٢", "\n"])
def test_ten_thousand_characters_are_little_work(piece, monkeypatch):
    """The dear comparison is never made for a story: work does not grow with it."""
    calls = []
    extract = process.extract
    monkeypatch.setattr(process, "extract", lambda *a, **k: calls.append(1) or extract(*a, **k))
    many = [Candidate(f"k{n}", (f"Choix numéro {n} de la liste", f"Choice {n}")) for n in range(30)]
    text = (piece * 10_000)[:10_000]
    assert choose(text, many, WORDS) == ()
    assert choose_many(text, many, WORDS) == ((), (matching.clean(text).strip(),))
    assert matching.number(text, WORDS) is None
    assert matching.date(text, TODAY, WORDS) is None
    assert matching.phone(text) is None
    assert matching.keyword(text, {"aide": "help"}, WORDS) is None
    assert len(calls) < 100


def test_a_label_is_folded_once(monkeypatch):
    Candidate("k", ("Une étiquette jamais vue",))
    monkeypatch.setattr(matching, "spellings", lambda _: pytest.fail("folded again"))
    assert Candidate("other", ("Une étiquette jamais vue",)).names == ("une etiquette jamais vue",)


# ---------------------------------------------------------------- several of a list


@pytest.mark.parametrize(
    ("text", "picked", "unclear"),
    [
        ("1, 3", "health work", []),
        ("1,3", "health work", []),
        ("3 1", "health work", []),
        ("1 et 3", "health work", []),
        ("1et3", "health work", []),
        ("1 ni 3", "health work", []),
        ("1 + 3", "health work", []),
        ("1;3", "health work", []),
        ("1\n3", "health work", []),
        ("1. 3.", "health work", []),
        ("1️⃣ 3️⃣", "health work", []),
        ("١، ٣", "health work", []),
        ("les 1 et 3 svp", "health work", []),
        ("logement", "housing", []),
        ("Santé et soins", "health", []),
        ("santé, logement", "health housing", []),
        ("Santé et soins, Travail, formation", "health work", []),
        ("Travail, formation et santé et soins", "health work", []),
        ("santé et école", "health school", []),
        ("logemant + ecole", "housing school", []),
        ("1, xyz", "health", ["xyz"]),
        ("1, 9", "health", ["9"]),
        ("1-3", "", ["1-3"]),
        ("tous", "health housing work school farm", []),
        ("Tout", "health housing work school farm", []),
        ("all", "health housing work school farm", []),
        ("bɛɛ", "health housing work school farm", []),
        ("tous sauf 2", "", ["tous sauf 2"]),
        ("aucun", "", []),
        ("None", "", []),
        ("foyi", "", []),
        ("", "", [""]),
        ("…", "", ["…"]),
        ("1, 1, 1", "health", []),
    ],
)
def test_choose_many(text, picked, unclear):
    assert choose_many(text, SERVICES, WORDS) == (tuple(picked.split()), tuple(unclear))


# ---------------------------------------------------------------- figures


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("24", 24), ("24ans", 24), ("J'AI 20 ANS", 20), ("j'ai20ans", 20), ("٢٤", 24), ("2️⃣4️⃣", 24), ("🔟", 10),
        ("1 500", 1500), ("1\u202f500", 1500), ("1.500", 1500), ("1.500.000", 1_500_000), ("1'500", 1500),
        ("1,5", 1.5), ("1.5", 1.5), ("0,5", 0.5), ("2,0", 2), ("1 500,50", 1500.5), ("-5", -5), ("moins 5", 5),
        ("15 000 F", 15_000), ("15000fcfa", 15_000), ("15 mille", 15_000), ("2 millions", 2_000_000),
        ("15k", 15_000), ("20 ans, oui 20", 20), ("1er", 1), ("2e", 2), ("1 an et demi", 1.5), ("= 3 !", 3),
        ("zéro", 0), ("un", 1), ("une", 1), ("un enfant", 1), ("j'ai un enfant", 1), ("deux", 2), ("dix-sept", 17),
        ("vingt-quatre", 24), ("vingt et un", 21), ("j'ai vingt et un ans", 21), ("soixante-douze", 72),
        ("soixante et onze", 71), ("quatre-vingt-dix", 90), ("quatre-vingt-dix-neuf", 99), ("quatre-vingts", 80),
        ("quatre vingt un", 81), ("cent", 100), ("deux cents", 200), ("cent vingt", 120), ("mille", 1000),
        ("deux mille cinq cents", 2500), ("trente ans", 30), ("septante-deux", 72), ("neuf ans", 9),
        ("one", 1), ("twenty four", 24), ("twenty-one", 21), ("a hundred and twenty", 120),
        ("I am thirty years old", 30),
        ("two children", 2), ("kelen", 1), ("fila", 2), ("saba", 3), ("naani", 4), ("duuru", 5), ("wɔɔrɔ", 6),
        ("wolonwula", 7), ("segin", 8), ("kɔnɔntɔn", 9), ("tan", 10), ("tan ni kelen", 11), ("mugan", 20),
        ("mugan ni duuru", 25), ("bi saba", 30), ("bisaba", 30), ("bi naani ni fila", 42), ("san mugan ni naani", 24),
        ("20 ou 25", None), ("entre 20 et 25", None), ("20-25", None), ("1,500", None), ("deux ou trois", None),
        ("deux et trois", None), ("deux trois", None), ("2 enfants et trois filles", None), ("1/2", None),
        ("70 12 34 56", None), ("12/03/2026", None), ("14h30", None), ("", None), ("beaucoup", None),
        ("je ne sais pas, un peu", None), ("bonjour Segin", None), ("mille fois merci", None),
        ("un téléphone neuf", None),
        ("9" * 400, None), ("1.2.3", None), ("bi", None),
        ("twenty six", 26), ("soixante six", 66), ("one hundred six", 106), ("deux millions", 2_000_000),
        ("15 thousand", 15_000), ("un an et demi", 1.5), ("soixantedix", 70), ("quatre-vingt-dix-sept mille", 97_000),
        ("deux millions et demi", None), ("mille millions", None), ("twenty deux", None),
    ],
)  # fmt: skip
def test_number(text, value):
    found = matching.number(text, WORDS)
    assert (found, type(found)) == (value, type(value))


@given(st.integers(-(10**14), 10**14))
def test_a_number_in_digits_reads_as_itself(value):
    assert matching.number(f" {value} ", WORDS) == value


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("12/03/2026", (2026, 3, 12)), ("12-3-26", (2026, 3, 12)), ("12.03.2026", (2026, 3, 12)),
        ("12 03 2026", (2026, 3, 12)), ("2026-03-12", (2026, 3, 12)), ("١٢/٠٣/٢٠٢٦", (2026, 3, 12)),
        ("12 mars 2026", (2026, 3, 12)), ("le 12 Mars 2026.", (2026, 3, 12)), ("12mars2026", (2026, 3, 12)),
        ("1er avril 2025", (2025, 4, 1)), ("premier avril 2025", (2025, 4, 1)), ("12 fév 2026", (2026, 2, 12)),
        ("12 fevier 2026", (2026, 2, 12)), ("15 août 2025", (2025, 8, 15)), ("15 aout 25", (2025, 8, 15)),
        ("March 12, 2026", (2026, 3, 12)), ("12th of March 2026", (2026, 3, 12)), ("2 décembre 1985", (1985, 12, 2)),
        ("05/06/85", (1985, 6, 5)), ("mars 2026", (2026, 3, 1)), ("en mars 2026", (2026, 3, 1)),
        ("03/2026", (2026, 3, 1)),
        ("sept 2025", (2025, 9, 1)), ("je suis arrivé le 12/03/2026 avec 2 enfants", (2026, 3, 12)),
        ("hier", (2026, 3, 14)), ("Je suis arrivé hier soir", (2026, 3, 14)), ("aujourd'hui", (2026, 3, 15)),
        ("aujourdhui", (2026, 3, 15)), ("demain", (2026, 3, 16)), ("avant-hier", (2026, 3, 13)),
        ("après-demain", (2026, 3, 17)), ("the day before yesterday", (2026, 3, 13)), ("yesterday", (2026, 3, 14)),
        ("bi", (2026, 3, 15)), ("kunun", (2026, 3, 14)), ("sini", (2026, 3, 16)), ("29/02/2024", (2024, 2, 29)),
        ("12 marisi 2026", (2026, 3, 12)),
        ("31/02/2026", None), ("29/02/2026", None), ("03/25/2026", None), ("0/3/2026", None), ("12 mars", None),
        ("12/03", None), ("2026", None), ("mars", None), ("hier ou demain", None), ("avant demain", None),
        ("12/03/2026 ou 13/03/2026", None), ("du 12 mars 2026 au 15 avril 2026", None), ("12/03/1492", None),
        ("bientôt", None), ("", None), ("12/03/202", None), ("123/03/2026", None),
        ("sinikɛnɛ", (2026, 3, 17)), ("avant-hier, oui avant-hier", (2026, 3, 13)), ("hier ou avant-hier", None),
    ],
)  # fmt: skip
def test_date(text, day):
    assert matching.date(text, TODAY, WORDS) == (dt.date(*day) if day else None)


@given(st.dates(dt.date(1900, 1, 1), dt.date(2100, 12, 31)))
def test_a_date_in_digits_reads_as_itself(day):
    assert matching.date(f"{day:%d/%m/%Y}", TODAY, WORDS) == day
    assert matching.date(day.isoformat(), TODAY, WORDS) == day


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("76123456", "76123456"), ("76 12 34 56", "76123456"), ("76.12.34.56", "76123456"),
        ("76-12-34-56", "76123456"),
        ("+223 76 12 34 56", "+22376123456"), ("00223 76123456", "+22376123456"),
        ("(+223) 76 12 34 56", "+22376123456"),
        ("+ 223 76123456", "+22376123456"), ("22376123456", "22376123456"), ("٧٦١٢٣٤٥٦", "76123456"),
        ("mon numéro c'est le 76 12 34 56 merci", "76123456"), ("tel:+33612345678", "+33612345678"),
        ("\u202a+223 76 12 34 56\u202c", "+22376123456"), ("7️⃣6️⃣1️⃣2️⃣3️⃣4️⃣5️⃣6️⃣", "76123456"),
        ("76 12 34 56, le 76123456", "76123456"), ("76123456 le matin à 8h", "76123456"),
        ("1234567", None), ("1234567890123456", None), ("76123456 / 66123456", None), ("76123456 ou 66123456", None),
        ("pas de téléphone", None), ("", None), ("+", None),
    ],
)  # fmt: skip
def test_phone(text, digits):
    assert matching.phone(text) == digits


# ---------------------------------------------------------------- keywords

TABLE = {
    "aide": "help", "help": "help", "plainte": "complaint", "reclamation": "complaint", "stop": "stop",
    "effacer": "erase", "personne": "person", "parler a quelqu un": "person", "ou est ma demande": "status",
    "documents": "documents", "papiers": "documents",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "flow"),
    [
        ("aide", "help"), ("AIDE !", "help"), ("aide svp", "help"), ("aide s'il vous plaît", "help"),
        ("help please", "help"), ("Plainte", "complaint"), ("je veux faire une plainte", "complaint"),
        ("réclamation", "complaint"), ("reclammation", "complaint"), ("plaintes", "complaint"),
        ("planite", "complaint"),
        ("aller aux documents", "documents"), ("les papiers svp", "documents"), ("parler à quelqu'un", "person"),
        ("je voudrais parler à quelqu'un svp", "person"), ("Où est ma demande ?", "status"), ("effacé", "erase"),
        ("efacer", "erase"), ("stop", "stop"), ("stpo", None), ("help me", "help"),
        ("j'ai besoin d'aide", "help"), ("la plainte de mon frère est arrivée", None), ("pas de plainte", None),
        ("personne ne me répond", None), ("merci", None), ("", None), ("plainte aide", None),
        ("aide " * 50, None), ("menu", None),
    ],
)  # fmt: skip
def test_keyword(text, flow):
    assert matching.keyword(text, TABLE, WORDS) == flow


def test_a_slip_between_two_keywords_leads_nowhere():
    assert matching.keyword("cartex", {"carter": "a", "cartes": "b"}, WORDS) is None


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("Menu", WORDS.menu, True), ("le menu svp", WORDS.menu, True), ("retour", WORDS.back, True),
        ("Retour s'il vous plaît", WORDS.back, True), ("passer", WORDS.skip, True), ("paser", WORDS.skip, True),
        ("je sais pas", WORDS.skip, True), ("le menu du restaurant", WORDS.menu, False),
        ("mon retour au Mali", WORDS.back, False), ("devenir", WORDS.back, False), ("", WORDS.menu, False),
    ],
)  # fmt: skip
def test_is_word(text, words, said):
    assert matching.is_word(text, words, WORDS) is said


# ---------------------------------------------------------------- a language that nobody programmed

XX = Vocabulary.merge(
    [
        {
            "yes": ["da"],
            "no": ["nu"],
            "little": ["il"],
            "polite": ["pli", "mi vol"],
            "denying": ["keine"],
            "joining": ["und"],
            "either": ["oder"],
            "before_number": ["numru"],
            "after_digits": ["ta"],
            "numbers": {"1": ["wan"], 2: ["tu"], 10: ["des"], 30: ["tri des"], 100: ["sto"], 1000: ["kilo"]},
            "within_number": ["un"],
            "doubtful_numbers": ["wan"],
            "around_number": ["jar"],
            "half": ["plus halb"],
            "months": [["jano"], ["fevo"]],
            "within_date": ["dil"],
            "today": ["nun"],
            "tomorrow": ["mora"],
            "after_tomorrow": ["postmora"],
            "not_that_day": ["post"],
        }
    ]
)
XX_CHOICES = (Candidate("tree", ("Il Arbolo",)), Candidate("water", ("Aquasse und riva",)), *YES_NO)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("tu", 2), ("des un tu", 12), ("tri des tu", 32), ("trides tu", 32), ("tu sto tri des", 230), ("tu kilo", 2000),
        ("15 kilo", 15_000), ("tu plus halb", 2.5), ("wan jar", 1), ("wan bo", None), ("deux", None), ("des tu", None),
    ],
)  # fmt: skip
def test_a_new_language_gives_numbers_without_code(text, value):
    assert matching.number(text, XX) == value


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("mi vol arbolo pli", "tree"), ("numru 2 pli", "water"), ("2ta", "water"), ("2eme", ""), ("tu", "water"),
        ("1 oder 2", "tree water"), ("arbolo", "tree"), ("keine arbolo", ""), ("keine arbolx", ""),
        ("da pli", "yes"), ("pli nu", "no"), ("pas arbolo", "tree"),
    ],
)  # fmt: skip
def test_a_new_language_is_polite_and_denies_without_code(text, keys):
    assert choose(text, XX_CHOICES, XX) == tuple(keys.split())
    assert matching.keyword("mi vol auxilo pli", {"auxilo": "help"}, XX) == "help"
    assert matching.keyword("keine auxilo", {"auxilo": "help"}, XX) is None


@pytest.mark.parametrize("text", ["1 und 2", "1und2", "arbolo und aquasse", "arbolo, aquasse und riva"])
def test_a_new_language_joins_choices_without_code(text):
    assert choose_many(text, XX_CHOICES, XX) == (("tree", "water"), ())


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2ta dil fevo 2026", (2026, 2, 2)), ("nun", (2026, 3, 15)), ("postmora", (2026, 3, 17)),
        ("post mora", None), ("hier", None),
    ],
)  # fmt: skip
def test_a_new_language_gives_dates_without_code(text, day):
    assert matching.date(text, TODAY, XX) == (dt.date(*day) if day else None)


def test_without_words_only_figures_are_read():
    empty = Vocabulary()
    assert matching.number("24", empty) == 24
    assert matching.number("deux", empty) is None
    assert matching.date("12/03/2026", TODAY, empty) == dt.date(2026, 3, 12)
    assert choose("2", COMPLAINT, empty) == ("conduct",)


# ---------------------------------------------------------------- the vocabulary


def test_what_denies_in_one_language_is_polite_in_none():
    assert Vocabulary.merge([{"polite": ["i ni ce"]}, {"denying": ["ni"]}]).polite == {"i", "ce"}


def test_a_number_word_that_languages_read_differently_is_asked_again():
    merged = Vocabulary.merge([{"numbers": {10: ["zan"], 10**9: ["bil"]}}, {"numbers": {3: ["zan"], 10**12: ["bil"]}}])
    assert matching.number("zan", merged) is None
    assert matching.number("2 bil", merged) is None


def test_a_word_of_two_meanings_is_left_out_of_both():
    merged = Vocabulary.merge([{"yes": ["si", "oui"], "no": ["non"]}, {"yes": ["ya"], "no": ["si"]}])
    assert (merged.yes, merged.no) == (("oui", "ya"), ("non",))


def test_months_and_ordinals_merge_by_place():
    merged = Vocabulary.merge(
        [{"ordinals": [["premier"], ["second"]]}, {"ordinals": [["first"], ["second"], ["third"]]}]
    )
    assert merged.ordinals == (("premier", "first"), ("second",), ("third",))


WRONG_NUMBERS = [
    {"numbers": wrong} for wrong in (["un"], {"un": ["un"]}, {1: "un"}, {-1: ["un"]}, {1: ["u"], 2: ["u"]})
]


@pytest.mark.parametrize(
    "raw", [{"yess": ["oui"]}, {"yes": "oui"}, {"yes": [["oui"]]}, {"months": {"a": 1}}, *WRONG_NUMBERS]
)
def test_a_wrong_file_is_refused(raw):
    with pytest.raises(ValueError, match="keywords"):
        Vocabulary.merge([raw])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_keywords_file_is_complete(file):
    alone = Vocabulary.merge([YAML(typ="safe", pure=True).load(file)])
    assert len(alone.months) == 12
    assert len(alone.ordinals) == 10
    assert all(alone.months)
    # most languages tie numbers in a few phrases only, written out in full
    assert all(getattr(alone, name) for name in Vocabulary.__dataclass_fields__ if name != "within_number")


def test_no_word_is_lost_between_the_languages():
    """A word our files give two meanings would be dropped silently: say so here instead."""
    alone = [Vocabulary.merge([YAML(typ="safe", pure=True).load(file)]) for file in FILES]
    for name in (
        "menu",
        "back",
        "yes",
        "no",
        "skip",
        "done",
        "all",
        "none",
        "today",
        "yesterday",
        "tomorrow",
        "before_yesterday",
        "after_tomorrow",
    ):
        assert {word for one in alone for word in getattr(one, name)} == set(getattr(WORDS, name)), name
