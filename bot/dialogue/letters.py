"""The letters people type: `clean` keeps what they wrote, `fold` makes spellings comparable.

Folding goes letter by letter through one table that fills itself, so that it is linear, and idempotent
as soon as every single letter is (a test walks through all of Unicode).
"""

import re
import unicodedata

# Control, bidirectional and zero-width marks, soft hyphens, tags, halves of surrogate pairs.
# U+200D stands apart: inside an emoji it joins a family, elsewhere it hides in words.
_HIDDEN = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f"
)
_hidden = re.compile(f"[{_HIDDEN}]")
_pictures = "\U0001f000-\U0001faff\u2190-\u2bff\ufe0f"
_stray_joiner = re.compile(f"(?<![{_pictures}])\u200d|\u200d(?![{_pictures}])")
_line_ends = re.compile("\r\n?|[\u2028\u2029]")

# Letters that Unicode does not take apart. Malian texts write Greek epsilon for ɛ where a font lacks it,
# and the hooked letters are those of Fulfulde.
_SPELT = {
    "ɛ": "e", "ε": "e", "ǝ": "e", "ə": "e", "ɔ": "o", "ͻ": "o", "ↄ": "o", "ø": "o", "ɲ": "ny", "ŋ": "ng",
    "œ": "oe", "æ": "ae", "ɓ": "b", "ɗ": "d", "đ": "d", "ɠ": "g", "ƙ": "k", "ƴ": "y", "ı": "i", "ɩ": "i",
    "ʋ": "v", "ł": "l", "\U0001f51f": "10", "ـ": "",
}  # fmt: skip
_SIGNS = frozenset("👍👎👌✅✔❌✖")  # an answer when they stand alone, an ornament beside words
_KNOWN_AT_MOST = 20_000  # letters remembered: no one may fill memory by sending all of Unicode


def clean(text: str) -> str:
    """What a person wrote, fit to be kept and shown: hidden marks dropped, letters composed (NFC)."""
    if text.isascii() and text.isprintable():
        return text
    shown = _hidden.sub("", _line_ends.sub("\n", text))
    return unicodedata.normalize("NFC", _stray_joiner.sub("", shown))


def fold(text: str) -> str:
    """What a text is compared by: small letters a-z (others as they are), digits 0-9, single spaces.

    Case, accents, punctuation and emoji go; Bambara letters become what a French keyboard types; the
    digits of all scripts become ASCII. Idempotent. A thumb or a tick stays when nothing else is there.
    """
    folded = " ".join(text.translate(_table).split())
    return folded or next((letter for letter in text if letter in _SIGNS), "")


def spellings(text: str) -> tuple[str, ...]:
    """The folded ways to type words of ours: a person without ɲ and ŋ types "ny", "ng" or a plain n."""
    plain = re.sub("[ɲŋƝŊ]", "n", text)
    return tuple(dict.fromkeys((fold(text), fold(plain)))) if plain != text else (fold(text),)


def _fold_letter(letter: str) -> str:
    if _hidden.match(letter) or letter == "\u200d":
        return ""
    if letter in _SPELT:
        return _SPELT[letter]
    parts = unicodedata.normalize("NFKD", letter).casefold()
    if parts != letter:
        return "".join(_fold_letter(part) for part in parts)
    digit = unicodedata.decimal(letter, None)
    if digit is not None:
        return str(digit)
    kind = unicodedata.category(letter)
    if kind in {"Mn", "Me"}:  # accents, tones, vowel signs, keycaps
        return ""
    return letter if kind[0] in "LNM" else " "


class _Table(dict[int, str]):
    def __missing__(self, code: int) -> str:
        folded = _fold_letter(chr(code))
        if len(self) < _KNOWN_AT_MOST:
            self[code] = folded
        return folded


_table = _Table()
