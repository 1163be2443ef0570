"""What WhatsApp's Cloud API allows and demands: all its figures, once. Rates are in `bot.channels.rates`.

From the provider's own pages (2026); where those are silent, from others who restate them: sensible defaults.
"""

from datetime import timedelta

API_URL = "https://graph.facebook.com/v26.0"

# ---------------------------------------------------------------- what arrives

BODY = 3 * 1024 * 1024  # bytes of one delivery
BODY_SECONDS = 20.0  # that it may take to come in
TEXT_IN = 65_536  # letters; the app lets nobody type more
ID = 512  # letters of an id of theirs, with room: those seen have up to 130
REPEATS = timedelta(days=8)  # a delivery is repeated for up to 7 days
WINDOW = timedelta(hours=24)  # free words may be sent so long after the person's last message

# ---------------------------------------------------------------- what is sent (letters, unless said otherwise)

TEXT = 4096
BUTTONS = 3
BUTTONS_BODY = 1024
BUTTON_TITLE = 20
ROWS = 10
ROWS_BODY = 4096
ROW_TITLE = 24
ROW_DESCRIPTION = 72
LIST_BUTTON = 20

# ---------------------------------------------------------------- files

FILE = 16 * 1024 * 1024  # bytes, of whatever kind: what a voice note may have

# ---------------------------------------------------------------- patience, in seconds

CONNECT = 5.0
ANSWER = 15.0  # of a send, connecting included
RECEIPT = 5.0  # of a read receipt
FILE_SECONDS = 60.0
RECEIPTS_AT_ONCE = 16  # more are not shown: nobody waits for them
TYPING_AFTER = 1.0  # an answer that goes out sooner needs no "typing"; what was shown late would stay for 25 s
