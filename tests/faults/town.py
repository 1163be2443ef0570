"""The flows of the fault tests, so that editors may change theirs: short, with every kind of step that writes.

The rest (words, categories, the organisation) is the small library of `tests/library/small.py`.
"""

from pathlib import Path

from bot.dialogue.flow import Library
from bot.library import files, load
from tests.library.small import small_files

MAIN = """\
title: Accueil
start: language
steps:
  language:
    choose_language: true
    say: Quelle langue ?
    go: privacy
  privacy:
    say: Pouvons-nous garder vos messages ?
    choices:
      - {key: "yes", label: D'accord, go: agreed}
      - {key: "no", label: Pas maintenant, go: menu}
  agreed:
    remember: {consent: agreed}
    go: where
  where:
    say: Où êtes-vous ?
    save_as: situation
    go: menu
    choices:
      - {key: abroad, label: À l'étranger}
      - {key: home, label: Chez moi}
  menu:
    say: Que voulez-vous faire ?
    choices:
      - {key: papers, label: Papiers, go: to_papers}
      - {key: complaint, label: Porter plainte, go: to_complaint}
      - {key: status, label: Ma demande, go: to_status}
      - {key: person, label: Parler à quelqu'un, go: to_person}
  to_papers: {call: papers, go: menu}
  to_complaint: {call: complaint, go: menu}
  to_status: {call: status, go: menu}
  to_person: {call: person, go: menu}
"""

PAPERS = """\
title: Papiers
start: applies
steps:
  applies:
    say: Qu'est-ce qui est vrai ?
    save_as: applies
    optional: true
    go: list
    pick:
      - {key: alone, label: Seul}
      - {key: spouse, label: Mari ou femme}
      - {key: children, label: Des enfants}
  list:
    query: documents
    save_as: papers
    go: shown
  shown:
    say: |-
      À préparer :
      {papers}
    go: missing
  missing:
    say: Manque-t-il un papier ?
    choices:
      - {key: "no", label: Rien ne manque, go: over}
      - {key: one, label: Il en manque un, go: over}
  over:
    end: return
"""

COMPLAINT = """\
title: Plainte
keywords: [plainte]
anywhere: true
start: safe
steps:
  safe:
    say: Pouvez-vous écrire sans danger ?
    choices:
      - {key: "yes", label: Oui, go: kind}
      - {key: "no", label: Non, go: over}
  kind:
    say: De quoi s'agit-il ?
    save_as: kind
    go: identity
    choices:
      - {key: delay, label: Un retard}
      - {key: conduct, label: Une personne}
  identity:
    say: Avec votre nom ?
    save_as: identity
    go: place
    choices:
      - {key: "yes", label: Avec mon nom}
      - {key: "no", label: Sans nom}
  place:
    ask: text
    say: Quelle organisation ? Où ?
    save_as: place
    optional: true
    sensitive: true
    go: account
  account:
    ask: anything
    say: Dites ce que vous voulez.
    save_as: account
    optional: true
    sensitive: true
    go: review
  review:
    say: |-
      Voici ce qui part : {place}
      {account}
    choices:
      - {key: "yes", label: Envoyer, go: file}
      - {key: "no", label: Changer, go: account}
  file:
    open: complaint
    category: {from: kind}
    anonymous: {identity: "no"}
    include: [place, account]
    say: |-
      Reçu.
      {case.receipt}
      Avant {case.deadline}.
    go: over
  over:
    end: stop
"""

STATUS = """\
title: Ma demande
start: number
steps:
  number:
    ask: text
    say: Votre numéro ?
    save_as: receipt
    sensitive: true
    go: by_receipt
  by_receipt:
    status: {receipt: receipt}
    say: "Demande {case.reference} : {case.status}"
    go: after
    none: not_found
  not_found:
    say: Je ne trouve rien.
    go: over
  after:
    say: Voulez-vous ajouter quelque chose ?
    choices:
      - {key: "yes", label: Ajouter, go: over}
      - {key: "no", label: C'est tout, go: over}
  over:
    end: return
"""

PERSON = """\
title: Une personne
keywords: [humain, human]
anywhere: true
start: about
steps:
  about:
    ask: anything
    say: De quoi voulez-vous parler ?
    save_as: about
    optional: true
    sensitive: true
    go: file
  file:
    open: request
    category: person
    include: [about]
    hold: true
    say: C'est envoyé. {case.receipt}
    go: waiting
  waiting:
    say: Vous pouvez écrire la suite.
    choices:
      - {key: back_to_it, label: Revenir au programme, go: over}
  over:
    end: return
"""


def write(folder: Path) -> Path:
    """The library as a folder that `SEGIN_LIBRARY_DIR` may name."""
    flows = {"main": MAIN, "papers": PAPERS, "complaint": COMPLAINT, "status": STATUS, "person": PERSON}
    for path, content in small_files(**flows).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


def library(folder: Path) -> Library:
    """The same, built."""
    built = load.build(files.read_folder(write(folder))).library
    assert built is not None
    return built
