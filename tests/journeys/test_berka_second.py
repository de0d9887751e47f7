"""A second and a third programme over a real bank's data, held against calculations that know nothing of the product.

Points last for 12 months, everybody redeems all his full 500s by half-years, every tenth activity is refunded in parts, a tenth comes in
late; the rules stand in second_programme.py, those of tiers with grace, reviewed at month ends, in third_programme.py. Files come in
through a profile, members redeem by the verb, and every night of fourteen months closes.
"""

import ast
import csv
import datetime
import gzip
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from django.db.models import F, Sum

from activity.models import ParkedReversal, Reversal
from foundation import transactions
from foundation.actors import Actor
from foundation.jobs import clock
from foundation.jobs.models import BusinessDate
from members.models import Account, Member
from membership_site import closing, proving
from points import redeeming
from points.models import Allocation, Entry, Kind, Lot, PointCurrency, Purse
from tests.journeys import second_programme, third_programme
from tests.journeys.second_programme import Figures
from tests.workers import environment, manage
from tiers.models import Decision

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "berka"
PROFILES = Path(__file__).resolve().parents[1] / "profiles"
ACTOR = Actor.job("test")
DAY = datetime.timedelta(1)
FIRST, LAST = datetime.date(1993, 12, 30), datetime.date(1995, 1, 31)
LAST_REVIEW = datetime.date(1995, 2, 28)
HALF_YEAR_ENDS = (datetime.date(1993, 12, 31), datetime.date(1994, 6, 30), datetime.date(1994, 12, 31))
REPORTED_LATE = datetime.date(1994, 7, 1)
AT_ONCE = 500
MOVED = (Kind.EARN, Kind.REDEEM, Kind.CLAWBACK, Kind.EXPIRE)
# Points, last day, left, lapsed of each lot; earned, redeemed, clawed back, expired, available, owed, pending, held of its purse.
Lots = dict[str, tuple[int, datetime.date, int, int]]
Standing = tuple[list[int], Lots]
# The sums over all purses after each of the nights that are compared: the day, then as above.
TOTALS = {
    "1993-12-31": [749_254, 538_000, 25_322, 0, 185_932, 0, 0, 0],
    "1994-06-30": [1_228_792, 917_000, 63_864, 2_650, 245_278, 0, 0, 0],
    "1994-12-31": [1_370_850, 969_000, 72_983, 117_555, 211_312, 0, 0, 0],
    "1995-01-31": [1_370_850, 969_000, 73_236, 177_367, 151_283, 36, 0, 0],
}


@pytest.mark.parametrize("programme", [second_programme, third_programme])
def test_the_calculation_knows_nothing_of_the_product(programme):
    tree = ast.parse(Path(programme.__file__).read_text())

    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {f"{node.module}" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert {"calendar", "datetime"} <= imported
    assert {name.partition(".")[0] for name in imported - {"tests.journeys"}} <= sys.stdlib_module_names


def write_refunds(path: Path) -> int:
    """Write the refunds of all accounts as the bank would report them, and return how many."""
    activities = second_programme.earning_activities(DATA)
    refunds = [refund for of_account in activities.values() for refund in second_programme.refunds_of(of_account)]
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["number", "activity", "account", "day", "amount"])
        for refund in refunds:
            amount = "" if refund.whole else f"{refund.amount // 100}.{refund.amount % 100:02}"
            writer.writerow([refund.number, refund.activity.number, refund.activity.account, refund.day, amount])
    return len(refunds)


def write_transactions_in_time(path: Path) -> None:
    """Write a copy of the transactions that lacks the late ones."""
    with gzip.open(path, "wt", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        for place, source in enumerate(sorted(DATA.glob("trans_*.csv.gz"))):
            with gzip.open(source, "rt", encoding="utf-8", newline="") as rows:
                for row in csv.reader(rows):
                    if not row[0].endswith(second_programme.LATE) and (place == 0 or row[0] != "trans_id"):
                        writer.writerow(row)


def take_in(variables: dict[str, str], *files: Path) -> None:
    """Take files in by the command, the accounts and their owners with them; no row may be refused."""
    paths = [DATA / "account.csv.gz", DATA / "disposition.csv.gz", *files]
    manage(variables, "intake", "--profile", f"{PROFILES / 'berka_second.toml'}", *map(str, paths))


def reward(rows):
    """Keep what is of the reward currency."""
    return rows.filter(currency_id__in=PointCurrency.objects.filter(code="reward").values("pk"))


def redeem_all_full(day: datetime.date) -> None:
    """Let everybody redeem all his full 500s at noon of a day, and ask for 500 more, which nobody has."""
    purses = list(reward(Purse.objects.filter(entries__gt=0)).order_by("member_id"))
    full = {purse.member_id: purse.available // AT_ONCE * AT_ONCE for purse in purses}
    wishes = [
        redeeming.Wish(
            member_id=purse.member_id, currency_id=purse.currency_id, points=points,
            caller="member", reference=f"{day} {what}", purpose="gift",
        )
        for what in ("full", "more")
        for purse in purses
        if (points := full[purse.member_id] if what == "full" else AT_ONCE)
    ]  # fmt: skip
    at = datetime.datetime.combine(day, datetime.time(4), datetime.UTC)
    answers = transactions.commit(redeeming.redeem_each, wishes=wishes, at=at, actor=ACTOR)
    met = len(wishes) - len(purses)
    assert [answer.outcome for answer in answers] == ["done"] * met + ["insufficient"] * len(purses)


def ours() -> dict[str, Standing]:
    """Return what the ledger says, by account number: the sums of a purse, and its lots by the activity's number."""
    accounts = dict(Account.objects.values_list("member_id", "number"))
    moved = {
        (member, kind): abs(points)
        for member, kind, points in reward(Entry.objects)
        .values_list("member_id", "kind")
        .annotate(points=Sum("points"))
    }
    causes = {
        (member, number): cause
        for member, number, cause in reward(Entry.objects.filter(kind=Kind.EARN)).values_list(
            "member_id", "number", "cause"
        )
    }
    lots: dict[int, Lots] = defaultdict(dict)
    for lot in Lot.objects.iterator():
        activity = causes[lot.member_id, lot.number].removeprefix("activity/core/")
        lots[lot.member_id][activity] = (lot.points, lot.expires_on, lot.remaining, lot.expired)
    standing = {}
    for purse in reward(Purse.objects.filter(entries__gt=0)):
        sums = [moved.get((purse.member_id, kind), 0) for kind in MOVED]
        sums += [purse.available, purse.owed, purse.pending, purse.held]
        standing[accounts[purse.member_id]] = (sums, lots[purse.member_id])
    return standing


def theirs(figures: dict[str, Figures]) -> dict[str, Standing]:
    """Return what the calculation says, in the same form; who has never had a point is left out."""
    return {
        account: (
            [member.earned, member.redeemed, member.clawed_back, member.expired, member.available, member.owed, 0, 0],
            {number: (lot.points, lot.expires_on, lot.left, lot.lapsed) for number, lot in member.lots.items()},
        )
        for account, member in figures.items()
        if member.earned
    }


def close(through: datetime.date) -> list[float]:
    """Close every date up to `through`; return the seconds of each night."""
    runs = closing.close(through=through, way="test")
    return [(run.finished_at - run.started_at).total_seconds() for run in runs]


def tier_decisions() -> list[third_programme.Decision]:
    """Return what the reviews have decided, in the form of the calculation."""
    accounts = dict(Account.objects.values_list("member_id", "number"))
    rows = Decision.objects.values_list(
        "member_id", "as_of", "outcome", "from_tier__code", "to_tier__code", "valid_until", "grace_until"
    )
    decided = [third_programme.Decision(accounts[member], *rest) for member, *rest in rows]
    return sorted(decided, key=lambda one: (one.as_of, one.account))


@pytest.mark.skipif(not DATA.is_dir(), reason="the Berka data (../shared/data/berka) is not here")
def test_a_second_and_a_third_programme_over_berka_meet_independent_calculations(committed, tmp_path, capsys):
    refunds = write_refunds(tmp_path / "refunds.csv")
    write_transactions_in_time(tmp_path / "trans_in_time.csv.gz")
    variables = environment(committed)
    manage(variables, "configure", f"{PROFILES / 'berka_second_bank.toml'}")
    take_in(variables, tmp_path / "refunds.csv", tmp_path / "trans_in_time.csv.gz")
    # Whom a file loads collects; to redeem he has accepted the membership.
    Member.objects.update(accepted_at=clock.now())
    parked = ParkedReversal.objects.filter(outcome="parked").count()

    nights, differ, totals = [], [], {}
    for day, figures in second_programme.run(DATA, first=FIRST, late=REPORTED_LATE, ends=(*HALF_YEAR_ENDS, LAST)):
        if day in HALF_YEAR_ENDS:
            nights += close(day - DAY)
            redeem_all_full(day)
        nights += close(day)
        found, told = ours(), theirs(figures)
        differ += [(day, account) for account in found.keys() | told.keys() if found.get(account) != told.get(account)]
        totals[f"{day}"] = [sum(column) for column in zip(*(sums for sums, _lots in found.values()), strict=True)]
        if day == REPORTED_LATE - DAY:
            take_in(variables, tmp_path / "refunds.csv", *DATA.glob("trans_*.csv.gz"))

    with capsys.disabled():
        print(f"\nBerka, second programme: {len(nights)} nights to {LAST} {sum(nights):.1f} s")
    assert differ == []
    assert totals == TOTALS
    assert len(nights) == 398 == BusinessDate.objects.filter(date__lte=LAST, status="closed").count()
    proof = transactions.commit(proving.prove_all, as_of=LAST, at=clock.now())
    assert {name: result["violations"] for name, result in proof.items()} == dict.fromkeys(proof, 0)
    # All of it has occurred: refunds of a part, again and of the rest, refunds that waited for late ones, debts paid by later credits.
    assert (len(found), Lot.objects.count()) == (1108, 20_216)
    assert refunds == 1584 + 578 + 224 == Reversal.objects.count()
    assert parked == 215 == ParkedReversal.objects.filter(outcome="recorded").count()
    assert reward(Entry.objects.filter(kind=Kind.CLAWBACK)).count() == 2292
    assert Allocation.objects.filter(debit_number=F("lot_number")).aggregate(paid=Sum("points")) == {"paid": 441}

    nights = close(LAST_REVIEW)
    decided = tier_decisions()

    assert decided == third_programme.decisions(DATA, first=FIRST, late=REPORTED_LATE, through=LAST_REVIEW)
    assert (len(nights), {one.as_of for one in decided} >= {datetime.date(1993, 12, 31), LAST_REVIEW}) == (28, True)
    assert Counter(one.outcome for one in decided) == {
        "upgraded": 1020, "renewed": 1000, "grace": 1239, "downgraded": 917,
    }  # fmt: skip
