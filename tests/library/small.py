"""A small complete library as text: what a test changes one line of.

`from tests.library.small import small_files, small_library, changed`
"""

import functools
from collections.abc import Mapping

from bot.dialogue.flow import Library
from bot.library.catalogues import template
from bot.library.load import build, catalogue_path
from bot.library.names import STATUSES, WORDS

MAIN = """\
title: Accueil
start: language
steps:
  language:
    choose_language: true
    say: Quelle langue ?
    go: where
  where:
    say: Où êtes-vous ?
    save_as: situation
    go: keep
    choices:
      - {key: abroad, label: À l'étranger}
      - {key: home, label: Chez moi}
  keep:
    remember: {situation: {from: situation}}
    go: menu
  menu:
    say: Que voulez-vous faire ?
    choices:
      - {key: complaint, label: Porter plainte, go: to_complaint}
      - {key: person, label: Parler à quelqu'un, go: to_person}
  to_complaint: {call: complaint, go: menu}
  to_person: {call: person, go: menu}
"""

COMPLAINT = """\
title: Plainte
keywords: [plainte, complaint]
anywhere: true
start: kind
steps:
  kind:
    say: De quoi s'agit-il ?
    save_as: kind
    choices:
      - {key: delay, label: Un retard, go: account}
      - {key: conduct, label: Une personne, go: account}
  account:
    ask: anything
    say: Dites ce que vous voulez.
    save_as: account
    optional: true
    sensitive: true
    go: with_me
  with_me:
    say: Qui est avec vous ?
    save_as: with_me
    optional: true
    go: review
    pick:
      - {key: spouse, label: Mari ou femme}
      - {key: children, label: Des enfants}
  review:
    say: |-
      Votre message : {account}
      Avant {deadline.ordinary}.
    choices:
      - {key: send, label: Envoyer, go: file}
      - {key: change, label: Changer, go: account, when: {kind: [delay, conduct]}}
  file:
    open: complaint
    category: {from: kind}
    include: [account]
    say: "Reçu. Numéro : {case.receipt}"
    go: mine
  mine:
    status: mine
    say: "{case.reference} : {case.status}"
    go: over
    none: over
  over:
    end: return
"""

PERSON = """\
title: Une personne
keywords: [humain, human]
anywhere: true
start: agreed
steps:
  agreed:
    branch:
      - {when: {rule: consented}, go: file}
      - {when: {situation: abroad}, go: papers}
    else: papers
  papers:
    query: documents
    save_as: papers
    go: show
  show:
    say: |-
      Papiers :
      {papers}
    go: file
  file:
    open: request
    category: person
    say: C'est envoyé.
    go: over
  over:
    end: return
"""

FILES = {
    "flows/main.yaml": MAIN,
    "flows/complaint.yaml": COMPLAINT,
    "flows/person.yaml": PERSON,
    "flows/distress.yaml": """\
title: Être écouté
start: heard
steps:
  heard:
    branch:
      - {when: {heard: [suicide, danger]}, go: grave}
    else: over
  grave:
    say: Êtes-vous en danger ?
    choices:
      - {key: "yes", label: Oui, go: over}
      - {key: "no", label: Non, go: over}
  over:
    end: return
""",
    "flows/resume.yaml": """\
title: De retour
start: welcome
steps:
  welcome:
    say: Que voulez-vous faire ?
    choices:
      - {key: continue, label: Continuer, go: continue}
      - {key: restart, label: Recommencer tout, go: restart}
      - {key: menu, label: Voir les choix, go: main.menu}
  continue:
    end: return
  restart:
    end: restart
""",
    "flows/lost.yaml": """\
title: Perdu
start: offer
steps:
  offer:
    say: Voulez-vous parler à une personne ?
    choices:
      - {key: person, label: "Oui, une personne", go: to_person}
      - {key: again, label: Essayer encore, go: over}
  to_person: {call: person, go: over}
  over:
    end: return
""",
    "content/organisation.yaml": """\
name: Accueil Mali
data_controller: Le bureau
contacts: ["Téléphone : 20 00 00 00"]
on_call:
  name: L'équipe d'écoute
  phone: "70 00 00 00"
  hours:
    mon: "08:00-17:00"
  hours_text: le lundi, de 8 h à 17 h
  languages: [fr]
  verified_by: A. Traoré, 2026-11-20
help_unchanged_signed: true
reply_hours:
  ordinary: 120
  restricted: 24
hold_hours: 48
resume_after_hours: 24
languages:
  fr: required
  en: required
timezone: Africa/Bamako
""",
    "content/case-categories.yaml": """\
delay: {label: Un retard, kind: complaint, restricted: false, reply_hours: 120, keep_days: 365}
conduct: {label: Une personne, kind: complaint, restricted: true, reply_hours: 24, keep_days: 365}
person: {label: Parler à une personne, kind: request, restricted: false, reply_hours: 120, keep_days: 180}
""",
    "content/documents.yaml": """\
- key: identity
  label: Carte d'identité
  when: {}
- key: permit
  label: Papier de séjour
  when: {situation: [abroad]}
""",
    "content/sources.yaml": "report-2022: {title: Un rapport, publisher: Un bureau, year: 2022}\n",
    "content/regions.yaml": """\
north:
  label: Nord
  pcode: XX01
  tile: [0, 0]
  neighbours: [south]
  cercles:
    hills: {label: Collines}
    river: {label: Fleuve, words: [riviere]}
  source: report-2022, carte
  source_year: 2022
south:
  label: Sud
  tile: [0, 1]
  neighbours: [north]
  source: report-2022, carte
  source_year: 2022
""",
    "content/sectors.yaml": """\
metal:
  label: Métal
  trades:
    welding:
      {label: Soudure, words: [soudeur], close_to: [metalwork], source: "report-2022, liste", source_year: 2022}
    metalwork: {label: Ferronnerie, source: "report-2022, liste", source_year: 2022}
wood:
  label: Bois
  trades:
    carpentry: {label: Menuiserie, words: [menuisier], source: "report-2022, liste", source_year: 2022}
""",
    "content/directory/north/centre_north.yaml": """\
name: Centre du Nord
short: Centre Nord
kind: training_centre
audience: public
agreement: unknown
regions: [north]
place: Ville du Nord
trades: [welding, carpentry]
gives: On y apprend un métier.
conditions: Il faut avoir 15 ans.
who: {age_min: 15}
bring: [identity]
contact: {phone: ["+223 00"]}
source: report-2022, tableau 1
source_year: 2022
""",
    "content/directory/south/workshop_south.yaml": """\
name: Atelier du Sud
short: Atelier Sud
kind: training_centre
audience: public
agreement: signed
regions: [south]
trades: [metalwork]
gives: On y travaille le fer.
source: report-2022, tableau 1
source_year: 2021
""",
    "content/directory/national/agency.yaml": """\
name: Agence
short: Agence
kind: employment
audience: public
agreement: unknown
nationwide: true
gives: On y cherche du travail.
source: report-2022, tableau 2
source_year: 2022
""",
    "content/directory/national/donor.yaml": """\
name: Bailleur
short: Bailleur
kind: donor
audience: staff
agreement: unknown
nationwide: true
gives: Finance des projets.
source: report-2022, tableau 2
source_year: 2022
""",
    "content/keywords/fr.yaml": 'menu: [menu]\nback: [retour]\n"yes": [oui]\n"no": [non]\nskip: [passer]\n',
    "content/keywords/en.yaml": 'menu: [menu]\nback: [back]\n"yes": ["yes"]\n"no": ["no"]\nskip: [skip]\n',
    "content/safety/fr.yaml": "suicide: [je veux mourir]\nnot: [mort de rire]\n",
    "content/safety/en.yaml": "suicide: [want to die]\n",
}


def _words() -> str:
    lines = [f'{key}: "{key}{"".join(f" {{{name}}}" for name in names)}"' for key, names in WORDS.items()]
    for section in ("status", "status_next"):
        lines += [f"{section}:", *(f"  {status}: {section} {status}" for status in STATUSES)]
    return "\n".join(lines) + "\n"


@functools.cache
def _complete() -> dict[str, bytes]:
    files = {path: text.encode() for path, text in {**FILES, "content/words.yaml": _words()}.items()}
    return {**files, catalogue_path("en"): english(files)}


def english(files: Mapping[str, bytes]) -> bytes:
    """An English catalogue for these files: every French text with "(en)" behind it."""
    lines = ['msgid ""', 'msgstr ""', '"Language: en\\n"', '"Content-Type: text/plain; charset=UTF-8\\n"', ""]
    for message in template(files):
        if message.id:
            words = str(message.id).replace('"', '\\"').replace("\n", "\\n")
            lines += [f'msgctxt "{message.context}"', f'msgid "{words}"', f'msgstr "{words} (en)"', ""]
    return "\n".join(lines).encode()


def small_files(**more: str) -> dict[str, bytes]:
    """The files of the small library by path; `more` adds flows by name, or replaces them."""
    return {**_complete(), **{f"flows/{name}.yaml": text.encode() for name, text in more.items()}}


def changed(files: Mapping[str, bytes], path: str, old: str, new: str) -> dict[str, bytes]:
    """The files with one text replaced, once; it must stand there."""
    text = files[path].decode()
    assert old in text, f"{path} has no {old!r}"
    return {**files, path: text.replace(old, new, 1).encode()}


def small_library(**more: str) -> Library:
    """The small library, with more flows; a flow that can't be read fails the test with what is wrong."""
    built = build(small_files(**more))
    assert built.library is not None, "\n".join(map(str, built.issues))
    return built.library


def line_of(files: Mapping[str, bytes], path: str, text: str) -> int:
    """The number of the first line that holds this text."""
    lines = files[path].decode().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)
