"""`segin serve` as the bench starts it: the flood limits are lifted, and a profile is taken where it is asked for.

A person of the bench writes hundreds of messages a second; the web chat allows 60 a minute. Nothing else differs
from `segin serve`: same durability, same encryption, same checks.
"""

import json
import os
import signal
import sys
from pathlib import Path

import bot.__main__
import bot.channels.webchat
from tests.bench.profile import Profile


def main() -> int:
    bot.channels.webchat.MESSAGES_PER_MINUTE = bot.channels.webchat.NEWCOMERS_PER_MINUTE = 10**9
    into = os.environ.pop("BENCH_PROFILE", "")
    profile = Profile() if into else None
    if profile:
        profile.plant()
        signal.signal(signal.SIGUSR1, lambda *_: profile.begin())
    sys.argv = ["segin", "serve"]
    status = bot.__main__.main()
    if profile:
        Path(into).write_text(json.dumps(profile.result()))
    return status


if __name__ == "__main__":
    sys.exit(main())
