"""Bulk and expiry: the ledger's own statements beside the best raw SQL that writes the same rows with no question asked."""

import contextlib
import datetime
import time
from typing import Any

from django.db import connection, transaction

from bench import databases, measuring
from foundation.actors import Actor
from foundation.jobs.models import BusinessDate
from points import lapsing, ledger

BENCH = Actor.job("bench")

STAGE = """
INSERT INTO posting (seq, member_id, currency_id, key, kind, points, occurred_on, expires_on, cause, rule_version_id, figures)
SELECT n, 1 + (n * 7919) %% %(members)s, %(currency)s, gen_random_uuid(), 1, 1 + n %% 200, %(day)s, %(expires_on)s,
       'activity/bench/' || n, NULL, '{"amount_minor": 24000, "rate": "0.1", "per": "amount", "multiplier": "2"}'
  FROM generate_series(1, %(items)s) n
"""

RAW_BULK = """
WITH numbered AS (
  SELECT p.*, (b.entries + row_number() OVER (PARTITION BY p.member_id ORDER BY seq))::integer AS number,
         b.available + sum(points) OVER (PARTITION BY p.member_id ORDER BY seq) AS balance_after
    FROM posting p JOIN points_purse b ON b.member_id = p.member_id AND b.currency_id = p.currency_id),
entries AS (
  INSERT INTO points_entry (member_id, currency_id, number, kind, points, balance_after, event_key, occurred_on, booked_on, cause, figures)
  SELECT member_id, currency_id, number, kind, points, balance_after, key, occurred_on, occurred_on, cause, figures
    FROM numbered ORDER BY member_id, number),
lots AS (
  INSERT INTO points_lot (member_id, currency_id, expires_on, number, points, remaining, available_on)
  SELECT member_id, currency_id, expires_on, number, points, points, occurred_on FROM numbered ORDER BY member_id, number)
UPDATE points_purse b SET available = b.available + c.points, credited = b.credited + c.points, entries = b.entries + c.items,
       last_booked_on = c.day
  FROM (SELECT member_id, currency_id, sum(points) AS points, count(*) AS items, max(occurred_on) AS day
          FROM posting GROUP BY 1, 2) c
 WHERE b.member_id = c.member_id AND b.currency_id = c.currency_id
"""

RAW_EXPIRY = """
WITH gone AS (
  SELECT l.*, b.available, (b.entries + row_number() OVER w)::integer AS entry, sum(l.remaining) OVER w AS upto
    FROM points_lot l JOIN points_purse b USING (member_id, currency_id)
   WHERE l.expires_on = %(as_of)s AND l.remaining > 0 AND l.member_id BETWEEN %(first)s AND %(last)s
  WINDOW w AS (PARTITION BY l.member_id, l.currency_id ORDER BY l.number)),
lots AS (
  UPDATE points_lot l SET expired = g.remaining, remaining = 0 FROM gone g
   WHERE l.member_id = g.member_id AND l.currency_id = g.currency_id AND l.expires_on = g.expires_on AND l.number = g.number),
balances AS (
  UPDATE points_purse b SET available = b.available - c.points, expired = b.expired + c.points, entries = b.entries + c.lots
    FROM (SELECT member_id, currency_id, sum(remaining) AS points, count(*) AS lots FROM gone GROUP BY 1, 2) c
   WHERE b.member_id = c.member_id AND b.currency_id = c.currency_id)
INSERT INTO points_entry (member_id, currency_id, number, kind, points, balance_after, event_key, occurred_on, booked_on, cause)
SELECT member_id, currency_id, entry, 4, -remaining, available - upto, gen_random_uuid(), %(as_of)s, %(as_of)s, 'lot/' || number FROM gone
"""


def measure(*, items: int, rounds: int) -> dict[str, Any]:
    """Return rows a second of bulk posting and of expiry, ours and raw, and the ratio of the medians."""
    with databases.fresh("bench_sets"):
        reward, _ = databases.make_members(2 * items)
        # A bank that runs has statistics of its ledger; an empty one's plans would be measured for the first batch only.
        _bulk(reward, items, raw=False)
        with contextlib.closing(databases.as_owner("bench_sets")) as owner:
            owner.cursor().execute("VACUUM ANALYZE")
        bulk = measuring.interleave(
            {"post_staged": lambda: _bulk(reward, items, raw=False), "raw": lambda: _bulk(reward, items, raw=True)},
            rounds=rounds,
        )
        ready = _lots_for_expiry(reward, items, rounds)
        expiry = measuring.interleave(
            {"lapse": lambda: _expire(ready, items, raw=False), "raw": lambda: _expire(ready, items, raw=True)},
            rounds=rounds,
        )
    return {
        "bulk": bulk | {"items": items, "ratio": round(bulk["post_staged"]["median"] / bulk["raw"]["median"], 2)},
        "expiry": expiry | {"lots": items, "ratio": round(expiry["lapse"]["median"] / expiry["raw"]["median"], 2)},
    }


def _bulk(currency_id: int, items: int, *, raw: bool, expires_on: datetime.date = datetime.date(2027, 3, 31)) -> float:
    """Post a staged batch one way or the other; return postings a second, commit included, staging not."""
    bounds = {
        "members": 2 * items,
        "items": items,
        "currency": currency_id,
        "day": databases.FIRST_BUSINESS_DATE,
        "expires_on": expires_on,
    }
    if raw:
        with contextlib.closing(databases.as_owner("bench_sets")) as owner:
            cursor = owner.cursor()
            cursor.execute(
                "CREATE TEMP TABLE posting AS SELECT 1::bigint AS seq, 1::bigint AS member_id, 1::smallint AS currency_id,"
                " gen_random_uuid() AS key, 1::smallint AS kind, 1::bigint AS points, current_date AS occurred_on,"
                " current_date AS expires_on, '' AS cause, 1 AS rule_version_id, '{}'::jsonb AS figures LIMIT 0"
            )
            cursor.execute(STAGE, bounds)
            cursor.execute("ANALYZE posting")
            return items / measuring.seconds(lambda: cursor.execute(RAW_BULK))
    with transaction.atomic():
        ledger.stage()
        with connection.cursor() as cursor:
            cursor.execute(STAGE, bounds)
        started = time.perf_counter()
        ledger.post_staged(actor=BENCH)
    return items / (time.perf_counter() - started)


def _lots_for_expiry(currency_id: int, items: int, rounds: int) -> dict[bool, list[datetime.date]]:
    """Make as many months of due lots as there are rounds, for ours and for raw; return their last days."""
    days = [datetime.date(2027, month, 28) for month in range(4, 4 + 2 * rounds)]
    for day in days:
        _bulk(currency_id, items, raw=False, expires_on=day)
    with contextlib.closing(databases.as_owner("bench_sets")) as owner:
        owner.cursor().execute("VACUUM ANALYZE")
    return {False: days[0::2], True: days[1::2]}


def _expire(ready: dict[bool, list[datetime.date]], items: int, *, raw: bool) -> float:
    """Expire one day's lots one way or the other; return lots a second, commit included."""
    as_of = ready[raw].pop(0)
    if raw:
        with contextlib.closing(databases.as_owner("bench_sets")) as owner:
            bounds = {"as_of": as_of, "first": 1, "last": 2 * items}
            return items / measuring.seconds(lambda: owner.cursor().execute(RAW_EXPIRY, bounds))
    _closing(as_of)

    def lapse() -> None:
        with transaction.atomic():
            lapsing.lapse(as_of=as_of, first_member=1, last_member=2 * items, actor=BENCH)

    return items / measuring.seconds(lapse)


def _closing(as_of: datetime.date) -> None:
    """Put the bank's calendar where the close of `as_of` stands before its expiry, as though every date before were closed."""
    BusinessDate.objects.all().delete()
    BusinessDate.objects.create(date=as_of - datetime.timedelta(days=1), status=BusinessDate.Status.CLOSED)
    BusinessDate.objects.create(date=as_of, status=BusinessDate.Status.CLOSING)
    BusinessDate.objects.create(date=as_of + datetime.timedelta(days=1), status=BusinessDate.Status.OPEN)
