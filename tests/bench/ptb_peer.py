"""The peer: the six steps as python-telegram-bot's `ConversationHandler` does them, in memory.

Behind a webhook of one's own, as its documentation shows it (`update_queue.put`); aiohttp serves it here, which costs
less than the server of the documentation. Reads PORT, API_ROOT, TOKEN, SECRET from the environment.
"""

import asyncio
import hmac
import os
import signal
from typing import Any

from aiohttp import web
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import (
    Application,
    CallbackQueryHandler,
    CommandHandler,
    ContextTypes,
    ConversationHandler,
    MessageHandler,
    filters,
)

from tests.bench.six_steps import LANGUAGES, REGIONS, TEXTS, TOPICS

LANGUAGE, REGION, TOPIC, STORY, CONFIRM = range(5)
Context = ContextTypes.DEFAULT_TYPE


def keyboard(step: int) -> InlineKeyboardMarkup | None:
    rows: dict[int, list[tuple[str, str]]] = {
        1: [(label, f"lang:{code}") for code, label in LANGUAGES],
        2: [(label, f"reg:{number}") for number, label in enumerate(REGIONS)],
        3: [(label, f"top:{number}") for number, label in enumerate(TOPICS)],
        5: [("Oui, envoyer", "cfm:yes"), ("Non, changer", "cfm:no")],
    }
    if step not in rows:
        return None
    return InlineKeyboardMarkup([[InlineKeyboardButton(label, callback_data=data)] for label, data in rows[step]])


async def start(update: Update, context: Context) -> int:
    data: Any = context.user_data
    data.clear()
    await update.effective_message.reply_text(TEXTS[0], reply_markup=keyboard(1))  # type: ignore[union-attr]
    return LANGUAGE


def on(step: int, name: str, following: int) -> Any:
    async def tapped(update: Update, context: Context) -> int:
        query: Any = update.callback_query
        await query.answer()
        data: Any = context.user_data
        data[name] = query.data.partition(":")[2]
        await query.edit_message_text(TEXTS[step - 1], reply_markup=keyboard(step))
        return following

    return tapped


async def story(update: Update, context: Context) -> int:
    data: Any = context.user_data
    message: Any = update.effective_message
    data["story"] = message.text
    chosen = f"{REGIONS[int(data['region'])]} / {TOPICS[int(data['topic'])]}"
    await message.reply_text(f"{TEXTS[4]}\n{chosen}\n{data['story']}", reply_markup=keyboard(5))
    return CONFIRM


async def main() -> None:
    root, secret = os.environ["API_ROOT"], os.environ["SECRET"].encode()
    application: Any = (
        Application.builder()
        .token(os.environ["TOKEN"])
        .updater(None)
        .base_url(f"{root}/bot")
        .base_file_url(f"{root}/file/bot")
        .build()
    )
    application.add_handler(
        ConversationHandler(
            entry_points=[CommandHandler("start", start)],
            states={
                LANGUAGE: [CallbackQueryHandler(on(2, "language", REGION), "^lang:")],
                REGION: [CallbackQueryHandler(on(3, "region", TOPIC), "^reg:")],
                TOPIC: [CallbackQueryHandler(on(4, "topic", STORY), "^top:")],
                STORY: [MessageHandler(filters.TEXT & ~filters.COMMAND, story)],
                CONFIRM: [CallbackQueryHandler(on(6, "sure", ConversationHandler.END), "^cfm:")],
            },
            fallbacks=[CommandHandler("start", start)],
            allow_reentry=True,
        )
    )

    async def webhook(request: web.Request) -> web.Response:
        shown = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "").encode()
        if not hmac.compare_digest(shown, secret):
            return web.Response(status=401)
        await application.update_queue.put(Update.de_json(await request.json(), application.bot))
        return web.Response()

    async def ready(_: web.Request) -> web.Response:
        return web.Response(text="ready\n")

    served = web.Application()
    served.router.add_post("/telegram/webhook", webhook)
    served.router.add_get("/readyz", ready)
    runner = web.AppRunner(served, access_log=None, shutdown_timeout=1)
    await runner.setup()
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with application:
        await application.start()
        await web.TCPSite(runner, "127.0.0.1", int(os.environ["PORT"]), backlog=2048).start()
        await over.wait()
        await runner.cleanup()
        while not application.update_queue.empty():  # what waits for its turn is not waited for
            application.update_queue.get_nowait()
            application.update_queue.task_done()
        await application.stop()


if __name__ == "__main__":
    asyncio.run(main())
