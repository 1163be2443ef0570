"""flows/flow.schema.json: what an editor may write, for programs that help while typing.

Made from the step kinds themselves: `python -m bot.library.schema` writes it, a test holds it to the code.
"""

import inspect
import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from bot.dialogue.rules import RULES
from bot.dialogue.steps import KINDS, Step
from bot.library import shape
from bot.library.flows import keys_of
from bot.library.names import CONDITIONS

PATH = "flows/flow.schema.json"
_NAME = "^[a-z][a-z0-9_]*$"
_WAY = r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$"
_SHARED = {
    "say": {"type": "string", "description": "Ce qui est dit en arrivant à cette étape (français)."},
    "go": {
        "type": "string",
        "pattern": _WAY,
        "description": "L'étape suivante : « étape » ici, « dialogue.étape » ailleurs.",
    },
    "save_as": {"type": "string", "pattern": _NAME, "description": "Le nom de la réponse."},
}


def flow_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a flow file."""
    classes = list(dict.fromkeys(KINDS.values()))
    _, parts = msgspec.json.schema_components(classes, schema_hook=_object, ref_template="#/$defs/{name}")
    definitions = {
        name: {key: value for key, value in part.items() if key != "title"} | {"additionalProperties": False}
        for name, part in parts.items()
    }
    kinds = {word: _kind(cls, definitions.pop(cls.__name__)) for word, cls in KINDS.items()}
    definitions |= {f"step_{word}": schema for word, schema in kinds.items()}
    definitions["condition"] = _condition()
    _refer_to_conditions(definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Un dialogue de Segin",
        "description": "flows/README.md explique chaque sorte d'étape.",
        "type": "object",
        "required": ["title", "start", "steps"],
        "additionalProperties": False,
        "properties": {
            "title": {"type": "string", "description": "Le nom du dialogue, pour les gens."},
            "keywords": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Les mots qui mènent ici, dans toutes les langues.",
            },
            "anywhere": {
                "type": "boolean",
                "description": "true : ces mots marchent à chaque étape de chaque dialogue.",
            },
            "start": {"type": "string", "pattern": _NAME, "description": "La première étape."},
            "steps": {
                "type": "object",
                "propertyNames": {"pattern": _NAME},
                "additionalProperties": {"anyOf": [{"$ref": f"#/$defs/step_{word}"} for word in sorted(KINDS)]},
            },
        },
        "$defs": dict(sorted(definitions.items())),
    }


def _object(hint: type) -> dict[str, Any]:
    if hint is object:  # a fact's value, or `{from: answer}`; conditions get their own schema below
        return {"type": ["string", "number", "object"]}
    raise NotImplementedError(hint)


def _kind(cls: type[Step], part: dict[str, Any]) -> dict[str, Any]:
    """One kind, by the words editors use."""
    field_of = {word: cls.ALIASES.get(word, word) for word in keys_of(cls)}
    needed = {word for word, name in field_of.items() if name in shape.required(cls) or word in cls.NEEDS}
    return {
        "type": "object",
        "description": description(cls),
        "properties": {word: _SHARED.get(word) or part["properties"][name] for word, name in field_of.items()},
        "required": [word for word in field_of if word in needed],
        "additionalProperties": False,
    }


def description(cls: type) -> str:
    """A docstring as one paragraph a line, without its example."""
    text = inspect.getdoc(cls) or ""
    return text.partition("Example:")[0].strip()


def _condition() -> dict[str, Any]:
    word = {"type": ["string", "number"]}
    return {
        "type": "object",
        "description": "Tout doit être vrai : {réponse: valeur}, {réponse: [valeur, valeur]}, {rule: nom}.",
        "properties": {"rule": {"enum": sorted(RULES)}},
        "additionalProperties": {"anyOf": [word, {"type": "array", "items": word, "minItems": 1}]},
    }


def _refer_to_conditions(definitions: dict[str, Any]) -> None:
    for part in definitions.values():
        for key in CONDITIONS:
            if key in part.get("properties", {}):
                part["properties"][key] = {"$ref": "#/$defs/condition"}


def written() -> str:
    """The file's content."""
    return json.dumps(flow_schema(), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    (root / PATH).write_text(written(), encoding="utf-8")
