"""Puts the console into the web application."""

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.console.asking import Console
from bot.console.guard import HEADERS, elsewhere, guarded
from bot.console.pages import live
from bot.console.rendering import HERE
from bot.console.routes import all_routes


def mount(app: web.Application, console: Console) -> None:
    """Every page, and the files of `static/`."""
    for one in all_routes():
        page = guarded(console, one)
        app.router.add_route(one.method, one.path, page)
        if one.method == "GET":
            app.router.add_route("HEAD", one.path, page)
    for file in sorted((HERE / "static").iterdir()):
        app.router.add_get(f"/console/static/{file.name}", _static(file.name))
    app.on_shutdown.append(live.close)  # open streams would be waited for
    nothing = elsewhere(console)
    app.router.add_route("*", "/console", nothing)
    app.router.add_route("*", "/console/{nothing:.*}", nothing)


def _static(name: str) -> Handler:
    async def static(_: web.Request) -> web.FileResponse:
        response = web.FileResponse(HERE / "static" / name)
        for header, value in HEADERS.items():
            response.headers[header] = value
        response.headers["Cache-Control"] = "public, max-age=31536000"
        return response

    return static
