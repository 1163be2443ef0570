"""What editors read when something is wrong: sort → how grave, what it is, how to mend it.

In French: the people who write flows in Mali read French. A second language would be a second table.
"""

from typing import Literal

Severity = Literal["error", "warning"]

SENTENCES: dict[str, tuple[Severity, str, str]] = {
    # ------------------------------------------------------------ reading a file
    "encoding": (
        "error",
        "ce fichier n'est pas du texte UTF-8",
        "enregistrez-le de nouveau en choisissant l'encodage UTF-8",
    ),
    "yaml": (
        "error",
        "cette ligne ne peut pas être lue",
        "regardez les espaces au début de la ligne, les deux-points et les guillemets, ici et juste avant",
    ),
    "yaml_tab": ("error", "il y a une tabulation", "mettez des espaces à la place"),
    "yaml_hard_space": (
        "error",
        "il y a une espace insécable là où il faut une espace ordinaire",
        "effacez les blancs à cet endroit et tapez-les de nouveau avec la barre d'espace",
    ),
    "yaml_letter": ("error", "il y a un caractère invisible", "effacez-le, et tapez la ligne de nouveau"),
    "yaml_no_colon": (
        "error",
        "il manque deux-points après un nom : « {key} »",
        "écrivez « nom: valeur », avec une espace après les deux-points",
    ),
    "yaml_space": ("error", "il manque une espace après les deux-points", "écrivez « nom: valeur »"),
    "yaml_quotes": (
        "error",
        "le texte contient « : » sans guillemets",
        'mettez tout le texte entre guillemets : "C\'est : ici"',
    ),
    "yaml_apostrophe": (
        "error",
        "une apostrophe ferme le texte écrit entre '…'",
        "prenez des guillemets : \"C'est ici\", pas 'C'est ici'",
    ),
    "yaml_after_quote": (
        "error",
        "il y a encore des mots après le guillemet qui ferme",
        'mettez tout le texte entre guillemets ; à l\'intérieur, écrivez « … » : "Écrivez « oui »"',
    ),
    "yaml_start": (
        "error",
        "un texte ne peut pas commencer par « {key} » sans guillemets",
        'mettez tout le texte entre guillemets : "…"',
    ),
    "yaml_unclosed": (
        "error",
        "« {key} » est ouvert ici, et rien ne le ferme",
        "ajoutez le même guillemet, « }} » ou « ] » à la fin",
    ),
    "yaml_comma": (
        "error",
        "il manque une virgule entre deux valeurs, ou des guillemets",
        "écrivez {{key: a, label: Un mot, go: b}} ; un texte avec une virgule se met entre guillemets",
    ),
    "yaml_margin": (
        "error",
        "cette ligne n'est pas à la bonne place : elle est trop à droite ou trop à gauche",
        "mettez-la juste sous celle à laquelle elle ressemble ; ce qui est dedans va deux espaces plus à droite",
    ),
    "yaml_text_right": (
        "error",
        "ce texte n'est pas assez à droite",
        "après « |- », chaque ligne du texte va deux espaces plus à droite que le nom",
    ),
    "yaml_text_below": ("error", "il y a des mots après « |- »", "commencez le texte à la ligne suivante"),
    "yaml_backslash": (
        "error",
        "« \\ » a un sens spécial entre guillemets",
        "écrivez-le deux fois : \\\\ ; pour aller à la ligne, écrivez « |- »",
    ),
    "yaml_dash": ("error", "il manque une espace après le tiret", "écrivez « - » puis une espace"),
    "yaml_dashes": ("error", "une ligne « --- » coupe le fichier en deux", "supprimez-la"),
    "yaml_depth": ("error", "il y a trop de groupes les uns dans les autres", "rangez-les plus simplement"),
    "hash_cut": (
        "warning",
        "le texte s'arrête avant « # » : la suite est une note, les gens ne la voient pas",
        "si c'est du texte, mettez tout entre guillemets ; si c'est une note, écrivez-la sur une ligne à elle",
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
    "wrong_name": (
        "error",
        "ce fichier n'est pas lu, à cause de son nom ou de son dossier",
        "nommez-le {key}",
    ),
    "bad_name": (
        "error",
        "« {key} » ne peut pas être un nom",
        "un nom commence par une lettre ; il n'a que des petites lettres sans accent, des chiffres et « _ »",
    ),
    # ------------------------------------------------------------ shape
    "unknown_key": ("error", "« {key} » n'est pas connu ici", "on peut écrire : {known}"),
    "missing_key": ("error", "il manque « {key} »{of}", "ajoutez une ligne « {key}: … »"),
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
    "bad_value": ("error", "« {key} » : {problem}", "{how}"),
    "not_small_words": (
        "error",
        "ce fichier n'a pas de listes de mots",
        "écrivez « nom: [mot, mot] » sur chaque ligne",
    ),
    "not_a_list": ("error", "« {key} » doit être une liste de mots", "écrivez « {key}: [mot, mot] »"),
    "not_a_map": (
        "error",
        "« {key} » dit ce que veulent dire des abréviations",
        "écrivez « {key}: {{stp: s'il te plaît}} »",
    ),
    "bad_list": ("error", "« {key} » n'est pas une liste de mots", "chaque ligne est une liste : [premier, première]"),
    "bad_number": (
        "error",
        "« {key} » n'est pas un nombre avec ses mots",
        "chaque ligne dit un nombre entier, puis ses mots : « 80: [quatre-vingt] », et chaque mot une seule fois",
    ),
    "bad_phrase": (
        "error",
        "« {key} » ne peut pas être entendu",
        "écrivez des mots ; de chaque côté de « | » il faut un mot",
    ),
    "bad_hours": (
        "error",
        "« {key} » n'a pas d'heures lisibles",
        'écrivez "08:00-17:00", ou une liste : ["08:00-12:00", "14:00-17:00"]',
    ),
    "night_hours": (
        "error",
        "« {key} » : la fin doit venir après le début, le même jour",
        'pour une nuit, écrivez "20:00-24:00", et "00:00-06:00" le lendemain',
    ),
    "hours_overlap": ("error", "« {key} » : deux plages d'heures se couvrent", "laissez-en une seule"),
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
    "unknown_entry": (
        "error",
        "« {key} » n'existe pas ; il y a {known}",
        "corrigez le nom, ou ajoutez-le là où ces noms sont écrits",
    ),
    "unknown_folder": (
        "error",
        "le dossier « {key} » ne dit pas où est ce service",
        "rangez le fichier dans l'un de ces dossiers : {known}",
    ),
    "no_source": (
        "error",
        "« {key} » ne dit pas d'où vient ce fait",
        "écrivez source: avec un nom de content/sources.yaml, une virgule et l'endroit",
    ),
    "no_source_year": (
        "error",
        "« {key} » ne dit pas de quelle année est ce fait",
        "écrivez source_year: avec l'année",
    ),
    "figure_in_flow": (
        "error",
        "« {key} » est un fait, dans un dialogue",
        "écrivez-le dans content/, avec sa source, ou enlevez-le",
    ),
    "unknown_source": (
        "error",
        "la source « {key} » n'est pas dans content/sources.yaml",
        "commencez par l'un de ces noms, puis une virgule et l'endroit : {known}",
    ),
    "one_sided": (
        "error",
        "« {key} » a pour voisine « {other} », mais pas l'inverse",
        "ajoutez « {key} » aux neighbours de « {other} »",
    ),
    "same_word": (
        "error",
        "« {key} » est déjà un mot de « {other} »",
        "gardez ce mot à un seul endroit",
    ),
    "same_short": (
        "error",
        "le bouton « {key} » est déjà celui de « {other} »",
        "écrivez un autre `short`",
    ),
    "long_label": (
        "error",
        "« {key} » a {letters} lettres ; un bouton en montre {most}",
        "écrivez plus court",
    ),
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
    "brace": (
        "error",
        "une accolade « {{ » ou « }} » est seule dans le texte ({key})",
        "écrivez {{nom}}, avec les deux accolades, ou aucune",
    ),
    "consent_value": (
        "error",
        "« consent » ne peut pas être « {key} » : il dit que la personne est d'accord",
        "écrivez agreed ; pour un refus, ne gardez rien",
    ),
    "keep_days": (
        "error",
        "« keep_days » : {key} jours ; le texte de l'accord promet « un an au plus »",
        "écrivez 365 ou moins",
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
        "lancez « segin translations », puis écrivez la traduction dans {po}",
    ),
    "untranslated_entry": (
        "error",
        "« {key} » n'est pas traduit en {language}, une langue obligatoire",
        "écrivez la traduction : {place}",
    ),
    "stale": (
        "warning",
        "la traduction de « {key} » ({language}) est plus ancienne que le français ({where})",
        "lancez « segin translations », relisez ici les deux textes, puis supprimez la ligne « #, fuzzy »",
    ),
    "unread_catalogue": (
        "warning",
        "la langue « {key} » n'est pas dans content/organisation.yaml : ces traductions ne servent pas",
        "ajoutez « {key}: optional » sous languages",
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
