"""Reviewing: minima, windows, validity; held against an evaluation in plain Python."""

import datetime
import itertools
import random

import pytest
from django.db import connection

from foundation.actors import Actor
from foundation.periods import add_months
from tests.factories import (
    BankFactory,
    ConditionFactory,
    MemberFactory,
    ProgrammeFactory,
    RuleBookFactory,
    SeriesFactory,
)
from tests.tiers import plain
from tiers import reviewing, standings
from tiers.compiling import Statement
from tiers.models import Condition, Decision, Protection, RunningTotal, Standing, TierTerms

pytestmark = pytest.mark.django_db
NIGHT = Actor.job("close_day")
DAY = datetime.timedelta(days=1)
MARCH_31 = datetime.date(2026, 3, 31)


@pytest.fixture(autouse=True)
def bank():
    BankFactory()


def review(as_of, *, first=1, last=2**63 - 1):
    return reviewing.review(as_of=as_of, first_member=first, last_member=last, run=None, actor=NIGHT)


def counts(reviewed, **outcomes):
    return dict.fromkeys(reviewing.COUNTS, 0) | {"reviewed": reviewed} | outcomes


def total(member, series, day, total, *, level=0, first_day=None):
    RunningTotal.objects.create(
        member_id=member.pk, series_id=series.pk, day=day, total=total, level=level, first_day=first_day or day
    )


def decided(member):
    rows = Decision.objects.filter(member=member).order_by("as_of", "programme")
    return [(row.as_of, row.outcome, row.to_tier.code, row.valid_until) for row in rows]


def ladder(**conditions):
    """Make a rule book whose silver and gold ask for the minima given by metric, as (silver, gold), in one group."""
    book = RuleBookFactory(validity_months=conditions.pop("validity_months", None))
    for rank in (1, 2):
        for metric, minima in conditions.items():
            series = (
                SeriesFactory(growth=True)
                if metric == "growth_points"
                else metric != "tenure" and SeriesFactory(metric=metric)
            )
            windowed = metric not in ("products_held", "tenure")
            ConditionFactory(
                rule_book=book,
                tier=book.programme.tiers.get(rank=rank),
                metric=metric,
                series=series or None,
                window="months" if windowed else "",
                window_length=12 if windowed else None,
                enter_minimum=minima[rank - 1],
            )
    return book


@pytest.mark.parametrize(
    ("points", "tier"), [(499, None), (500, "silver"), (1499, "silver"), (1500, "gold"), (1501, "gold")]
)
def test_a_minimum_is_reached_exactly(points, tier):
    ladder(growth_points=(500, 1500))
    member = MemberFactory()
    total(member, SeriesFactory(growth=True), MARCH_31, points)

    review(MARCH_31)

    assert decided(member) == ([(MARCH_31, "upgraded", tier, None)] if tier else [])


@pytest.mark.parametrize(("last_day_minor", "tier"), [(332, None), (333, "silver")])
def test_an_average_is_compared_without_rounding(last_day_minor, tier):
    """998 over three days would round to 333."""
    book = RuleBookFactory()
    assets, member = SeriesFactory(), MemberFactory()
    ConditionFactory(rule_book=book, series=assets, window="days", window_length=3, enter_minimum=333)
    total(member, assets, MARCH_31 - 2 * DAY, 0, level=333)
    total(member, assets, MARCH_31, 666, level=last_day_minor, first_day=MARCH_31 - 2 * DAY)

    review(MARCH_31)

    assert [row[2] for row in decided(member)] == ([tier] if tier else [])


def test_an_average_begins_with_the_first_snapshot_and_carries_the_last():
    book = RuleBookFactory()
    assets, member = SeriesFactory(), MemberFactory()
    ConditionFactory(rule_book=book, series=assets, window="days", window_length=90, enter_minimum=100)
    total(member, assets, MARCH_31 - 9 * DAY, 0, level=100)

    review(MARCH_31)

    assert Decision.objects.get(member=member).figures == {"average_assets:*/90d": {"total": 1000, "days": 10}}


@pytest.mark.parametrize(
    ("as_of", "last_out"),
    [
        (datetime.date(2026, 5, 31), datetime.date(2026, 2, 28)),  # three months back, clipped
        (datetime.date(2024, 5, 30), datetime.date(2024, 2, 29)),
        (datetime.date(2026, 5, 15), datetime.date(2026, 2, 15)),
    ],
)
def test_a_window_of_months_begins_the_day_after_the_clipped_day(as_of, last_out):
    book = RuleBookFactory()
    counted = SeriesFactory(metric="transaction_count")
    ConditionFactory(rule_book=book, series=counted, window="months", window_length=3, enter_minimum=1)
    outside, inside = MemberFactory.create_batch(2)
    total(outside, counted, last_out, 5)
    total(inside, counted, last_out + DAY, 1)

    review(as_of)

    assert decided(outside) == []
    assert Decision.objects.get(member=inside).figures == {"transaction_count:*/3m": 1}


def test_tenure_counts_completed_months_with_clipping():
    joined = [
        datetime.date(2023, 12, 31),
        datetime.date(2024, 2, 29),
        datetime.date(2024, 1, 30),
        datetime.date(2024, 1, 15),
    ]
    members = [MemberFactory(joined_on=day) for day in joined]
    book = RuleBookFactory()
    ConditionFactory(rule_book=book, enter_minimum=1)
    for as_of in [datetime.date(2024, 3, 1) + 7 * step * DAY for step in range(60)] + [
        datetime.date(2025, 2, 28),
        datetime.date(2024, 6, 30),
    ]:
        statement = Statement(as_of=as_of)
        sql = statement.measured([reviewing.ladders_in_force(as_of=as_of)[0].measures[0]], where="true")

        measured = {member: value for member, _joined_on, value in run(sql, statement.parameters)}

        for member in members:
            months = max(n for n in range(60) if add_months(member.joined_on, n) <= as_of)
            assert measured[member.pk] == months, (member.joined_on, as_of)


def run(sql, parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def test_any_group_is_enough_and_a_group_needs_all():
    book = RuleBookFactory()
    products, counted = SeriesFactory(metric="products_held"), SeriesFactory(metric="transaction_count")
    many = {"rule_book": book, "series": counted, "window": "months", "window_length": 12}
    ConditionFactory(**many, group=1, enter_minimum=100)
    ConditionFactory(**many, group=2, enter_minimum=10)
    ConditionFactory(rule_book=book, series=products, group=2, enter_minimum=2)
    cast = MemberFactory.create_batch(4)
    for member, transactions, held in zip(cast, (100, 10, 10, 9), (0, 2, 1, 2), strict=True):
        total(member, counted, MARCH_31, transactions)
        total(member, products, MARCH_31, held)

    assert review(MARCH_31) == counts(4, upgraded=2)

    assert [len(decided(member)) for member in cast] == [1, 1, 0, 0]


def test_keeping_asks_less_than_entering():
    book = RuleBookFactory()
    products = SeriesFactory(metric="products_held")
    ConditionFactory(rule_book=book, series=products, enter_minimum=3, keep_minimum=2)
    member = MemberFactory()
    for day, held in enumerate((2, 3, 2, 1, 2)):
        total(member, products, MARCH_31 + day * DAY, held)

    for day in range(5):
        review(MARCH_31 + day * DAY)

    assert decided(member) == [
        (MARCH_31 + DAY, "upgraded", "silver", None),
        (MARCH_31 + 3 * DAY, "downgraded", "standard", None),
    ]


def test_a_valid_tier_waits_for_its_last_day_and_can_rise_before():
    ladder(products_held=(1, 2), validity_months=12)
    products, member = SeriesFactory(metric="products_held"), MemberFactory(joined_on=datetime.date(2023, 1, 1))
    leap_day = datetime.date(2024, 2, 29)
    first_end, second_end = datetime.date(2025, 2, 28), datetime.date(2026, 2, 28)
    for day, held in (
        (leap_day, 1),
        (leap_day + DAY, 0),
        (datetime.date(2025, 2, 1), 1),
        (datetime.date(2025, 6, 10), 2),
    ):
        total(member, products, day, held)
    total(member, products, datetime.date(2025, 6, 11), 0)

    for day in (
        leap_day,
        leap_day + DAY,  # lower, but valid
        first_end - DAY,
        first_end,  # renewed to the end of the month a year after its old end
        datetime.date(2025, 6, 10),  # up at once
        second_end,  # valid for longer now
        datetime.date(2026, 6, 29),
        datetime.date(2026, 6, 30),  # the last day: down at once, to standard
        datetime.date(2026, 7, 1),
    ):
        review(day)

    assert decided(member) == [
        (leap_day, "upgraded", "silver", first_end),
        (first_end, "renewed", "silver", second_end),
        (datetime.date(2025, 6, 10), "upgraded", "gold", datetime.date(2026, 6, 30)),
        (datetime.date(2026, 6, 30), "downgraded", "standard", None),
    ]
    assert Standing.objects.get(member=member).since == datetime.date(2026, 6, 30)


def test_a_renewed_standing_keeps_its_beginning():
    ladder(products_held=(1, 9), validity_months=1)
    products, member = SeriesFactory(metric="products_held"), MemberFactory()
    total(member, products, MARCH_31, 1)

    review(MARCH_31)
    review(datetime.date(2026, 4, 30))

    standing = Standing.objects.get(member=member)
    assert (standing.since, standing.valid_until, standing.decision.outcome) == (
        MARCH_31,
        datetime.date(2026, 5, 31),
        "renewed",
    )


def test_a_tier_from_a_book_without_validity_is_due_under_a_book_with_one():
    book = ladder(products_held=(1, 9))
    products, member = SeriesFactory(metric="products_held"), MemberFactory()
    total(member, products, MARCH_31, 1)
    review(MARCH_31)
    later = RuleBookFactory(programme=book.programme, number=2, in_force_from=MARCH_31 + DAY, validity_months=6)
    ConditionFactory(rule_book=later, series=products, enter_minimum=1)

    review(MARCH_31 + DAY)

    assert decided(member)[1:] == [(MARCH_31 + DAY, "renewed", "silver", datetime.date(2026, 10, 31))]


def test_a_review_again_or_of_an_earlier_day_changes_nothing():
    ladder(products_held=(1, 2))
    products, member = SeriesFactory(metric="products_held"), MemberFactory()
    total(member, products, MARCH_31, 1)
    assert review(MARCH_31)["upgraded"] == 1
    RunningTotal.objects.update(total=2)

    again = [review(day) for day in (MARCH_31, MARCH_31 - DAY)]

    assert again == [counts(1)] * 2
    assert decided(member) == [(MARCH_31, "upgraded", "silver", None)]


def test_who_has_not_joined_or_is_gone_is_not_reviewed():
    ConditionFactory(rule_book=RuleBookFactory(), enter_minimum=0)
    MemberFactory(joined_on=MARCH_31 + DAY)
    MemberFactory(status="closed", closed_on=MARCH_31)
    MemberFactory(status="closed", closed_on=MARCH_31 + DAY)

    assert review(MARCH_31) == counts(1, upgraded=1)


def test_programmes_are_decided_side_by_side_and_standings_looked_back_at():
    ladder(products_held=(1, 2))
    premier = ProgrammeFactory(code="premier", is_main=False)
    products, member, other = SeriesFactory(metric="products_held"), MemberFactory(), MemberFactory()
    ConditionFactory(
        rule_book=RuleBookFactory(programme=premier), tier=premier.tiers.get(rank=2), series=products, enter_minimum=1
    )
    total(member, products, MARCH_31, 1)
    total(member, products, MARCH_31 + DAY, 0)

    nights = [review(MARCH_31), review(MARCH_31 + DAY)]

    assert nights == [counts(2, upgraded=2), counts(2, downgraded=2)]
    stood = [
        [one.tier.code for one in standings.at(member_id=member.pk, day=MARCH_31 + day * DAY)] for day in (-1, 0, 1)
    ]
    assert stood == [["standard", "standard"], ["silver", "gold"], ["standard", "standard"]]
    assert standings.pyramid(programme=premier, as_of=MARCH_31) == {"standard": 1, "silver": 0, "gold": 1}
    assert [one.decision for one in standings.at(member_id=other.pk, day=MARCH_31)] == [None, None]


def test_a_review_takes_as_many_statements_for_one_member_as_for_many(django_assert_num_queries):
    ladder(products_held=(1, 2))
    products = SeriesFactory(metric="products_held")
    alone, *others = MemberFactory.create_batch(40)
    for member in (alone, *others):
        total(member, products, MARCH_31, 2)

    with django_assert_num_queries(6):
        assert review(MARCH_31, last=alone.pk)["upgraded"] == 1
    with django_assert_num_queries(6):
        assert review(MARCH_31, first=others[0].pk)["upgraded"] == 39


METRICS = ["growth_points", "average_assets", "transaction_count", "products_held", "tenure"]


CALENDARS = [None, "nightly", "month_end", "anniversary", "half_year_end", "quarter_end", "year_end"]


def random_terms(chance, calendar):
    """Return a rule book's fields beside its conditions, its terms by rank, and the same for plain.py."""
    fields = {
        "validity_months": chance.choice([None, 1, 2]),
        "calendar": calendar or "nightly",
        "upgrades_nightly": bool(calendar) and chance.random() < 0.3,
        "downgrade": chance.choice(["immediate", "grace", "grace", "never"]) if calendar else "immediate",
        "one_step": bool(calendar) and chance.random() < 0.5,
        "grace_unit": chance.choice(["days", "months"]),
        "grace_length": chance.choice([1, 5]),
        "protected_until": chance.choice([None, FIRST + 20 * DAY]) if calendar else None,
    }
    own = {rank: (chance.choice([None, 1, 3]), chance.choice([None, 0, 2])) for rank in (1, 2) if calendar}
    by_rank = [own.get(rank, (None, None)) for rank in range(4)]
    terms = plain.Terms(
        **{
            key: fields[key]
            for key in ("calendar", "upgrades_nightly", "downgrade", "one_step", "grace_unit", "protected_until")
        },
        validity=[validity or fields["validity_months"] for validity, _grace in by_rank],
        grace=[fields["grace_length"] if grace is None else grace for _validity, grace in by_rank],
    )
    return fields, own, terms


FIRST = datetime.date(2026, 1, 20)


@pytest.mark.parametrize("seed", range(14))
def test_nights_decide_as_plain_python_does(seed):
    """Random rule books with any-of and all-of groups, calendars, validity, grace, protections, over random totals, night after night."""
    chance = random.Random(seed)
    calendar = CALENDARS[seed % len(CALENDARS)]
    programme = ProgrammeFactory(tiers=["standard", "silver", "gold", "platinum"])
    fields, own, terms = random_terms(chance, calendar)
    book = RuleBookFactory(programme=programme, **fields)
    for rank, (validity, grace) in own.items():
        TierTerms.objects.create(
            rule_book=book, tier=programme.tiers.get(rank=rank), validity_months=validity, grace_length=grace
        )
    series = {
        metric: SeriesFactory(growth=True) if metric == "growth_points" else SeriesFactory(metric=metric)
        for metric in METRICS[:-1]
    }
    tiers = list(programme.tiers.order_by("rank"))
    for tier, group in itertools.product(tiers[1:], range(1, chance.randint(1, 2) + 1)):
        for metric in chance.sample(METRICS, chance.randint(1, 2)):
            enter = tier.rank * chance.randint(2, 8)
            windowed = metric not in ("products_held", "tenure")
            ConditionFactory(
                rule_book=book, tier=tier, group=group, metric=metric, series=series.get(metric),
                window=chance.choice(["months", "days"]) if windowed else "", window_length=chance.randint(1, 40) if windowed else None,
                enter_minimum=enter, keep_minimum=enter - chance.randint(0, 3),
            )  # fmt: skip
    nights = [FIRST + step * DAY for step in range(180 if calendar else 45)]
    members = [MemberFactory(joined_on=FIRST - chance.randint(0, 900) * DAY) for _ in range(12)]
    deltas = {
        (member.pk, metric): {
            FIRST + chance.randint(-60, len(nights)) * DAY: chance.randint(-6, 15)
            for _ in range(chance.randint(0, 6) * len(nights) // 45)
        }
        for member, metric in itertools.product(members, METRICS[:-1])
    }
    for (member_id, metric), changes in deltas.items():
        store(member_id, series[metric].pk, changes, by_level=metric == "average_assets")
    shields = {member.pk: protect(member, tiers, chance) for member in members[:4] if calendar}
    conditions = list(Condition.objects.all())
    present = {member.pk: plain.Stand() for member in members}
    expected = []
    for as_of in nights:
        for member in members:
            stand = present[member.pk]
            values = {one.pk: figure(one, member, deltas.get((member.pk, one.metric), {}), as_of) for one in conditions}
            present[member.pk], outcome = plain.decide(
                stand,
                target(conditions, values, stand.rank),
                terms,
                as_of,
                member.joined_on,
                shields.get(member.pk, ()),
            )
            if outcome:
                new = present[member.pk]
                expected.append((as_of, member.pk, outcome, new.rank, new.valid_until, new.grace_until))
        review(as_of)

    rows = Decision.objects.order_by("as_of", "member").values_list(
        "as_of", "member", "outcome", "to_tier__rank", "valid_until", "grace_until"
    )
    assert list(rows) == expected
    assert len(expected) > 5 or calendar in ("half_year_end", "year_end")


def protect(member, tiers, chance):
    """Give a member a protection or two, one after another; return them for plain.py."""
    shields, day = [], FIRST + chance.randint(0, 20) * DAY
    for kind in chance.sample(["invitation", "freeze", "override"], 2):
        tier, until = chance.choice(tiers[1:]), day + chance.randint(5, 60) * DAY
        Protection.objects.create(
            member=member, programme=tier.programme, kind=kind, tier=tier, starts_on=day, until=until, reason="guest"
        )
        shields.append(plain.Shield(kind=kind, rank=tier.rank, starts_on=day, until=until))
        day = until + chance.randint(0, 30) * DAY
    return shields


def store(member_id, series_id, changes, *, by_level):
    """Write the running totals of changes by day; of levels, each row's total is the sum of the day balances before it."""
    days = sorted(changes)
    for day in days:
        level = sum(changes[other] for other in days if other <= day)
        before = sum(changes[other] * (day - other).days for other in days if other < day)
        RunningTotal.objects.create(
            member_id=member_id, series_id=series_id, day=day, first_day=days[0],
            level=level if by_level else 0, total=before if by_level else level,
        )  # fmt: skip


def figure(condition, member, changes, as_of):
    """Return a measured figure as (total, days), day by day."""
    if condition.metric == "tenure":
        return max(n for n in range(60) if add_months(member.joined_on, n) <= as_of), 1
    if condition.metric == "products_held":
        return sum(change for day, change in changes.items() if day <= as_of), 1
    start = (
        add_months(as_of, -condition.window_length)
        if condition.window == "months"
        else as_of - condition.window_length * DAY
    )
    window = [start + (step + 1) * DAY for step in range((as_of - start).days)]
    if condition.metric != "average_assets":
        return sum(change for day, change in changes.items() if day in window), 1
    counted = [day for day in window if changes and day >= min(changes)]
    return sum(change for day in counted for other, change in changes.items() if other <= day), len(counted) or 1


def target(conditions, values, present):
    def met(one):
        total, days = values[one.pk]
        return total >= (one.keep_minimum if one.tier.rank <= present else one.enter_minimum) * days

    groups = {}
    for one in conditions:
        groups.setdefault((one.tier.rank, one.group), []).append(met(one))
    return max((rank for (rank, _group), results in groups.items() if all(results)), default=0)
