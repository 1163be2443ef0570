"""The forms of a page, as a browser would send them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

TEXT = ("text", "search", "tel", "email", "password", "url", "")
"""Types of fields into which anything can be typed."""

ADDRESSES = ("href", "src", "action", "formaction", "hx-get", "hx-post", "hx-push-url", "data-live")


@dataclass
class Field:
    """One field of a form. `type` is that of an input, or the name of the element; `choices` are values of a select."""

    name: str
    type: str
    value: str = ""
    checked: bool = False
    required: bool = False
    choices: list[str] = field(default_factory=list)

    @property
    def is_text(self):
        return self.type in TEXT or self.type == "textarea"


@dataclass
class Form:
    """Where it goes, its fields, and its buttons: (address or "" for that of the form, name, value)."""

    method: str
    action: str
    fields: list[Field] = field(default_factory=list)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def takes_text(self):
        return any(one.is_text for one in self.fields)

    def filled(self, text):
        """What is sent when `text(field)` is typed into every field for text; pairs by name, for the first button."""
        values, chosen = [], set()
        for one in self.fields:
            if one.is_text:
                values.append((one.name, text(one)))
            elif one.type == "select":
                value = one.value or next((choice for choice in one.choices if choice), "")
                values.append((one.name, value))
            elif one.type == "checkbox":
                if one.required or one.checked or one.name in ("told", "identified"):
                    values.append((one.name, one.value))
            elif one.type == "radio":
                if one.name not in chosen:
                    chosen.add(one.name)
                    values.append((one.name, one.value))
            elif one.type == "time":
                values.append((one.name, one.value or "08:00"))
            else:
                values.append((one.name, one.value))
        pressed = next((one for one in self.buttons if not one[0]), None)
        if pressed and pressed[1]:
            values.append(pressed[1:])
        return values


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.forms, self.addresses = [], []
        self.form = self.area = self.select = None

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        self.addresses += [given[name] for name in ADDRESSES if name in given]
        if tag == "form":
            self.form = Form(given.get("method", "get"), given.get("action", ""))
            self.forms.append(self.form)
        elif tag == "option" and self.select:
            self.select.choices.append(given.get("value", ""))
            if "selected" in given:
                self.select.value = given.get("value", "")
        elif self.form is None:
            return
        elif tag == "button" and given.get("type", "submit") == "submit":
            self.form.buttons.append((given.get("formaction", ""), given.get("name", ""), given.get("value", "")))
        elif tag in ("input", "textarea", "select") and given.get("name"):
            kind = given.get("type", "text") if tag == "input" else tag
            one = Field(given["name"], kind, given.get("value", ""), "checked" in given, "required" in given)
            self.form.fields.append(one)
            if tag == "textarea":
                self.area = one
            elif tag == "select":
                self.select = one

    def handle_data(self, data):
        if self.area:
            self.area.value += data

    def handle_endtag(self, tag):
        if tag == "form":
            self.form = None
        elif tag == "textarea":
            self.area = None
        elif tag == "select":
            self.select = None


def read(html):
    """The forms of a page, and all addresses that stand in it."""
    reader = _Reader()
    reader.feed(html)
    return reader.forms, reader.addresses
