"""What is wrong with an editor's files: where, what, and how to mend it.

All sentences editors read stand in one table, by a key of their own, so that a second language is a second
table. They are in French: the people who write flows in Mali read French.
"""

from dataclasses import dataclass
from typing import Literal

from rapidfuzz import process
from rapidfuzz.distance import OSA

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Issue:
    """One thing that `segin check` found. `sort` names what sort of mistake it is, `key` what it is about."""

    path: str
    line: int
    message: str
    hint: str = ""
    severity: Severity = "error"
    key: str = ""
    sort: str = ""

    def __str__(self) -> str:
        """`flows/x.yaml:12: what is wrong  → how to mend it`, for a terminal."""
        mild = "(attention) " if self.severity == "warning" else ""
        return f"{self.path}:{self.line}: {mild}{self.message}" + (f"  → {self.hint}" if self.hint else "")


def found(sort: str, path: str, line: int, key: str = "", /, *, near: str = "", **values: object) -> Issue:
    """The issue of this sort, in words. `near` is what the editor may have meant (see `nearest`)."""
    severity, message, hint = SENTENCES[sort]
    hint = f"Vouliez-vous dire « {near} » ?" if near else hint.format(key=key, **values)
    return Issue(path, line, message.format(key=key, **values), hint, severity, key, sort)


def nearest(word: str, known: "set[str] | list[str] | tuple[str, ...]") -> str:
    """The known word that was probably meant; "" when none is close."""
    match = process.extractOne(
        word, sorted(known), scorer=OSA.normalized_similarity, processor=str.casefold, score_cutoff=0.6
    )
    return match[0] if match else ""


def quoted(words: "set[str] | list[str] | tuple[str, ...]") -> str:
    """A list as it stands in a sentence: « a », « b »."""
    return ", ".join(f"« {word} »" for word in words)


SENTENCES: dict[str, tuple[Severity, str, str]] = {
    # ------------------------------------------------------------ reading a file
    "encoding": (
        "error",
        "ce fichier n'est pas du texte UTF-8",
        "enregistrez-le de nouveau en choisissant l'encodage UTF-8",
    ),
    "yaml": (
        "error",
        "le fichier n'est pas du YAML correct ({problem})",
        "regardez les espaces au début de la ligne, les deux-points et les guillemets, ici et juste avant",
    ),
    "empty_file": ("error", "le fichier est vide", "écrivez-le, ou supprimez-le"),
    "no_alias": (
        "error",
        "les ancres (&) et les renvois (*, <<) ne sont pas permis",
        "écrivez le texte à chaque endroit",
    ),
    "duplicate_key": (
        "error",
        "« {key} » est écrit deux fois (déjà ligne {first})",
        "gardez un seul des deux, ou changez le nom du second",
    ),
    "unknown_file": (
        "warning",
        "aucune partie du programme ne lit ce fichier",
        "regardez son nom et son dossier",
    ),
    "bad_name": (
        "error",
        "« {key} » ne peut pas être un nom",
        "un nom commence par une lettre ; il n'a que des petites lettres sans accent, des chiffres et « _ »",
    ),
    # ------------------------------------------------------------ shape
    "unknown_key": ("error", "« {key} » n'est pas connu ici", "on peut écrire : {known}"),
    "missing_key": ("error", "il manque « {key} »", "ajoutez « {key}: … »"),
    "useless_key": ("error", "« {key} » n'a pas d'effet ici", "supprimez-le"),
    "wrong_type": ("error", "« {key} » doit être {wanted}, mais c'est {got}", "{how}"),
    "wrong_word": ("error", "« {key} » ne peut pas être « {got} »", "on peut écrire : {known}"),
    "no_kind": (
        "error",
        "l'étape « {key} » ne dit pas ce qu'elle fait",
        "il faut un de ces mots : {known}",
    ),
    "two_kinds": (
        "error",
        "l'étape « {key} » est de deux sortes à la fois : {kinds}",
        "faites-en deux étapes",
    ),
    "no_choices": (
        "error",
        "la liste « {key} » est vide",
        "ajoutez au moins un choix : {{key: …, label: …}}",
    ),
    "bad_value": ("error", "« {key} » : {problem}", "corrigez cette valeur"),
    # ------------------------------------------------------------ ways
    "missing_step": ("error", "l'étape « {key} » n'existe pas", "écrivez cette étape, ou corrigez le nom"),
    "missing_flow": (
        "error",
        "le dialogue « {key} » n'existe pas",
        "écrivez flows/{key}.yaml, ou corrigez le nom",
    ),
    "no_way": (
        "error",
        "après « {key} », on ne sait pas où aller",
        "ajoutez « go: … », sur le choix ou sur l'étape",
    ),
    "engine_flow": (
        "error",
        "le programme a besoin du dialogue « {key} », et il n'existe pas",
        "écrivez flows/{key}.yaml",
    ),
    "menu_waits": (
        "error",
        "l'étape « menu » de flows/main.yaml doit poser une question",
        "donnez-lui des choix : c'est là que tout chemin revient",
    ),
    "unreachable": (
        "error",
        "aucun chemin ne mène à l'étape « {key} »",
        "ajoutez « go: {key} » là où il faut, ou supprimez l'étape",
    ),
    "unreachable_flow": (
        "error",
        "rien ne mène au dialogue « {key} »",
        "donnez-lui des mots (keywords), ou appelez-le (call: {key})",
    ),
    "loop": (
        "error",
        "boucle sans question : {key}",
        "mettez sur ce chemin une étape qui attend une réponse (choices, pick, ask)",
    ),
    "long_tap": (
        "error",
        "« {key} » fait {bytes} octets ; les messageries en acceptent 64",
        "raccourcissez le nom du dialogue, de l'étape ou du choix",
    ),
    "duplicate_choice": (
        "error",
        "deux choix de cette étape ont la clé « {key} » (déjà ligne {first})",
        "donnez une autre clé au second",
    ),
    "same_label": (
        "error",
        "deux choix de cette étape se lisent pareil en {language} : « {label} »",
        "changez un des deux, pour qu'une réponse écrite soit claire",
    ),
    # ------------------------------------------------------------ names
    "unknown_rule": ("error", "la règle « {key} » n'existe pas", "règles connues : {known}"),
    "unknown_category": (
        "error",
        "la catégorie « {key} » n'est pas dans content/case-categories.yaml",
        "ajoutez-la là-bas, ou corrigez le nom",
    ),
    "category_kind": (
        "error",
        "la catégorie « {key} » est prévue pour « {wanted} », pas pour « {got} »",
        "prenez une autre catégorie, ou changez « open »",
    ),
    "unknown_name": (
        "error",
        "rien n'enregistre « {key} » avant cette étape",
        "une étape d'avant doit avoir « save_as: {key} », ou un « remember » doit le garder",
    ),
    "unknown_value": ("error", "« {name} » ne vaut jamais « {key} »", "valeurs possibles : {known}"),
    "unknown_placeholder": (
        "error",
        "on ne sait pas quoi mettre à la place de « {{{key}}} »",
        "une étape d'avant doit avoir « save_as: {key} » ; sinon, on peut écrire : {known}",
    ),
    "case_placeholder": (
        "error",
        "« {{{key}}} » n'est pas connu ici",
        "on peut l'écrire dans une étape « open » ou « status », ou juste après, avant la question suivante",
    ),
    "label_placeholder": (
        "error",
        "un bouton ne peut pas contenir « {{{key}}} »",
        "écrivez un texte fixe ; mettez {{{key}}} dans « say »",
    ),
    "missing_words": (
        "error",
        "il manque la phrase « {key} », que le programme doit dire",
        "ajoutez « {key}: … » dans content/words.yaml",
    ),
    "unused_words": (
        "warning",
        "le programme ne dit jamais « {key} »",
        "corrigez le nom, ou supprimez la phrase",
    ),
    "two_flows": (
        "error",
        "le mot « {key} » mène à deux dialogues : {first} et {second}",
        "gardez-le dans un seul",
    ),
    "word_taken": (
        "error",
        "le mot « {key} » sert déjà partout ({taken}) : il ne mènera jamais à ce dialogue",
        "choisissez un autre mot",
    ),
    "label_taken": (
        "error",
        "« {key} » ({language}) est aussi un mot qui mène à « {taken} » : qui l'écrit n'ira pas au choix",
        "changez ces mots, ou menez le choix au même endroit",
    ),
    # ------------------------------------------------------------ languages
    "po": ("error", "le fichier de traduction n'est pas correct ({problem})", "corrigez cette ligne"),
    "po_twice": (
        "error",
        "« {key} » est traduit deux fois (déjà ligne {first})",
        "gardez une seule traduction",
    ),
    "po_unknown": (
        "warning",
        "« {key} » n'est plus dans les fichiers français",
        "mettez les traductions à jour : segin translations",
    ),
    "placeholder_lost": (
        "error",
        "la traduction a perdu « {{{name}}} » ({key})",
        "remettez {{{name}}} dans la traduction, écrit exactement ainsi",
    ),
    "placeholder_added": (
        "error",
        "la traduction ajoute « {{{name}}} », qui n'est pas en français ({key})",
        "enlevez-le, ou corrigez-le : en français il y a {known}",
    ),
    "untranslated": (
        "error",
        "« {key} » n'est pas traduit en {language}, une langue obligatoire",
        "traduisez-le dans {po}",
    ),
    "no_po": (
        "error",
        "la langue « {key} » est obligatoire, mais {po} n'existe pas",
        "faites ce fichier : segin translations",
    ),
    "unknown_language": (
        "error",
        "nous ne savons pas comment s'appelle la langue « {key} »",
        "corrigez son code ; une langue nouvelle s'ajoute dans bot/library/languages.py",
    ),
    "no_language_file": (
        "error",
        "la langue « {key} » est obligatoire, mais {path} n'existe pas",
        "écrivez ce fichier avec des personnes qui parlent cette langue",
    ),
    "missing_file": ("error", "il manque le fichier {key}", "écrivez-le"),
}
