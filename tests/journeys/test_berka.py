"""A real bank's nights, held account by account against an independent calculation (../shared/data/README.md).

The files come in through the profile, the first night and then twenty-one months are closed by a real Celery worker,
and every figure of the truth is read back from what the nights have left.
"""

import csv
import datetime
import gzip
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import Count, Q, Sum

from activity.models import Activity
from campaigns.models import EarningRuleVersion
from foundation.jobs.models import BusinessDate, JobRun
from members.models import Account
from points.models import Entry, Kind, Lot, PointCurrency, Purse
from tests.workers import environment, manage, working
from tiers.compiling import Statement, ladders_in_force, values_of
from tiers.models import Decision

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
PROFILES = Path(__file__).resolve().parents[1] / "profiles"
FIRST, LAST = datetime.date(1994, 3, 30), datetime.date(1995, 12, 31)
ENTER = (500, 1500, 3000, 5000)
TIERS = ("standard", "silver", "gold", "platinum", "diamond")

# The truth also counts transactions and products. A third programme measures them; nobody reaches its tier.
WATCH = """
[[programmes]]
code = "watch"
names = { en = "Watch", zh-hans = "观察", zh-hant = "觀察" }
tiers = [
  { code = "standard", names = { en = "Standard", zh-hans = "普通", zh-hant = "普通" } },
  { code = "beyond", names = { en = "Beyond reach", zh-hans = "不可及", zh-hant = "不可及" } },
]

[programmes.rule_book]
in_force_from = 1990-01-01
conditions = [
  { tier = "beyond", metric = "transaction_count", window = "12 months", enter = 1000000 },
  { tier = "beyond", metric = "products_held", enter = 1000000 },
]
"""

# From the README, in the order of TIERS.
PYRAMIDS = {
    "points": {
        "1993-12-31": (716, 229, 137, 40, 17),
        "1994-03-30": (566, 324, 230, 76, 33),
        "1994-06-30": (584, 330, 235, 67, 13),
        "1994-09-30": (635, 386, 174, 34, 0),
        "1994-12-31": (788, 413, 26, 2, 0),
        "1995-02-28": (1182, 47, 0, 0, 0),
    },
    "composite": {"1994-06-30": (592, 349, 226, 58, 4), "1994-12-31": (795, 406, 26, 2, 0)},
}

pytestmark = pytest.mark.skipif(
    not (DATA / "truth").is_dir(), reason="the Berka data and its truth (../shared/data) are not here"
)


def truth_at(as_of: datetime.date) -> dict[str, dict[str, str]]:
    """Return the truth's rows of a date by account number."""
    with gzip.open(DATA / "truth" / "berka_accounts_a.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        return {row["account_id"]: row for row in csv.DictReader(lines) if row["as_of"] == f"{as_of}"}


def owners(numbers) -> dict[str, int]:
    """Return the member who owns each account, by its number."""
    return dict(Account.objects.filter(number__in=numbers).values_list("number", "member_id"))


def sums(rows, *names: str) -> dict[int, tuple]:
    """Return the named columns of `rows` by member."""
    return {member: tuple(figures) for member, *figures in rows.values_list("member_id", *names)}


def measured(as_of: datetime.date) -> dict[int, dict]:
    """Return every member's measures as the reviews of `as_of` take them, by key."""
    figures: dict[int, dict] = {}
    for ladder in ladders_in_force(as_of=as_of):
        statement = Statement(as_of=as_of)
        query = statement.measured(ladder.measures, where="true")
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT member_id, {statement.figures(ladder)}::text FROM ({query}) m", statement.parameters
            )
            for member, text in cursor.fetchall():
                figures.setdefault(member, {}).update(values_of(json.loads(text)))
    return figures


def tiers_at(programme: str, as_of: datetime.date) -> dict[int, str]:
    """Return each member's tier as of a date, from the last decision; standard where there is none."""
    decisions = Decision.objects.filter(programme__code=programme, as_of__lte=as_of).order_by("as_of")
    return dict(decisions.values_list("member_id", "to_tier__code"))


def figures_at(as_of: datetime.date, accounts: dict[str, int]) -> dict[str, dict[str, str]]:
    """Return our figures of each account, in the truth's words and forms."""
    rule = EarningRuleVersion.objects.get()
    earning = Q(direction=rule.direction, kind__in=rule.kinds_in) & ~Q(purpose__in=rule.purposes_out)
    purses = sums(Purse.objects.filter(currency_id=rule.reward_currency_id), "credited", "expired", "available")
    soon = as_of + datetime.timedelta(days=90)
    expiring = sums(
        Lot.objects.filter(expires_on__gt=as_of, expires_on__lte=soon)
        .values("member_id")
        .annotate(left=Sum("remaining")),
        "left",
    )
    counts = sums(
        Activity.objects.values("member_id").annotate(
            all=Count("external_id"), earning=Count("external_id", filter=earning)
        ),
        "all",
        "earning",
    )
    measures, points, composite = measured(as_of), tiers_at("points", as_of), tiers_at("composite", as_of)
    ours = {}
    for number, member in accounts.items():
        earned, expired, balance = purses.get(member, (0, 0, 0))
        figure = {key: value.rounded for key, value in measures[member].items()}
        ours[number] = {
            "points_earned": f"{earned}",
            "points_expired": f"{expired}",
            "points_balance": f"{balance}",
            "points_expiring_90d": f"{expiring.get(member, (0,))[0]}",
            "points_12m": f"{figure['growth_points:growth/12m']}",
            "avg_balance_90d": f"{Decimal(figure['average_assets:*/90d']) / 100:.2f}",
            "txn_count": f"{counts[member][0]}",
            "earning_txns": f"{counts[member][1]}",
            "txn_12m": f"{figure['transaction_count:*/12m']}",
            "product_count": f"{figure['products_held:*']}",
            "tenure_months": f"{figure['tenure']}",
            "tier_points": points.get(member, "standard"),
            "tier_composite": composite.get(member, "standard"),
        }
    return ours


def differences(as_of: datetime.date) -> list[tuple[str, str, str, str]]:
    """Return (account, figure, ours, the truth's) of what differs at a date, of 1,229 accounts × 13 figures."""
    truth = truth_at(as_of)
    ours = figures_at(as_of, owners(truth))
    assert len(ours) == 1229
    return [
        (number, name, value, told)
        for number, row in ours.items()
        for name, value in row.items()
        if value != (told := "standard" if truth[number][name] == "base" else truth[number][name])
    ]


def pyramid(programme: str, as_of: datetime.date) -> tuple[int, ...]:
    """Return how many of the truth's accounts that were open by a date stood in each tier."""
    truth = truth_at(FIRST)
    tiers = tiers_at(programme, as_of)
    members = owners(number for number, row in truth.items() if row["opened_on"] <= f"{as_of}").values()
    held = Counter(tiers.get(member, "standard") for member in members)
    return tuple(held[tier] for tier in TIERS)


def pyramid_before_the_first_close() -> tuple[int, ...]:
    """Return the pyramid of 1993-12-31, which no review decided, from what was measured of that day."""
    as_of = datetime.date(1993, 12, 31)
    figures = measured(as_of)
    members = owners(number for number, row in truth_at(FIRST).items() if row["opened_on"] <= f"{as_of}").values()
    held = Counter(
        sum(figures[member]["growth_points:growth/12m"].total >= enter for enter in ENTER) for member in members
    )
    return tuple(held[rank] for rank in range(len(TIERS)))


def points_moved(kind: Kind, *, through: datetime.date) -> int:
    """Return the sum of a kind's reward points booked up to a date."""
    reward = PointCurrency.objects.get(code="reward").pk
    entries = Entry.objects.filter(kind=kind, currency_id=reward, booked_on__lte=through)
    return entries.aggregate(points=Sum("points"))["points"]


def close_by_worker(variables: dict[str, str], as_of: datetime.date) -> dict:
    """Close every date up to `as_of` through the worker and return what the command answers."""
    return json.loads(manage(variables, "close_day", "--as-of", f"{as_of}", "--celery", "--json").stdout)


def test_the_nights_of_berka_meet_the_truth_account_by_account(committed, tmp_path, capsys):
    configuration = tmp_path / "bank.toml"
    configuration.write_text((PROFILES / "berka_bank.toml").read_text() + WATCH)
    variables = environment(committed)
    manage(variables, "configure", f"{configuration}")
    manage(variables, "intake", "--profile", f"{PROFILES / 'berka.toml'}", f"{DATA / 'berka'}")

    with working(variables, tmp_path / "worker.log"):
        first = close_by_worker(variables, FIRST)
        at_first = differences(FIRST), pyramid("points", FIRST)
        caught_up = close_by_worker(variables, LAST)

    nights = [date["seconds"] for date in caught_up["dates"]]
    with capsys.disabled():
        print(
            f"\nBerka: the night of {FIRST} {first['dates'][0]['seconds']:.2f} s; {len(nights)} nights to {LAST} "
            f"{sum(nights):.1f} s, median {sorted(nights)[len(nights) // 2] * 1000:.0f} ms, longest {max(nights):.2f} s"
        )
    assert at_first == ([], PYRAMIDS["points"]["1994-03-30"])
    assert differences(LAST) == []
    assert len(nights) == 641 == JobRun.objects.filter(job="close_day", attempts=1).count() - 1
    assert not BusinessDate.objects.filter(date__lte=LAST).exclude(status="closed").exists()
    for programme, pyramids in PYRAMIDS.items():
        held = {day: pyramid(programme, datetime.date.fromisoformat(day)) for day in pyramids if day >= f"{FIRST}"}
        assert held == {day: pyramids[day] for day in held}

    assert pyramid_before_the_first_close() == PYRAMIDS["points"]["1993-12-31"]
    assert points_moved(Kind.EARN, through=LAST) == 1_370_850
    assert points_moved(Kind.EXPIRE, through=LAST) == -835_989
    assert points_moved(Kind.EXPIRE, through=datetime.date(1995, 2, 28)) == -3_161
    proof = json.loads(manage(variables, "prove", "--as-of", f"{LAST}", "--json").stdout)
    assert {name: result["violations"] for name, result in proof["invariants"].items() if result["violations"]} == {}
    seals = json.loads(manage(variables, "verify_seals", "--json").stdout)
    assert (seals["verified"], seals["broken"]) == (642, [])
