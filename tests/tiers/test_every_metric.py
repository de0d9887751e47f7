"""Random rule books over every metric and window, decided night after night and, beside that, in plain Python from the facts."""

import datetime
import itertools
import random

import pytest

from activity.models import GradeReport
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
from tiers import reviewing
from tiers.models import Condition, Decision, Metric, RunningTotal

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
FIRST = datetime.date(2025, 12, 20)
NIGHTS = 30  # over the turn of a year
COUNTED = ["growth_points", "transaction_count", "transaction_amount"]
WINDOWS = [("months", 1), ("days", 20), ("year", None), ("membership_year", None)]


@pytest.mark.parametrize("seed", range(4))
def test_nights_decide_as_plain_python_does(seed):
    chance = random.Random(seed)
    BankFactory()
    series = {"growth_points": SeriesFactory(growth=True)}
    series |= {metric: SeriesFactory(metric=metric) for metric in COUNTED[1:]}
    write_rules(chance, series)
    members = [MemberFactory(joined_on=FIRST - chance.randint(0, 800) * DAY) for _ in range(12)]
    changes = {
        (member.pk, metric): {FIRST + chance.randint(-60, NIGHTS) * DAY: chance.randint(-3, 9) for _ in range(6)}
        for member, metric in itertools.product(members, COUNTED)
    }
    for (member_id, metric), days in changes.items():
        write_totals(member_id, series[metric].pk, days)
    grades = [
        (
            member.pk,
            scale,
            FIRST + chance.randint(-5, NIGHTS) * DAY,
            revision,
            chance.randint(1, 9),
            chance.randint(0, 5),
        )
        for member, scale, _turn in itertools.product(members, ("credit", "risk"), range(2))
        for revision in (1, 2)
    ]
    reported = {(one[:3], one[3]): one for one in grades}.values()
    for member_id, scale, day, revision, value, late in reported:
        GradeReport.objects.create(
            member_id=member_id,
            scale=scale,
            day=day,
            revision=revision,
            grade=value,
            booked_on=day + late * DAY,
            source_id=1,
        )
    conditions = list(Condition.objects.select_related("tier"))
    present, expected = dict.fromkeys((member.pk for member in members), 0), []
    for as_of in [FIRST + night * DAY for night in range(NIGHTS)]:
        for member in members:
            values = {one.pk: figure(one, member, changes, reported, as_of) for one in conditions}
            reached = target(conditions, values, present[member.pk])
            if reached != present[member.pk]:
                expected.append((as_of, member.pk, reached))
            present[member.pk] = reached
        reviewing.review(as_of=as_of, first_member=1, last_member=2**63 - 1, run=None, actor=Actor.job("close_day"))

    decided = Decision.objects.order_by("as_of", "member").values_list("as_of", "member", "to_tier__rank")
    assert list(decided) == expected
    assert len(expected) > 20


def write_rules(chance, series):
    """Write a rule book with three tiers, each of up to two groups of up to two conditions, and two exclusions."""
    programme = ProgrammeFactory(tiers=["standard", "silver", "gold", "platinum"])
    book = RuleBookFactory(programme=programme)
    tiers = list(programme.tiers.order_by("rank"))
    asked = [*COUNTED, "cumulative_contribution", "credit_grade", "tenure"]
    for tier, group in itertools.product(tiers[1:], range(1, chance.randint(1, 2) + 1)):
        for metric in chance.sample(asked, chance.randint(1, 2)):
            window, length = chance.choice(WINDOWS) if metric in COUNTED else ("", None)
            enter = tier.rank * chance.randint(1, 5)
            ConditionFactory(
                rule_book=book, tier=tier, group=group, metric=metric, window=window, window_length=length,
                series=series.get("growth_points" if metric == "cumulative_contribution" else metric),
                enter_minimum=enter, keep_minimum=enter - chance.randint(0, 2),
            )  # fmt: skip
    for tier in chance.sample(tiers[1:], 2):
        ConditionFactory(
            rule_book=book, tier=tier, metric="risk_grade", excludes=True, enter_minimum=chance.randint(4, 9)
        )


def write_totals(member_id, series_id, days):
    for day in sorted(days):
        RunningTotal.objects.create(
            member_id=member_id, series_id=series_id, day=day, first_day=min(days),
            total=sum(change for other, change in days.items() if other <= day),
        )  # fmt: skip


def figure(condition, member, changes, reported, as_of):
    """Return what is measured of a member, from the facts; None of a grade that was never reported."""
    if condition.metric == Metric.TENURE:
        return max(n for n in range(60) if add_months(member.joined_on, n) <= as_of)
    if condition.metric in (Metric.CREDIT_GRADE, Metric.RISK_GRADE):
        known = [
            (day, revision, value)
            for member_id, scale, day, revision, value, late in reported
            if (member_id, f"{scale}_grade") == (member.pk, condition.metric)
            and day <= as_of
            and day + late * DAY <= as_of
        ]
        return max(known)[2] if known else None
    first = {
        "months": lambda: add_months(as_of, -(condition.window_length or 0)) + DAY,
        "days": lambda: as_of - (condition.window_length or 0) * DAY + DAY,
        "year": lambda: as_of.replace(month=1, day=1),
        "membership_year": lambda: max(day for n in range(9) if (day := add_months(member.joined_on, 12 * n)) <= as_of),
        "": lambda: member.joined_on,
    }[condition.window]()
    metric = "growth_points" if condition.metric == Metric.CUMULATIVE_CONTRIBUTION else condition.metric
    return sum(change for day, change in changes[member.pk, metric].items() if first <= day <= as_of)


def target(conditions, values, present):
    """Return the rank of the highest tier that is satisfied and that neither it nor a lower one rules out."""
    groups, ruled_out = {}, 99
    for one in conditions:
        value = values[one.pk]
        if one.excludes:
            ruled_out = min(ruled_out, one.tier.rank if value is not None and value >= one.enter_minimum else 99)
        else:
            minimum = one.keep_minimum if one.tier.rank <= present else one.enter_minimum
            groups.setdefault((one.tier.rank, one.group), []).append(value is not None and value >= minimum)
    return max((rank for (rank, _group), met in groups.items() if all(met) and rank < ruled_out), default=0)
