"""Messages outside the 24 hours: templates that the provider approved for the organisation.

One is needed: "a message waits, answer to read it". The organisation submits it in WhatsApp Manager, category
Utility, once for each language below, under the name and with the very words of `TEMPLATES`. It names neither a
topic nor a person: phones are shared. So it has no variables; it has one button of the kind "quick reply".

A template of the organisation's may have variables ({{1}}, {{2}} … in its text): `as_json` takes what fills them.

Languages that WhatsApp does not know (Bambara, Soninke …) get the French one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

VARIABLE = re.compile(r"\{\{([0-9]+)\}\}")


@dataclass(frozen=True, slots=True)
class Template:
    """A template as it was approved; `button` is its quick reply."""

    name: str
    language: str  # the provider's code: "fr", "en_GB"
    text: str
    button: str = ""

    @property
    def variables(self) -> int:
        """How many it has."""
        return len(set(VARIABLE.findall(self.text)))


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


def as_json(template: Template, *parameters: str) -> dict[str, object]:
    """What a send carries. A quick reply without a payload of its own comes back with its words.

    `parameters` fill {{1}}, {{2}} …, on one line each: they refuse others. Raises ValueError when there are more or
    fewer than variables, or when one says nothing.
    """
    filled = [" ".join(one.split()) for one in parameters]
    if len(filled) != template.variables or not all(filled):
        raise ValueError(f"{template.name} has {template.variables} variables")
    sent: dict[str, object] = {"name": template.name, "language": {"code": template.language}}
    if filled:
        texts = [{"type": "text", "text": one} for one in filled]
        sent["components"] = [{"type": "body", "parameters": texts}]
    return sent
