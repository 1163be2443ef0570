"""What the Telegram Bot API allows (core.telegram.org/bots/api, version 10): one table."""

import re
from datetime import timedelta

from bot.channels.base import Capabilities

CAPABILITIES = Capabilities(
    text=4096,
    body=4096,
    few=100,  # buttons below one message
    label=40,  # the API names no limit; on a small phone a longer one is cut off
    utf16=True,  # nowhere written for texts; entities are counted so, and it is the stricter reading
)

BUTTONS_A_ROW = 8
ROW_LETTERS = 30  # of all labels in a row together: what a small phone shows without cutting them off
FILE = 20 * 1024 * 1024  # bytes a bot may fetch
REPEATS = int(timedelta(hours=48).total_seconds())  # it delivers again for 24 hours
CONNECTIONS = 100  # webhooks side by side, at most: a round commits all that come together
POLL = 25  # seconds a question for updates stays open

API_URL = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")
TOKEN = re.compile(r"[A-Za-z0-9:_-]+")
SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of a header
DATE = re.compile(rb"[1-9][0-9]{0,9}")  # seconds since 1970; 0 is none
COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@[A-Za-z0-9_]+)?(?:\s+(.*))?", re.DOTALL)

UPDATES = ("message", "callback_query", "my_chat_member")  # all we ask for; others are passed over when they come
WEBHOOK_PORTS = (443, 80, 88, 8443)
