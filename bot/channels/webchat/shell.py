"""The page and its files: read, joined, hashed and compressed once, at the start."""

import gzip
import hashlib
import html
import mimetypes
from collections.abc import Iterable
from pathlib import Path

from aiohttp import hdrs, web

PAGE = Path(__file__).parent / "page"
PREFIX = "/static/chat/"
FOR_EVER = "public, max-age=31536000, immutable"  # the name changes with the content
ASK_FIRST = "no-cache"  # a 304 costs a 2G phone a few hundred bytes

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; object-src 'none'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "microphone=(self), geolocation=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer of the web chat."""


class Kept:
    """One file, ready to go."""

    def __init__(self, body: bytes, content_type: str, cache: str, **headers: str) -> None:
        self.body = body
        self.small = gzip.compress(body, 9, mtime=0)
        self.content_type = content_type
        self.tag = f'W/"{_hash(body)}"'
        self.headers = {
            **SECURITY_HEADERS,
            "Cache-Control": cache,
            "ETag": self.tag,
            "Vary": "Accept-Encoding",
            **headers,
        }

    async def answer(self, request: web.Request) -> web.Response:
        if self.tag in request.headers.get(hdrs.IF_NONE_MATCH, ""):
            return web.Response(status=304, headers=self.headers)
        headers = {**self.headers, hdrs.CONTENT_TYPE: self.content_type}
        if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            return web.Response(body=self.small, headers={**headers, hdrs.CONTENT_ENCODING: "gzip"})
        return web.Response(body=self.body, headers=headers)


class Shell:
    """The page under `/`, its files under `/static/chat/`; `title` is what the page calls itself."""

    def __init__(self, title: str) -> None:
        self._files: dict[str, Kept] = {}
        names = {
            "{title}": html.escape(title),
            "{icon}": self._add("icon.svg", (PAGE / "icon.svg").read_bytes()),
            "{css}": self._add("chat.css", (PAGE / "chat.css").read_bytes()),
            "{js}": self._add("chat.js", _joined()),
        }
        names["{manifest}"] = self._add("manifest.webmanifest", _filled("manifest.webmanifest", names))
        page = _filled("index.html", names)
        self._page = Kept(page, "text/html; charset=utf-8", ASK_FIRST)
        # The worker that keeps the page for offline use: a new page is a new worker.
        worker = _filled("sw.js", {**names, "{version}": _hash(page)})
        self._files["sw.js"] = Kept(
            worker, "text/javascript; charset=utf-8", ASK_FIRST, **{"Service-Worker-Allowed": "/"}
        )

    def routes(self) -> Iterable[web.RouteDef]:
        async def file(request: web.Request) -> web.Response:
            kept = self._files.get(request.match_info["name"])
            if kept is None:
                return web.Response(status=404, headers=SECURITY_HEADERS)
            return await kept.answer(request)

        return [web.get("/", self._page.answer), web.get(PREFIX + "{name}", file)]

    def _add(self, name: str, body: bytes) -> str:
        """Its address, with the hash of its content."""
        stem, _, suffix = name.partition(".")
        hashed = f"{stem}.{_hash(body)}.{suffix}"
        kind = mimetypes.types_map.get("." + suffix, "application/manifest+json")
        charset = "; charset=utf-8" if kind.startswith("text/") else ""
        self._files[hashed] = Kept(body, kind + charset, FOR_EVER)
        return PREFIX + hashed


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]


def _filled(name: str, values: dict[str, str]) -> bytes:
    text = (PAGE / name).read_text("utf-8")
    for key, value in values.items():
        text = text.replace(key, value)
    return text.encode()


def _joined() -> bytes:
    """The scripts as one: on 2G every further request costs a second."""
    parts = [path.read_text("utf-8") for path in sorted((PAGE / "js").glob("*.js"))]
    return ("(function () {\n'use strict';\n" + "\n".join(parts) + "})();\n").encode()
