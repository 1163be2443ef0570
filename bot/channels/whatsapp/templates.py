"""Messages outside the 24 hours: templates that the provider approved for the organisation.

One is needed: "a message waits, answer to read it". The organisation submits it in WhatsApp Manager, category
Utility, once for each language below, under the name and with the very words of `TEMPLATES`. It names neither a
topic nor a person: phones are shared. It has no variables, and one button of the kind "quick reply".

Languages that WhatsApp does not know (Bambara, Soninke …) get the French one.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Template:
    """A template as it was approved. `parameters` fill {{1}}, {{2}} … of its text; `button` is its quick reply."""

    name: str
    language: str  # the provider's code: "fr", "en_GB"
    text: str
    button: str = ""
    parameters: tuple[str, ...] = ()


SOURCE = "fr"
TEMPLATES: Mapping[str, Template] = {
    "fr": Template(
        "message_waiting",
        "fr",
        "Bonjour. Vous nous avez écrit. Un message vous attend ici. Répondez à ce message pour le lire.",
        "Lire",
    ),
    "en": Template(
        "message_waiting",
        "en",
        "Hello. You wrote to us. A message is waiting for you here. Answer this message to read it.",
        "Read",
    ),
}
ANSWERS = {template.button for template in TEMPLATES.values() if template.button}


def template_for(language: str) -> Template:
    """The template of a language, else the French one."""
    return TEMPLATES.get(language, TEMPLATES[SOURCE])


def as_json(template: Template) -> dict[str, object]:
    """What a send carries. A quick reply without a payload of its own comes back with its words."""
    sent: dict[str, object] = {"name": template.name, "language": {"code": template.language}}
    if template.parameters:
        parameters = [{"type": "text", "text": one} for one in template.parameters]
        sent["components"] = [{"type": "body", "parameters": parameters}]
    return sent
