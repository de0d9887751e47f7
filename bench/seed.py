"""Make a large bank to measure in, by set-based SQL: `python3 -m bench.seed --members 1000000`.

It stands in a database of its own, `bench_large`, beside the demo's, with members and accounts but no personal data, which no
measure needs. Run without servers it starts them first.
"""

import argparse
import contextlib
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

DATABASE = "bench_large"
RANGE = 20_000  # at most: a small bank is cut for every worker to have some
WORKERS = 2
NIGHTS = 30
MONTHLY = 2.1  # some 20 activities a member in 14 months
SNAPSHOT_DAYS = 60
PROGRAMMES = Path(__file__).parent / "programmes.toml"

# Ids are given, not drawn: the facts are made from them, and two workers would draw them in another order each time.

MEMBERS = """
INSERT INTO members_member (id, number, branch_id, status, joined_on, accepted_at)
SELECT n, (88000000 + n)::text, (SELECT array_agg(b.id ORDER BY b.id) FROM access_branch b
                               WHERE NOT EXISTS (SELECT FROM access_branch c WHERE c.parent_id = b.id)
                             )[1 + n %% (SELECT count(*) FROM access_branch b
                                          WHERE NOT EXISTS (SELECT FROM access_branch c WHERE c.parent_id = b.id))],
       'active', j.joined_on, j.joined_on
  FROM generate_series(%(first)s::bigint, %(last)s) n
 CROSS JOIN LATERAL (SELECT %(today)s::date - 20 - (hashint8extended(n, %(seed)s) & 4095)::int AS joined_on) j
"""
IDENTITIES = """
SELECT setval(pg_get_serial_sequence('members_member', 'id'), (SELECT max(id) FROM members_member)),
       setval(pg_get_serial_sequence('members_account', 'id'), (SELECT max(id) FROM members_account))
"""
ACCOUNTS = """
INSERT INTO members_account (id, member_id, number, account_class, opened_on)
SELECT m.id * 3 + c.place - 3, m.id, '62' || m.id || c.place, c.account_class, m.joined_on
  FROM members_member m
 CROSS JOIN unnest(ARRAY[1, 2, 3], ARRAY['deposit', 'wealth', 'card'], ARRAY[100, 35, 60]) c(place, account_class, percent)
 WHERE m.id BETWEEN %(first)s AND %(last)s AND (hashint8extended(m.id * 10 + place, %(seed)s) & 1048575) %% 100 < percent
"""


def main() -> None:
    """Make the bank, telling each step on stderr, and print what was made in how many seconds as JSON."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.seed", description=__doc__)
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--nights", type=int, default=NIGHTS, help="how many nights back the first business date lies")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--drop", action="store_true", help="drop the large bank instead")
    asked = parser.parse_args()
    if "DATABASE_URL" not in os.environ:
        os.execv(sys.executable, [sys.executable, "-m", "membership_site.local", "bench", "seed", *sys.argv[1:]])
    _django()
    from bench import databases

    if asked.drop:
        return databases.drop(DATABASE)
    print(json.dumps(make(members=asked.members, nights=asked.nights, seed=asked.seed), indent=2))
    return None


def _django() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "membership_site.settings")
    django.setup()


def make(*, members: int, nights: int, seed: int) -> dict[str, object]:
    """Make the large bank anew and point Django at it; return the rows made by step, and in how many seconds."""
    from django.core.management import call_command
    from django.db import connections

    from bench import databases
    from foundation.actors import Actor
    from foundation.jobs import clock, statistics
    from membership_site import seeding

    started = time.monotonic()
    databases.drop(DATABASE)
    databases.owner_says(f"CREATE DATABASE {DATABASE}")
    databases.use(DATABASE)
    call_command("migrate", database="owner", verbosity=0)
    bounds = seeding.found(
        nights=nights,
        seed=seed,
        today=clock.today(),
        at=clock.now(),
        actor=Actor.job("bench.seed"),
        monthly=MONTHLY,
        snapshot_days=SNAPSHOT_DAYS,
        programmes=PROGRAMMES,
    )
    bounds["today"] = clock.today()
    counts: dict[str, int] = {}
    size = max(1, min(RANGE, members // (4 * WORKERS)))
    ranges = [(first, min(first + size - 1, members)) for first in range(1, members + 1, size)]
    for steps in (("members",), ("accounts",), seeding.FACTS):
        connections.close_all()  # a forked worker must not share them
        with ProcessPoolExecutor(WORKERS, initializer=_begin) as pool:
            for done in pool.map(_work, [(steps, bounds, *span) for span in ranges]):
                for name, count in done.items():
                    counts[name] = counts.get(name, 0) + count
        if steps == ("accounts",):
            with contextlib.closing(databases.as_owner(DATABASE)) as owner:
                owner.cursor().execute(IDENTITIES)
        statistics.refresh()
        print(f"· {', '.join(steps)}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return {"database": DATABASE, "seed": seed, "rows": counts, "seconds": round(time.monotonic() - started, 1)}


def _begin() -> None:
    """Let a worker of the pool open its own connection, to the large bank; what a crash takes is made anew, so it waits for no disk."""
    _django()
    from django.db import connection

    from bench import databases

    databases.use(DATABASE)
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")


def _work(task: tuple[tuple[str, ...], dict[str, object], int, int]) -> dict[str, int]:
    """Make one range of members' rows, one transaction a step; return the rows made by step."""
    from django.db import connection

    from foundation.querying import statement

    steps, bounds, first, last = task
    made = {}
    for name in steps:
        own = {"members": MEMBERS, "accounts": ACCOUNTS}.get(name)
        # In a bank that was empty nothing can be in the way; asking for each row whether it is takes a quarter of the time.
        sql = own or statement("membership_site", name).replace("ON CONFLICT DO NOTHING", "")
        with connection.cursor() as cursor:
            cursor.execute(sql, bounds | {"first": first, "last": last})
            made[name] = cursor.rowcount
    return made


if __name__ == "__main__":
    main()
