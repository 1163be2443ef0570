"""The aiohttp application: routes of the channels, and what those who run Segin look at."""

import ipaddress
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import hdrs, web
from aiohttp.log import server_logger
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import select

from bot.channels.webchat import SECURITY_HEADERS
from bot.channels.webchat.reading import language_of
from bot.console.asking import Console
from bot.console.mount import mount
from bot.console.rendering import Rendering
from bot.round import place_of
from bot.worker import Worker
from storage import Unavailable

log = logging.getLogger(__name__)

SERVER = "web"  # instead of the names and versions of what we are made of
HSTS = "max-age=31536000"  # a year; our own host alone, its neighbours are not ours to decide about


def application(worker: Worker) -> web.Application:
    """The web application of one worker; starting it starts Segin."""
    app = web.Application(client_max_size=6 * 1024 * 1024, middlewares=[_no_content_in_errors(worker)])
    server_logger.addFilter(_no_content)  # once, however often it is added

    async def running(_: web.Application) -> AsyncIterator[None]:
        await worker.start()
        yield
        await worker.stop()

    async def closing(_: web.Application) -> None:
        await worker.hang_up()

    app.cleanup_ctx.append(running)
    app.on_shutdown.append(closing)
    app.on_response_prepare.append(_guard(secure=worker.settings.public_url.startswith("https:")))
    for channel in worker.channels.values():
        app.router.add_routes(channel.routes(worker))
    mount(app, console_of(worker))
    app.router.add_get("/healthz", _alive)
    app.router.add_get("/readyz", _ready(worker))
    app.router.add_get("/metrics", _metrics(worker))
    return app


def console_of(worker: Worker) -> Console:
    """The pages of staff, at this worker's desk."""
    shelf, settings = worker.shelf, worker.settings
    rendering = Rendering(settings.library_dir / "locales", lambda: shelf.library.organisation.timezone)
    return Console(worker.store, worker.keyring, shelf, settings, worker.clock, rendering)


class Runner(web.AppRunner):
    """Runs the application; what is no HTTP at all is answered without repeating it."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        kept = made._kwargs  # noqa: SLF001 - aiohttp has no other way to name the class of a connection
        return _Server(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            **kept,
        )


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        super().handle_error(request, status, exc, message)  # logs it, and raises when an answer had begun
        headers = {**SECURITY_HEADERS, hdrs.SERVER: SERVER, hdrs.CACHE_CONTROL: "no-store"}
        response = web.Response(status=status, text=f"{status}\n", headers=headers)
        response.force_close()
        return response


def _no_content(record: logging.LogRecord) -> bool:
    """The server logs the very bytes it could not read, and where they came from: its class and place stay."""
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        record.msg, record.args = "a request could not be served: %s", (place_of(error),)
        record.exc_info = record.exc_text = record.stack_info = None
    return True


def _guard(*, secure: bool) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Every answer is guarded, those that aiohttp makes by itself (404, 405, 417) as well."""
    every = {**SECURITY_HEADERS, **({"Strict-Transport-Security": HSTS} if secure else {})}

    async def guard(_: web.Request, response: web.StreamResponse) -> None:
        for name, value in every.items():
            response.headers.setdefault(name, value)
        response.headers[hdrs.SERVER] = SERVER

    return guard


def _no_content_in_errors(worker: Worker) -> Middleware:
    """An error's own words may quote a person, and an address may name one: neither is logged."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, its words may quote a person
            resource = request.match_info.route.resource
            route = resource.canonical if resource else "?"
            log.error("%s %s failed: %s", request.method, route, place_of(error))  # noqa: TRY400 - so no traceback
            if request.writer.output_size > 0:  # an answer has begun: all that is left is to break it off
                raise ConnectionResetError from None
            if not route.startswith("/chat/"):
                raise web.HTTPInternalServerError from None
            content = {"error": "failed", "say": worker.words("words:apology", language_of(request))}
            return web.json_response(content, status=500, headers={hdrs.CACHE_CONTROL: "no-store"})

    return middleware


async def _alive(_: web.Request) -> web.Response:
    return web.Response(text="alive\n")


def _ready(worker: Worker) -> Handler:
    async def ready(_: web.Request) -> web.Response:
        try:
            await worker.store.read(lambda conn: conn.execute(select(1)).scalar())
        except Unavailable as error:
            return web.Response(text=f"database: {error.reason}\n", status=503)
        return web.Response(text="ready\n")

    return ready


def _metrics(worker: Worker) -> Handler:
    async def metrics(request: web.Request) -> web.Response:
        settings = worker.settings
        # Behind a proxy everybody seems local: few tell by themselves for whom they ask.
        if not settings.metrics_public and (settings.behind_proxy or not _is_local(request)):
            raise web.HTTPForbidden
        return web.Response(body=generate_latest(worker.metrics), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return metrics


def _is_local(request: web.Request) -> bool:
    if any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP")):
        return False
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False
