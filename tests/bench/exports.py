"""How long an export of many cases takes, and what memory it needs: `python -m tests.bench.exports [cases]`."""

import resource
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from bot.cases import exports
from bot.cases.desk import Desk
from bot.cases.may import OPERATOR
from bot.cases.periods import Period
from storage import KeyRing, Store, tables, upgrade
from tests.cases.handmade import made
from tests.people import real_library

YEAR = Period(date(2026, 1, 1), date(2026, 12, 31), "Africa/Bamako")


def main(many: int) -> None:
    library, keyring = real_library(), KeyRing.new()
    with tempfile.TemporaryDirectory(prefix="segin-bench-") as folder:
        url = f"sqlite:///{Path(folder) / 'segin.db'}"
        upgrade(url)
        with Store(url).open() as store:
            begins = datetime(2026, 1, 1, tzinfo=UTC)
            drawn: set[str] = set()
            while len(drawn) < many:
                rows = [made(keyring, opened_at=begins + timedelta(minutes=10 * len(drawn) + n)) for n in range(1000)]
                rows = [row for row in rows if row["reference"] not in drawn]  # of so many, some are drawn twice
                store.run_now(lambda conn, rows=rows: conn.execute(tables.cases.insert(), rows) and None)
                drawn |= {row["reference"] for row in rows}
            for form in ("csv", "json", "xlsx"):
                began, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                file, count = store.read_now(
                    lambda conn, form=form: exports.make(
                        Desk(conn, keyring, OPERATOR, begins), library, exports.Wanted(YEAR), form
                    )
                )
                with file:
                    size = file.seek(0, 2)
                more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
                took = time.process_time() - began
                about = f"{size / 1e6:.1f} MB, {took:.1f} s of CPU, {more / 1024:.0f} MiB more at the peak"
                print(f"{form}: {count} cases, {about}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
