"""The aiohttp application: routes of the channels, and what those who run Segin look at."""

import ipaddress
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import select

from bot.round import place_of
from bot.worker import Worker
from storage import Unavailable

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(worker: Worker) -> web.Application:
    """The web application of one worker; starting it starts Segin."""
    app = web.Application(client_max_size=6 * 1024 * 1024, middlewares=[_no_content_in_errors])

    async def running(_: web.Application) -> AsyncIterator[None]:
        await worker.start()
        yield
        await worker.stop()

    async def closing(_: web.Application) -> None:
        for channel in worker.channels.values():
            close = getattr(channel, "close", None)
            if close is not None:
                await close()

    app.cleanup_ctx.append(running)
    app.on_shutdown.append(closing)
    for channel in worker.channels.values():
        app.router.add_routes(channel.routes(worker))
    app.router.add_get("/healthz", _alive)
    app.router.add_get("/readyz", _ready(worker))
    app.router.add_get("/metrics", _metrics(worker))
    return app


@web.middleware
async def _no_content_in_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """An error's own words may quote a person: only its class is logged."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, its words may quote a person
        log.error("%s %s failed: %s", request.method, request.path, place_of(error))  # noqa: TRY400 - so no traceback
        raise web.HTTPInternalServerError from None


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
        if not worker.settings.metrics_public and not _is_local(request):
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
