"""One case in the shape that Primero takes: the body of `POST /api/v2/cases`, `{"data": {field: value}}`.

Only what the person agreed to, and only for whom: a consent names one service, so whoever exports says which of those
agreed to is to receive it, and what that consent names goes. The words heard when a name is kept ("only the team that
answers you reads") cover no other system, so they are not enough; nor does any consent name when a case was opened, or
its number elsewhere.

Fields are those of Primero's own case record (app/models/child.rb and its CPIMS+ forms, version 2). What belongs to one
installation (module, owner, concerns, lookups of language and region of its own) is left to whoever imports.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Row

from bot.cases import referrals
from bot.cases.desk import Desk, NotPossible
from bot.cases.referrals import Referral
from bot.dialogue.flow import Library


class NotConsented(NotPossible):
    """La personne n'a pas donné son accord pour transmettre ce dossier : demandez-le d'abord, par une orientation."""


class Nameless(NotPossible):
    """Ce dossier est sans nom : il ne part pas vers un autre système."""


class WithoutName(NotConsented):
    """What the person agreed to leaves out the name, which a record elsewhere can't do without."""


class Hidden(NotConsented):
    """The name was agreed to, and whoever exports may not know it."""


class Unknown(NotPossible):
    """Choisissez le service qui reçoit le dossier : la personne a donné son accord pour lui seul."""


@dataclass(frozen=True, slots=True)
class Export:
    """What would go out: Primero's fields, and the consent it rests on."""

    referral: str  # its id
    data: Mapping[str, Any] = field(repr=False)
    service: str  # to whom, by its name
    consented: str  # the day

    def body(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode({"data": self.data}), indent=2) + b"\n"


def exports(desk: Desk, reference: str, library: Library) -> list[Export]:
    """What may go to Primero, for each service the person agreed to; the newest consent first.

    Raises `NoSuchCase`, `Nameless` (a case without a name), `NotConsented` (`WithoutName`, `Hidden`).
    """
    row = desk.find(reference, "export_case")
    if row.anonymous:
        raise Nameless(Nameless.__doc__)
    agreed = [one for one in referrals.consented_fields(desk, row) if one.consented_at]
    if not agreed:
        raise NotConsented(NotConsented.__doc__)
    agreed.sort(key=lambda one: str(one.consented_at), reverse=True)
    # `told` is without what this reader may not know
    made = [_export(row, one, library) for one in agreed if one.told.get("name", "").strip()]
    if made:
        return made
    if any("name" in one.hidden for one in agreed):
        raise Hidden("Le nom fait partie de l'accord, et vous ne le connaissez pas. Demandez d'abord l'identité.")
    raise WithoutName(
        "La personne n'a pas donné son accord pour transmettre son nom : sans lui, le dossier ne part pas vers un autre"
        " système. Demandez-le-lui d'abord, par une orientation."
    )


def export(desk: Desk, reference: str, referral: str, library: Library) -> Export:
    """What goes to the service of one referral, by its id. Raises `Unknown` as well."""
    for one in exports(desk, reference, library):
        if one.referral == referral:
            return one
    raise Unknown(Unknown.__doc__)


def log_export(desk: Desk, reference: str, made: Export) -> None:
    """Into the audit log, before it is handed out: which fields, to whom; not what they say."""
    row = desk.find(reference, "export_case")
    desk.log("export case", row, f"primero, for {made.service}: {', '.join(sorted(made.data))}")


def _export(row: Row[Any], one: Referral, library: Library) -> Export:
    data = _fields(row, one.told, library)
    return Export(one.id, data, one.terms.service, str(one.consented_at)[:10])


def _fields(row: Row[Any], told: Mapping[str, str], library: Library) -> dict[str, Any]:
    notes = [{"note_text": told[name]} for name in ("summary", "story") if told.get(name, "").strip()]
    wanted: dict[str, Any] = {
        "name": told["name"].strip(),
        "telephone_current": told.get("phone", "").strip(),
        "location_current": _place(told.get("region", ""), library),
        "other_agency_id": row.reference,
        "consent_for_services": True,
        "disclosure_other_orgs": True,
        "notes_section": notes,
    }
    return {name: value for name, value in wanted.items() if value}


def _place(told: str, library: Library) -> str:
    """The P-code, as Primero has places, of the region that was agreed to; the case's own may be another by now."""
    regions = library.directory.regions.items()
    return next((one.pcode for key, one in regions if told and library.words(f"regions:{key}", "") == told), "")
