"""The scripts as written: what old browsers do not know, and what would let text become code."""

import re
from pathlib import Path

from bot.channels import webchat

TOO_NEW = [
    (r"\?\.[a-zA-Z_(\[]", "optional chaining, Chrome 80"),
    (r"\?\?", "nullish coalescing, Chrome 80"),
    (r"catch \{", "catch without a name, ES2019"),
    (r"\.(replaceAll|at|flat|flatMap|fromEntries|allSettled|replaceChildren|matchAll|trimStart)\(", "an API"),
    (r"\b(globalThis|structuredClone|queueMicrotask)\b", "a global"),
    (r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", "HTML from text"),
]


def test_the_scripts_keep_to_what_chrome_70_knows():
    page = Path(webchat.__file__).parent / "page"
    for path in (*sorted((page / "js").glob("*.js")), page / "sw.js"):
        for pattern, why in TOO_NEW:
            assert not re.search(pattern, path.read_text("utf-8")), f"{path.name}: {why}"
    css = (page / "chat.css").read_text("utf-8")
    assert not re.search(r"[{; ](gap|inset|aspect-ratio):|clamp\(|:is\(|:has\(", css)
