"""What stands at the top of every page, for those who may."""

from dataclasses import dataclass

from bot.cases.may import Staff, may
from bot.console.rendering import N_


@dataclass(frozen=True, slots=True)
class Place:
    """A place of the console. It is shown to whoever may do its deed.

    `waits`: what is counted beside it, a name of `waits.counts`; `sign` and `told`: before the number, seen and heard.
    """

    path: str
    label: str
    deed: str
    waits: str = ""
    sign: str = ""
    told: str = N_("à voir :")


NAVIGATION = (
    Place("/console", N_("Dossiers"), "list", "mentions", "@", N_("on vous mentionne :")),
    Place("/console/enter", N_("Saisir un dossier"), "enter"),
    Place("/console/alerts", N_("Alertes"), "alerts", "alerts"),
    Place("/console/requests", N_("Demandes"), "alerts", "requests"),
    Place("/console/figures", N_("Chiffres"), "figures"),
    Place("/console/workload", N_("Charge"), "assign_many"),
    Place("/console/exports", N_("Exports"), "export_rows"),
    Place("/console/people", N_("Équipe"), "people"),
    Place("/console/rota", N_("Garde"), "rota"),
    Place("/console/settings", N_("Réglages"), "settings"),
)


def home(staff: Staff) -> str:
    """Where somebody begins: the first place that is theirs, or their account."""
    return next((place.path for place in NAVIGATION if may(staff, place.deed)), "/console/account")
