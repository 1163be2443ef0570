"""The words for what a case holds: answers by the question's name, what the system noted, who said it."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from babel.dates import format_date

from bot.cases.thread import Message
from bot.console.asking import Ask
from bot.console.rendering import N_
from bot.dialogue.model import SOURCE_LANGUAGE
from bot.dialogue.scene import LIST_OF

LABELS = {
    "name": N_("Nom"),
    "place": N_("Organisation, lieu"),
    "account": N_("Ce qui s'est passé"),
    "reach": N_("Comment joindre"),
    "phone": N_("Numéro"),
    "about": N_("De quoi il s'agit"),
    "words": N_("Ses mots"),
    "heard": N_("Signe de détresse"),
    "held": N_("Retenu quelque part"),
    "danger_now": N_("En danger maintenant"),
    "service": N_("Service choisi"),
    "note": N_("Message"),
    "situation": N_("Situation"),
    "country": N_("Pays du retour"),
    "return_kind": N_("Sorte de retour"),
    "applies": N_("Ce qui est vrai"),
    "region": N_("Région"),
    "cercle": N_("Cercle"),
    "sector": N_("Domaine"),
    "trade": N_("Métier"),
    "age": N_("Âge"),
    "sex": N_("Femme ou homme"),
    "schooling": N_("École"),
    "need": N_("Besoin"),
    "lacking": N_("Papiers qui manquent"),
}
"""The question behind each answer that a flow may send along. One that nobody named here is shown by its own name."""

EVENTS = {
    "resolved": N_("Noté comme résolu."),
    "closed": N_("Dossier clos."),
    "reopened": N_("Dossier rouvert."),
    "restricted": N_("Confié à la petite équipe formée."),
    "settled": N_("La personne dit que c'est réglé."),
    "not_settled": N_("La personne dit que ce n'est pas réglé."),
    "lapsed": N_("Clos : la personne n'a pas dit si c'est réglé."),
    "kept": N_("À garder pour la justice."),
    "not_kept": N_("N'est plus gardé pour la justice."),
    "consented": N_("La personne a donné son accord, lu à voix haute."),
    "erased": N_("La personne a tout effacé. Elle ne lit plus ce qui est écrit ici."),
    "merged": N_("Réuni avec un autre dossier : la suite est là-bas."),
    "joined": N_("Un autre dossier a été réuni avec celui-ci."),
    "parted": N_("Séparé de l'autre dossier : il suit de nouveau son chemin."),
    "consent_asked": N_("Accord demandé pour un service :"),
    "consent_given": N_("La personne est d'accord :"),
    "consent_refused": N_("La personne ne veut pas :"),
    "consent_revoked": N_("Accord retiré :"),
    "referral_sent": N_("Transmis au service :"),
    "referral_ended": N_("Service prévenu de la fin :"),
    "excluded": N_("Écarté du dossier :"),
    "included": N_("Voit à nouveau le dossier :"),
    "recused": N_("S'est récusé :"),
    "all_named": N_(
        "Toutes les personnes habilitées sont nommées dans ce dossier : personne n'a été écarté. Décidez qui se récuse."
    ),
}
"""What the system notes in a thread (`{"event": …}`)."""

OUTCOMES = {
    "settled": N_("réglé"),
    "no_answer": N_("sans nouvelles de la personne"),
    "out_of_scope": N_("ne nous concerne pas"),
    "withdrawn": N_("la personne ne veut plus"),
    "merged": N_("réuni avec un autre"),
    "other": N_("autre raison"),
}

FATES = {
    "mailbox": N_("attend : son numéro l'ouvre"),
    "waits": N_("en route"),
    "told": N_("attend que la personne écrive : on le lui a signalé"),
    "untold": N_("attend que la personne écrive : on n'a pas pu le lui signaler"),
    "sent": N_("envoyé"),
    "delivered": N_("remis"),
    "read": N_("lu"),
    "failed": N_("pas remis : la personne ne l'a pas reçu"),
}
"""What became of words of staff."""

STATES = {
    "pending": N_("arrive encore : revenez dans un moment"),
    "lost": N_("n'a pas pu être reçu : demandez à la personne de l'envoyer à nouveau"),
    "too_large": N_("n'est pas gardé, car trop grand : demandez à la personne de l'envoyer plus petit, comme photo"),
    "unclean": N_(
        "n'est pas gardé : abîmé, ou d'une sorte dont le lieu et le téléphone ne peuvent pas être enlevés. Demandez à "
        "la personne de l'envoyer comme photo, ou de le dire avec ses mots"
    ),
    "kept": N_("n'est plus gardé"),
}
"""Why a file is not there."""

FILES = {"voice": N_("Message vocal"), "photo": N_("Photo"), "document": N_("Document")}

_VALUES = {
    ("heard", "suicide"): N_("pense à mourir"),
    ("heard", "danger"): N_("est en danger"),
    ("heard", "held"): N_("est retenu quelque part"),
    ("heard", "weary"): N_("n'en peut plus"),
    ("held", "yes"): N_("oui"),
}


class Stories:
    """The words of one page, in the language of whoever reads it. Templates get it as `story`."""

    def __init__(self, ask: Ask) -> None:
        self._ask, self._library, self._language = ask, ask.library, ask.language

    def label(self, name: str) -> str:
        """The question behind an answer."""
        return self._own(LABELS, name, name.replace("_", " ").capitalize())

    def value(self, name: str, said: object) -> str:
        """What was answered: the words of a choice or of an entry of content, else as it stands."""
        if isinstance(said, list | tuple):
            return ", ".join(self.value(name, one) for one in said)
        own = _VALUES.get((name, str(said)))
        if own:
            return self._ask.translate(own)
        key = self._key(name, str(said))
        return self._library.words(key, self._language) if key else str(said)

    def until(self, at: datetime) -> str:
        """An hour of today or tomorrow; a day and an hour further on: "demain 14 h"."""
        rendering = self._ask.console.rendering
        here, today = rendering.local(at), rendering.local(self._ask.now).date()
        hour = _hour(here, self._language)
        if here.date() == today:
            return self._ask.translate(N_("aujourd'hui {hour}")).format(hour=hour)
        if here.date() == today + timedelta(days=1):
            return self._ask.translate(N_("demain {hour}")).format(hour=hour)
        return f"{format_date(here, 'd MMM', locale=self._language)} {hour}"

    def event(self, message: Message) -> str:
        """What the system noted."""
        told = self._own(EVENTS, message.event, message.event)
        outcome = message.told.get("outcome", "")
        return f"{told} ({self._own(OUTCOMES, outcome, outcome)})" if outcome else told

    def fate(self, fate: str) -> str:
        return self._own(FATES, fate, "")

    def state(self, state: str) -> str:
        return self._own(STATES, state, "")

    def file(self, kind: str) -> str:
        return self._own(FILES, kind, kind)

    def _key(self, name: str, said: str) -> str:
        """The text key for an answer; "" where it is shown as it stands."""
        french = self._library.texts[SOURCE_LANGUAGE]
        if name in LIST_OF and f"{LIST_OF[name]}:{said}" in french:
            return f"{LIST_OF[name]}:{said}"
        steps = (flow.saved_by[name] for flow in self._library.flows.values() if name in flow.saved_by)
        return next((key for step in steps if (key := step.label_of(said)) in french), "")

    def _own(self, words: Mapping[str, str], key: str, other: str) -> str:
        return self._ask.translate(words[key]) if key in words else other


def _hour(at: datetime, language: str) -> str:
    """As people say it: "14 h", "14 h 05", in English "14:05"."""
    if language != "fr":
        return f"{at.hour}:{at.minute:02}"
    return f"{at.hour}\u00a0h\u00a0{at.minute:02}" if at.minute else f"{at.hour}\u00a0h"
