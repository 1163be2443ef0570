"""The dialogue that bots are compared by: six steps, as in python-telegram-bot's own examples of a conversation.

/start → a language → a region → a topic → a story → "send it". Each text begins with S1 … S6, so that an answer which
belongs elsewhere is found out. `write` makes of it what Segin reads; `steps` is what the people do; the texts are the
peer's, too. In Segin the last step files a case, sealed, with a reference and a receipt, and then asks the first
question again; elsewhere it only thanks.
"""

from pathlib import Path

LANGUAGES = (("fr", "Français"), ("en", "English"))
REGIONS = tuple(f"Région {number}" for number in range(1, 7))
TOPICS = ("Logement", "Emploi", "Santé", "École", "Autre")
TEXTS = (
    "S1 Bienvenue. Choisissez votre langue :",
    "S2 Dans quelle région êtes-vous rentré ?",
    "S3 De quoi avez-vous besoin ?",
    "S4 Écrivez votre question ou plainte en un message.",
    "S5 Vérifiez avant l'envoi :",
    "S6 Merci. Votre demande a été envoyée.",
)
STORY = "Je suis rentré en mars et je n'ai toujours pas de réponse pour le logement."


def _choices(prefix: str, labels: tuple[str, ...], go: str) -> str:
    lines = (f"      - {{key: {prefix}{number}, label: {label}, go: {go}}}" for number, label in enumerate(labels))
    return "    choices:\n" + "\n".join(lines)


MAIN = f"""\
title: Accueil
start: menu
steps:
  menu:
    choose_language: true
    say: "{TEXTS[0]}"
    go: region
  region:
    say: "{TEXTS[1]}"
    save_as: region
{_choices("r", REGIONS, "topic")}
  topic:
    say: "{TEXTS[2]}"
    save_as: topic
{_choices("t", TOPICS, "story")}
  story:
    ask: text
    say: "{TEXTS[3]}"
    save_as: story
    sensitive: true
    go: review
  review:
    say: |-
      {TEXTS[4]}
      {{region}} / {{topic}}
      {{story}}
    choices:
      - {{key: "yes", label: "Oui, envoyer", go: file}}
      - {{key: "no", label: "Non, changer", go: story}}
  file:
    open: complaint
    category: delay
    include: [story]
    say: "{TEXTS[5]}"
    go: over
  over:
    end: return
"""


def write(folder: Path) -> Path:
    """The library, as a folder that `SEGIN_LIBRARY_DIR` may name."""
    from tests.library.small import small_files  # noqa: PLC0415 - the peer has no need of it

    for path, content in small_files(main=MAIN).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


Step = tuple[str, str, str]  # "text" or "callback", its value, and how the answer begins


def steps(language: str, region: str, topic: str, send: str) -> list[Step]:
    """What each person does, with a bot's own names for its buttons."""
    done = [("text", "/start"), ("callback", language), ("callback", region), ("callback", topic), ("text", STORY)]
    return [(kind, value, f"S{number}") for number, (kind, value) in enumerate([*done, ("callback", send)], 1)]


SEGIN = steps("main/menu:fr", "main/region:r2", "main/topic:t1", "main/review:yes")
PEER = steps("lang:fr", "reg:2", "top:1", "cfm:yes")
