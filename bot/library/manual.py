"""flows/README.md: the editors' manual. A French introduction, then the reference made from the code itself.

`python -m bot.library.manual` writes it; a test holds it to the docstrings of step kinds and rules.
"""

import inspect
import sys
import textwrap
from pathlib import Path

from bot.dialogue.model import MAX_TAP_BYTES
from bot.dialogue.rules import RULES
from bot.dialogue.steps import KINDS, Step
from bot.library import shape
from bot.library.flows import keys_of
from bot.library.names import CASE_NAMES, ENGINE_ANSWERS, ENGINE_FLOWS, WORLD_NAMES
from bot.library.schema import description

PATH = "flows/README.md"

# In the order in which one learns them; a kind that is not here comes at the end.
_ORDER = ("say", "choices", "pick", "ask", "choose_language", "branch", "call", "end", "remember", "query")

_INTRODUCTION = """\
# Écrire les dialogues

<!-- Ce fichier est fait par `python -m bot.library.manual` ; ne le changez pas à la main. -->

Un dialogue est un fichier `flows/<nom>.yaml`. Vous pouvez tout y changer sans savoir programmer :
il faut un éditeur de texte et cette page. Le français est la source ; les traductions sont dans `locales/`.

## Un dialogue
```yaml
# yaml-language-server: $schema=flow.schema.json
title: Porter plainte
keywords: [plainte, réclamation, complaint]   # les mots qui mènent ici, dans toutes les langues
anywhere: true                                # ces mots marchent à chaque étape de chaque dialogue
start: safe
steps:
  safe:
    say: Pouvez-vous écrire sans danger ?
    choices:
      - {key: yes, label: Oui, go: account}
      - {key: no, label: Non, go: left}
  account:
    ask: anything
    say: Dites ce que vous voulez.
    save_as: account
    go: thanks
  thanks: {say: Merci., go: main.menu}
  left: {say: Revenez quand vous voulez., end: stop}
```
- Chaque étape a un nom et **une seule sorte** (`choices`, `ask`, `open` …). `say` est ce qui est dit en arrivant.
- `go: étape` reste dans ce dialogue. `go: dialogue.étape` en sort pour de bon. `call` y va et revient.
- Les noms et les clés (`key`) ont des petites lettres sans accent, des chiffres et `_`. **Ne changez plus une clé
  publiée** : les traductions et les anciens boutons y tiennent. Les mots, eux, changent quand vous voulez.
- `dialogue/étape:clé` fait {tap} octets au plus.
- Un texte avec « : » ou « # » se met entre guillemets : `"C'est : ici"`. Une apostrophe n'en demande pas.
- Un long texte :
  ```yaml
  say: |-
    Première ligne.
    Deuxième ligne.
  ```

## Essayer
| Commande | Ce qu'elle fait |
|---|---|
| `segin check` | cherche les fautes ; dit le fichier, la ligne, et comment corriger |
| `segin serve --watch` | montre vos changements dans la page web dès que vous enregistrez |
| `segin talk` | la même chose dans le terminal |
| `segin translations` | met les fichiers de `locales/` à jour après un changement en français |
| `segin draw` | dessine chaque dialogue |
| `segin publish` | publie : seulement alors, les gens voient vos changements |

`flows/<nom>.talk` contient des conversations qui doivent se passer comme c'est écrit. Le titre est le nom de l'essai :
```
# Une plainte anonyme par message vocal
you: porter plainte
bot: Pouvez-vous écrire sans danger ? [Oui] [Non]
you: oui
bot: Dites ce que vous voulez.
you: (voice 12s)
bot: Merci. …
```
`…` remplace les mots que l'essai ne regarde pas ; `[Oui]` est un bouton ; `now:` dit ce qui est fait (un dossier
ouvert).

## Ce qui peut remplacer des mots
Une réponse se met entre accolades dans `say` : `save_as: place`, puis `Lieu : {place}`. Un choix montre son texte, une
liste met chaque ligne à part. Ce que `remember` garde marche dans tous les dialogues. Partout, on peut aussi écrire :

{world}

Seulement là où il y a un dossier (`open` : aussi dans ce qui est dit juste après, avant la question suivante) :

{case}

## Conditions
`when: {situation: abroad}` : la réponse `situation` est `abroad`. `when: {situation: [abroad, home]}` : l'une des deux.
`when: {situation: abroad, country: morocco}` : les deux à la fois. `when: {rule: consented}` : une règle du programme.

{rules}

## Les dialogues que le programme appelle
{flows}. Ils doivent exister ; `main` a une étape `menu`, qui pose une question.

{given}

## Les sortes d'étapes
Chaque étape peut avoir `say`. En **gras** : ce qu'il faut écrire.
"""


def written() -> str:
    """The manual."""
    introduction = (
        _INTRODUCTION.replace("{tap}", str(MAX_TAP_BYTES))
        .replace("{world}", "\n".join(f"- `{{{name}}}`" for name in WORLD_NAMES))
        .replace("{case}", "\n".join(f"- `{kind}` : {_braces(names)}" for kind, names in CASE_NAMES.items()))
        .replace("{rules}", _rules())
        .replace("{given}", "\n".join(_given()))
        .replace("{flows}", ", ".join(f"`{name}`" for name in ENGINE_FLOWS))
    )
    order = [*_ORDER, *sorted(set(KINDS) - set(_ORDER))]
    return introduction + "".join(_kind(word, KINDS[word]) for word in order)


def _braces(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{{{name}}}`" for name in names)


_ANYTHING = {"words": "les mots de la personne", "among": "les buts de `content/phrases/` entre lesquels elle choisit"}


def _given() -> list[str]:
    """The answers a flow has from the start."""
    return [
        f"- Dans `{flow}`, la réponse `{name}` peut être là dès le début"
        + (f" ; elle vaut {', '.join(f'`{one}`' for one in may)}." if may else f" ; ce sont {_ANYTHING[name]}.")
        for flow, names in ENGINE_ANSWERS.items()
        for name, may in names.items()
    ]


def _rules() -> str:
    rows = [f"| `{name}` | {' '.join((inspect.getdoc(rule) or '').split())} |" for name, rule in sorted(RULES.items())]
    return "\n".join(["| Règle | Vraie quand |", "|---|---|", *rows])


def _kind(word: str, cls: type[Step]) -> str:
    needed = shape.required(cls)
    keys = [
        f"**`{key}`**" if cls.ALIASES.get(key, key) in needed or key in cls.NEEDS else f"`{key}`"
        for key in keys_of(cls)
    ]
    return (
        f"\n### {word}\n{description(cls)}\n\n{'Attend une réponse. ' if cls.WAITS else ''}"
        f"Mots : {', '.join(keys)}.\n\n```yaml\n{example(cls)}\n```\n"
    )


def example(cls: type[Step]) -> str:
    """The example in a kind's docstring: a step with its name, as it stands in a flow."""
    _, _, text = (inspect.getdoc(cls) or "").partition("Example:\n")
    return textwrap.dedent(text).strip()


if __name__ == "__main__":
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    (root / PATH).write_text(written(), encoding="utf-8")
