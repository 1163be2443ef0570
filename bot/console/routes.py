"""The pages of the console: each route names the deed it is, and `may` decides who does it."""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from bot.cases.may import OF_A_CASE, OF_THE_DESK

if TYPE_CHECKING:
    from bot.console.asking import Ask

Page = Callable[["Ask"], Awaitable[web.StreamResponse]]

PUBLIC = "public"
"""The deed of pages before signing in."""


@dataclass(frozen=True, slots=True)
class Route:
    """One address of the console. A deed with a case has `{reference}` in its path."""

    method: str
    path: str
    deed: str
    page: Page

    @property
    def of_a_case(self) -> bool:
        return self.deed in OF_A_CASE


_ROUTES: dict[tuple[str, str], Route] = {}


def route(method: str, path: str, deed: str) -> Callable[[Page], Page]:
    """Registers a page. Raises `LookupError` for a deed nobody ruled on: no page goes without a decision."""
    if deed != PUBLIC and deed not in OF_A_CASE and deed not in OF_THE_DESK:
        raise LookupError(f"no rule for the deed {deed!r} of {path}")
    if (deed in OF_A_CASE) != ("{reference}" in path):
        raise LookupError(f"{path}: a deed with a case, and only that, names it as {{reference}}")

    def registered(page: Page) -> Page:
        _ROUTES[method, path] = Route(method, path, deed, page)
        return page

    return registered


def all_routes() -> tuple[Route, ...]:
    """Every page of the package `pages`."""
    from bot.console import pages  # noqa: PLC0415 - they register here

    for module in pkgutil.iter_modules(pages.__path__, f"{pages.__name__}."):
        importlib.import_module(module.name)
    return tuple(_ROUTES.values())
