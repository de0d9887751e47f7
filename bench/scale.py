"""The large bank: its nights and their memory, two workers beside one, the review beside the raw statement, a year's rehearsal, a
member's summary.

It is made by bench.seed and stays; each measure closes some of its dates, and when those run out it is made anew.
"""

import contextlib
import dataclasses
import datetime
import json
import os
import random
import statistics
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max

from activity.models import Activity
from bench import databases, measuring
from bench import seed as seeding
from foundation.actors import Actor
from foundation.jobs import clock, fencing
from foundation.jobs.models import Bank, BusinessDate
from foundation.periods import add_months
from members.models import Member
from points.models import PointCurrency
from portal import purses
from tiers import compiling, describing, explaining, rehearsing, reviewing, standings
from tiers.models import Metric, Programme, Series, Tier

USUAL_MEMBERS = 1_000_000
SUMMARIES = 500  # a round
CHECKED = 200
BENCH = Actor.job("bench")

# The two programmes of programmes.toml written by hand: one statement for all members, nothing judged, nothing written. Places count from
# 0, standard; whoever holds a tier keeps it at the lower minima. A minimum of average assets is met where the whole part meets it.
RAW_TARGETS = """
SELECT m.id AS member_id,
  greatest(
    width_bucket(points, '{{2000,6000,15000,40000}}'::bigint[]),
    width_bucket(assets, '{{5000000,20000000,60000000,200000000}}'::bigint[]),
    least(
      greatest(
        width_bucket(points, '{{1600,4800,12000,32000}}'::bigint[]),
        width_bucket(assets, '{{4000000,16000000,50000000,160000000}}'::bigint[])),
      coalesce(array_position(%(premier_tiers)s::bigint[], held.tier_id), 1) - 1)) AS premier,
  least(
    (m.joined_on + interval '12 months' <= %(as_of)s)::int + (m.joined_on + interval '36 months' <= %(as_of)s)::int,
    width_bucket(coalesce(products.through, 0), '{{2,3}}'::bigint[])) AS loyalty
FROM members_member m
LEFT JOIN tiers_standing held ON held.member_id = m.id AND held.programme_id = %(premier)s
{probes}
CROSS JOIN LATERAL (SELECT
  coalesce(growth.through, 0) - coalesce(growth_before.through, 0) AS points,
  (coalesce(assets_now.through, 0) - coalesce(assets_before.through, 0))
    / coalesce(least(90, %(as_of)s - assets_now.first_day + 1), 1) AS assets) AS measured
WHERE m.joined_on <= %(as_of)s AND (m.closed_on IS NULL OR m.closed_on > %(as_of)s)
"""
RAW_PROBE = """LEFT JOIN LATERAL (
  SELECT r.total + r.level * ({day} - r.day + 1) AS through, r.first_day FROM tiers_runningtotal r
   WHERE r.member_id = m.id AND r.series_id = %({series})s AND r.day <= {day} ORDER BY r.day DESC LIMIT 1) {name} ON true"""
RAW_SCAN = """LEFT JOIN (
  SELECT DISTINCT ON (r.member_id) r.member_id, r.total + r.level * ({day} - r.day + 1) AS through, r.first_day
    FROM tiers_runningtotal r WHERE r.series_id = %({series})s AND r.day <= {day}
   ORDER BY r.member_id, r.day DESC) {name} ON {name}.member_id = m.id"""
PROBED = (
    ("growth", "growth_points", "%(as_of)s"),
    ("growth_before", "growth_points", "%(year_ago)s"),
    ("assets_now", "average_assets", "%(as_of)s"),
    ("assets_before", "average_assets", "%(quarter_ago)s"),
    ("products", "products_held", "%(as_of)s"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Night:
    """A date that was closed: what the command told of it, and the most memory its process had, in MB."""

    told: dict[str, Any]
    peak_mb: float

    def by_step(self) -> dict[str, Any]:
        """Return the date, its seconds, and those of its steps with what they counted."""
        return {
            "business_date": self.told["business_date"],
            "seconds": self.told["seconds"],
            "peak_mb": self.peak_mb,
            "steps": self.told["steps"],
        }


def measure(*, members: int | None, rounds: int, seed: int) -> dict[str, Any]:
    """Return the nights of the large bank by one and by two workers, its review beside the raw statement, and members' summaries.

    Without `members` the bank that stands is taken, whatever its size.
    """
    with _large_bank(members, nights=1 + 2 * rounds, seed=seed) as made:
        count = Member.objects.count()
        chunk = max(1, min(settings.NIGHT_CHUNK_MEMBERS, count // 8))
        answer: dict[str, Any] = {"members": count, "chunk": chunk, "made": made}
        # The first night books 14 months of facts; it is told by itself, and those that follow are like a running bank's.
        if fencing.last_closed() is None:
            answer["first night"] = _close(workers=2, chunk=chunk).by_step()
        with contextlib.closing(databases.as_owner(seeding.DATABASE)) as owner:
            owner.cursor().execute("VACUUM ANALYZE")
        nights, review = _nights(count, chunk, rounds), _review(chunk, rounds, seed)
        return answer | {
            "nights": nights,
            "review": review,
            "rehearsal": _rehearsal(chunk, rounds, night=review["review"]["median"]),
            "summary": _summaries(rounds, seed),
        }


@contextlib.contextmanager
def _large_bank(members: int | None, *, nights: int, seed: int) -> Iterator[dict[str, object] | None]:
    """Point Django at the large bank meanwhile; give what was made if it was missing, of another size, or short of `nights` to close."""
    before = settings.DATABASES["default"]["NAME"]
    try:
        standing = _standing()
        if standing and (members or standing) == standing and _nights_left() >= nights:
            yield None
        else:
            yield seeding.make(members=members or standing or USUAL_MEMBERS, nights=seeding.NIGHTS, seed=seed)
    finally:
        databases.use(before)


def _standing() -> int:
    """Point Django at the large bank if it stands; return its members, 0 without one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_database WHERE datname = %s", [seeding.DATABASE])
        if not cursor.rowcount:
            return 0
    databases.use(seeding.DATABASE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('jobs_businessdate') IS NOT NULL")
        whole = cursor.fetchone()[0] and BusinessDate.objects.exists()
    return Member.objects.count() if whole else 0


def _nights_left() -> int:
    """Return how many dates can still be closed that have facts of their own."""
    last = Activity.objects.aggregate(last=Max("booked_on"))["last"]
    return (last - fencing.next_to_close()).days + 1 if last else 0


def _close(*, workers: int, chunk: int) -> Night:
    """Close the next date by a process of its own with so many workers; it ends the measure where it cannot."""
    business_date = fencing.next_to_close()
    print(f"  {business_date}, workers: {workers}", file=sys.stderr, flush=True)
    command = [sys.executable, "manage.py", "close_day", "--as-of", f"{business_date}", "--workers", f"{workers}"]
    environment = os.environ | {
        "DATABASE_URL": databases.url_of(seeding.DATABASE),
        "NIGHT_CHUNK_MEMBERS": f"{chunk}",
    }
    process = subprocess.Popen([*command, "--json"], env=environment, stdout=subprocess.PIPE)
    with process.stdout:
        told = process.stdout.read()
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{business_date} was not closed: {told.decode()}")
    [night] = json.loads(told)["dates"]
    # The kernel tells KiB on Linux, bytes on macOS.
    return Night(told=night, peak_mb=round(usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2), 1))


def _nights(members: int, chunk: int, rounds: int) -> dict[str, Any]:
    """Close dates by one and by two workers in turn; return members a second, the ratio, the last nights by step and the peak of all."""
    nights: dict[int, list[Night]] = {1: [], 2: []}

    def close(workers: int) -> float:
        nights[workers].append(_close(workers=workers, chunk=chunk))
        return members / nights[workers][-1].told["seconds"]

    figures = measuring.interleave({"one worker": lambda: close(1), "two workers": lambda: close(2)}, rounds=rounds)
    return figures | {
        "ratio": round(figures["two workers"]["median"] / figures["one worker"]["median"], 2),
        "peak_mb": max(night.peak_mb for closed in nights.values() for night in closed),
        "last by one": nights[1][-1].by_step(),
        "last by two": nights[2][-1].by_step(),
    }


def _review(chunk: int, rounds: int, seed: int) -> dict[str, Any]:
    """Return the milliseconds of the review of the open date, by chunks and taken back, and of the raw statements; ratio to the best."""
    as_of = fencing.next_to_close()
    bounds = _bounds(as_of)
    _compare(bounds, as_of, seed)
    last = Member.objects.aggregate(last=Max("pk"))["last"]
    counts: list[dict[str, int]] = []

    def ours() -> float:
        seen = dict.fromkeys(reviewing.COUNTS, 0)
        started = time.perf_counter()
        for first in range(1, last + 1, chunk):
            with transaction.atomic():
                range_ = {"first_member": first, "last_member": first + chunk - 1}
                counted = reviewing.review(as_of=as_of, run=None, actor=BENCH, **range_)
                transaction.set_rollback(True)
            seen = {name: seen[name] + counted[name] for name in seen}
        took = time.perf_counter() - started
        counts.append(seen)
        return took * 1000

    def raw(text: str) -> float:
        with transaction.atomic(), connection.cursor() as cursor:
            # The night shares its members among workers; so neither side is given a second core here.
            cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
            return 1000 * measuring.seconds(
                lambda: cursor.execute(f"SELECT count(*), sum(premier), sum(loyalty) FROM ({text}) t", bounds)
            )

    figures = measuring.interleave(
        {"review": ours, "raw by key": lambda: raw(_raw(RAW_PROBE)), "raw by scan": lambda: raw(_raw(RAW_SCAN))},
        rounds=rounds,
    )
    best = min(figures["raw by key"]["median"], figures["raw by scan"]["median"])
    return figures | {"counts": counts[-1], "ratio": round(figures["review"]["median"] / best, 2)}


def _rehearsal(chunk: int, rounds: int, *, night: float) -> dict[str, Any]:
    """Return the milliseconds of a year's rehearsal of the main programme with monthly reviews, by chunks and taken back.

    Its ratios are to the night's review, of `night` milliseconds, and to a review of that programme alone by the same rules.
    """
    last = Member.objects.aggregate(last=Max("pk"))["last"]
    spans = [{"first_member": first, "last_member": first + chunk - 1} for first in range(1, last + 1, chunk)]
    programme, as_of = Programme.objects.get(is_main=True), fencing.last_closed()
    [told] = [
        one
        for one in tomllib.loads(seeding.PROGRAMMES.read_text(), parse_float=str)["programmes"]
        if one["code"] == programme.code
    ]
    document = told["rule_book"] | {"calendar": "month_end"}
    del document["in_force_from"]
    counts: dict[str, Any] = {}

    def taken_back(work: Callable[[dict[str, int]], Any]) -> float:
        took = 0.0
        for span in spans:
            with transaction.atomic():
                took += measuring.seconds(lambda span=span: work(span))
                transaction.set_rollback(True)
        return took * 1000

    with transaction.atomic():
        rehearsal = rehearsing.start(programme=programme, months=12, document=document, actor=BENCH, at=clock.now())
        plan = rehearsing.plan_of(rehearsal)
        counts |= {"dates": rehearsal.dates, "expected seconds": rehearsal.expected_seconds}

        def one_review(span: dict[str, int]) -> None:
            of_all = reviewing.Evaluation(as_of=as_of, ladders=plan.ladders, where=reviewing.UNDER_REVIEW)
            reviewing.decide(of_all, parameters={"run": None, **span}, tables=reviewing.Tables())

        def replay(span: dict[str, int]) -> None:
            rehearsing.replay_range(rehearsal=rehearsal, plan=plan, **span)

        figures = measuring.interleave(
            {"rehearsal": lambda: taken_back(replay), "one review": lambda: taken_back(one_review)}, rounds=rounds
        )
        transaction.set_rollback(True)
    year = figures["rehearsal"]["median"]
    ratios = {
        "ratio": round(year / night, 2),
        "ratio by the same rules": round(year / figures["one review"]["median"], 2),
    }
    return figures | counts | ratios


def _raw(probe: str) -> str:
    """Return the raw statement, reading running totals in one of its two ways."""
    return RAW_TARGETS.format(probes="\n".join(probe.format(name=n, series=s, day=d) for n, s, d in PROBED))


def _bounds(as_of: datetime.date) -> dict[str, Any]:
    """Return the parameters of the raw statement; the days before the windows' first by the same periods as the rules."""
    series = {one.metric: one.pk for one in Series.objects.filter(selection=[])}
    [premier, _loyalty] = compiling.ladders_in_force(as_of=as_of)
    return {
        "as_of": as_of,
        "year_ago": add_months(as_of, -12),
        "quarter_ago": as_of - datetime.timedelta(days=90),
        "premier": premier.rule_book.programme_id,
        "premier_tiers": [tier.pk for tier in premier.tiers],
        **{metric: series[metric] for metric in (Metric.GROWTH_POINTS, Metric.AVERAGE_ASSETS, Metric.PRODUCTS_HELD)},
    }


def _compare(bounds: dict[str, Any], as_of: datetime.date, seed: int) -> None:
    """Refuse to measure where the raw statement gives other targets than ours: programmes.toml was changed and it was not."""
    dice, last = random.Random(seed), Member.objects.aggregate(last=Max("pk"))["last"]
    sample = sorted(dice.sample(range(1, last + 1), min(CHECKED, last)))
    ladders = compiling.ladders_in_force(as_of=as_of)
    for probe in (RAW_PROBE, RAW_SCAN):
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT * FROM ({_raw(probe)}) t WHERE member_id = ANY (%(sample)s)", bounds | {"sample": sample}
            )
            places = {member: found for member, *found in cursor.fetchall()}
        for member, found in places.items():
            stood = {one.programme.pk: one.tier for one in standings.at(member_id=member, day=as_of)}
            wanted = [_place(ladder, member, as_of, stood[ladder.rule_book.programme_id]) for ladder in ladders]
            if found != wanted:
                sys.exit(f"The raw statement puts member {member} at {found}, the rule books at {wanted}.")


def _place(ladder: compiling.Ladder, member_id: int, as_of: datetime.date, present: Tier) -> int:
    [(_values, reached)] = compiling.evaluate(ladder=ladder, member_id=member_id, days=[as_of], present=present)
    return ladder.tiers.index(reached)


class Stopwatch:
    """Counts the statements run in it and the time each takes, its rows fetched."""

    def __init__(self) -> None:
        self.statements, self.seconds = 0, 0.0

    def __call__(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            self.seconds += time.perf_counter() - started
            self.statements += 1


def _summaries(rounds: int, seed: int) -> dict[str, Any]:
    """Return what a member's home asks of the database, over random members: statements, milliseconds of SQL and with Python's part.

    Of p50 and p95 the median of the rounds, with the least and most p95.
    """
    dice, last = random.Random(seed), Member.objects.aggregate(last=Max("pk"))["last"]
    currency, money = PointCurrency.objects.get(code="reward"), Bank.objects.get().currency
    today, as_of = clock.today(), fencing.last_closed()
    most, sql, whole = 0, [], []
    for _ in range(rounds):
        watches, took = [], []
        for member in Member.objects.filter(pk__in=dice.sample(range(1, last + 1), min(SUMMARIES, last))):
            watches.append(watch := Stopwatch())
            with connection.execute_wrapper(watch):
                took.append(measuring.seconds(lambda member=member: _summary(member, currency, today, as_of, money)))
        most = max(most, *(watch.statements for watch in watches))
        sql.append(_percentiles([watch.seconds for watch in watches]))
        whole.append(_percentiles(took))
    return {"members": len(took), "statements": most, "sql ms": _middle(sql), "whole ms": _middle(whole)}


def _summary(
    member: Member, currency: PointCurrency, today: datetime.date, as_of: datetime.date, money: str
) -> explaining.Explanation | None:
    """Read as the portal's home does: balance and what lapses, tiers, and the way to the next one."""
    purses.read(member, currency, today=today, money=money)
    main = standings.at(member_id=member.pk, day=as_of)[0]
    words = describing.Words(money)
    return explaining.explain(member=member, programme=main.programme, as_of=as_of, stood=main, words=words)


def _percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """Return p50 and p95 in milliseconds."""
    cuts = statistics.quantiles(seconds, n=20)
    return cuts[9] * 1000, cuts[18] * 1000


def _middle(rounds: Sequence[tuple[float, float]]) -> dict[str, float]:
    p50, p95 = zip(*rounds, strict=True)
    return {
        "p50": round(statistics.median(p50), 2),
        "p95": round(statistics.median(p95), 2),
        "least p95": round(min(p95), 2),
        "most p95": round(max(p95), 2),
    }
