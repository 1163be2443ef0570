"""The command line. Exit status: 0 fine, 1 found something, 2 wrong use."""

import argparse
import logging
import sys

from bot.app import NothingThereError
from bot.commands import cases, editors, keeping, keys, people, poster, running
from bot.settings import BadSetting, Settings
from storage import BadKeys, Unavailable


def parser() -> argparse.ArgumentParser:
    settings = "\n".join(
        f"  {name:<22} {about}{f' ({default})' if default not in ('', 'False') else ''}"
        for name, (default, about) in Settings.variables().items()
    )
    whole = argparse.ArgumentParser(
        prog="segin",
        description="A chat assistant for people who come home, and the desk of those who answer them.",
        epilog=f"settings (environment or .env):\n{settings}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = whole.add_subparsers(dest="command", required=True)
    for group in (running, keeping, keys, people, editors, cases, poster):
        group.add_to(commands)
    return whole


def main() -> int:
    given = parser().parse_args()
    level = logging.INFO if given.command == "serve" else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("alembic", "transitions"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        status: int = given.run(Settings.read(), given)
    except BadSetting as error:
        print(error, file=sys.stderr)
        return 2
    except (Unavailable, BadKeys, NothingThereError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
